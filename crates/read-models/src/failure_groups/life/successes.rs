//! What was served of groups' path templates at their origins since they last failed, and what that is to be compared with.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure_group::{GroupState, SuccessFacts};
use limpid_domain::ids::GroupId;
use limpid_event_store::{StoreError, TenantTx};
use sqlx::{FromRow, PgConnection};

use super::GroupKey;

#[derive(Debug, FromRow)]
struct SuccessRow {
    tenant_id: i64,
    group_id: i64,
    failures: i64,
    /// Units: s.
    longest_pause: i64,
    successes_before: i64,
    successes_since: i64,
}

/// The facts of those of `keys` that are not resolved and of whose templates something was served. All failures before `known_to` are
/// counted.
pub(super) async fn successes_of(
    connection: &mut PgConnection,
    keys: &[GroupKey],
    known_to: DateTime<Utc>,
) -> Result<HashMap<GroupKey, SuccessFacts>, StoreError> {
    let (tenants, groups): (Vec<i64>, Vec<i64>) = keys.iter().copied().unzip();
    // A slot counts as "since" when it began after the last failure and all failures of its time are known. Both looks back end a week
    // before the last failure.
    let rows: Vec<SuccessRow> = sqlx::query_as(
        "select o.tenant_id, o.group_id, coalesce(f.failures, 0)::bigint as failures, coalesce(f.longest_pause, 0)::bigint as longest_pause,
           s.successes_before, s.successes_since
         from (
           select g.tenant_id, g.group_id, g.origin_no, g.template_hash, l.episode_at, greatest(g.last_at, l.episode_at) as silent_since,
             date_trunc('hour', g.last_at, 'UTC') as last_hour,
             greatest(date_trunc('hour', l.episode_at, 'UTC'), date_trunc('hour', g.last_at - interval '7 days', 'UTC')) as began_hour
           from unnest($1::bigint[], $2::bigint[]) k(tenant_id, group_id)
           join failure_group g on g.tenant_id = k.tenant_id and g.group_id = k.group_id
           join failure_group_life l on l.tenant_id = k.tenant_id and l.group_id = k.group_id and l.state <> $3
         ) o
         join lateral (
           select coalesce(sum(u.successes) filter (where t.hour + (u.place - 1) * interval '5 minutes' <= o.silent_since), 0)::bigint
               as successes_before,
             coalesce(sum(u.successes) filter (where t.hour + (u.place - 1) * interval '5 minutes' > o.silent_since
                 and t.hour + u.place * interval '5 minutes' <= $4), 0)::bigint
               as successes_since
           from template_success t cross join lateral unnest(t.slots) with ordinality u(successes, place)
           where t.tenant_id = o.tenant_id and t.origin_no = o.origin_no and t.template_hash = o.template_hash and t.hour >= o.began_hour
         ) s on s.successes_since > 0
         left join lateral (
           select sum(h.failures) filter (where h.hour >= date_trunc('hour', o.episode_at, 'UTC')) as failures,
             max(extract(epoch from h.first_at - h.before)) as longest_pause
           from (
             select c.hour, sum(c.occurrences) as failures, min(c.first_at) as first_at,
               lag(max(c.last_at)) over (order by c.hour) as before
             from generate_series(o.last_hour - interval '7 days', o.last_hour, interval '1 hour') w(hour)
             join failure_group_1h c on c.tenant_id = o.tenant_id and c.hour = w.hour and c.group_id = o.group_id
             group by c.hour
           ) h
         ) f on true",
    )
    .bind(tenants)
    .bind(groups)
    .bind(GroupState::Resolved.number())
    .bind(known_to)
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let facts = SuccessFacts {
                failures: row.failures,
                longest_pause: TimeDelta::seconds(row.longest_pause),
                successes_before: row.successes_before,
                successes_since: row.successes_since,
                known_to,
            };
            ((row.tenant_id, row.group_id), facts)
        })
        .collect())
}

/// When a file of the group's path template last became a picture at its origin; `None` where none has since the group began or was reopened, or
/// none in the days that successes are kept.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn last_served(
    tx: &mut TenantTx,
    id: GroupId,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar(
        "select max(s.last_success_at) from failure_group g
         join template_success s on s.tenant_id = g.tenant_id and s.origin_no = g.origin_no and s.template_hash = g.template_hash
         where g.tenant_id = $1 and g.group_id = $2",
    )
    .bind(tx.tenant_id().0)
    .bind(id.0)
    .fetch_one(tx.as_conn())
    .await?)
}
