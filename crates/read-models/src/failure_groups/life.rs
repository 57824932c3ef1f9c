//! The life of groups as stored: its events, appended and never changed, and their fold.
//!
//! What follows from failures is decided in the transaction that counts them, what follows from time once a minute; both under the lock
//! of the projection, so that any number of projectors decide everything once. What people ask for needs only the group's own row.
//!
//! | module | holds |
//! |---|---|
//! | `advance` | what follows from failures and from time |
//! | `facts` | what the counts say about groups |
//! | `store` | rows to events and lives, and back |
//! | `successes` | what was served of groups' path templates since they last failed |

mod advance;
mod facts;
mod store;
mod successes;

use chrono::{DateTime, Utc};
use limpid_domain::event::Actor;
use limpid_domain::failure_group::{GroupEvent, GroupLife, TimedGroupEvent, evolve};
use limpid_domain::ids::GroupId;
use limpid_event_store::{StoreError, TenantTx};

pub(super) use advance::after_counting;
pub use advance::pass_time;
pub(super) use store::LifeRow;
use store::{Appended, LIFE_COLUMNS, StoredRow};
pub use successes::last_served;

/// Tenant and group.
pub(super) type GroupKey = (i64, i64);

/// An event to append to a group's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGroupEvent {
    /// What happened, when.
    pub timed: TimedGroupEvent,
    /// Who did it.
    pub actor: Actor,
    /// What whoever did it says about it.
    pub note: Option<String>,
}

/// An event of a group's life as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGroupEvent {
    /// Its number in the group's life, from 1, without gaps.
    pub seq: i64,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened.
    pub event: GroupEvent,
    /// Who did it.
    pub actor: Actor,
    /// What whoever did it says about it.
    pub note: Option<String>,
}

/// The life of a group, locked until the transaction ends; `None` if this tenant has no such group.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn locked_life(tx: &mut TenantTx, id: GroupId) -> Result<Option<GroupLife>, StoreError> {
    let tenant = tx.tenant_id().0;
    let query = format!(
        "select {LIFE_COLUMNS} from failure_group_life l where tenant_id = $1 and group_id = $2 for update"
    );
    let row: Option<LifeRow> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(tenant)
        .bind(id.0)
        .fetch_optional(tx.as_conn())
        .await?;
    if let Some(life) = row.and_then(LifeRow::into_life) {
        return Ok(Some(life));
    }
    // A group of before there were lives, which the projector has not come to yet.
    let first_at: Option<DateTime<Utc>> = sqlx::query_scalar(
        "select first_at from failure_group where tenant_id = $1 and group_id = $2",
    )
    .bind(tenant)
    .bind(id.0)
    .fetch_optional(tx.as_conn())
    .await?;
    let Some(at) = first_at else {
        return Ok(None);
    };
    let began = NewGroupEvent {
        timed: TimedGroupEvent {
            at,
            event: GroupEvent::Began {},
        },
        actor: advance::projector(),
        note: None,
    };
    Ok(Some(record(tx, id, (None, began)).await?))
}

/// Appends an event to a life that [`locked_life`] gave; the life after it.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn record(
    tx: &mut TenantTx,
    id: GroupId,
    (life, event): (Option<GroupLife>, NewGroupEvent),
) -> Result<GroupLife, StoreError> {
    let key = (tx.tenant_id().0, id.0);
    let life = evolve(life, &event.timed);
    let mut appended = Appended::default();
    appended.push(key, (life.seq, event))?;
    appended.becomes(key, &life);
    appended.store(tx.as_conn()).await?;
    Ok(life)
}

/// A group's events before number `before`, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn life_events(
    tx: &mut TenantTx,
    id: GroupId,
    (before, limit): (Option<i64>, u16),
) -> Result<Vec<StoredGroupEvent>, StoreError> {
    let rows: Vec<StoredRow> = sqlx::query_as(
        "select seq, at, kind, data, actor, note from failure_group_event
         where tenant_id = $1 and group_id = $2 and seq < $3 order by seq desc limit $4",
    )
    .bind(tx.tenant_id().0)
    .bind(id.0)
    .bind(before.unwrap_or(i64::MAX))
    .bind(i64::from(limit))
    .fetch_all(tx.as_conn())
    .await?;
    Ok(rows.into_iter().filter_map(StoredRow::into_event).collect())
}
