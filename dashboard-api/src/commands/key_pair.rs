//! Commands on key pairs.

use limpid_domain::ids::{KeyPairId, StreamVersion, TenantId};
use limpid_domain::key_pair::{KeyPairCommand, PrivateKey, PublicKey, decide, evolve};
use limpid_domain::refusal::Refusal;
use limpid_event_store::vault::draw_key_entropy;
use limpid_read_models::delivery_config;

use super::transaction::CommandTx;
use super::{CommandContext, CommandError};

/// Most key pairs in force at a time. Source: `imagekit.md` 4.11.
const MAX_KEY_PAIRS: usize = 5;

/// A fresh key pair: the one time its private half is shown.
#[derive(Debug, Clone)]
pub struct CreatedKeyPair {
    /// Its id.
    pub id: KeyPairId,
    /// Its public half.
    pub public_key: PublicKey,
    /// Its private half.
    pub private_key: PrivateKey,
}

/// Issues a key pair.
///
/// Errors: [`CommandError::Refused`], [`CommandError::Unavailable`].
pub async fn create_key_pair(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    name: String,
) -> Result<CreatedKeyPair, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let pairs = delivery_config::key_pairs(&mut command.tx).await?;
    if pairs
        .iter()
        .filter(|pair| pair.revoked_at.is_none())
        .count()
        >= MAX_KEY_PAIRS
    {
        return Err(Refusal::invalid(format!(
            "An account can have at most {MAX_KEY_PAIRS} key pairs."
        ))
        .into());
    }
    let created = issue(&mut command, name).await?;
    command.commit().await?;
    Ok(created)
}

/// Stops accepting a key pair. Destroys its private half: URLs signed with it are refused from then on.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Unavailable`].
pub async fn revoke_key_pair(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    id: KeyPairId,
) -> Result<(), CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let loaded = command.load(id.into(), None, evolve).await?;
    let events = decide(loaded.state.as_ref(), KeyPairCommand::Revoke)?;
    command.record(id.into(), loaded.version, events).await?;
    command.destroy_secret(id.into()).await?;
    command.commit().await
}

pub(super) async fn issue(
    command: &mut CommandTx<'_>,
    name: String,
) -> Result<CreatedKeyPair, CommandError> {
    let id = KeyPairId::mint();
    let private_key = PrivateKey::from_entropy(&draw_key_entropy()?);
    let public_key = PublicKey::from_entropy(&draw_key_entropy()?);
    let sealed = command
        .seal(id.into(), StreamVersion(1), private_key.expose().as_bytes())
        .await?;
    let create = KeyPairCommand::Create {
        name,
        public_key: public_key.clone(),
        private_key_hash: private_key.hash(),
        private_key_hint: private_key.hint(),
        private_key: sealed,
    };
    let events = decide(None, create)?;
    command.record(id.into(), StreamVersion(0), events).await?;
    Ok(CreatedKeyPair {
        id,
        public_key,
        private_key,
    })
}
