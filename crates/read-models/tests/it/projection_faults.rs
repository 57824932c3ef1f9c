//! What may go wrong around the projection of groups: a checkpoint that is set back, a clock that jumps, a projector that dies.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, NodeId};
use limpid_event_store::Database;
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_read_models::breakdown::GroupBy;
use limpid_read_models::failure_groups::{project, rebuild, verify};
use limpid_read_models::failure_timeseries::timeseries;
use limpid_read_models::filter::FailureFilter;
use limpid_testkit::failures::FailureGenerator;

use crate::failures::{TENANT, at, database, execute, matching, store, window, with_failures};

/// Attempts by hour, as the dashboard is told.
async fn by_hour(database: &Database) -> Vec<i64> {
    let filter = FailureFilter::all(window("2026-11-20T05:00:00Z", "2026-11-23T05:00:00Z"));
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let series = timeseries(&mut tx, &filter, GroupBy::Group, TimeDelta::hours(1))
        .await
        .unwrap();
    let lines = series.counts.iter();
    lines.fold(vec![0; 72], |sums, line| {
        let added = sums.iter().zip(line);
        added.map(|(sum, count)| sum + count).collect()
    })
}

fn by_hand(events: &[FailureEvent]) -> Vec<i64> {
    let window = window("2026-11-20T05:00:00Z", "2026-11-23T05:00:00Z");
    let mut hours = vec![0; 72];
    for event in matching(events, &FailureFilter::all(window)) {
        let hour = (event.occurred_at - window.from).num_hours();
        if let Some(sum) = hours.get_mut(usize::try_from(hour).unwrap()) {
            *sum += i64::from(event.occurrences);
        }
    }
    hours
}

/// Damages the checkpoint; then counts are as they were, and what comes after is counted once.
async fn counts_stay_exact_after(seed: u64, damage: &'static str) {
    let (database, mut events) = with_failures(seed).await;
    let right = by_hand(&events);
    assert_eq!(by_hour(&database).await, right);
    execute(&database, damage).await;
    assert!(verify(&database).await.unwrap().agrees(), "{damage}");
    assert_eq!(project(&database).await.unwrap().events, 0, "{damage}");
    assert_eq!(by_hour(&database).await, right, "{damage}");
    assert!(verify(&database).await.unwrap().agrees(), "{damage}");
    let start = at("2026-11-20T05:00:00Z");
    let more = FailureGenerator::new(seed + 1, start, TimeDelta::days(3)).take(900);
    store(&database, NodeId(2), &more).await;
    execute(&database, damage).await;
    assert_eq!(project(&database).await.unwrap().events, 900, "{damage}");
    events.extend(more);
    assert_eq!(by_hour(&database).await, by_hand(&events), "{damage}");
    let found = verify(&database).await.unwrap();
    assert!(found.agrees() && found.events == 2_900, "{found:?}");
    assert_eq!(rebuild(&database, |_, _| ()).await.unwrap().replaced, 0);
}

#[tokio::test]
async fn a_checkpoint_that_is_set_back_by_some_batches_counts_nothing_twice() {
    let damage = "update projection_checkpoint set batch_seq = batch_seq - 4";
    counts_stay_exact_after(71, damage).await;
}

#[tokio::test]
async fn a_checkpoint_that_is_set_back_to_the_beginning_counts_nothing_twice() {
    counts_stay_exact_after(75, "update projection_checkpoint set batch_seq = 0").await;
}

#[tokio::test]
async fn a_checkpoint_that_is_lost_counts_nothing_twice() {
    counts_stay_exact_after(77, "delete from projection_checkpoint").await;
}

#[tokio::test]
async fn a_checkpoint_ahead_of_what_is_counted_is_noticed_and_the_rest_counted() {
    let (database, mut events) = with_failures(79).await;
    execute(
        &database,
        "insert into projection_checkpoint values ('failure_groups', 2, 1000)",
    )
    .await;
    let start = at("2026-11-20T05:00:00Z");
    let more = FailureGenerator::new(80, start, TimeDelta::days(3)).take(900);
    store(&database, NodeId(2), &more).await;
    assert_eq!(project(&database).await.unwrap().events, 0);
    assert!(verify(&database).await.unwrap().differing_hours > 0);
    assert!(rebuild(&database, |_, _| ()).await.unwrap().replaced > 0);
    events.extend(more);
    assert_eq!(by_hour(&database).await, by_hand(&events));
    assert!(verify(&database).await.unwrap().agrees());
    // Counting goes on behind the last batch, and nothing is counted again without the checkpoint.
    let mut connection = database.service().await.unwrap();
    let next = Batch {
        seq: BatchSeq(4),
        events: events.iter().take(10).cloned().collect(),
        refused: 0,
    };
    append_batches(&mut connection, NodeId(2), &[next])
        .await
        .unwrap();
    drop(connection);
    assert_eq!(project(&database).await.unwrap().events, 10);
    execute(&database, "delete from projection_checkpoint").await;
    assert_eq!(project(&database).await.unwrap().events, 0);
    assert!(verify(&database).await.unwrap().agrees());
}

#[tokio::test]
async fn a_projector_that_dies_between_two_steps_of_a_transaction_counts_nothing_twice() {
    let (database, events) = with_failures(72).await;
    let right = by_hand(&events);
    // The connection ends in the middle of counting: what it did is undone with its checkpoint.
    let more = FailureGenerator::new(73, at("2026-11-20T05:00:00Z"), TimeDelta::days(3)).take(900);
    store(&database, NodeId(2), &more).await;
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::raw_sql(
        "create function die() returns trigger language plpgsql as
           'begin perform pg_terminate_backend(pg_backend_pid()); return new; end';
         create trigger die before insert or update on projection_checkpoint for each row execute function die()",
    )
    .execute(&mut *owner)
    .await
    .unwrap();
    owner.commit().await.unwrap();
    assert!(project(&database).await.is_err());
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::raw_sql("drop trigger die on projection_checkpoint; drop function die()")
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
    assert_eq!(by_hour(&database).await, right);
    // The server lets go of the dead connection's lock a moment after it told the client.
    let mut counted = 0;
    for _ in 0..5_000 {
        counted += project(&database).await.unwrap().events;
        if counted > 0 {
            break;
        }
    }
    assert_eq!(counted, 900);
    let all: Vec<FailureEvent> = events.into_iter().chain(more).collect();
    assert_eq!(by_hour(&database).await, by_hand(&all));
    assert!(verify(&database).await.unwrap().agrees());
}

#[tokio::test]
async fn a_clock_that_jumps_back_and_forth_changes_no_sum() {
    let database = database().await;
    let start: DateTime<Utc> = at("2026-11-21T05:00:00Z");
    let mut events = FailureGenerator::new(74, start, TimeDelta::hours(6)).take(1_500);
    for (number, event) in events.iter_mut().enumerate() {
        // An hour ahead, then an hour behind, in the order in which they are stored.
        let jump = match number / 500 {
            0 => TimeDelta::zero(),
            1 => TimeDelta::hours(1),
            _ => TimeDelta::hours(-1),
        };
        event.occurred_at += jump;
    }
    store(&database, NodeId(1), &events).await;
    project(&database).await.unwrap();
    assert_eq!(by_hour(&database).await, by_hand(&events));
    assert!(verify(&database).await.unwrap().agrees());
}

#[tokio::test]
async fn a_writer_that_commits_after_those_that_began_later_is_counted_too() {
    let (database, mut events) = with_failures(75).await;
    let start = at("2026-11-20T05:00:00Z");
    let parts: Vec<_> = (76..79)
        .map(|seed| FailureGenerator::new(seed, start, TimeDelta::days(3)).take(200))
        .collect();
    let batch = |seq, events: &[FailureEvent]| Batch {
        seq: BatchSeq(seq),
        events: events.to_vec(),
        refused: 0,
    };
    // Node 2 writes first and commits last.
    let mut late = database.service_tx().await.unwrap();
    append_batches(&mut late, NodeId(2), &[batch(1, &parts[0])])
        .await
        .unwrap();
    store(&database, NodeId(3), &parts[1]).await;
    assert_eq!(project(&database).await.unwrap().events, 200);
    late.commit().await.unwrap();
    assert_eq!(project(&database).await.unwrap().events, 200);
    store(&database, NodeId(4), &parts[2]).await;
    assert_eq!(project(&database).await.unwrap().events, 200);
    events.extend(parts.into_iter().flatten());
    assert_eq!(by_hour(&database).await, by_hand(&events));
    assert!(verify(&database).await.unwrap().agrees());
}

#[tokio::test]
async fn a_transaction_that_its_program_forgot_holds_the_projection_up_for_a_bounded_time() {
    let (database, _) = with_failures(80).await;
    let more = FailureGenerator::new(81, at("2026-11-20T05:00:00Z"), TimeDelta::days(3)).take(300);
    store(&database, NodeId(2), &more).await;
    let mut forgotten = database.service_tx().await.unwrap();
    let limit: String = sqlx::query_scalar("show idle_in_transaction_session_timeout")
        .fetch_one(&mut *forgotten)
        .await
        .unwrap();
    assert_eq!(limit, "10s", "every connection has it");
    // It holds what the projection needs, and a test does not wait for ten seconds.
    sqlx::raw_sql(
        "set local idle_in_transaction_session_timeout = '300ms';
         lock table projection_checkpoint in exclusive mode",
    )
    .execute(&mut *forgotten)
    .await
    .unwrap();
    let counted = project(&database).await.unwrap().events;
    assert_eq!(counted, 300, "after the server ended what was forgotten");
    assert!(forgotten.commit().await.is_err());
    assert!(verify(&database).await.unwrap().agrees());
}
