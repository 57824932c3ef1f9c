//! Commands on origins.

use limpid_domain::ids::{OriginId, StreamVersion, TenantId};
use limpid_domain::origin::{
    OriginCommand, OriginCredentials, OriginDraft, OriginUse, decide, evolve,
};
use limpid_domain::refusal::Refusal;
use limpid_domain::secret::SecretRef;
use limpid_domain::url_endpoint::{self, UrlEndpointCommand, UrlEndpointContext};
use limpid_event_store::StoreError;
use limpid_read_models::delivery_config::{self, OriginView};

use super::transaction::{CommandTx, next};
use super::{CommandContext, CommandError};

/// Puts an origin in the place of another.
#[derive(Debug)]
pub struct ReplaceOrigin {
    /// Which.
    pub id: OriginId,
    /// The new one, credentials included.
    pub draft: OriginDraft,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Brings an origin back to an earlier version.
#[derive(Debug, Clone, Copy)]
pub struct RestoreOrigin {
    /// Which.
    pub id: OriginId,
    /// The version to go back to.
    pub version: StreamVersion,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Deletes an origin and destroys its credentials.
#[derive(Debug, Clone, Copy)]
pub struct DeleteOrigin {
    /// Which.
    pub id: OriginId,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Adds an origin; the account's first one is attached to the default endpoint.
///
/// Errors: [`CommandError::Refused`], [`CommandError::Unavailable`].
pub async fn create_origin(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    draft: OriginDraft,
) -> Result<OriginView, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = OriginId::mint();
    let is_first = delivery_config::origins(&mut command.tx).await?.is_empty();
    let credentials = seal(&mut command, id, StreamVersion(1), &draft.credentials).await?;
    let create = OriginCommand::Create {
        settings: draft.settings,
        credentials,
    };
    let events = decide(None, create, &OriginUse::default())?;
    command.record(id.into(), StreamVersion(0), events).await?;
    if is_first {
        attach_to_default(&mut command, id).await?;
    }
    finish(command, id).await
}

/// Replaces an origin as a whole.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn replace_origin(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    replace: ReplaceOrigin,
) -> Result<OriginView, CommandError> {
    let ReplaceOrigin {
        id,
        draft,
        expected,
    } = replace;
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let loaded = command.load(id.into(), expected, evolve).await?;
    // Decided without the credentials first: nothing is sealed for an origin that is not there.
    let mut replacement = OriginCommand::Replace {
        settings: draft.settings,
        credentials: None,
    };
    decide(
        loaded.state.as_ref(),
        replacement.clone(),
        &OriginUse::default(),
    )?;
    let sealed = seal(&mut command, id, next(loaded.version), &draft.credentials).await?;
    if let OriginCommand::Replace { credentials, .. } = &mut replacement {
        *credentials = sealed;
    }
    let events = decide(loaded.state.as_ref(), replacement, &OriginUse::default())?;
    command.record(id.into(), loaded.version, events).await?;
    finish(command, id).await
}

/// Brings an origin back to how it was at an earlier version, as a new version; the credentials of then, if they are still kept.
///
/// Errors: [`CommandError::NotFound`] for the origin or the version, [`CommandError::Refused`] when the credentials are gone,
/// [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn restore_origin(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    restore: RestoreOrigin,
) -> Result<OriginView, CommandError> {
    let RestoreOrigin {
        id,
        version,
        expected,
    } = restore;
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let loaded = command.load(id.into(), expected, evolve).await?;
    let earlier = command.load_until(id.into(), version, evolve).await?;
    if let Some(credentials) = earlier.credentials.as_ref()
        && !command.holds(id.into(), credentials).await?
    {
        let refusal = format!(
            "The credentials of version {version} are no longer kept. Replace the origin and send them."
        );
        return Err(Refusal::invalid(refusal).into());
    }
    let replacement = OriginCommand::Replace {
        settings: earlier.settings,
        credentials: earlier.credentials,
    };
    let events = decide(loaded.state.as_ref(), replacement, &OriginUse::default())?;
    command.record(id.into(), loaded.version, events).await?;
    finish(command, id).await
}

/// Deletes an origin that no endpoint uses.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Refused`] naming the endpoints, [`CommandError::Conflict`],
/// [`CommandError::Unavailable`].
pub async fn delete_origin(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    delete: DeleteOrigin,
) -> Result<(), CommandError> {
    let DeleteOrigin { id, expected } = delete;
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let loaded = command.load(id.into(), expected, evolve).await?;
    let used_by = OriginUse {
        endpoints: delivery_config::endpoints_using(&mut command.tx, id).await?,
    };
    let events = decide(loaded.state.as_ref(), OriginCommand::Delete, &used_by)?;
    command.record(id.into(), loaded.version, events).await?;
    command.destroy_secret(id.into()).await?;
    command.commit().await
}

async fn seal(
    command: &mut CommandTx<'_>,
    id: OriginId,
    version: StreamVersion,
    credentials: &OriginCredentials,
) -> Result<Option<SecretRef>, CommandError> {
    let Some(plaintext) = credentials.to_plaintext() else {
        command.destroy_secret(id.into()).await?;
        return Ok(None);
    };
    command.seal(id.into(), version, &plaintext).await.map(Some)
}

async fn attach_to_default(
    command: &mut CommandTx<'_>,
    origin_id: OriginId,
) -> Result<(), CommandError> {
    let endpoints = delivery_config::url_endpoints(&mut command.tx).await?;
    let Some(default) = endpoints.into_iter().find(|endpoint| endpoint.is_default) else {
        return Err(StoreError::Corrupt("an account has no default endpoint").into());
    };
    let loaded = command
        .load(default.id.into(), None, url_endpoint::evolve)
        .await?;
    let events = url_endpoint::decide(
        loaded.state.as_ref(),
        UrlEndpointCommand::AttachFirst(origin_id),
        &UrlEndpointContext::default(),
    )?;
    command
        .record(default.id.into(), loaded.version, events)
        .await
}

async fn finish(mut command: CommandTx<'_>, id: OriginId) -> Result<OriginView, CommandError> {
    let view = delivery_config::origin(&mut command.tx, id).await?;
    let view = view.ok_or(StoreError::Corrupt(
        "a recorded origin is not in the projection",
    ))?;
    command.commit().await?;
    Ok(view)
}
