//! What is gathered in memory reaches the database, whatever else is gathered with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::ids::{NodeId, OriginId, StreamVersion, TenantId};
use limpid_event_store::flusher::{BatchHead, BatchRows, Flusher, Gathered};
use limpid_event_store::origin_observation_append::{OriginRows, OriginSeen};
use limpid_event_store::spool::dead_letter::DeadLetter;
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fresh;

/// Parts that are taken all at once.
struct Given<R> {
    parts: Vec<R>,
    refused: Arc<AtomicU64>,
    /// Cancelled when rows are refused, which is said after the others are stored.
    told: CancellationToken,
}

impl<R: BatchRows> Gathered for Given<R> {
    type Rows = R;

    const NAME: &'static str = "what a test gathered";

    fn take(&mut self, _now: DateTime<Utc>) -> Vec<R> {
        std::mem::take(&mut self.parts)
    }

    fn refused(&self, rows: u64) {
        self.refused.fetch_add(rows, Ordering::Relaxed);
        self.told.cancel();
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
        told: CancellationToken::new(),
    };
    let ended = CancellationToken::new();
    ended.cancel();
    Flusher::new(given, database.clone(), Clock::system(), NodeId(1))
        .run(Duration::from_secs(1), ended)
        .await;
    (refused.load(Ordering::Relaxed), stored(database).await)
}

async fn stored(database: &Database) -> Vec<u128> {
    let mut connection = database.service().await.unwrap();
    let stored: Vec<Uuid> =
        sqlx::query_scalar("select origin_id from origin_health order by origin_id")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    stored.iter().map(Uuid::as_u128).collect()
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

/// Rows whose second way to the database, of all that share a count, finds nobody there.
#[derive(Debug, Clone, Default)]
struct Unsteady {
    rows: OriginRows,
    ways: Arc<AtomicU64>,
}

impl BatchRows for Unsteady {
    async fn append(
        &self,
        connection: &mut PgConnection,
        head: BatchHead,
    ) -> Result<(), StoreError> {
        if self.ways.fetch_add(1, Ordering::Relaxed) == 1 {
            return Err(StoreError::Unavailable(Box::new(sqlx::Error::PoolTimedOut)));
        }
        self.rows.append(connection, head).await
    }

    fn halves(self) -> Result<[Self; 2], Self> {
        let Self { rows, ways } = self;
        let of = |rows| Self {
            rows,
            ways: Arc::clone(&ways),
        };
        rows.halves().map(|halves| halves.map(of)).map_err(of)
    }

    fn count(&self) -> usize {
        self.rows.count()
    }

    fn joined(self, others: Self) -> Self {
        Self {
            rows: self.rows.joined(others.rows),
            ways: others.ways,
        }
    }
}

#[tokio::test]
async fn a_database_that_goes_while_the_refused_row_is_looked_for_loses_none_of_the_others() {
    let (_test, database) = fresh().await;
    let now = Clock::system().now();
    let never = DateTime::<Utc>::MIN_UTC + TimeDelta::days(400);
    let rows = part(vec![seen(1, now), seen(2, never), seen(3, now)]);
    let refused = Arc::new(AtomicU64::new(0));
    let ways = Arc::default();
    let ended = CancellationToken::new();
    let given = Given {
        parts: vec![Unsteady { rows, ways }],
        refused: Arc::clone(&refused),
        told: ended.clone(),
    };
    let flusher = Flusher::new(given, database.clone(), Clock::system(), NodeId(1));
    let run = flusher.run(Duration::from_millis(10), ended);
    tokio::time::timeout(Duration::from_secs(20), run)
        .await
        .unwrap();
    assert_eq!(stored(&database).await, [1, 3]);
    assert_eq!(refused.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_batch_that_is_refused_whatever_is_in_it_is_set_aside_and_the_next_goes_through() {
    let (_test, database) = fresh().await;
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::raw_sql(
        "alter table origin_health_ledger add constraint never_one check (batch_seq <> 1)",
    )
    .execute(&mut *owner)
    .await
    .unwrap();
    owner.commit().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let letters = directory.path().join("dead-letter.jsonl");
    let refused = Arc::new(AtomicU64::new(0));
    let now = Clock::system().now();
    let given = Given {
        parts: vec![
            part(vec![seen(1, now), seen(2, now)]),
            part(vec![seen(3, now)]),
        ],
        refused: Arc::clone(&refused),
        told: CancellationToken::new(),
    };
    let ended = CancellationToken::new();
    ended.cancel();
    let flusher = Flusher::new(given, database.clone(), Clock::system(), NodeId(1))
        .with_dead_letter(DeadLetter::new(letters.clone()));
    tokio::time::timeout(
        Duration::from_secs(20),
        flusher.run(Duration::from_secs(1), ended),
    )
    .await
    .unwrap();
    assert_eq!(stored(&database).await, [3]);
    assert_eq!(refused.load(Ordering::Relaxed), 2);
    let letters = std::fs::read_to_string(letters).unwrap();
    assert_eq!(letters.lines().count(), 1, "{letters}");
    assert!(
        letters.contains("never_one") && letters.contains("\"batchSeq\":1"),
        "{letters}"
    );
}

#[tokio::test]
async fn a_clock_that_postgresql_cannot_follow_holds_nothing_up() {
    let (_test, database) = fresh().await;
    let refused = Arc::new(AtomicU64::new(0));
    let given = Given {
        parts: vec![part(vec![seen(1, Clock::system().now())])],
        refused: Arc::clone(&refused),
        told: CancellationToken::new(),
    };
    let ended = CancellationToken::new();
    ended.cancel();
    // before the first moment that PostgreSQL knows
    let clock = Clock::fixed(DateTime::<Utc>::MIN_UTC + TimeDelta::days(400));
    let flusher = Flusher::new(given, database.clone(), clock, NodeId(1));
    tokio::time::timeout(
        Duration::from_secs(20),
        flusher.run(Duration::from_secs(1), ended),
    )
    .await
    .unwrap();
    assert_eq!(
        (refused.load(Ordering::Relaxed), stored(&database).await),
        (1, vec![])
    );
}
