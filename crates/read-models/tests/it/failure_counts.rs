//! The counts are proved, and derived again.

use chrono::TimeDelta;
use limpid_domain::ids::NodeId;
use limpid_event_store::Database;
use limpid_event_store::failure_partitions::maintain;
use limpid_read_models::failure_counts::{rebuild, verify};
use limpid_read_models::failure_summary::summary;
use limpid_read_models::filter::{FailureFilter, Window};

use crate::failures::{TENANT, at, window, with_failures};

fn everything() -> Window {
    window("2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z")
}

async fn execute(database: &Database, statement: &'static str) {
    let mut connection = database.service().await.unwrap();
    sqlx::raw_sql(statement)
        .execute(&mut *connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn events_counts_and_ledger_agree() {
    let (database, events) = with_failures(31).await;
    let found = verify(&database, everything()).await.unwrap();
    assert!(found.agrees(), "{found:?}");
    let rows = i64::try_from(events.len()).unwrap();
    assert_eq!(
        (found.events, found.counted_events, found.ledger_events),
        (rows, rows, rows)
    );
    assert_eq!(
        (found.missing_batches, found.refused, found.drift()),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn a_rebuild_of_good_counts_replaces_nothing() {
    let (database, _) = with_failures(32).await;
    let report = rebuild(&database).await.unwrap();
    assert!(report.hours > 60 && report.counts > 100, "{report:?}");
    assert_eq!(report.replaced, 0);
}

#[tokio::test]
async fn damaged_counts_are_noticed_and_repaired() {
    let (database, _) = with_failures(33).await;
    let before = {
        let mut tx = database.tenant_tx(TENANT).await.unwrap();
        summary(&mut tx, &FailureFilter::all(everything()))
            .await
            .unwrap()
    };
    execute(
        &database,
        "update failure_1h set occurrences = occurrences + 1 where hour = '2026-11-21 10:00+00'",
    )
    .await;
    execute(
        &database,
        "delete from failure_1h where hour = '2026-11-21 11:00+00'",
    )
    .await;
    execute(
        &database,
        "insert into failure_1h select 1, hour + interval '30 days', 1, 1, 1, 1, true, 9, 1, 1, hour, hour from failure_1h limit 1",
    )
    .await;
    let damaged = verify(
        &database,
        window("2026-11-20T00:00:00Z", "2026-12-30T00:00:00Z"),
    )
    .await
    .unwrap();
    assert!(!damaged.agrees() && damaged.drift() > 2, "{damaged:?}");
    let report = rebuild(&database).await.unwrap();
    assert!(report.replaced > 2, "{report:?}");
    let repaired = verify(
        &database,
        window("2026-11-20T00:00:00Z", "2026-12-30T00:00:00Z"),
    )
    .await
    .unwrap();
    assert!(repaired.agrees(), "{repaired:?}");
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    assert_eq!(
        summary(&mut tx, &FailureFilter::all(everything()))
            .await
            .unwrap(),
        before
    );
}

#[tokio::test]
async fn a_lost_frame_shows_as_a_hole_in_the_ledger() {
    let (database, events) = with_failures(34).await;
    let mut connection = database.service().await.unwrap();
    let lone = limpid_event_store::failure_append::Batch {
        seq: limpid_domain::ids::BatchSeq(12),
        events: vec![events[0].clone()],
        refused: 0,
    };
    limpid_event_store::failure_append::append_batches(&mut connection, NodeId(1), &[lone])
        .await
        .unwrap();
    let found = verify(&database, everything()).await.unwrap();
    // 2 000 events are batches 1 to 7; 8 to 11 are missing.
    assert_eq!(found.missing_batches, 4);
}

#[tokio::test]
async fn counts_outlive_the_events_they_were_derived_from() {
    let (database, _) = with_failures(35).await;
    let whole = FailureFilter::all(everything());
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let before = summary(&mut tx, &whole).await.unwrap();
    tx.commit().await.unwrap();
    let now = at("2026-11-23T06:00:00Z");
    maintain(&database, now, now - TimeDelta::days(1))
        .await
        .unwrap();
    rebuild(&database).await.unwrap();
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    assert_eq!(summary(&mut tx, &whole).await.unwrap(), before);
    tx.commit().await.unwrap();
    let found = verify(&database, everything()).await.unwrap();
    assert!(found.agrees(), "{found:?}");
}
