//! The counts are proved, and derived again.

use chrono::TimeDelta;
use limpid_domain::ids::{BatchSeq, NodeId};
use limpid_event_store::Database;
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_event_store::failure_partitions::maintain;
use limpid_read_models::failure_counts::{rebuild, verify};
use limpid_read_models::failure_summary::summary;
use limpid_read_models::filter::{FailureFilter, Window};
use limpid_testkit::failures::FailureGenerator;

use crate::failures::{TENANT, at, execute, window, with_failures};

fn everything() -> Window {
    window("2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z")
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
    let report = rebuild(&database, |_, _| ()).await.unwrap();
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
    let report = rebuild(&database, |_, _| ()).await.unwrap();
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
    let lone = Batch {
        seq: BatchSeq(12),
        events: vec![events[0].clone()],
        refused: 0,
    };
    append_batches(&mut connection, NodeId(1), &[lone])
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
    rebuild(&database, |_, _| ()).await.unwrap();
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    assert_eq!(summary(&mut tx, &whole).await.unwrap(), before);
    tx.commit().await.unwrap();
    let found = verify(&database, everything()).await.unwrap();
    assert!(found.agrees(), "{found:?}");
}

/// All counts, as text.
async fn stored(database: &Database) -> Vec<String> {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar("select to_jsonb(c)::text from failure_1h c order by 1")
        .fetch_all(&mut *connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn counts_that_are_all_lost_are_derived_again_byte_by_byte() {
    let (database, _) = with_failures(36).await;
    let before = stored(&database).await;
    execute(&database, "delete from failure_1h").await;
    let mut heard = Vec::new();
    let report = rebuild(&database, |done, of| heard.push((done, of)))
        .await
        .unwrap();
    assert_eq!(usize::try_from(report.replaced).unwrap(), before.len());
    assert_eq!(heard.last(), Some(&(report.hours, report.hours)));
    assert_eq!(stored(&database).await, before);
    assert_eq!(rebuild(&database, |_, _| ()).await.unwrap().replaced, 0);
}

#[tokio::test]
async fn a_rebuild_beside_the_ingest_loses_and_doubles_nothing() {
    let (database, mut events) = with_failures(37).await;
    let start = at("2026-11-20T05:00:00Z");
    let more = FailureGenerator::new(38, start, TimeDelta::days(3)).take(3_000);
    let ingest = async {
        for (seq, events) in (1..).zip(more.chunks(50)) {
            let batch = Batch {
                seq: BatchSeq(seq),
                events: events.to_vec(),
                refused: 0,
            };
            let mut connection = database.service().await.unwrap();
            append_batches(&mut connection, NodeId(2), &[batch])
                .await
                .unwrap();
        }
    };
    let derive = async {
        let mut replaced = 0;
        for round in 0..6 {
            // Every second time there is something to mend.
            if round % 2 == 0 {
                execute(&database, "delete from failure_1h where reason % 2 = 0").await;
            }
            replaced += rebuild(&database, |_, _| ()).await.unwrap().replaced;
        }
        replaced
    };
    let ((), replaced) = tokio::join!(ingest, derive);
    assert!(replaced > 0);
    events.extend(more);
    rebuild(&database, |_, _| ()).await.unwrap();
    let found = verify(&database, everything()).await.unwrap();
    let rows = i64::try_from(events.len()).unwrap();
    assert!(found.agrees() && found.counted_events == rows, "{found:?}");
}
