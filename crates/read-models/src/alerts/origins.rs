//! How origins fare against rules about them: failures in a row, and certificates and credentials that end soon.

use chrono::{DateTime, Utc};
use limpid_event_store::{Database, StoreError};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{NewAlert, lock, open, recover};

/// Looks at every rule about origins; how many alerts were opened or closed, or `None` while somebody else is at work.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; the next look finds the same.
pub async fn watch_origins(
    database: &Database,
    now: DateTime<Utc>,
) -> Result<Option<u64>, StoreError> {
    let mut tx = database.service_tx().await?;
    if !lock(&mut tx).await? {
        return Ok(None);
    }
    let changes = changes(&mut tx, now).await?;
    for change in &changes {
        if !change.holds {
            let key = (
                change.tenant_id,
                change.alert_rule_id,
                change.subject.as_str(),
            );
            recover(&mut tx, key, now).await?;
            continue;
        }
        let alert = NewAlert {
            tenant_id: change.tenant_id,
            alert_rule_id: change.alert_rule_id,
            subject: change.subject.clone(),
            opened_by: now.timestamp_millis(),
            opened_at: now,
            detail: change.detail.clone(),
        };
        open(&mut tx, &alert).await?;
    }
    tx.commit().await?;
    Ok(Some(changes.len() as u64))
}

#[derive(Debug, FromRow)]
struct Change {
    tenant_id: i64,
    alert_rule_id: Uuid,
    subject: String,
    /// Whether the rule holds now.
    holds: bool,
    detail: Value,
}

/// Where a rule holds and nothing is open, or the other way round. For an origin that is gone nothing holds.
async fn changes(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, StoreError> {
    Ok(sqlx::query_as(
        "with rule as (
           select tenant_id, alert_rule_id, kind, settings -> 'condition' as condition from alert_rule
           where generation = 0 and enabled and kind in ('origin_test', 'expiry')
         ), found as (
           select r.tenant_id, r.alert_rule_id, 'origin:' || o.origin_id as subject,
             not o.deleted and h.consecutive_failures >= (r.condition ->> 'failures')::integer as holds,
             jsonb_build_object('originId', o.origin_id, 'originName', o.settings ->> 'name',
               'consecutiveFailures', h.consecutive_failures, 'lastSuccessAt', h.last_success_at,
               'lastFailureAt', h.last_failure_at) as detail
           from rule r join origin o on o.tenant_id = r.tenant_id and o.generation = 0
           left join origin_health h on h.tenant_id = o.tenant_id and h.origin_id = o.origin_id
           where r.kind = 'origin_test' and (jsonb_array_length(r.condition -> 'origins') = 0
             or r.condition -> 'origins' ? o.origin_id::text)
           union all
           select r.tenant_id, r.alert_rule_id, 'origin:' || o.origin_id || ':' || e.what,
             not o.deleted and e.ends_at <= $1::timestamptz + make_interval(days => (r.condition ->> 'days')::integer),
             jsonb_build_object('originId', o.origin_id, 'originName', o.settings ->> 'name', 'what', e.what, 'endsAt', e.ends_at)
           from rule r join origin o on o.tenant_id = r.tenant_id and o.generation = 0
           join origin_health h on h.tenant_id = o.tenant_id and h.origin_id = o.origin_id
           cross join (select array['name', 'includeCanonicalHeader', 'baseUrlForCanonicalHeader']) n(names)
           cross join lateral (values
             -- What was seen of an earlier version is true of this one while nothing changed that it depends on.
             ('certificate', case when h.origin_version >= o.version or not exists (
                 select from config_event c where c.tenant_id = o.tenant_id and c.stream_id = o.origin_id and c.version >= h.origin_version
                   and (c.data -> 'settings') - n.names is distinct from o.settings - n.names
               ) then h.certificate_ends_at end),
             ('credential', case when h.credential_version >= coalesce(o.secret_version, o.version) then h.credential_ends_at end)
           ) e(what, ends_at)
           where r.kind = 'expiry'
         )
         select f.tenant_id, f.alert_rule_id, f.subject, coalesce(f.holds, false) as holds, f.detail
         from found f left join alert a on a.tenant_id = f.tenant_id and a.alert_rule_id = f.alert_rule_id
           and a.subject = f.subject and a.state = 1
         where coalesce(f.holds, false) <> (a.alert_id is not null)
         order by 1, 2, 3",
    )
    .bind(now)
    .fetch_all(connection)
    .await?)
}
