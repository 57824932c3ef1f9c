//! The configuration log: one stream of events per aggregate, one dense sequence per tenant.
//!
//! There is no order across tenants and none is needed: a reader's position is a [`TenantSeq`] per tenant, and a hole is visible
//! as a hole. Source: `events.md` 2.
//!
//! Beside the events, in their transactions: [`answers`], for commands that are sent again.

pub mod answers;

mod append;
mod replicate;

use chrono::{DateTime, Utc};
use limpid_domain::event::{ConfigEvent, EventMeta, StreamKind};
use limpid_domain::ids::{ConfigEventId, StreamId, StreamVersion, TenantId, TenantSeq};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::database::{Database, TenantTx};
use crate::error::StoreError;

pub use append::{Appended, CONFIG_CHANNEL, append};
pub use replicate::{adopt, replicate};

/// An event to append. Its id makes a repeated append harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its identity.
    pub event_id: ConfigEventId,
    /// What happened.
    pub event: ConfigEvent,
}

impl From<ConfigEvent> for NewEvent {
    fn from(event: ConfigEvent) -> Self {
        Self {
            event_id: ConfigEventId::mint(),
            event,
        }
    }
}

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Whose.
    pub tenant_id: TenantId,
    /// Its position among the tenant's events.
    pub tenant_seq: TenantSeq,
    /// Its stream.
    pub stream_id: StreamId,
    /// Its position in the stream.
    pub version: StreamVersion,
    /// Its identity.
    pub event_id: ConfigEventId,
    /// When it was stored, by the database's clock. UTC.
    pub recorded_at: DateTime<Utc>,
    /// Who did it.
    pub meta: EventMeta,
    /// What happened.
    pub event: ConfigEvent,
}

/// How far a tenant's configuration has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantHead {
    /// Whose.
    pub tenant_id: TenantId,
    /// Its newest event; 0 before the first.
    pub last_seq: TenantSeq,
    /// When that was stored.
    pub changed_at: DateTime<Utc>,
}

/// Locks the tenant's head row until the end of the transaction and returns its newest event's position: commands of one tenant
/// run one after another, so a rule that spans streams may be checked against the projection.
///
/// Errors: [`StoreError::UnknownTenant`], [`StoreError::Unavailable`].
pub async fn lock(tx: &mut TenantTx) -> Result<TenantSeq, StoreError> {
    let head: Option<(i64,)> =
        sqlx::query_as("select last_seq from tenant_head where tenant_id = $1 for update")
            .bind(tx.tenant_id().0)
            .fetch_optional(tx.as_conn())
            .await?;
    head.map(|(seq,)| TenantSeq(seq))
        .ok_or(StoreError::UnknownTenant)
}

/// All events of a stream, oldest first; empty where there is no such stream of this tenant.
///
/// Errors: [`StoreError::Undecodable`], [`StoreError::Unavailable`].
pub async fn load(tx: &mut TenantTx, stream_id: StreamId) -> Result<Vec<StoredEvent>, StoreError> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "select tenant_id, tenant_seq, stream_id, version, event_id, recorded_at, meta, kind, schema_v, data \
         from config_event where tenant_id = $1 and stream_id = $2 order by version",
    )
    .bind(tx.tenant_id().0)
    .bind(stream_id.0)
    .fetch_all(tx.as_conn())
    .await?;
    rows.into_iter().map(StoredEvent::try_from).collect()
}

/// At most `limit` events of a tenant after a position, oldest first.
///
/// Errors: [`StoreError::Undecodable`], [`StoreError::Unavailable`].
pub async fn read_since(
    tx: &mut TenantTx,
    after: TenantSeq,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "select tenant_id, tenant_seq, stream_id, version, event_id, recorded_at, meta, kind, schema_v, data \
         from config_event where tenant_id = $1 and tenant_seq > $2 order by tenant_seq limit $3",
    )
    .bind(tx.tenant_id().0)
    .bind(after.0)
    .bind(i64::from(limit))
    .fetch_all(tx.as_conn())
    .await?;
    rows.into_iter().map(StoredEvent::try_from).collect()
}

/// At most `limit` events of a tenant before a position (or its newest ones), newest first.
///
/// Errors: [`StoreError::Undecodable`], [`StoreError::Unavailable`].
pub async fn read_before(
    tx: &mut TenantTx,
    before: Option<TenantSeq>,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "select tenant_id, tenant_seq, stream_id, version, event_id, recorded_at, meta, kind, schema_v, data \
         from config_event where tenant_id = $1 and tenant_seq < $2 order by tenant_seq desc limit $3",
    )
    .bind(tx.tenant_id().0)
    .bind(before.map_or(i64::MAX, |before| before.0))
    .bind(i64::from(limit))
    .fetch_all(tx.as_conn())
    .await?;
    rows.into_iter().map(StoredEvent::try_from).collect()
}

/// Which changes are looked for.
#[derive(Debug, Clone, Copy)]
pub struct Changes<'a> {
    /// When they were made: in any of these stretches of time, both ends included.
    pub spans: &'a [(DateTime<Utc>, DateTime<Utc>)],
    /// What they were made to.
    pub kinds: &'a [StreamKind],
    /// To this thing only, where one is named.
    pub of: Option<StreamId>,
}

/// At most `limit` changes of a tenant, newest first. Others are no part of the limit: however many there are, they displace nothing.
///
/// Errors: [`StoreError::Undecodable`], [`StoreError::Unavailable`].
pub async fn read_between(
    tx: &mut TenantTx,
    changes: Changes<'_>,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let (began, ended): (Vec<DateTime<Utc>>, Vec<DateTime<Utc>>) =
        changes.spans.iter().copied().unzip();
    let kinds: Vec<&str> = changes.kinds.iter().map(|kind| kind.as_str()).collect();
    let rows: Vec<EventRow> = sqlx::query_as(
        "select e.tenant_id, e.tenant_seq, e.stream_id, e.version, e.event_id, e.recorded_at, e.meta, e.kind, e.schema_v, e.data
         from config_event e join config_stream s on s.tenant_id = e.tenant_id and s.stream_id = e.stream_id
         where e.tenant_id = $1 and s.kind = any($2) and ($3::uuid is null or e.stream_id = $3) and exists (
           select from unnest($4::timestamptz[], $5::timestamptz[]) span(began, ended)
           where e.recorded_at between span.began and span.ended)
         order by e.tenant_seq desc limit $6",
    )
    .bind(tx.tenant_id().0)
    .bind(kinds)
    .bind(changes.of.map(|stream| stream.0))
    .bind(began)
    .bind(ended)
    .bind(i64::from(limit))
    .fetch_all(tx.as_conn())
    .await?;
    rows.into_iter().map(StoredEvent::try_from).collect()
}

/// When the first event of a tenant was stored that was made with a tool whose name begins like this.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn first_from(
    tx: &mut TenantTx,
    source: &str,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(sqlx::query_scalar(
        "select recorded_at from config_event where tenant_id = $1 and starts_with(meta->>'source', $2)
         order by tenant_seq limit 1",
    )
    .bind(tx.tenant_id().0)
    .bind(source)
    .fetch_optional(tx.as_conn())
    .await?)
}

/// The position of a tenant's newest event; 0 before the first, `None` where the tenant is not known.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn head(
    database: &Database,
    tenant_id: TenantId,
) -> Result<Option<TenantSeq>, StoreError> {
    let mut conn = database.service().await?;
    let head: Option<(i64,)> =
        sqlx::query_as("select last_seq from tenant_head where tenant_id = $1")
            .bind(tenant_id.0)
            .fetch_optional(&mut *conn)
            .await?;
    Ok(head.map(|(seq,)| TenantSeq(seq)))
}

/// Every tenant's head.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn heads(database: &Database) -> Result<Vec<TenantHead>, StoreError> {
    let mut conn = database.service().await?;
    let rows = sqlx::query_as::<_, HeadRow>(
        "select tenant_id, last_seq, changed_at from tenant_head order by tenant_id",
    )
    .fetch_all(&mut *conn)
    .await?;
    Ok(rows.into_iter().map(TenantHead::from).collect())
}

/// The heads that moved at or after a moment.
///
/// Errors: [`StoreError::Unavailable`].
pub async fn heads_changed_since(
    conn: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<Vec<TenantHead>, StoreError> {
    let rows = sqlx::query_as::<_, HeadRow>(
        "select tenant_id, last_seq, changed_at from tenant_head where changed_at >= $1 order by changed_at",
    )
    .bind(since)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(TenantHead::from).collect())
}

#[derive(sqlx::FromRow)]
struct HeadRow {
    tenant_id: i64,
    last_seq: i64,
    changed_at: DateTime<Utc>,
}

impl From<HeadRow> for TenantHead {
    fn from(row: HeadRow) -> Self {
        Self {
            tenant_id: TenantId(row.tenant_id),
            last_seq: TenantSeq(row.last_seq),
            changed_at: row.changed_at,
        }
    }
}

#[derive(sqlx::FromRow)]
struct EventRow {
    tenant_id: i64,
    tenant_seq: i64,
    stream_id: Uuid,
    version: i32,
    event_id: Uuid,
    recorded_at: DateTime<Utc>,
    meta: Json<EventMeta>,
    kind: String,
    schema_v: i16,
    data: Value,
}

impl TryFrom<EventRow> for StoredEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        Ok(Self {
            tenant_id: TenantId(row.tenant_id),
            tenant_seq: TenantSeq(row.tenant_seq),
            stream_id: StreamId(row.stream_id),
            version: StreamVersion(row.version),
            event_id: ConfigEventId(row.event_id),
            recorded_at: row.recorded_at,
            meta: row.meta.0,
            event: ConfigEvent::from_stored(&row.kind, row.schema_v, row.data)?,
        })
    }
}
