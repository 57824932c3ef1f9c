//! Shares of failing requests against rules about them.
//!
//! Requests and failures are counted by the hour. Once a minute the counts of the present hour are written down, of the tenants that have
//! such a rule; what happened since a minute is then what the counts have gained since it was written down.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use limpid_domain::alert_rule::{AlertCondition, AlertRuleSettings, SharePast, Verdict};
use limpid_domain::failure::Outcome;
use limpid_event_store::{Database, StoreError};
use serde_json::json;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{NewAlert, lock, open, recover};

/// How long samples are kept: the longest rule takes an hour.
const SAMPLES_KEPT: TimeDelta = TimeDelta::hours(2);

/// How much older than a rule asks for its sample may be: after a pause of the projector the rule waits until it has watched long enough.
const SAMPLE_SLACK: TimeDelta = TimeDelta::minutes(2);

/// Once a minute: writes down how counts stand, and judges every rule about shares that has watched for its minutes. How many alerts were
/// opened or closed, or `None` when the minute was looked at before or somebody else is at work.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer; the next minute is not touched by that.
pub async fn watch_shares(
    database: &Database,
    now: DateTime<Utc>,
) -> Result<Option<u64>, StoreError> {
    let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
    let mut tx = database.service_tx().await?;
    if !lock(&mut tx).await? {
        return Ok(None);
    }
    if sample(&mut tx, minute).await? == 0 {
        tx.rollback().await?;
        return Ok(None);
    }
    let mut changes = 0;
    for rule in rules(&mut tx).await? {
        changes += u64::from(judge(&mut tx, &rule, (minute, now)).await?);
    }
    sqlx::query("delete from alert_sample where sampled_at < $1")
        .bind(minute - SAMPLES_KEPT)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Some(changes))
}

/// Counts of tenants with rules in one hour: `$1` is its beginning, `$2` the outcome that a client sees.
const COUNTS: &str = "select tenant_id, endpoint_no, sum(requests)::bigint as requests, sum(failed)::bigint as failed from (
      select tenant_id, endpoint_no, requests, 0::bigint as failed from delivery_usage_1h
      where hour = $1 and tenant_id = any($3)
      union all
      select tenant_id, endpoint_no, 0, occurrences from failure_1h
      where hour = $1 and tenant_id = any($3) and headline and outcome = $2
    ) c group by 1, 2";

/// Writes down how the present hour stands; how many rows that is. None means that it was done before or that there is no rule.
async fn sample(connection: &mut PgConnection, minute: DateTime<Utc>) -> Result<u64, StoreError> {
    let tenants: Vec<i64> = sqlx::query_scalar(
        "select distinct r.tenant_id from alert_rule r
         where r.generation = 0 and r.enabled and r.kind = 'failing_share'
           and not exists (select from alert_sample s where s.tenant_id = r.tenant_id and s.sampled_at = $1)",
    )
    .bind(minute)
    .fetch_all(&mut *connection)
    .await?;
    if tenants.is_empty() {
        return Ok(0);
    }
    // A row for all endpoints even where nothing was asked for yet: it says that somebody looked.
    let query = format!(
        "with counts as ({COUNTS})
         insert into alert_sample (tenant_id, sampled_at, endpoint_no, requests, failed)
         select tenant_id, $4::timestamptz, endpoint_no, requests, failed from counts where endpoint_no <> 0
         union all
         select t, $4::timestamptz, 0, coalesce(sum(c.requests), 0)::bigint, coalesce(sum(c.failed), 0)::bigint
         from unnest($3::bigint[]) t left join counts c on c.tenant_id = t group by t"
    );
    let written = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(hour_of(minute))
        .bind(Outcome::Failed.number())
        .bind(&tenants)
        .bind(minute)
        .execute(connection)
        .await?;
    Ok(written.rows_affected())
}

#[derive(Debug, FromRow)]
struct Rule {
    tenant_id: i64,
    alert_rule_id: Uuid,
    settings: Json<AlertRuleSettings>,
    /// 0 is all endpoints; none where the endpoint is gone.
    endpoint_no: Option<i32>,
}

async fn rules(connection: &mut PgConnection) -> Result<Vec<Rule>, StoreError> {
    Ok(sqlx::query_as(
        "select r.tenant_id, r.alert_rule_id, r.settings,
           case when e.name is null then 0 else u.url_endpoint_no end as endpoint_no
         from alert_rule r
         cross join lateral (select r.settings -> 'condition' ->> 'endpoint' as name) e
         left join url_endpoint u on u.tenant_id = r.tenant_id and u.generation = 0 and not u.deleted
           and (u.url_endpoint_id::text = e.name or (u.is_default and e.name = 'default'))
         where r.generation = 0 and r.enabled and r.kind = 'failing_share'
         order by r.tenant_id, r.alert_rule_id",
    )
    .fetch_all(connection)
    .await?)
}

/// Whether an alert was opened or closed.
async fn judge(
    connection: &mut PgConnection,
    rule: &Rule,
    (minute, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<bool, StoreError> {
    let AlertCondition::FailingShare {
        for_minutes,
        endpoint,
        ..
    } = &rule.settings.condition
    else {
        return Ok(false);
    };
    let Some(endpoint_no) = rule.endpoint_no else {
        return Ok(false);
    };
    let began = minute - TimeDelta::minutes(i64::from(*for_minutes));
    let Some(past) = past(connection, (rule.tenant_id, endpoint_no), began).await? else {
        return Ok(false);
    };
    let subject = match endpoint {
        Some(endpoint) => format!("endpoint:{endpoint}"),
        None => "account".to_owned(),
    };
    let key = (rule.tenant_id, rule.alert_rule_id, subject.as_str());
    let is_open = is_open(connection, key).await?;
    match rule.settings.condition.after_share(past, is_open) {
        Verdict::Opens => {
            let detail = json!({"requests": past.requests, "failed": past.failed, "forMinutes": for_minutes,
                "endpointId": endpoint, "percent": percent(past)});
            let alert = NewAlert {
                tenant_id: rule.tenant_id,
                alert_rule_id: rule.alert_rule_id,
                opened_by: minute.timestamp_millis(),
                opened_at: now,
                subject,
                detail,
            };
            open(connection, &alert).await?;
            Ok(true)
        }
        Verdict::Recovers => {
            recover(connection, key, now).await?;
            Ok(true)
        }
        Verdict::Stays => Ok(false),
    }
}

/// What the counts have gained since `began`; `None` where nobody looked then.
async fn past(
    connection: &mut PgConnection,
    (tenant_id, endpoint_no): (i64, i32),
    began: DateTime<Utc>,
) -> Result<Option<SharePast>, StoreError> {
    // The row for all endpoints says that somebody looked; an endpoint that had nothing then has no row of its own.
    let looked_at: Option<DateTime<Utc>> = sqlx::query_scalar(
        "select max(sampled_at) from alert_sample
         where tenant_id = $1 and endpoint_no = 0 and sampled_at <= $2 and sampled_at >= $3",
    )
    .bind(tenant_id)
    .bind(began)
    .bind(began - SAMPLE_SLACK)
    .fetch_one(&mut *connection)
    .await?;
    let Some(looked_at) = looked_at else {
        return Ok(None);
    };
    let (requests, failed): (i64, i64) = sqlx::query_as(
        "select
           (select coalesce(sum(requests), 0)::bigint from delivery_usage_1h
            where tenant_id = $1 and hour >= $2 and ($3 = 0 or endpoint_no = $3))
           - coalesce((select requests from alert_sample where tenant_id = $1 and sampled_at = $4 and endpoint_no = $3), 0),
           (select coalesce(sum(occurrences), 0)::bigint from failure_1h
            where tenant_id = $1 and hour >= $2 and ($3 = 0 or endpoint_no = $3) and headline and outcome = $5)
           - coalesce((select failed from alert_sample where tenant_id = $1 and sampled_at = $4 and endpoint_no = $3), 0)",
    )
    .bind(tenant_id)
    .bind(hour_of(looked_at))
    .bind(endpoint_no)
    .bind(looked_at)
    .bind(Outcome::Failed.number())
    .fetch_one(connection)
    .await?;
    Ok(Some(SharePast { requests, failed }))
}

async fn is_open(
    connection: &mut PgConnection,
    (tenant_id, alert_rule_id, subject): (i64, Uuid, &str),
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select exists (select from alert where tenant_id = $1 and alert_rule_id = $2 and subject = $3 and state = 1)",
    )
    .bind(tenant_id)
    .bind(alert_rule_id)
    .bind(subject)
    .fetch_one(connection)
    .await?)
}

/// With one digit after the point, rounded down.
fn percent(past: SharePast) -> f64 {
    let thousandths = past.failed.saturating_mul(1_000) / past.requests.max(1);
    f64::from(i32::try_from(thousandths).unwrap_or(i32::MAX)) / 10.0
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::hours(1)).unwrap_or(at)
}
