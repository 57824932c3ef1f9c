//! Commands on what a tenant tunes and on what the operator allows it.

use limpid_domain::ids::{StreamId, StreamVersion, TenantId};
use limpid_domain::tenant::{
    TenantLimits, TenantSettingsChange, decide_limits, decide_settings, evolve,
};
use limpid_event_store::StoreError;
use limpid_read_models::delivery_config::{self, TenantView};

use super::transaction::CommandTx;
use super::{CommandContext, CommandError};

/// Changes some of a tenant's settings.
#[derive(Debug, Clone)]
pub struct ChangeTenantSettings {
    /// The settings to change.
    pub change: TenantSettingsChange,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Sets a tenant's limits; those not named follow the serving nodes'.
#[derive(Debug, Clone, Copy)]
pub struct SetTenantLimits {
    /// All of them.
    pub limits: TenantLimits,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Changes the settings that are named.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn change_tenant_settings(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    change: ChangeTenantSettings,
) -> Result<TenantView, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let stream = StreamId::of_tenant(tenant_id);
    let loaded = command.load(stream, change.expected, evolve).await?;
    let events = decide_settings(loaded.state.as_ref(), &change.change)?;
    if !events.is_empty() {
        command.record(stream, loaded.version, events).await?;
    }
    finish(command).await
}

/// Sets the limits, all of them.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn set_tenant_limits(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    set: SetTenantLimits,
) -> Result<TenantView, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let stream = StreamId::of_tenant(tenant_id);
    let loaded = command.load(stream, set.expected, evolve).await?;
    let events = decide_limits(loaded.state.as_ref(), set.limits)?;
    if !events.is_empty() {
        command.record(stream, loaded.version, events).await?;
    }
    finish(command).await
}

async fn finish(mut command: CommandTx<'_>) -> Result<TenantView, CommandError> {
    let tenant = delivery_config::tenant(&mut command.tx).await?;
    let tenant = tenant.ok_or(StoreError::Corrupt("a tenant is not in the projection"))?;
    command.commit().await?;
    Ok(tenant)
}
