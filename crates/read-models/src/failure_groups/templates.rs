//! Which group a new fingerprint belongs to.
//!
//! Normally its own. Where one endpoint, origin and reason already have very many path templates (somebody tries names at random,
//! or folders are named by customers), what comes after falls into one group together, so that the number of groups stays one that
//! a person can read and a database can hold.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use limpid_domain::failure::path_template::{PATH_TEMPLATE_VERSION, path_template, stable_hash};
use limpid_event_store::StoreError;
use sqlx::{FromRow, PgConnection};

use super::project::BatchRange;
use crate::rebuild_spans::HourSpan;

/// Path templates that one endpoint, origin and reason may have before further ones fall together.
const MAX_TEMPLATES: i64 = 100;

/// Groups whose templates one transaction hashes.
const HASHED_AT_ONCE: i64 = 1_000;

/// The path template of what falls together.
pub(super) const ANY_PATH: &str = "**";

/// A fingerprint that no group is known for, with one of its events.
#[derive(Debug, FromRow)]
struct Unknown {
    tenant_id: i64,
    fingerprint: i64,
    endpoint_no: i32,
    origin_no: i32,
    reason: i16,
    path: String,
    first_at: DateTime<Utc>,
    config_version: i64,
    /// The group that was decided on, where only its row is gone.
    decided: Option<i64>,
    /// Whether there is a group of its own.
    has_group: bool,
    /// Whether there was one: its life is there.
    had_group: bool,
}

/// What is asked of fingerprints `u` beside one of their events.
const STANDING: &str = "exists (select from failure_group g where g.tenant_id = u.tenant_id and g.group_id = u.fingerprint) as has_group,
    exists (select from failure_group_life l where l.tenant_id = u.tenant_id and l.group_id = u.fingerprint) as had_group";

/// What failures of one kind have in common apart from their paths.
type Kind = (i64, i32, i32, i16);

/// Gives every fingerprint of the batches a group.
pub(super) async fn register_fingerprints(
    connection: &mut PgConnection,
    range: BatchRange,
) -> Result<(), StoreError> {
    let unknown = unknown_fingerprints(connection, range).await?;
    register(connection, unknown).await
}

/// Gives every fingerprint of the hours' events a group again, where it or its group is lost; how many that were.
pub(super) async fn register_lost(
    connection: &mut PgConnection,
    span: HourSpan,
) -> Result<u64, StoreError> {
    let query = format!(
        "select u.*, {STANDING} from (
           select distinct on (f.tenant_id, f.fingerprint) f.tenant_id, f.fingerprint, f.endpoint_no, f.origin_no, f.reason, f.path,
             f.occurred_at as first_at, f.config_version, p.group_id as decided
           from origin_failure f
           left join failure_fingerprint p on p.tenant_id = f.tenant_id and p.fingerprint = f.fingerprint
           left join failure_group g on g.tenant_id = p.tenant_id and g.group_id = p.group_id
           where f.occurred_at >= $1 and f.occurred_at < $2 and g.group_id is null
             and f.tenant_id <> all (array(select tenant_id from tenant_erasure where finished_at is null))
           order by f.tenant_id, f.fingerprint, f.occurred_at, f.event_id
         ) u order by tenant_id, fingerprint"
    );
    let lost: Vec<Unknown> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(span.from)
        .bind(span.to)
        .fetch_all(&mut *connection)
        .await?;
    let registered = lost.len() as u64;
    register(connection, lost).await?;
    Ok(registered)
}

async fn register(
    connection: &mut PgConnection,
    mut unknown: Vec<Unknown>,
) -> Result<(), StoreError> {
    if unknown.is_empty() {
        return Ok(());
    }
    let mut templates = template_counts(connection, &unknown).await?;
    // What had a group keeps it, and so counts before what is new.
    unknown.sort_by_key(|fingerprint| !fingerprint.is_decided());
    let mut columns = Columns::default();
    for fingerprint in unknown {
        let count = templates.entry(fingerprint.kind()).or_default();
        let falls_together = fingerprint.falls_together(*count);
        *count += i64::from(!fingerprint.has_group);
        columns.push(fingerprint, falls_together);
    }
    columns.store(connection).await
}

async fn unknown_fingerprints(
    connection: &mut PgConnection,
    range: BatchRange,
) -> Result<Vec<Unknown>, StoreError> {
    let Some((from, to)) = range.span else {
        return Ok(Vec::new());
    };
    // In the order they arose, so that the same events give the same groups.
    let query = format!(
        "select u.*, null::bigint as decided, {STANDING} from (
           select distinct on (tenant_id, fingerprint) tenant_id, fingerprint, endpoint_no, origin_no, reason, path,
             occurred_at as first_at, config_version
           from origin_failure f
           where node_id = $1 and batch_seq > $2 and batch_seq <= $3 and occurred_at >= $4 and occurred_at <= $5
             and not exists (select from failure_fingerprint p where p.tenant_id = f.tenant_id and p.fingerprint = f.fingerprint)
           order by tenant_id, fingerprint, occurred_at, event_id
         ) u order by tenant_id, fingerprint"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(range.node.0)
        .bind(range.after.0)
        .bind(range.upto.0)
        .bind(from)
        .bind(to)
        .fetch_all(connection)
        .await?)
}

/// By what successes of a template are found; 0 where templates fall together, which no success has.
fn template_hash(template: &str) -> i64 {
    if template == ANY_PATH {
        return 0;
    }
    stable_hash(template)
}

/// Works out the hashes of groups from before there were any, some at a time.
pub(super) async fn hash_templates(connection: &mut PgConnection) -> Result<(), StoreError> {
    let groups: Vec<(i64, i64, String)> = sqlx::query_as(
        "select tenant_id, group_id, path_template from failure_group where template_hash is null order by 1, 2 limit $1",
    )
    .bind(HASHED_AT_ONCE)
    .fetch_all(&mut *connection)
    .await?;
    if groups.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update failure_group g set template_hash = h.template_hash
         from unnest($1::bigint[], $2::bigint[], $3::bigint[]) h(tenant_id, group_id, template_hash)
         where g.tenant_id = h.tenant_id and g.group_id = h.group_id",
    )
    .bind(groups.iter().map(|group| group.0).collect::<Vec<_>>())
    .bind(groups.iter().map(|group| group.1).collect::<Vec<_>>())
    .bind(
        groups
            .iter()
            .map(|group| template_hash(&group.2))
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// How many groups there are of each kind.
async fn template_counts(
    connection: &mut PgConnection,
    unknown: &[Unknown],
) -> Result<HashMap<Kind, i64>, StoreError> {
    let mut tenants: Vec<i64> = unknown.iter().map(|event| event.tenant_id).collect();
    tenants.dedup();
    let counts: Vec<(i64, i32, i32, i16, i64)> = sqlx::query_as(
        "select tenant_id, endpoint_no, origin_no, reason, count(*) from failure_group
         where tenant_id = any($1) group by 1, 2, 3, 4",
    )
    .bind(tenants)
    .fetch_all(connection)
    .await?;
    Ok(counts
        .into_iter()
        .map(|(tenant, endpoint, origin, reason, count)| {
            ((tenant, endpoint, origin, reason), count)
        })
        .collect())
}

impl Unknown {
    fn kind(&self) -> Kind {
        (
            self.tenant_id,
            self.endpoint_no,
            self.origin_no,
            self.reason,
        )
    }

    /// Whether it is known which group it counts towards.
    fn is_decided(&self) -> bool {
        self.decided.is_some() || self.has_group || self.had_group
    }

    /// Whether it counts towards the group of many, where its kind has so many templates already.
    fn falls_together(&self, templates: i64) -> bool {
        match self.decided {
            Some(group) => group != self.fingerprint,
            None => !self.is_decided() && templates >= MAX_TEMPLATES,
        }
    }
}

/// One element per fingerprint.
#[derive(Debug, Default)]
struct Columns {
    tenant_id: Vec<i64>,
    fingerprint: Vec<i64>,
    group_id: Vec<i64>,
    endpoint_no: Vec<i32>,
    origin_no: Vec<i32>,
    reason: Vec<i16>,
    path_template: Vec<String>,
    template_hash: Vec<i64>,
    sample_path: Vec<String>,
    first_at: Vec<DateTime<Utc>>,
    config_version: Vec<i64>,
}

impl Columns {
    fn push(&mut self, event: Unknown, falls_together: bool) {
        let (group_id, template) = if falls_together {
            let (tenant, endpoint, origin, reason) = event.kind();
            let kind = format!("{tenant}|{endpoint}|{origin}|{reason}|{ANY_PATH}");
            (stable_hash(&kind), ANY_PATH.to_owned())
        } else {
            (event.fingerprint, path_template(&event.path))
        };
        self.tenant_id.push(event.tenant_id);
        self.fingerprint.push(event.fingerprint);
        self.group_id.push(group_id);
        self.endpoint_no.push(event.endpoint_no);
        self.origin_no.push(event.origin_no);
        self.reason.push(event.reason);
        self.template_hash.push(template_hash(&template));
        self.path_template.push(template);
        self.sample_path.push(event.path);
        self.first_at.push(event.first_at);
        self.config_version.push(event.config_version);
    }

    async fn store(self, connection: &mut PgConnection) -> Result<(), StoreError> {
        sqlx::query(
            "with f as (
               select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::smallint[], $7::text[],
                 $8::text[], $9::timestamptz[], $10::bigint[], $12::bigint[])
                 as f (tenant_id, fingerprint, group_id, endpoint_no, origin_no, reason, path_template, sample_path, first_at,
                   config_version, template_hash)
             ),
             known as (
               insert into failure_fingerprint (tenant_id, fingerprint, group_id)
               select tenant_id, fingerprint, group_id from f order by 1, 2
               on conflict (tenant_id, fingerprint) do nothing
             )
             insert into failure_group (tenant_id, group_id, endpoint_no, origin_no, reason, template_v, path_template, sample_path,
               events, occurrences, first_at, last_at, first_config_version, template_hash)
             select distinct on (tenant_id, group_id) tenant_id, group_id, endpoint_no, origin_no, reason, $11, path_template,
               sample_path, 0, 0, first_at, first_at, config_version, template_hash
             from f order by tenant_id, group_id, first_at
             on conflict (tenant_id, group_id) do nothing",
        )
        .bind(self.tenant_id)
        .bind(self.fingerprint)
        .bind(self.group_id)
        .bind(self.endpoint_no)
        .bind(self.origin_no)
        .bind(self.reason)
        .bind(self.path_template)
        .bind(self.sample_path)
        .bind(self.first_at)
        .bind(self.config_version)
        .bind(PATH_TEMPLATE_VERSION)
        .bind(self.template_hash)
        .execute(connection)
        .await?;
        Ok(())
    }
}
