//! The append: one statement, one round trip, all or nothing.

use limpid_domain::event::EventMeta;
use limpid_domain::ids::{StreamId, StreamVersion};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::{EventRow, NewEvent, StoredEvent};
use crate::database::TenantTx;
use crate::error::StoreError;

/// The channel on which an append tells `tenant:seq` when its transaction commits. A hint: it carries no data and may be lost.
pub const CONFIG_CHANNEL: &str = "limpid_config";

/// Order matters: the stream row decides before the head row moves, so a conflict never burns a sequence number; and nothing
/// moves if one of the events is there already.
const APPEND: &str = "\
with known as (
  select from config_event where tenant_id = $1 and event_id = any($6)
), created as (
  insert into config_stream (tenant_id, stream_id, kind, version)
  select $1, $2, $3, $5 where $4 = 0 and not exists (select from known)
  on conflict do nothing
  returning version
), advanced as (
  update config_stream set version = version + $5
  where $4 > 0 and tenant_id = $1 and stream_id = $2 and version = $4 and not exists (select from known)
  returning version
), stream as (
  select version from created union all select version from advanced
), head as (
  update tenant_head set last_seq = last_seq + $5, changed_at = clock_timestamp()
  from stream where tenant_head.tenant_id = $1
  returning last_seq
), stored as (
  insert into config_event
    (tenant_id, tenant_seq, stream_id, version, event_id, kind, schema_v, data, meta)
  select $1, head.last_seq - $5 + new.at, $2, stream.version - $5 + new.at, new.event_id, new.kind, new.schema_v, new.data, $10
  from unnest($6::uuid[], $7::text[], $8::smallint[], $9::jsonb[])
    with ordinality as new (event_id, kind, schema_v, data, at), stream, head
  returning tenant_id, tenant_seq, stream_id, version, event_id, recorded_at, meta, kind, schema_v, data
)
select stored.*, pg_notify('limpid_config', tenant_id || ':' || tenant_seq) from stored order by tenant_seq";

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The events are stored now; projections must see them.
    Now(Vec<StoredEvent>),
    /// The very same events had been stored before; projections have seen them.
    Before(Vec<StoredEvent>),
}

/// Appends events to one stream that is at version `expected` (0: does not exist yet).
///
/// Take [`super::lock`] first; without it two appends of the same event ids at the same moment end in
/// [`StoreError::Taken`] for one of them.
///
/// Errors: [`StoreError::Conflict`], [`StoreError::Unavailable`].
pub async fn append(
    tx: &mut TenantTx,
    stream_id: StreamId,
    expected: StreamVersion,
    events: &[NewEvent],
    meta: &EventMeta,
) -> Result<Appended, StoreError> {
    let Some(first) = events.first() else {
        return Ok(Appended::Now(Vec::new()));
    };
    let count = i32::try_from(events.len())
        .map_err(|_| StoreError::Corrupt("an append of over two billion events"))?;
    let ids: Vec<Uuid> = events.iter().map(|new| new.event_id.0).collect();
    let kinds: Vec<&str> = events.iter().map(|new| new.event.kind()).collect();
    let versions: Vec<i16> = events
        .iter()
        .map(|new| new.event.schema_version())
        .collect();
    let data: Vec<Value> = events.iter().map(|new| new.event.to_data()).collect();
    let rows: Vec<EventRow> = sqlx::query_as(APPEND)
        .bind(tx.tenant_id().0)
        .bind(stream_id.0)
        .bind(first.event.stream_kind().as_str())
        .bind(expected.0)
        .bind(count)
        .bind(&ids)
        .bind(kinds)
        .bind(versions)
        .bind(data)
        .bind(Json(meta))
        .fetch_all(tx.as_conn())
        .await?;
    if rows.len() == events.len() {
        let stored: Result<Vec<_>, _> = rows.into_iter().map(StoredEvent::try_from).collect();
        return Ok(Appended::Now(stored?));
    }
    repeated(tx, stream_id, &ids)
        .await?
        .ok_or(StoreError::Conflict { expected })
}

/// The stored events, if all of them are there and in this stream.
async fn repeated(
    tx: &mut TenantTx,
    stream_id: StreamId,
    ids: &[Uuid],
) -> Result<Option<Appended>, StoreError> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "select tenant_id, tenant_seq, stream_id, version, event_id, recorded_at, meta, kind, schema_v, data \
         from config_event where tenant_id = $1 and stream_id = $2 and event_id = any($3) order by tenant_seq",
    )
    .bind(tx.tenant_id().0)
    .bind(stream_id.0)
    .bind(ids)
    .fetch_all(tx.as_conn())
    .await?;
    if rows.len() != ids.len() {
        return Ok(None);
    }
    let stored: Result<Vec<_>, _> = rows.into_iter().map(StoredEvent::try_from).collect();
    Ok(Some(Appended::Before(stored?)))
}
