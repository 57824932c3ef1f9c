//! Commands on tenants.

use limpid_domain::ids::{ImagekitId, KeyPairId, StreamId, StreamVersion, TenantId, UrlEndpointId};
use limpid_domain::key_pair::{PrivateKey, PublicKey};
use limpid_domain::tenant::{CreateTenant, NameAvailability, decide};
use limpid_domain::url_endpoint::{self, UrlEndpointCommand, UrlEndpointContext};
use limpid_read_models::delivery_config;

use super::transaction::CommandTx;
use super::{CommandContext, CommandError, key_pair};

/// A fresh tenant: the one time its private key is shown.
#[derive(Debug, Clone)]
pub struct CreatedTenant {
    /// Its number inside the system.
    pub tenant_id: TenantId,
    /// Its public name.
    pub imagekit_id: ImagekitId,
    /// Its display name.
    pub name: String,
    /// Its default endpoint.
    pub default_endpoint: UrlEndpointId,
    /// Its first key pair.
    pub key_pair_id: KeyPairId,
    /// The public half.
    pub public_key: PublicKey,
    /// The private half.
    pub private_key: PrivateKey,
}

/// Creates a tenant with its default URL endpoint and a key pair, all or nothing.
///
/// Errors: [`CommandError::Taken`], [`CommandError::Unavailable`].
pub async fn create_tenant(
    context: &CommandContext<'_>,
    create: CreateTenant,
) -> Result<CreatedTenant, CommandError> {
    let is_taken =
        delivery_config::imagekit_id_is_taken(context.database, &create.imagekit_id).await?;
    let availability = if is_taken {
        NameAvailability::Taken
    } else {
        NameAvailability::Free
    };
    let CreateTenant { imagekit_id, name } = create.clone();
    let events = decide(None, create, availability)?;

    let mut command = CommandTx::begin_new_tenant(context).await?;
    let tenant_id = command.tenant_id();
    command
        .record(StreamId::of_tenant(tenant_id), StreamVersion(0), events)
        .await?;
    let default_endpoint = create_default_endpoint(&mut command).await?;
    let key_pair = key_pair::issue(&mut command, "default".to_owned()).await?;
    command.commit().await?;
    Ok(CreatedTenant {
        tenant_id,
        imagekit_id,
        name,
        default_endpoint,
        key_pair_id: key_pair.id,
        public_key: key_pair.public_key,
        private_key: key_pair.private_key,
    })
}

async fn create_default_endpoint(
    command: &mut CommandTx<'_>,
) -> Result<UrlEndpointId, CommandError> {
    let id = UrlEndpointId::mint();
    let nothing = UrlEndpointContext::default();
    let events = url_endpoint::decide(None, UrlEndpointCommand::CreateDefault, &nothing)?;
    command.record(id.into(), StreamVersion(0), events).await?;
    Ok(id)
}
