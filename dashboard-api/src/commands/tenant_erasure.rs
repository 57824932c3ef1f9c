//! The command that erases a tenant.

use limpid_domain::ids::{StreamId, TenantId};
use limpid_domain::tenant::{EraseTenant, decide_erasure, evolve};
use limpid_event_store::tenant_erasure::{self, Erasure};
use limpid_event_store::vault;

use super::transaction::CommandTx;
use super::{CommandContext, CommandError};

/// Begins to erase a tenant. Secrets first: what was sealed with them can never be read again. Keys, names, settings and domains go in the
/// same transaction, and with it serving nodes hear of it; the projector erases the rest.
///
/// Errors: [`CommandError::NotFound`]; [`CommandError::Refused`] where it is not confirmed; [`CommandError::Unavailable`].
pub async fn erase_tenant(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    erase: EraseTenant,
) -> Result<Erasure, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let stream = StreamId::of_tenant(tenant_id);
    let loaded = command.load(stream, None, evolve).await?;
    let events = decide_erasure(loaded.state.as_ref(), &erase)?;
    vault::remove_tenant(&mut command.tx).await?;
    command.record(stream, loaded.version, events).await?;
    let erasure = tenant_erasure::request(&mut command.tx, &context.meta.actor).await?;
    command.commit().await?;
    Ok(erasure)
}
