//! The configuration beside failures that have a database of their own: a copy of each tenant's log, projected there like here. Whoever asks
//! about failures finds names, limits, rules and changes in the same transaction, in either arrangement.

use limpid_domain::event::ConfigEvent;
use limpid_domain::ids::{TenantId, TenantSeq};
use limpid_event_store::{Database, StoreError, config_log, tenant_erasure};

use super::apply;

/// Events of one transaction.
const PAGE: u32 = 500;

/// Brings the copy of one tenant's configuration up to the accounts' database, and says how far that is. Any number may do so at once. Of a
/// tenant that is being erased only the erasure follows.
///
/// # Errors
/// [`StoreError::Taken`] where a name still belongs to a tenant whose copy is behind: to be tried again after that one;
/// [`StoreError::Undecodable`], [`StoreError::Unavailable`].
pub async fn follow(
    accounts: &Database,
    replica: &Database,
    tenant_id: TenantId,
) -> Result<TenantSeq, StoreError> {
    let newest = config_log::head(accounts, tenant_id).await?;
    let newest = newest.ok_or(StoreError::UnknownTenant)?;
    let known = config_log::head(replica, tenant_id).await?;
    if known.is_some_and(|known| known >= newest) {
        return Ok(newest);
    }
    config_log::adopt(replica, tenant_id).await?;
    let databases = (accounts, replica);
    loop {
        let may_have_more = match copy_page(databases, tenant_id, PAGE).await {
            // A host name that went from one tenant to the other and back: event by event there is always one that can be copied.
            Err(StoreError::Taken { .. }) => copy_page(databases, tenant_id, 1).await?,
            copied => copied?,
        };
        if !may_have_more {
            return Ok(newest);
        }
    }
}

/// Copies some; whether there may be more.
async fn copy_page(
    (accounts, replica): (&Database, &Database),
    tenant_id: TenantId,
    page: u32,
) -> Result<bool, StoreError> {
    let mut tx = replica.tenant_tx(tenant_id).await?;
    let known = config_log::lock(&mut tx).await?;
    let mut source = accounts.tenant_tx(tenant_id).await?;
    let mut events = config_log::read_since(&mut source, known, page).await?;
    drop(source);
    if events.is_empty() {
        return Ok(false);
    }
    if tenant_erasure::erasure(replica, tenant_id).await?.is_some() {
        events.retain(|event| matches!(event.event, ConfigEvent::TenantErased {}));
        if events.is_empty() {
            return Ok(false);
        }
    }
    config_log::replicate(&mut tx, &events).await?;
    for event in &events {
        apply(&mut tx, event).await?;
    }
    tx.commit().await?;
    Ok(true)
}
