//! The configuration change after which a group began.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_event_store::config_log::{self, StoredEvent};
use limpid_event_store::{StoreError, TenantTx};
use limpid_read_models::failure_groups::FailureGroup;
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

/// Changes that are looked through.
const MAX_CHANGES: u32 = 1_000;

/// The change after which a group began: the latest of its origin or URL endpoint that was in force at its first failure, within 15
/// minutes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SuspectChange)]
pub(super) struct SuspectAnswer {
    /// The configuration version that it made.
    config_version: i64,
    /// When.
    at: DateTime<Utc>,
    /// How long before the group's first failure.
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

/// Changes among which suspects are looked for.
#[derive(Debug)]
pub(super) struct Suspects {
    /// Newest first.
    changes: Vec<StoredEvent>,
}

impl Suspects {
    /// Reads the changes that any of these groups may have begun after.
    pub(super) async fn load<'a>(
        tx: &mut TenantTx,
        groups: impl Iterator<Item = &'a FailureGroup> + Clone,
    ) -> Result<Self, StoreError> {
        let first = groups.clone().map(|group| group.first_at).min();
        let last = groups.map(|group| group.first_at).max();
        let changes = match first.zip(last) {
            Some((first, last)) => {
                let span = (first - SUSPICIOUS, last + CLOCK_SKEW);
                config_log::read_between(tx, span, MAX_CHANGES).await?
            }
            None => Vec::new(),
        };
        Ok(Self { changes })
    }

    /// The change after which a group began.
    pub(super) fn of(&self, group: &FailureGroup, names: &Names) -> Option<&StoredEvent> {
        let origin = names.origin(group.origin_no).map(|origin| origin.id.0);
        let endpoint = names
            .endpoint(group.endpoint_no)
            .map(|endpoint| endpoint.id.0);
        self.changes.iter().find(|change| {
            let stream = Some(change.stream_id.0);
            change.tenant_seq <= group.first_config_version
                && change.recorded_at <= group.first_at + CLOCK_SKEW
                && change.recorded_at >= group.first_at - SUSPICIOUS
                && (stream == origin || stream == endpoint)
        })
    }
}

impl SuspectAnswer {
    pub(super) fn new(change: &StoredEvent, group: &FailureGroup) -> Self {
        let (resource, resource_id) = resource_of(change.event.stream_kind(), change.stream_id);
        let before = group.first_at - change.recorded_at;
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

/// The whole change after which one group began.
pub(super) async fn suspect_of(
    tx: &mut TenantTx,
    group: &FailureGroup,
    names: &Names,
) -> Result<Option<Change>, ApiError> {
    let suspects = Suspects::load(tx, std::iter::once(group)).await?;
    match suspects.of(group, names) {
        Some(change) => Ok(Some(changes::described(tx, change.clone()).await?)),
        None => Ok(None),
    }
}
