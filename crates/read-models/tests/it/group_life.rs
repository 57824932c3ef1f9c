//! The life of groups: what follows from failures and from time, once whoever is at work, the same however often it is told.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::event::{Actor, ActorKind};
use limpid_domain::failure::FailureEvent;
use limpid_domain::failure_group::{
    GroupEvent, GroupLife, GroupState, ResolvedBy, TimedGroupEvent, evolve,
};
use limpid_domain::ids::{BatchSeq, GroupId, NodeId};
use limpid_event_store::Database;
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_read_models::failure_groups::{
    NewGroupEvent, StoredGroupEvent, group, life_events, locked_life, pass_time, project, rebuild,
    record,
};
use limpid_testkit::failures::FailureGenerator;

use crate::failures::{TENANT, at, database, group_of, store, with_failures};

/// A row of a life, as plain values.
type Told = (i64, i64, i64, DateTime<Utc>, String, serde_json::Value);

/// One failure of a group, and the same group at other moments.
pub(crate) struct Story {
    pub(crate) database: Database,
    pub(crate) sample: FailureEvent,
    seq: i64,
}

impl Story {
    pub(crate) async fn begin() -> Self {
        let database = database().await;
        let start = at("2026-11-01T00:00:00Z");
        let sample = FailureGenerator::new(71, start, TimeDelta::hours(1)).event();
        Self {
            database,
            sample: FailureEvent {
                tenant_id: TENANT,
                occurrences: 1,
                ..sample
            },
            seq: 0,
        }
    }

    pub(crate) fn id(&self) -> GroupId {
        group_of(&self.sample)
    }

    /// So many failures at this moment are stored and counted.
    pub(crate) async fn fails(&mut self, moment: &str, occurrences: i32) -> GroupLife {
        self.seq += 1;
        let event = FailureEvent {
            occurred_at: at(moment),
            occurrences,
            ..self.sample.clone()
        };
        let batch = Batch {
            seq: BatchSeq(self.seq),
            events: vec![event],
            refused: 0,
        };
        let mut connection = self.database.service().await.unwrap();
        append_batches(&mut connection, NodeId(1), &[batch])
            .await
            .unwrap();
        drop(connection);
        project(&self.database).await.unwrap();
        self.life().await
    }

    pub(crate) async fn life(&self) -> GroupLife {
        let mut tx = self.database.tenant_tx(TENANT).await.unwrap();
        group(&mut tx, self.id()).await.unwrap().unwrap().life
    }

    pub(crate) async fn time_passes(&self, now: &str) -> u64 {
        pass_time(&self.database, at(now)).await.unwrap().unwrap()
    }

    pub(crate) async fn resolve(&self, now: &str) {
        let mut tx = self.database.tenant_tx(TENANT).await.unwrap();
        let life = locked_life(&mut tx, self.id()).await.unwrap();
        let event = NewGroupEvent {
            timed: TimedGroupEvent {
                at: at(now),
                event: GroupEvent::Resolved {
                    by: ResolvedBy::Hand,
                },
            },
            actor: Actor {
                kind: ActorKind::ApiKey,
                label: "public_x".to_owned(),
            },
            note: Some("repaired".to_owned()),
        };
        record(&mut tx, self.id(), (life, event)).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn kinds(&self) -> Vec<&'static str> {
        let mut tx = self.database.tenant_tx(TENANT).await.unwrap();
        let events = life_events(&mut tx, self.id(), (None, 100)).await.unwrap();
        let oldest_first = events.iter().rev();
        oldest_first.map(|event| event.event.kind()).collect()
    }
}

async fn all_told(database: &Database) -> Vec<Told> {
    let mut connection = database.service().await.unwrap();
    sqlx::query_as(
        "select tenant_id, group_id, seq, at, kind, data from failure_group_event order by 1, 2, 3",
    )
    .fetch_all(&mut *connection)
    .await
    .unwrap()
}

/// Every stored life is the fold of its events, whose numbers have no gaps.
async fn assert_lives_are_folds(database: &Database) {
    let mut connection = database.service().await.unwrap();
    let groups: Vec<(i64, i64)> =
        sqlx::query_as("select tenant_id, group_id from failure_group order by 1, 2")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    drop(connection);
    assert!(!groups.is_empty());
    for (tenant, id) in groups {
        let mut tx = database
            .tenant_tx(limpid_domain::ids::TenantId(tenant))
            .await
            .unwrap();
        let id = GroupId(id);
        let events: Vec<StoredGroupEvent> = life_events(&mut tx, id, (None, 200)).await.unwrap();
        let numbers: Vec<i64> = events.iter().rev().map(|event| event.seq).collect();
        let dense: Vec<i64> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, dense);
        let folded = events.iter().rev().fold(None, |life, stored| {
            let timed = TimedGroupEvent {
                at: stored.at,
                event: stored.event.clone(),
            };
            Some(evolve(life, &timed))
        });
        let stored = group(&mut tx, id).await.unwrap().unwrap().life;
        assert_eq!(Some(stored), folded);
    }
}

#[tokio::test]
async fn a_group_lives_from_its_first_failure_to_silence_and_comes_back() {
    let mut story = Story::begin().await;
    let life = story.fails("2026-11-02T08:10:00Z", 1).await;
    assert_eq!(life, GroupLife::begun(at("2026-11-02T08:10:00Z")));
    story.fails("2026-11-02T20:00:00Z", 1).await;
    let life = story.fails("2026-11-03T08:10:00Z", 1).await;
    assert_eq!(
        (life.state, life.since),
        (GroupState::Ongoing, at("2026-11-03T08:10:00Z"))
    );
    assert_eq!(story.time_passes("2026-11-10T08:09:59Z").await, 0);
    assert_eq!(story.time_passes("2026-11-11T00:00:00Z").await, 1);
    let life = story.life().await;
    assert_eq!(
        (life.state, life.since),
        (GroupState::Resolved, at("2026-11-10T08:10:00Z"))
    );
    assert_eq!(story.time_passes("2026-11-12T00:00:00Z").await, 0);
    let late = story.fails("2026-11-09T00:00:00Z", 5).await;
    assert_eq!(late, life, "it occurred before");
    let back = story.fails("2026-11-12T10:00:00Z", 500).await;
    assert_eq!(
        (back.state, back.since, back.episode_at),
        (
            GroupState::Regressed,
            at("2026-11-12T10:00:00Z"),
            at("2026-11-12T10:00:00Z")
        )
    );
    let expected = ["began", "continued", "resolved", "regressed"];
    assert_eq!(story.kinds().await, expected);
    assert_lives_are_folds(&story.database).await;
}

#[tokio::test]
async fn a_group_escalates_by_the_hour_and_calms_after_a_whole_hour() {
    let mut story = Story::begin().await;
    for hour in 8..12 {
        story
            .fails(&format!("2026-11-02T{hour:02}:10:00Z"), 16)
            .await;
    }
    // The mean of four hours is 16; 48 is not more than three times that, and 49 is below the least.
    let quiet = story.fails("2026-11-02T12:05:00Z", 49).await;
    assert_eq!(quiet.state, GroupState::New);
    let high = story.fails("2026-11-02T12:06:00Z", 1).await;
    assert_eq!(
        (high.state, high.since),
        (GroupState::Escalating, at("2026-11-02T12:06:00Z"))
    );
    story.fails("2026-11-02T12:30:00Z", 1_000).await;
    assert_eq!(story.time_passes("2026-11-02T13:59:00Z").await, 0);
    assert_eq!(story.time_passes("2026-11-02T14:00:00Z").await, 1);
    let calm = story.life().await;
    assert_eq!(calm.state, GroupState::Ongoing);
    assert_eq!(story.kinds().await, ["began", "escalated", "calmed"]);
    let told = all_told(&story.database).await;
    let numbers = serde_json::json!({"hour": 50, "hourlyMean": 16});
    assert_eq!(told.get(1).map(|told| &told.5), Some(&numbers));
    assert_lives_are_folds(&story.database).await;
}

#[tokio::test]
async fn what_people_resolve_comes_back_with_the_next_failure_only() {
    let mut story = Story::begin().await;
    story.fails("2026-11-02T08:10:00Z", 1).await;
    story.resolve("2026-11-02T09:00:00Z").await;
    assert_eq!(
        story.fails("2026-11-02T08:59:59Z", 1).await.state,
        GroupState::Resolved
    );
    let back = story.fails("2026-11-02T09:00:01Z", 1).await;
    assert_eq!(back.state, GroupState::Regressed);
    assert_eq!(story.kinds().await, ["began", "resolved", "regressed"]);
    let mut tx = story.database.tenant_tx(TENANT).await.unwrap();
    let events = life_events(&mut tx, story.id(), (Some(3), 1))
        .await
        .unwrap();
    let resolved = events.first().unwrap();
    assert_eq!(
        (resolved.seq, resolved.note.as_deref()),
        (2, Some("repaired"))
    );
    assert_eq!(resolved.actor.label, "public_x");
    let unknown = locked_life(&mut tx, GroupId(story.id().0 ^ 1))
        .await
        .unwrap();
    assert_eq!(unknown, None);
}

#[tokio::test]
async fn everything_is_decided_once_and_the_same_by_any_number_of_projectors() {
    let (database, events) = with_failures(72).await;
    let late = FailureGenerator::new(73, at("2026-11-20T05:00:00Z"), TimeDelta::days(3)).take(900);
    store(&database, NodeId(2), &late).await;
    let now = at("2026-12-24T00:00:00Z");
    let (one, two, three, four) = tokio::join!(
        project(&database),
        pass_time(&database, now),
        project(&database),
        pass_time(&database, now)
    );
    assert!(one.is_ok() && two.is_ok() && three.is_ok() && four.is_ok());
    project(&database).await.unwrap();
    pass_time(&database, now).await.unwrap().unwrap();
    assert_lives_are_folds(&database).await;
    let told = all_told(&database).await;
    let resolved = told.iter().filter(|told| told.4 == "resolved").count();
    let began = told.iter().filter(|told| told.4 == "began").count();
    assert!(resolved >= began && began > 0, "{resolved} of {began}");
    assert_eq!(pass_time(&database, now).await.unwrap(), Some(0));
    rebuild(&database, |_, _| ()).await.unwrap();
    assert_eq!(
        all_told(&database).await,
        told,
        "a rebuild says nothing new"
    );

    let again = crate::failures::database().await;
    store(&again, NodeId(1), &events).await;
    project(&again).await.unwrap();
    let other = crate::failures::database().await;
    store(&other, NodeId(1), &events).await;
    project(&other).await.unwrap();
    assert_eq!(all_told(&again).await, all_told(&other).await);
}

#[tokio::test]
async fn groups_of_before_there_were_lives_get_one() {
    let (database, _) = with_failures(74).await;
    let mut connection = database.service().await.unwrap();
    let role = "set role none; delete from failure_group_event; delete from failure_group_life; set role limpid_service";
    sqlx::raw_sql(role).execute(&mut *connection).await.unwrap();
    drop(connection);
    let told = pass_time(&database, at("2026-11-23T05:00:00Z"))
        .await
        .unwrap()
        .unwrap();
    assert!(told > 0);
    assert_lives_are_folds(&database).await;
}

#[tokio::test]
async fn nobody_changes_or_removes_an_event_of_a_life() {
    let (database, _) = with_failures(75).await;
    for statement in [
        "update failure_group_event set note = 'x'",
        "delete from failure_group_event",
        "set role limpid_tenant; update failure_group_event set note = 'x'",
    ] {
        let mut tx = database.service_tx().await.unwrap();
        let refused = sqlx::raw_sql(statement).execute(&mut *tx).await;
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("permission denied"),
            "{statement}"
        );
    }
}
