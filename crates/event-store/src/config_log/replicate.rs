//! The log of a tenant in a second database: the same events at the same positions, stored at the same moments.

use chrono::{DateTime, Utc};
use limpid_domain::event::EventMeta;
use limpid_domain::ids::{TenantId, TenantSeq};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

use super::StoredEvent;
use crate::database::{Database, TenantTx};
use crate::error::StoreError;

/// Makes a tenant of another database known to this one, without any event. Harmless where it is known.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn adopt(replica: &Database, tenant_id: TenantId) -> Result<(), StoreError> {
    let mut connection = replica.service().await?;
    sqlx::query("insert into tenant_head (tenant_id) overriding system value values ($1) on conflict (tenant_id) do nothing")
        .bind(tenant_id.0)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// Stores events that another database holds, in its order, and moves the head to the last of them. Take [`super::lock`] first, and
/// give the events that follow what it said; projections must see them.
///
/// # Errors
/// [`StoreError::Taken`] where one of them is there already, [`StoreError::Unavailable`].
pub async fn replicate(tx: &mut TenantTx, events: &[StoredEvent]) -> Result<(), StoreError> {
    let Some(last) = events.last() else {
        return Ok(());
    };
    store_streams(tx, events).await?;
    store_events(tx, events).await?;
    move_head(tx, (last.tenant_seq, last.recorded_at)).await
}

/// A stream is at its last event. Streams may be there already, or begin in the middle where a tenant was erased.
async fn store_streams(tx: &mut TenantTx, events: &[StoredEvent]) -> Result<(), StoreError> {
    for event in events {
        sqlx::query(
            "insert into config_stream (tenant_id, stream_id, kind, version) values ($1, $2, $3, $4)
             on conflict (tenant_id, stream_id) do update set version = excluded.version",
        )
        .bind(event.tenant_id.0)
        .bind(event.stream_id.0)
        .bind(event.event.stream_kind().as_str())
        .bind(event.version.0)
        .execute(tx.as_conn())
        .await?;
    }
    Ok(())
}

async fn store_events(tx: &mut TenantTx, events: &[StoredEvent]) -> Result<(), StoreError> {
    let seqs: Vec<i64> = events.iter().map(|event| event.tenant_seq.0).collect();
    let streams: Vec<Uuid> = events.iter().map(|event| event.stream_id.0).collect();
    let versions: Vec<i32> = events.iter().map(|event| event.version.0).collect();
    let ids: Vec<Uuid> = events.iter().map(|event| event.event_id.0).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event.event.kind()).collect();
    let schemas = events.iter().map(|event| event.event.schema_version());
    let data: Vec<Value> = events.iter().map(|event| event.event.to_data()).collect();
    let metas: Vec<Json<&EventMeta>> = events.iter().map(|event| Json(&event.meta)).collect();
    let times: Vec<DateTime<Utc>> = events.iter().map(|event| event.recorded_at).collect();
    sqlx::query(
        "insert into config_event
           (tenant_id, tenant_seq, stream_id, version, event_id, kind, schema_v, data, meta, recorded_at)
         select $1, u.* from unnest($2::bigint[], $3::uuid[], $4::integer[], $5::uuid[], $6::text[], $7::smallint[],
           $8::jsonb[], $9::jsonb[], $10::timestamptz[]) u",
    )
    .bind(tx.tenant_id().0)
    .bind(seqs)
    .bind(streams)
    .bind(versions)
    .bind(ids)
    .bind(kinds)
    .bind(schemas.collect::<Vec<i16>>())
    .bind(data)
    .bind(metas)
    .bind(times)
    .execute(tx.as_conn())
    .await?;
    Ok(())
}

async fn move_head(
    tx: &mut TenantTx,
    (seq, at): (TenantSeq, DateTime<Utc>),
) -> Result<(), StoreError> {
    sqlx::query("update tenant_head set last_seq = $2, changed_at = $3 where tenant_id = $1")
        .bind(tx.tenant_id().0)
        .bind(seq.0)
        .bind(at)
        .execute(tx.as_conn())
        .await?;
    Ok(())
}
