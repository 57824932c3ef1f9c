//! Tenants that are to vanish: every row of theirs, in batches, until nothing is left and nothing can come any more.

use chrono::{DateTime, Utc};
use limpid_event_store::tenant_erasure::{
    Erasure, SETTLING, adopt, erase, erasure, finish, unfinished,
};
use limpid_event_store::{Database, StoreError};
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::schedule::Schedule;

/// Transactions of a run, so that others have their turn at the database in between.
const BATCHES_PER_RUN: u32 = 500;

pub(crate) async fn run(config: ProjectorConfig, shutdown: CancellationToken) {
    let mut schedule = Schedule::new("erasure", config.erasure_interval, shutdown);
    while schedule.next(once(&config).await).await {}
}

async fn once(config: &ProjectorConfig) -> Result<(), StoreError> {
    let accounts = config
        .accounts_database
        .as_ref()
        .unwrap_or(&config.database);
    for asked in unfinished(accounts).await? {
        if let Some(failures) = config.accounts_database.as_ref().map(|_| &config.database) {
            adopt(failures, &asked).await?;
            if !advance(failures, &asked, config.clock.now()).await? {
                continue;
            }
        }
        if advance(accounts, &asked, config.clock.now()).await? {
            let rows = erasure(accounts, asked.tenant_id).await?;
            let rows = rows.map(|done| done.erased_rows.values().sum::<i64>());
            tracing::info!(tenant_id = %asked.tenant_id, ?rows, "a tenant is erased");
        }
    }
    Ok(())
}

/// Erases some; whether nothing is left.
async fn advance(
    database: &Database,
    asked: &Erasure,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let Some(rows) = erase(database, asked.tenant_id, BATCHES_PER_RUN).await? else {
        return Ok(false);
    };
    if rows > 0 {
        tracing::info!(tenant_id = %asked.tenant_id, rows, "erased rows of a tenant");
    }
    // Whoever wrote before the request was known is done by then, and a run after that found nothing.
    let is_settled = now >= asked.requested_at + SETTLING;
    if rows > 0 || !is_settled {
        return Ok(false);
    }
    finish(database, asked.tenant_id, now).await?;
    Ok(true)
}
