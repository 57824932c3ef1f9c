//! Groups that are over because their files are served again.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::failure::FailureEvent;
use limpid_domain::failure::path_template::{path_template, stable_hash};
use limpid_domain::failure_group::GroupState;
use limpid_domain::ids::{BatchSeq, NodeId, OriginNo};
use limpid_event_store::Database;
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_event_store::origin_observation_append::{OriginBatch, SLOTS_PER_HOUR, TemplateServed};
use limpid_read_models::failure_groups::{last_served, project};
use limpid_read_models::origin_health::forget_successes;

use crate::failures::{TENANT, at};
use crate::group_life::Story;
use crate::origin_health::{append, batch};

const ORIGIN: OriginNo = OriginNo(3);

/// A group of files of `/p/*/*.jpg` at [`ORIGIN`], and what is served of them.
struct Served {
    story: Story,
    seq: i64,
}

impl Served {
    async fn begin() -> Self {
        let mut story = Story::begin().await;
        story.sample = FailureEvent {
            origin_no: ORIGIN,
            path: "/p/1/missing.jpg".to_owned(),
            ..story.sample
        };
        Self { story, seq: 0 }
    }

    /// So many files of the template `of` came from `origin` at this moment.
    async fn serves_from(&mut self, (origin_no, of): (OriginNo, &str), moment: &str, count: i32) {
        let moment = at(moment);
        let hour: DateTime<Utc> = moment.duration_trunc(TimeDelta::hours(1)).unwrap();
        let mut slots = [0; SLOTS_PER_HOUR];
        let place = usize::try_from((moment - hour).num_minutes() / 5).unwrap();
        *slots.get_mut(place).unwrap() = count;
        self.seq += 1;
        let served = TemplateServed {
            tenant_id: TENANT,
            origin_no,
            template_hash: stable_hash(&path_template(of)),
            hour,
            slots,
            last_success_at: moment,
        };
        let batch = OriginBatch {
            served: vec![served],
            ..batch(1, self.seq)
        };
        assert!(append(&self.story.database, &batch).await);
    }

    async fn serves(&mut self, moment: &str, count: i32) {
        let of = (ORIGIN, "/p/2/there.jpg");
        self.serves_from(of, moment, count).await;
    }

    async fn fails(&mut self, moment: &str, occurrences: i32) {
        self.story.fails(moment, occurrences).await;
    }

    async fn state_at(&self, now: &str) -> GroupState {
        self.story.time_passes(now).await;
        self.story.life().await.state
    }

    async fn last_served(&self) -> Option<DateTime<Utc>> {
        let mut tx = self.story.database.tenant_tx(TENANT).await.unwrap();
        last_served(&mut tx, self.story.id()).await.unwrap()
    }

    async fn rows(&self) -> i64 {
        stored_rows(&self.story.database).await
    }
}

async fn stored_rows(database: &Database) -> i64 {
    let mut connection = database.service().await.unwrap();
    sqlx::query_scalar("select count(*) from template_success")
        .fetch_one(&mut *connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_group_whose_files_are_served_for_long_enough_is_resolved_and_regresses_when_one_fails() {
    let mut group = Served::begin().await;
    group.fails("2026-11-02T08:01:00Z", 1).await;
    assert_eq!(group.last_served().await, None);
    group.serves("2026-11-02T08:20:00Z", 40).await;
    group.fails("2026-11-02T08:41:00Z", 40).await;
    // Forty files beside 41 failures: ten more without one are needed, and quiet of ten minutes.
    group.serves("2026-11-02T08:46:00Z", 9).await;
    assert_eq!(
        group.state_at("2026-11-02T09:30:00Z").await,
        GroupState::New
    );
    group.serves("2026-11-02T08:47:00Z", 1).await;
    assert_eq!(group.last_served().await, Some(at("2026-11-02T08:47:00Z")));
    assert_eq!(
        group.state_at("2026-11-02T08:50:59Z").await,
        GroupState::New
    );
    assert_eq!(
        group.state_at("2026-11-02T08:51:00Z").await,
        GroupState::Resolved
    );
    assert_eq!(group.story.life().await.since, at("2026-11-02T08:51:00Z"));
    group.fails("2026-11-02T08:50:00Z", 1).await;
    assert_eq!(
        group.story.life().await.state,
        GroupState::Resolved,
        "it failed before that and came late"
    );
    group.fails("2026-11-02T08:52:00Z", 1).await;
    assert_eq!(group.story.life().await.state, GroupState::Regressed);
    assert_eq!(
        group.story.kinds().await,
        ["began", "resolved", "regressed"]
    );
}

#[tokio::test]
async fn one_file_that_is_served_does_not_resolve_a_group_in_which_another_is_missing() {
    let mut group = Served::begin().await;
    // One file of many is missing; it is asked for every two hours.
    for hour in [8, 10, 12, 14] {
        group
            .fails(&format!("2026-11-02T{hour:02}:00:30Z"), 1)
            .await;
        for later in [10, 40, 70] {
            let moment = at(&format!("2026-11-02T{hour:02}:00:30Z")) + TimeDelta::minutes(later);
            group.serves(&moment.to_rfc3339(), 100).await;
        }
        let just_before = at(&format!("2026-11-02T{hour:02}:00:00Z")) + TimeDelta::minutes(119);
        assert_eq!(
            group.state_at(&just_before.to_rfc3339()).await,
            GroupState::New
        );
    }
    // It is repaired: 900 files came beside four failures, so 1 132 more are needed, over five times two hours.
    for hour in 16..24 {
        group
            .serves(&format!("2026-11-02T{hour:02}:10:00Z"), 150)
            .await;
    }
    assert_eq!(
        group.state_at("2026-11-02T23:59:00Z").await,
        GroupState::New
    );
    assert_eq!(
        group.state_at("2026-11-03T00:00:30Z").await,
        GroupState::Resolved
    );
}

#[tokio::test]
async fn the_night_in_which_nothing_is_asked_for_proves_nothing() {
    let mut group = Served::begin().await;
    for day in 2..5 {
        for minute in ["08:00", "08:30", "09:00"] {
            group
                .fails(&format!("2026-11-{day:02}T{minute}:00Z"), 100)
                .await;
        }
        group
            .serves(&format!("2026-11-{day:02}T20:00:00Z"), 5_000)
            .await;
    }
    // A pause of 23 hours every day: only after two of them is it over.
    assert_eq!(
        group.state_at("2026-11-06T06:59:00Z").await,
        GroupState::Ongoing
    );
    assert_eq!(
        group.state_at("2026-11-06T07:00:00Z").await,
        GroupState::Resolved
    );
}

#[tokio::test]
async fn other_templates_and_other_origins_resolve_nothing_and_are_not_even_stored() {
    let mut group = Served::begin().await;
    group.fails("2026-11-02T08:00:00Z", 50).await;
    group.fails("2026-11-02T08:10:00Z", 50).await;
    let moment = "2026-11-02T09:00:00Z";
    group
        .serves_from((ORIGIN, "/q/2/there.jpg"), moment, 500)
        .await;
    group
        .serves_from((ORIGIN, "/p/2/there.png"), moment, 500)
        .await;
    group
        .serves_from((OriginNo(4), "/p/2/there.jpg"), moment, 500)
        .await;
    assert_eq!(group.rows().await, 0);
    assert_eq!(
        group.state_at("2026-11-02T12:00:00Z").await,
        GroupState::New
    );
    group.serves(moment, 500).await;
    assert_eq!(
        group.state_at("2026-11-02T12:00:00Z").await,
        GroupState::Resolved
    );
    // A storm of successes: one row an hour while the group lives, none after.
    for minute in 10..60 {
        group
            .serves(&format!("2026-11-02T12:{minute}:00Z"), 10_000)
            .await;
    }
    assert_eq!(group.rows().await, 1);
    let later = at("2026-11-20T00:00:00Z");
    let forgotten = forget_successes(&group.story.database, later).await;
    assert_eq!(forgotten.unwrap(), 1);
}

#[tokio::test]
async fn failures_that_are_stored_and_not_counted_yet_hold_the_verdict_back() {
    let mut group = Served::begin().await;
    group.fails("2026-11-02T08:00:00Z", 50).await;
    group.fails("2026-11-02T08:10:00Z", 50).await;
    group.serves("2026-11-02T08:30:00Z", 500).await;
    let database = group.story.database.clone();
    let mut connection = database.service().await.unwrap();
    // A node that delivered nothing since 08:19: its spool may hold failures of after that.
    sqlx::raw_sql(
        "insert into serving_node (node_id, acked_seq, backlog_frames, backlog_bytes, oldest_unacked, damaged_bytes, missing_frames,
           dead_letters, stopped)
         values (9, 0, 1, 1, '2026-11-02T08:19:00Z', 0, 0, 0, false)",
    )
    .execute(&mut *connection)
    .await
    .unwrap();
    drop(connection);
    assert_eq!(
        group.state_at("2026-11-02T12:00:00Z").await,
        GroupState::New
    );
    let event = FailureEvent {
        occurred_at: at("2026-11-02T08:25:00Z"),
        ..group.story.sample.clone()
    };
    let late = Batch {
        seq: BatchSeq(1),
        events: vec![event],
        refused: 0,
    };
    let mut connection = database.service().await.unwrap();
    append_batches(&mut connection, NodeId(9), &[late])
        .await
        .unwrap();
    sqlx::raw_sql("update serving_node set oldest_unacked = null")
        .execute(&mut *connection)
        .await
        .unwrap();
    drop(connection);
    assert_eq!(
        group.state_at("2026-11-02T12:00:00Z").await,
        GroupState::New,
        "delivered, and not counted by group"
    );
    project(&database).await.unwrap();
    assert_eq!(
        group.state_at("2026-11-02T12:00:00Z").await,
        GroupState::Resolved,
        "the late one lies before 08:30"
    );
}
