//! Deriving the counts of groups again from the events, some hours at a time, while failures keep coming in.
//!
//! Which fingerprint counts towards which group is a decision that was made once and stands; its counts are what is derived. Where the
//! decision or the group is lost, the events that are kept give it again.

use chrono::TimeDelta;
use limpid_event_store::{Database, StoreError};
use sqlx::{PgConnection, Postgres, Transaction};

use super::checkpoint::{counted_batches, settle};
use super::project::{LOCK_KEY, project};
use super::rebuild_days::rebuild_days;
use super::templates::register_lost;
use crate::failure_packs::{forget_differing, forget_hour, forget_parts};
use crate::rebuild_spans::{HourSpan, SETTINGS, hour_spans};

/// What a rebuild found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupRebuild {
    /// Hours that were derived again.
    pub hours: u64,
    /// Counts that differed from the stored ones and were replaced, and groups that were lost. 0 is the proof.
    pub replaced: u64,
}

/// Counts what waits, then derives every hour whose events are still there, compares, and replaces what differs; then the days, and
/// then the groups' own numbers. `progress` hears of every hour: how many are done, and of how many.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; hours done so far stay done.
pub async fn rebuild(
    database: &Database,
    mut progress: impl FnMut(u64, u64),
) -> Result<GroupRebuild, StoreError> {
    project(database).await?;
    let mut tx = locked(database).await?;
    settle(&mut tx).await?;
    let lacks_groups = lacks_groups(&mut tx).await?;
    tx.commit().await?;
    let spans = {
        let mut connection = database.service().await?;
        hour_spans(&mut connection, "failure_group_1h").await?
    };
    let mut report = GroupRebuild::default();
    let all = spans.iter().map(|span| span.hours).sum();
    for span in spans {
        let mut tx = locked(database).await?;
        if lacks_groups {
            report.replaced += register_lost(&mut tx, span).await?;
        }
        let replaced = rebuild_hours(&mut tx, span).await?;
        if replaced > 0 {
            forget_hours(&mut tx, span).await?;
        }
        report.replaced += replaced;
        tx.commit().await?;
        report.hours += span.hours;
        progress(report.hours, all);
    }
    report.replaced += rebuild_days(database).await?;
    let mut tx = locked(database).await?;
    report.replaced += rebuild_lifetimes(&mut tx).await?;
    report.replaced += forget_differing(&mut tx).await?;
    tx.commit().await?;
    Ok(report)
}

/// What changed is read from the counts until it is packed again.
async fn forget_hours(connection: &mut PgConnection, span: HourSpan) -> Result<(), StoreError> {
    let mut hour = span.from;
    while hour < span.to {
        forget_hour(connection, hour).await?;
        forget_parts(connection, hour).await?;
        hour += TimeDelta::hours(1);
    }
    Ok(())
}

/// A transaction that no projector counts beside, with time for its work.
pub(super) async fn locked(
    database: &Database,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    let mut tx = database.service_tx().await?;
    sqlx::raw_sql(SETTINGS).execute(&mut *tx).await?;
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(LOCK_KEY)
        .execute(&mut *tx)
        .await?;
    Ok(tx)
}

/// Whether the group of any fingerprint is lost. Fingerprints that are lost themselves are found hour by hour.
async fn lacks_groups(connection: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select exists (
           select from failure_fingerprint p
           where not exists (select from failure_group g where g.tenant_id = p.tenant_id and g.group_id = p.group_id)
         )",
    )
    .fetch_one(connection)
    .await?)
}

/// How many counts were replaced, and fingerprints registered again.
async fn rebuild_hours(connection: &mut PgConnection, span: HourSpan) -> Result<u64, StoreError> {
    derive_hours(connection, span).await?;
    let has_lost: bool = sqlx::query_scalar(
        "select exists (select from failure_group_shadow where group_id is null)",
    )
    .fetch_one(&mut *connection)
    .await?;
    let mut registered = 0;
    if has_lost {
        registered = register_lost(connection, span).await?;
        sqlx::raw_sql("drop table failure_group_shadow")
            .execute(&mut *connection)
            .await?;
        derive_hours(connection, span).await?;
    }
    Ok(registered + replace_hours(connection, span).await?)
}

/// The counts of the hours as their events give them; without a group where an event's fingerprint is not known.
async fn derive_hours(connection: &mut PgConnection, span: HourSpan) -> Result<(), StoreError> {
    let (nodes, batches) = counted_batches(connection).await?;
    sqlx::query(
        "create temporary table failure_group_shadow on commit drop as
         select f.tenant_id, date_bin('1 hour', f.occurred_at, timestamptz 'epoch') as hour, p.group_id, f.upstream_status,
           f.config_version, f.outcome, f.headline, min(f.endpoint_no) as endpoint_no, min(f.origin_no) as origin_no,
           min(f.reason) as reason, count(*)::bigint as events, sum(f.occurrences)::bigint as occurrences,
           min(f.occurred_at) as first_at, max(f.occurred_at) as last_at
         from origin_failure f left join failure_fingerprint p using (tenant_id, fingerprint)
         join unnest($3::bigint[], $4::bigint[]) c(node_id, batch_seq) on c.node_id = f.node_id and f.batch_seq <= c.batch_seq
         where f.occurred_at >= $1 and f.occurred_at < $2
         group by 1, 2, 3, 4, 5, 6, 7",
    )
    .bind(span.from)
    .bind(span.to)
    .bind(nodes)
    .bind(batches)
    .execute(connection)
    .await?;
    Ok(())
}

/// How many counts of the hours were replaced by the derived ones. Events of accounts that are being erased may have no group; they go.
async fn replace_hours(connection: &mut PgConnection, span: HourSpan) -> Result<u64, StoreError> {
    sqlx::raw_sql("delete from failure_group_shadow where group_id is null")
        .execute(&mut *connection)
        .await?;
    if differing(connection, span).await? == 0 {
        return Ok(0);
    }
    let deleted = sqlx::query(
        "delete from failure_group_1h c using (
           select * from failure_group_1h where hour >= $1 and hour < $2 except select * from failure_group_shadow
         ) d
         where c.tenant_id = d.tenant_id and c.hour = d.hour and c.group_id = d.group_id and c.upstream_status = d.upstream_status
           and c.config_version = d.config_version and c.outcome = d.outcome and c.headline = d.headline",
    )
    .bind(span.from)
    .bind(span.to)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let inserted = sqlx::query(
        "insert into failure_group_1h
         select * from failure_group_shadow except select * from failure_group_1h where hour >= $1 and hour < $2 order by 1, 2",
    )
    .bind(span.from)
    .bind(span.to)
    .execute(connection)
    .await?
    .rows_affected();
    Ok(deleted.max(inserted))
}

/// How many keys of the shadow and of the counts of the hours differ. All are counted: for the first one alone the planner reads the
/// whole table.
async fn differing(connection: &mut PgConnection, span: HourSpan) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "select count(*) from failure_group_shadow d
         full join (select * from failure_group_1h where hour >= $1 and hour < $2) s
           using (tenant_id, hour, group_id, upstream_status, config_version, outcome, headline)
         where (d.endpoint_no, d.origin_no, d.reason, d.events, d.occurrences, d.first_at, d.last_at)
           is distinct from (s.endpoint_no, s.origin_no, s.reason, s.events, s.occurrences, s.first_at, s.last_at)",
    )
    .bind(span.from)
    .bind(span.to)
    .fetch_one(connection)
    .await?)
}

/// A group's own numbers are the sums of its days. One that began before the oldest day that is kept has numbers that nothing can
/// give again: it keeps them. One that began before the oldest event that is kept may have lost days that nothing can give again: its
/// numbers never become fewer.
async fn rebuild_lifetimes(connection: &mut PgConnection) -> Result<u64, StoreError> {
    Ok(sqlx::query(
        "update failure_group g set events = s.events, occurrences = s.occurrences, first_at = s.first_at, last_at = s.last_at
         from (
           select tenant_id, group_id, sum(events)::bigint as events, sum(occurrences)::bigint as occurrences,
             min(first_at) as first_at, max(last_at) as last_at
           from failure_group_1d group by 1, 2
         ) s
         where g.tenant_id = s.tenant_id and g.group_id = s.group_id
           and g.first_at >= (select counts_dropped_before from failure_retention)
           and (g.first_at >= (select dropped_before from failure_retention) or s.events > g.events)
           and (g.events, g.occurrences, g.first_at, g.last_at) is distinct from (s.events, s.occurrences, s.first_at, s.last_at)",
    )
    .execute(connection)
    .await?
    .rows_affected())
}
