//! Purges, read from the configuration log, and how far the serving nodes have come with them.
//!
//! Tables `purge_node`, `purge_applied`. There is no projection of the purges themselves: they are few, never change, and the log has
//! an index over them.

use std::collections::HashMap;
use std::hash::BuildHasher;

use chrono::{DateTime, Utc};
use limpid_domain::event::{Actor, ConfigEvent, EventMeta};
use limpid_domain::ids::{NodeId, PurgeId, TenantId, TenantSeq};
use limpid_domain::purge::{MAX_PURGES_A_MONTH, PurgeTarget};
use limpid_event_store::{Database, StoreError, TenantTx};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

/// How far a purge has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeStatus {
    /// Some serving node may still answer with what it had before.
    Pending,
    /// No serving node does.
    Completed,
}

/// What becomes of a purge; `None` where the tenant has asked for no such purge.
///
/// A node is waited for until it has said that it applied the purge or that it stops (what it holds is in memory only). A node that
/// fell silent is waited for until a quarter of an hour has passed: it may be cut off and still answering.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn purge_status(
    tx: &mut TenantTx,
    id: PurgeId,
) -> Result<Option<PurgeStatus>, StoreError> {
    let statement = format!(
        "select {IS_WAITED_FOR} from config_event e
         where e.tenant_id = $1 and e.stream_id = $3 and e.version = 1 and e.kind = 'cache_purged'"
    );
    let row: Option<(bool,)> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(tx.tenant_id().0)
        .bind(FORGOTTEN_AFTER_SECONDS)
        .bind(id.0)
        .fetch_optional(tx.as_conn())
        .await?;
    Ok(row.map(|(is_waited_for,)| PurgeStatus::of(is_waited_for)))
}

/// Whether some node may still answer with what it had before the purge `e`. `$2`: [`FORGOTTEN_AFTER_SECONDS`].
const IS_WAITED_FOR: &str = "exists (
   select from purge_node n
   where not n.stopped and n.seen_at > now() - make_interval(secs => $2)
     and not exists (select from purge_applied a
       where a.tenant_id = e.tenant_id and a.node_id = n.node_id and a.applied_seq >= e.tenant_seq))";

impl PurgeStatus {
    fn of(is_waited_for: bool) -> Self {
        if is_waited_for {
            Self::Pending
        } else {
            Self::Completed
        }
    }
}

/// A purge as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purge {
    /// Its id.
    pub id: PurgeId,
    /// Its place in the account's log.
    pub seq: TenantSeq,
    /// The URL as it was written.
    pub url: String,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// Who asked for it.
    pub requested_by: Actor,
    /// What has become of it.
    pub status: PurgeStatus,
}

/// At most `limit` purges of the tenant before a place in its log, or of all, newest first.
///
/// Errors: [`StoreError::Undecodable`], [`StoreError::Unavailable`].
pub async fn purges_before(
    tx: &mut TenantTx,
    before: Option<TenantSeq>,
    limit: u16,
) -> Result<Vec<Purge>, StoreError> {
    let statement = format!(
        "select e.stream_id, e.tenant_seq, e.recorded_at, e.meta, e.kind, e.schema_v, e.data, {IS_WAITED_FOR} as is_waited_for
         from config_event e
         where e.tenant_id = $1 and e.kind = 'cache_purged' and e.tenant_seq < $3 order by e.tenant_seq desc limit $4"
    );
    let rows: Vec<PurgeRow> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(tx.tenant_id().0)
        .bind(FORGOTTEN_AFTER_SECONDS)
        .bind(before.map_or(i64::MAX, |before| before.0))
        .bind(i64::from(limit))
        .fetch_all(tx.as_conn())
        .await?;
    rows.into_iter()
        .filter_map(|row| row.into_purge().transpose())
        .collect()
}

#[derive(Debug, FromRow)]
struct PurgeRow {
    stream_id: Uuid,
    tenant_seq: i64,
    recorded_at: DateTime<Utc>,
    meta: Json<EventMeta>,
    kind: String,
    schema_v: i16,
    data: Value,
    is_waited_for: bool,
}

impl PurgeRow {
    /// `None` for an event of another kind, which the statement leaves out.
    fn into_purge(self) -> Result<Option<Purge>, StoreError> {
        let event = ConfigEvent::from_stored(&self.kind, self.schema_v, self.data)?;
        let ConfigEvent::CachePurged { url, .. } = event else {
            return Ok(None);
        };
        Ok(Some(Purge {
            id: PurgeId(self.stream_id),
            seq: TenantSeq(self.tenant_seq),
            url,
            requested_at: self.recorded_at,
            requested_by: self.meta.0.actor,
            status: PurgeStatus::of(self.is_waited_for),
        }))
    }
}

/// A node that has been silent for so long is taken for gone. Source: `imagekit.md` 4.7, when a purge that is not cleared is a case
/// for people. Units: seconds.
const FORGOTTEN_AFTER_SECONDS: f64 = 15.0 * 60.0;

/// The purges the tenant has asked for in this calendar month (UTC), counted up to [`MAX_PURGES_A_MONTH`]: only the newest are looked
/// at, so the answer costs the same however many there were in other months.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn purges_this_month(tx: &mut TenantTx) -> Result<u32, StoreError> {
    let (count,): (i64,) = sqlx::query_as(
        "select count(*) from (
           select recorded_at from config_event
           where tenant_id = $1 and kind = 'cache_purged' order by tenant_seq desc limit $2) newest
         where recorded_at >= date_trunc('month', now(), 'UTC')",
    )
    .bind(tx.tenant_id().0)
    .bind(i64::from(MAX_PURGES_A_MONTH))
    .fetch_one(tx.as_conn())
    .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// What a tenant purged between two versions of its configuration, the first left out, oldest first.
///
/// Errors: [`StoreError::Undecodable`], [`StoreError::Unavailable`].
pub async fn purged_between(
    database: &Database,
    tenant_id: TenantId,
    (after, up_to): (TenantSeq, TenantSeq),
) -> Result<Vec<(TenantSeq, PurgeTarget)>, StoreError> {
    let mut tx = database.tenant_tx(tenant_id).await?;
    let rows: Vec<(i64, String, i16, Value)> = sqlx::query_as(
        "select tenant_seq, kind, schema_v, data from config_event
         where tenant_id = $1 and kind = 'cache_purged' and tenant_seq > $2 and tenant_seq <= $3 order by tenant_seq",
    )
    .bind(tenant_id.0)
    .bind(after.0)
    .bind(up_to.0)
    .fetch_all(tx.as_conn())
    .await?;
    let mut purged = Vec::with_capacity(rows.len());
    for (seq, kind, schema_version, data) in rows {
        if let ConfigEvent::CachePurged { target, .. } =
            ConfigEvent::from_stored(&kind, schema_version, data)?
        {
            purged.push((TenantSeq(seq), target));
        }
    }
    Ok(purged)
}

/// Writes down that a node may hold answers in memory, or that it stops and holds none any more.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn note_node(database: &Database, node: NodeId, stopped: bool) -> Result<(), StoreError> {
    let mut conn = database.service().await?;
    sqlx::query(
        "insert into purge_node (node_id, stopped) values ($1, $2)
         on conflict (node_id) do update set seen_at = now(), stopped = excluded.stopped",
    )
    .bind(node.0)
    .bind(stopped)
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// Writes down that a node answers by these versions of the tenants' configurations and has forgotten what they purged.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn note_applied<S: BuildHasher + Sync>(
    database: &Database,
    node: NodeId,
    versions: &HashMap<TenantId, TenantSeq, S>,
) -> Result<(), StoreError> {
    let (tenants, seqs): (Vec<i64>, Vec<i64>) =
        versions.iter().map(|(id, seq)| (id.0, seq.0)).unzip();
    let mut conn = database.service().await?;
    sqlx::query(
        "insert into purge_applied as a (tenant_id, node_id, applied_seq)
         select v.tenant_id, $1, v.seq from unnest($2::bigint[], $3::bigint[]) as v (tenant_id, seq)
         where exists (select from config_event e
           where e.tenant_id = v.tenant_id and e.kind = 'cache_purged' and e.tenant_seq <= v.seq)
         on conflict (tenant_id, node_id) do update set applied_seq = excluded.applied_seq, applied_at = now()
         where a.applied_seq < excluded.applied_seq",
    )
    .bind(node.0)
    .bind(tenants)
    .bind(seqs)
    .execute(&mut *conn)
    .await?;
    Ok(())
}
