//! Days of failures come and go.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::ids::{BatchSeq, NodeId};
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_event_store::failure_partitions::{DAYS_AHEAD, maintain};

use crate::failure_ingest::{database, totals, totals_of};
use crate::spool::generator;

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn events_that_came_before_their_partition_are_moved_into_it() {
    let database = database().await;
    let events = generator(30).take(500);
    let batch = Batch {
        seq: BatchSeq(1),
        events: events.clone(),
        refused: 0,
    };
    let mut connection = database.service().await.unwrap();
    append_batches(&mut connection, NodeId(1), &[batch])
        .await
        .unwrap();
    let long_ago = noon() - TimeDelta::days(30);
    let first = maintain(&database, noon(), long_ago).await.unwrap();
    assert_eq!(
        (first.created, first.dropped, first.in_default),
        (DAYS_AHEAD + 1, 0, 0)
    );
    let again = maintain(&database, noon(), long_ago).await.unwrap();
    assert_eq!((again.created, again.dropped), (0, 0));
    assert_eq!(totals(&database).await, totals_of(&events));
}

#[tokio::test]
async fn old_days_are_dropped_and_the_counts_stay() {
    let database = database().await;
    maintain(&database, noon(), noon() - TimeDelta::days(30))
        .await
        .unwrap();
    let events = generator(31).take(100);
    let batch = Batch {
        seq: BatchSeq(1),
        events: events.clone(),
        refused: 0,
    };
    let mut connection = database.service().await.unwrap();
    append_batches(&mut connection, NodeId(1), &[batch])
        .await
        .unwrap();
    let later = noon() + TimeDelta::days(3);
    let changes = maintain(&database, later, later - TimeDelta::days(1))
        .await
        .unwrap();
    assert_eq!((changes.created, changes.dropped), (3, 2));
    let (rows, .., counted, occurrences) = totals(&database).await;
    let expected = totals_of(&events);
    assert_eq!((rows, counted, occurrences), (0, expected.5, expected.6));
}

#[tokio::test]
async fn partitions_are_as_protected_as_their_parent() {
    let database = database().await;
    maintain(&database, noon(), noon() - TimeDelta::days(30))
        .await
        .unwrap();
    let mut connection = database.service().await.unwrap();
    let unprotected: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and not (c.relrowsecurity and c.relforcerowsecurity and
             (select count(*) from pg_policy p where p.polrelid = c.oid) >= 2)",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    assert!(unprotected.is_empty(), "{unprotected:?}");
}
