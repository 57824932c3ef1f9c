//! What is gathered in memory reaches the database, whatever else is gathered with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{NodeId, OriginId, StreamVersion, TenantId};
use limpid_event_store::Database;
use limpid_event_store::flusher::{Flusher, Gathered};
use limpid_event_store::origin_observation_append::{OriginRows, OriginSeen};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fresh;

/// Parts that are taken all at once.
struct Given {
    parts: Vec<OriginRows>,
    refused: Arc<AtomicU64>,
}

impl Gathered for Given {
    type Rows = OriginRows;

    const NAME: &'static str = "what a test gathered";

    fn take(&mut self, _now: DateTime<Utc>) -> Vec<OriginRows> {
        std::mem::take(&mut self.parts)
    }

    fn refused(&self, rows: u64) {
        self.refused.fetch_add(rows, Ordering::Relaxed);
    }
}

/// An origin that was last seen to serve at a moment.
fn seen(number: u128, last_success_at: DateTime<Utc>) -> OriginSeen {
    let origin_id = OriginId(Uuid::from_u128(number));
    OriginSeen {
        last_success_at: Some(last_success_at),
        ..OriginSeen::new(TenantId(1), origin_id, StreamVersion(1))
    }
}

fn part(origins: Vec<OriginSeen>) -> OriginRows {
    OriginRows {
        origins,
        ..OriginRows::default()
    }
}

/// Flushes once, as at the end of a run; how many rows were refused, and the origins that are stored.
async fn flushed(database: &Database, parts: Vec<OriginRows>) -> (u64, Vec<u128>) {
    let refused = Arc::new(AtomicU64::new(0));
    let given = Given {
        parts,
        refused: Arc::clone(&refused),
    };
    let ended = CancellationToken::new();
    ended.cancel();
    Flusher::new(given, database.clone(), Clock::system(), NodeId(1))
        .run(Duration::from_secs(1), ended)
        .await;
    let mut connection = database.service().await.unwrap();
    let stored: Vec<Uuid> =
        sqlx::query_scalar("select origin_id from origin_health order by origin_id")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    let stored = stored.iter().map(Uuid::as_u128).collect();
    (refused.load(Ordering::Relaxed), stored)
}

#[tokio::test]
async fn a_row_that_is_refused_for_good_holds_up_none_of_the_others() {
    let (_test, database) = fresh().await;
    let now = Clock::system().now();
    // before the first moment that PostgreSQL knows
    let never = DateTime::<Utc>::MIN_UTC + TimeDelta::days(400);
    let parts = vec![
        part(vec![
            seen(1, now),
            seen(2, never),
            seen(3, now),
            seen(4, now),
        ]),
        part(vec![seen(5, never)]),
        part(vec![seen(6, now), seen(7, never), seen(8, never)]),
        part(vec![seen(9, now)]),
    ];
    assert_eq!(flushed(&database, parts).await, (4, vec![1, 3, 4, 6, 9]));
    let mut connection = database.service().await.unwrap();
    let last: (i64, bool) =
        sqlx::query_as("select batch_seq, stopped from origin_health_ledger where node_id = 1")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
    assert_eq!(last, (4, true), "every batch is in the ledger");
}

#[tokio::test]
async fn nothing_gathered_still_says_that_the_node_is_there() {
    let (_test, database) = fresh().await;
    assert_eq!(flushed(&database, Vec::new()).await, (0, Vec::new()));
    let mut connection = database.service().await.unwrap();
    let batches: i64 = sqlx::query_scalar("select count(*) from origin_health_ledger")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(batches, 1);
}
