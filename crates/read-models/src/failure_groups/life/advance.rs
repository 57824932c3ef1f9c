//! What follows from failures and from time.

use chrono::{DateTime, Utc};
use limpid_domain::event::{Actor, ActorKind};
use limpid_domain::failure_group::{
    GroupState, LEAST_QUIET, SILENCE, TimedGroupEvent, after_failures, after_time, evolve,
};
use limpid_event_store::{Database, StoreError};
use sqlx::PgConnection;

use super::facts::{Standing, standings};
use super::store::Appended;
use super::{GroupKey, NewGroupEvent};
use crate::failure_groups::project::lock;
use crate::failure_groups::templates::hash_templates;
use crate::freshness::counted_to;

/// Groups that one transaction looks at when time has passed: it holds their rows for well under a second.
const MAX_GROUPS: i64 = 1_000;

/// Why groups are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Occasion {
    /// Failures of theirs were counted.
    Counted,
    /// Time has passed.
    Time(Moment),
}

/// A moment at which groups are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The time.
    pub(super) now: DateTime<Utc>,
    /// All failures before this moment are counted.
    pub(super) known_to: DateTime<Utc>,
}

/// Who appends what nobody asked for.
pub(super) fn projector() -> Actor {
    Actor {
        kind: ActorKind::System,
        label: "projector".to_owned(),
    }
}

/// Appends what follows from failures of these groups that were just counted, in the transaction that counted them.
pub(in crate::failure_groups) async fn after_counting(
    connection: &mut PgConnection,
    groups: &[GroupKey],
) -> Result<u64, StoreError> {
    advance(connection, groups, Occasion::Counted).await
}

/// Appends what follows from its being `now`: groups that have been silent or whose files are served again are over, escalations end. How
/// many events that were, or `None` while somebody else is at work; then it is to be tried again soon.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; what was appended stays.
pub async fn pass_time(database: &Database, now: DateTime<Utc>) -> Result<Option<u64>, StoreError> {
    let mut after = (i64::MIN, i64::MIN);
    let mut events = 0;
    loop {
        let mut tx = database.service_tx().await?;
        if !lock(&mut tx).await? {
            return Ok(None);
        }
        hash_templates(&mut tx).await?;
        let known_to = counted_to(&mut tx)
            .await?
            .map_or(now, |known_to| known_to.min(now));
        let moment = Moment { now, known_to };
        let groups = due(&mut tx, after, moment).await?;
        let Some(last) = groups.last() else {
            // Dropped, it would keep the lock for a while.
            tx.commit().await?;
            return Ok(Some(events));
        };
        after = *last;
        events += advance(&mut tx, &groups, Occasion::Time(moment)).await?;
        tx.commit().await?;
    }
}

/// Groups for which time may mean something, and those that have no life yet.
async fn due(
    connection: &mut PgConnection,
    (tenant, group): GroupKey,
    moment: Moment,
) -> Result<Vec<GroupKey>, StoreError> {
    Ok(sqlx::query_as(
        "select g.tenant_id, g.group_id from failure_group g
         left join failure_group_life l on l.tenant_id = g.tenant_id and l.group_id = g.group_id
         where (g.tenant_id, g.group_id) > ($1, $2) and (l.group_id is null or l.state = $3
           or (l.state <> $4 and (greatest(g.last_at, l.episode_at) <= $5
             or (greatest(g.last_at, l.episode_at) <= $6 and exists (
               select from template_success s
               where s.tenant_id = g.tenant_id and s.origin_no = g.origin_no and s.template_hash = g.template_hash
                 and s.hour >= date_trunc('hour', greatest(g.last_at, l.episode_at), 'UTC')
                 and s.last_success_at > greatest(g.last_at, l.episode_at)
             )))))
         order by 1, 2 limit $7",
    )
    .bind(tenant)
    .bind(group)
    .bind(GroupState::Escalating.number())
    .bind(GroupState::Resolved.number())
    .bind(moment.now - SILENCE)
    .bind(moment.known_to - LEAST_QUIET)
    .bind(MAX_GROUPS)
    .fetch_all(connection)
    .await?)
}

async fn advance(
    connection: &mut PgConnection,
    groups: &[GroupKey],
    occasion: Occasion,
) -> Result<u64, StoreError> {
    if groups.is_empty() {
        return Ok(0);
    }
    // Looked at without locks first: for most groups nothing follows.
    let found = standings(connection, groups, occasion).await?;
    let due = found
        .iter()
        .filter(|standing| !standing.decide(occasion).is_empty());
    let due: Vec<GroupKey> = due.map(|standing| standing.key).collect();
    if due.is_empty() {
        return Ok(0);
    }
    lock_lives(connection, &due).await?;
    // People may have acted in between.
    let mut appended = Appended::default();
    for standing in standings(connection, &due, occasion).await? {
        let events = standing.decide(occasion);
        let mut life = standing.life;
        for timed in events {
            let after = evolve(life, &timed);
            let event = NewGroupEvent {
                timed,
                actor: projector(),
                note: None,
            };
            appended.push(standing.key, (after.seq, event))?;
            life = Some(after);
        }
        if let Some(life) = life {
            appended.becomes(standing.key, &life);
        }
    }
    let events = appended.len();
    appended.store(connection).await?;
    Ok(events)
}

/// Keeps people waiting until this transaction ends. In the order of keys, so that nobody waits for each other.
async fn lock_lives(connection: &mut PgConnection, keys: &[GroupKey]) -> Result<(), StoreError> {
    let (tenants, groups): (Vec<i64>, Vec<i64>) = keys.iter().copied().unzip();
    sqlx::query(
        "select 1 from failure_group_life
         where (tenant_id, group_id) in (select * from unnest($1::bigint[], $2::bigint[]))
         order by tenant_id, group_id for update",
    )
    .bind(tenants)
    .bind(groups)
    .execute(connection)
    .await?;
    Ok(())
}

impl Standing {
    fn decide(&self, occasion: Occasion) -> Vec<TimedGroupEvent> {
        match (occasion, &self.life) {
            (Occasion::Time(moment), Some(life)) => after_time(life, &self.facts, moment.now)
                .into_iter()
                .collect(),
            (Occasion::Counted, _) | (Occasion::Time(_), None) => {
                after_failures(self.life.as_ref(), &self.facts)
            }
        }
    }
}
