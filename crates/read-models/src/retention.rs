//! What is still there: single failures for days, counts for months. Single failures are dropped by the day, for everybody at once; an
//! account whose failures are to be shown for a shorter time is answered as if the older ones were gone already. Counts are deleted in
//! batches by [`drop_old_counts`].
//!
//! | module | holds |
//! |---|---|
//! | `counts` | old counts, deleted account by account |
//! | `groups` | groups that have not failed for as long, and aliases of fingerprints that nothing has any more |

mod counts;
mod groups;

use chrono::{DateTime, NaiveTime, Utc};
use limpid_event_store::{Database, StoreError, TenantTx};

/// From when on an account's failures are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Single failures from this moment on: the start of a day. [`DateTime::UNIX_EPOCH`] where none were dropped.
    pub events_from: DateTime<Utc>,
    /// Counts from this moment on; as above.
    pub counts_from: DateTime<Utc>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            events_from: DateTime::UNIX_EPOCH,
            counts_from: DateTime::UNIX_EPOCH,
        }
    }
}

/// Reads it: what the installation dropped, and what the operator lets the account see.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn kept(tx: &mut TenantTx) -> Result<Kept, StoreError> {
    let (events_from, counts_from): (Option<DateTime<Utc>>, Option<DateTime<Utc>>) = sqlx::query_as(
        "select greatest(
             case when isfinite(r.dropped_before) then r.dropped_before end,
             date_trunc('day', now() - make_interval(days => (t.limits->>'failureRetentionDays')::integer), 'UTC')),
           case when isfinite(r.counts_dropped_before) then r.counts_dropped_before end
         from failure_retention r left join tenant t on t.tenant_id = $1 and t.generation = 0",
    )
    .bind(tx.tenant_id().0)
    .fetch_one(tx.as_conn())
    .await?;
    let all = Kept::default();
    Ok(Kept {
        events_from: events_from.unwrap_or(all.events_from),
        counts_from: counts_from.unwrap_or(all.counts_from),
    })
}

/// What a run deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DroppedCounts {
    /// Counts of failures, paths and usage.
    pub counts: u64,
    /// Groups, with everything that is known of them.
    pub groups: u64,
    /// Fingerprints that counted towards a group of many and are of no event any more.
    pub aliases: u64,
    /// Whether nothing is left to delete.
    pub finished: bool,
}

/// Deletes counts of before `keep_from`, rounded down to a day, and what outlived them; about `budget` rows, in small transactions. What is
/// left is deleted by the next run.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; what was deleted so far stays deleted.
pub async fn drop_old_counts(
    database: &Database,
    keep_from: DateTime<Utc>,
    budget: u64,
) -> Result<DroppedCounts, StoreError> {
    let cut = keep_from.date_naive().and_time(NaiveTime::MIN).and_utc();
    // First, so that nobody trusts counts that are about to go.
    let mut tx = database.owner_tx().await?;
    sqlx::query(
        "update failure_retention set counts_dropped_before = $1 where counts_dropped_before < $1",
    )
    .bind(cut)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    let mut dropped = DroppedCounts::default();
    let counts_are_gone = counts::delete(database, cut, (budget, &mut dropped.counts)).await?;
    if !counts_are_gone {
        return Ok(dropped);
    }
    dropped.groups = groups::delete(database, cut).await?;
    dropped.aliases = groups::delete_aliases(database).await?;
    dropped.finished = dropped.groups < groups::GROUPS_PER_RUN;
    Ok(dropped)
}
