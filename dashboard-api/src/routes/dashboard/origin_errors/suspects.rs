//! The configuration change after which a group began, or began again.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::event::StreamKind;
use limpid_domain::failure_group::{GroupEvent, GroupState};
use limpid_domain::ids::{GroupId, TenantSeq};
use limpid_event_store::config_log::{self, Changes, StoredEvent};
use limpid_event_store::{StoreError, TenantTx};
use limpid_read_models::failure_groups::{FailureGroup, life_events};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::names::Names;
use crate::error::ApiError;
use crate::routes::dashboard::changes::{self, Change, ChangeActor, resource_of};

/// How long after a change a group that begins makes it suspect. Long enough for caches to run out, short enough that few other
/// things happened in between.
const SUSPICIOUS: TimeDelta = TimeDelta::minutes(15);

/// Clocks of database and serving nodes differ: a change may seem to come this much after what it caused.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(2);

/// Changes of origins and URL endpoints that are looked through.
const MAX_CHANGES: u32 = 1_000;

/// Events of a group's life that are looked through for its last beginning.
const MAX_LIFE_EVENTS: u16 = 200;

/// The change after which a group began, or failed again after it was resolved: the latest of its origin or URL endpoint that was in force
/// at that failure, within 15 minutes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SuspectChange)]
pub(super) struct SuspectAnswer {
    /// The configuration version that it made.
    config_version: i64,
    /// When.
    at: DateTime<Utc>,
    /// How long before that failure.
    seconds_before: i64,
    /// What happened.
    kind: &'static str,
    /// What kind of thing it happened to.
    resource: &'static str,
    /// Its id.
    resource_id: Option<Uuid>,
    /// Who did it.
    actor: ChangeActor,
}

/// Changes among which suspects are looked for, and what they are suspected of.
#[derive(Debug)]
pub(super) struct Suspects {
    /// Newest first.
    changes: Vec<StoredEvent>,
    runs: HashMap<GroupId, Run>,
}

/// The run of failures that a group is in, or was in last.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Its first failure.
    began_at: DateTime<Utc>,
    /// The account's configuration version then; known of the first run.
    config_version: Option<TenantSeq>,
}

impl Suspects {
    /// Reads the changes that the present runs of any of these groups may have begun after.
    pub(super) async fn load<'a>(
        tx: &mut TenantTx,
        groups: impl Iterator<Item = &'a FailureGroup>,
    ) -> Result<Self, StoreError> {
        let mut runs = HashMap::new();
        for group in groups {
            runs.insert(group.id, Run::of(tx, group).await?);
        }
        let spans = runs.values().map(Run::suspicious);
        let changes = Changes {
            spans: &spans.collect::<Vec<_>>(),
            kinds: &[StreamKind::Origin, StreamKind::UrlEndpoint],
            of: None,
        };
        let changes = config_log::read_between(tx, changes, MAX_CHANGES).await?;
        Ok(Self { changes, runs })
    }

    /// The change after which a group's present run began, in short.
    pub(super) fn of(&self, group: &FailureGroup, names: &Names) -> Option<SuspectAnswer> {
        let run = self.runs.get(&group.id)?;
        let change = self.change(group, names)?;
        Some(SuspectAnswer::new(change, *run))
    }

    /// The same change in full.
    pub(super) async fn described(
        &self,
        tx: &mut TenantTx,
        (group, names): (&FailureGroup, &Names),
    ) -> Result<Option<Change>, ApiError> {
        match self.change(group, names) {
            Some(change) => Ok(Some(changes::described(tx, change.clone()).await?)),
            None => Ok(None),
        }
    }

    fn change(&self, group: &FailureGroup, names: &Names) -> Option<&StoredEvent> {
        let run = self.runs.get(&group.id)?;
        let origin = names.origin(group.origin_no).map(|origin| origin.id.0);
        let endpoint = names
            .endpoint(group.endpoint_no)
            .map(|endpoint| endpoint.id.0);
        self.changes.iter().find(|change| {
            let stream = Some(change.stream_id.0);
            run.has_begun_after(change) && (stream == origin || stream == endpoint)
        })
    }
}

impl Run {
    async fn of(tx: &mut TenantTx, group: &FailureGroup) -> Result<Self, StoreError> {
        let first = Self {
            began_at: group.first_at,
            config_version: Some(group.first_config_version),
        };
        let again = |began_at| Self {
            began_at,
            config_version: None,
        };
        let life = &group.life;
        if life.state == GroupState::Regressed {
            return Ok(again(life.episode_at));
        }
        if life.episode_at == group.first_at {
            return Ok(first);
        }
        // Reopening begins an episode of its own and no run: it says that the one before was not over.
        let events = life_events(tx, group.id, (None, MAX_LIFE_EVENTS)).await?;
        let regressed = events
            .iter()
            .find(|stored| matches!(stored.event, GroupEvent::Regressed {}));
        Ok(regressed.map_or(first, |stored| again(stored.at)))
    }

    /// When a change was made that this run can have begun after, both ends included.
    fn suspicious(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.began_at - SUSPICIOUS, self.began_at + CLOCK_SKEW)
    }

    fn has_begun_after(self, change: &StoredEvent) -> bool {
        let (from, to) = self.suspicious();
        let was_in_force = self
            .config_version
            .is_none_or(|version| change.tenant_seq <= version);
        was_in_force && (from..=to).contains(&change.recorded_at)
    }
}

impl SuspectAnswer {
    fn new(change: &StoredEvent, run: Run) -> Self {
        let (resource, resource_id) = resource_of(change.event.stream_kind(), change.stream_id);
        let before = run.began_at - change.recorded_at;
        Self {
            config_version: change.tenant_seq.0,
            at: change.recorded_at,
            seconds_before: before.num_seconds().max(0),
            kind: change.event.kind(),
            resource,
            resource_id,
            actor: ChangeActor::new(change.meta.actor.clone()),
        }
    }
}
