//! Proves that the projection is what the log says, and makes it so.
//!
//! The log is replayed into the shadow generation, which is compared row by row with the live one and, by [`rebuild`], takes its
//! place. One transaction per tenant, with its head row locked: no command comes in between, no reader sees anything but a whole
//! projection, and a crash leaves nothing behind.

use limpid_domain::ids::{TenantId, TenantSeq};
use limpid_event_store::{Database, StoreError, TenantTx, config_log};
use sqlx::AssertSqlSafe;

use super::Generation;
use super::apply::apply_to;

/// The tables of the projection. Names only, so that statements may be put together from them.
const TABLES: [&str; 8] = [
    "tenant",
    "key_pair",
    "origin",
    "url_endpoint",
    "custom_domain",
    "named_transformation",
    "alert_rule",
    "webhook",
];
const PAGE: u32 = 500;

/// A table of a tenant in which the projection differs from the log. Rows are shown as JSON; they hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Whose.
    pub tenant_id: TenantId,
    /// Which table.
    pub table: &'static str,
    /// Rows that the log does not explain.
    pub unexplained: Vec<String>,
    /// Rows that the log asks for and that are not there.
    pub missing: Vec<String>,
}

/// Replays every tenant's log and reports the differences; changes nothing.
///
/// Errors: [`StoreError::Undecodable`], [`StoreError::Unavailable`].
pub async fn verify(database: &Database) -> Result<Vec<Drift>, StoreError> {
    let mut drifts = Vec::new();
    for head in config_log::heads(database).await? {
        let mut tx = database.tenant_tx(head.tenant_id).await?;
        drifts.extend(replay_and_compare(&mut tx).await?);
        // Dropped, not committed: the shadow goes with it.
    }
    Ok(drifts)
}

/// Replays every tenant's log, puts the result in force and reports what was different before.
///
/// Errors: [`StoreError::Undecodable`], [`StoreError::Unavailable`]; tenants done by then stay done.
pub async fn rebuild(database: &Database) -> Result<Vec<Drift>, StoreError> {
    let mut drifts = Vec::new();
    for head in config_log::heads(database).await? {
        let mut tx = database.tenant_tx(head.tenant_id).await?;
        drifts.extend(replay_and_compare(&mut tx).await?);
        for table in TABLES {
            put_in_force(&mut tx, table).await?;
        }
        tx.commit().await?;
    }
    Ok(drifts)
}

async fn replay_and_compare(tx: &mut TenantTx) -> Result<Vec<Drift>, StoreError> {
    config_log::lock(tx).await?;
    let mut after = TenantSeq(0);
    loop {
        let events = config_log::read_since(tx, after, PAGE).await?;
        let Some(last) = events.last() else { break };
        after = last.tenant_seq;
        for event in &events {
            apply_to(tx, Generation::Shadow, event).await?;
        }
    }
    let mut drifts = Vec::new();
    for table in TABLES {
        let live = rows(tx, table, Generation::Live).await?;
        let shadow = rows(tx, table, Generation::Shadow).await?;
        if live != shadow {
            drifts.push(Drift {
                tenant_id: tx.tenant_id(),
                table,
                unexplained: live
                    .iter()
                    .filter(|row| !shadow.contains(row))
                    .cloned()
                    .collect(),
                missing: shadow
                    .iter()
                    .filter(|row| !live.contains(row))
                    .cloned()
                    .collect(),
            });
        }
    }
    Ok(drifts)
}

async fn rows(
    tx: &mut TenantTx,
    table: &'static str,
    generation: Generation,
) -> Result<Vec<String>, StoreError> {
    let all = format!(
        "select (to_jsonb(r) - 'generation')::text from {table} r where tenant_id = $1 and generation = $2 order by 1"
    );
    let rows: Vec<(String,)> = sqlx::query_as(AssertSqlSafe(all))
        .bind(tx.tenant_id().0)
        .bind(generation.number())
        .fetch_all(tx.as_conn())
        .await?;
    Ok(rows.into_iter().map(|(row,)| row).collect())
}

async fn put_in_force(tx: &mut TenantTx, table: &'static str) -> Result<(), StoreError> {
    let forget = format!("delete from {table} where tenant_id = $1 and generation = $2");
    sqlx::query(AssertSqlSafe(forget))
        .bind(tx.tenant_id().0)
        .bind(Generation::Live.number())
        .execute(tx.as_conn())
        .await?;
    let promote =
        format!("update {table} set generation = $2 where tenant_id = $1 and generation = $3");
    sqlx::query(AssertSqlSafe(promote))
        .bind(tx.tenant_id().0)
        .bind(Generation::Live.number())
        .bind(Generation::Shadow.number())
        .execute(tx.as_conn())
        .await?;
    Ok(())
}
