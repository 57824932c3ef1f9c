//! Commands on URL endpoints.

use limpid_domain::caching::Caching;
use limpid_domain::ids::{StreamVersion, TenantId, UrlEndpointId};
use limpid_domain::refusal::Refusal;
use limpid_domain::restrictions::Restrictions;
use limpid_domain::url_endpoint::{
    CustomDomain, UrlEndpointCommand, UrlEndpointContext, UrlEndpointDraft, UrlEndpointName,
    decide, evolve,
};
use limpid_event_store::StoreError;
use limpid_read_models::delivery_config::{self, DomainUse, UrlEndpointConfig};

use super::transaction::CommandTx;
use super::{CommandContext, CommandError};

/// Puts a URL endpoint in the place of another.
#[derive(Debug)]
pub struct ReplaceUrlEndpoint {
    /// Which.
    pub name: UrlEndpointName,
    /// The new one.
    pub draft: UrlEndpointDraft,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Brings a URL endpoint back to an earlier version.
#[derive(Debug, Clone, Copy)]
pub struct RestoreUrlEndpoint {
    /// Which.
    pub name: UrlEndpointName,
    /// The version to go back to.
    pub version: StreamVersion,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Deletes a URL endpoint and frees its prefix and custom domains.
#[derive(Debug, Clone, Copy)]
pub struct DeleteUrlEndpoint {
    /// Which.
    pub name: UrlEndpointName,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Binds custom domains to a URL endpoint; those it had and that are not named are freed.
#[derive(Debug)]
pub struct SetCustomDomains {
    /// Which endpoint.
    pub name: UrlEndpointName,
    /// All of its domains.
    pub domains: Vec<CustomDomain>,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Sets what the URLs of an endpoint may not ask for.
#[derive(Debug, Clone, Copy)]
pub struct SetRestrictions {
    /// Which endpoint.
    pub name: UrlEndpointName,
    /// All of its restrictions.
    pub restrictions: Restrictions,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Sets how long answers of an endpoint may be answered again.
#[derive(Debug, Clone, Copy)]
pub struct SetCaching {
    /// Which endpoint.
    pub name: UrlEndpointName,
    /// All of it.
    pub caching: Caching,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Adds a URL endpoint.
///
/// Errors: [`CommandError::Refused`], [`CommandError::Unavailable`].
pub async fn create_url_endpoint(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    draft: UrlEndpointDraft,
) -> Result<UrlEndpointConfig, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = UrlEndpointId::mint();
    let surroundings = surroundings(&mut command, id).await?;
    let events = decide(
        None,
        UrlEndpointCommand::Create(draft.settings),
        &surroundings,
    )?;
    command.record(id.into(), StreamVersion(0), events).await?;
    finish(command, id).await
}

/// Replaces a URL endpoint as a whole.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Refused`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn replace_url_endpoint(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    replace: ReplaceUrlEndpoint,
) -> Result<UrlEndpointConfig, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = id_of(&mut command, replace.name).await?;
    let loaded = command.load(id.into(), replace.expected, evolve).await?;
    let surroundings = surroundings(&mut command, id).await?;
    let replacement = UrlEndpointCommand::Replace(replace.draft.settings);
    let events = decide(loaded.state.as_ref(), replacement, &surroundings)?;
    command.record(id.into(), loaded.version, events).await?;
    finish(command, id).await
}

/// Brings description, prefix, origins and rewriter of a URL endpoint back to how they were, as a new version.
///
/// Errors: [`CommandError::NotFound`] for the endpoint or the version, [`CommandError::Refused`] if an origin of then is gone or the
/// prefix taken, [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn restore_url_endpoint(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    restore: RestoreUrlEndpoint,
) -> Result<UrlEndpointConfig, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = id_of(&mut command, restore.name).await?;
    let loaded = command.load(id.into(), restore.expected, evolve).await?;
    let earlier = command
        .load_until(id.into(), restore.version, evolve)
        .await?;
    let surroundings = surroundings(&mut command, id).await?;
    let replacement = UrlEndpointCommand::Replace(earlier.settings);
    let events = decide(loaded.state.as_ref(), replacement, &surroundings)?;
    command.record(id.into(), loaded.version, events).await?;
    finish(command, id).await
}

/// Deletes a URL endpoint that is not the default one.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Refused`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn delete_url_endpoint(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    delete: DeleteUrlEndpoint,
) -> Result<(), CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = id_of(&mut command, delete.name).await?;
    let loaded = command.load(id.into(), delete.expected, evolve).await?;
    let nothing = UrlEndpointContext::default();
    let events = decide(loaded.state.as_ref(), UrlEndpointCommand::Delete, &nothing)?;
    command.record(id.into(), loaded.version, events).await?;
    command.commit().await
}

/// Sets the custom domains of a URL endpoint and returns it with all of the tenant's domains.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Refused`] if a domain is bound elsewhere, [`CommandError::Conflict`],
/// [`CommandError::Unavailable`].
pub async fn set_custom_domains(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    set: SetCustomDomains,
) -> Result<(UrlEndpointConfig, Vec<DomainUse>), CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = id_of(&mut command, set.name).await?;
    let loaded = command.load(id.into(), set.expected, evolve).await?;
    let bound = delivery_config::custom_domains(&mut command.tx).await?;
    // Another tenant's domains can't be seen from here; the unique index refuses those.
    let taken = bound
        .into_iter()
        .filter(|bound| bound.url_endpoint_id != id && set.domains.contains(&bound.domain));
    let surroundings = UrlEndpointContext {
        taken_domains: taken.map(|bound| bound.domain).collect(),
        ..UrlEndpointContext::default()
    };
    let bind = UrlEndpointCommand::SetCustomDomains(set.domains);
    let events = decide(loaded.state.as_ref(), bind, &surroundings)?;
    command.record(id.into(), loaded.version, events).await?;
    let domains = delivery_config::custom_domains(&mut command.tx).await?;
    let endpoint = finish(command, id).await?;
    Ok((endpoint, domains))
}

/// Sets the restrictions of a URL endpoint, all of them.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn set_restrictions(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    set: SetRestrictions,
) -> Result<UrlEndpointConfig, CommandError> {
    let restrict = UrlEndpointCommand::SetRestrictions(set.restrictions);
    set_one(context, tenant_id, (set.name, set.expected), restrict).await
}

/// Sets how long answers of a URL endpoint may be answered again.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn set_caching(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    set: SetCaching,
) -> Result<UrlEndpointConfig, CommandError> {
    let cache = UrlEndpointCommand::SetCaching(set.caching);
    set_one(context, tenant_id, (set.name, set.expected), cache).await
}

/// A command on an endpoint that depends on nothing else.
async fn set_one(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    (name, expected): (UrlEndpointName, Option<StreamVersion>),
    set: UrlEndpointCommand,
) -> Result<UrlEndpointConfig, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = id_of(&mut command, name).await?;
    let loaded = command.load(id.into(), expected, evolve).await?;
    let nothing = UrlEndpointContext::default();
    let events = decide(loaded.state.as_ref(), set, &nothing)?;
    if !events.is_empty() {
        command.record(id.into(), loaded.version, events).await?;
    }
    finish(command, id).await
}

async fn id_of(
    command: &mut CommandTx<'_>,
    name: UrlEndpointName,
) -> Result<UrlEndpointId, CommandError> {
    let endpoint = delivery_config::url_endpoint(&mut command.tx, name).await?;
    let endpoint = endpoint.ok_or_else(|| Refusal::not_found("URL-endpoint not found."))?;
    Ok(endpoint.id)
}

/// What the rules of endpoint `id` need to know of the rest of the account.
async fn surroundings(
    command: &mut CommandTx<'_>,
    id: UrlEndpointId,
) -> Result<UrlEndpointContext, CommandError> {
    let origins = delivery_config::origins(&mut command.tx).await?;
    let endpoints = delivery_config::url_endpoints(&mut command.tx).await?;
    let others = endpoints
        .into_iter()
        .filter(|endpoint| !endpoint.deleted && endpoint.id != id);
    Ok(UrlEndpointContext {
        origins: origins
            .into_iter()
            .filter(|origin| !origin.deleted)
            .map(|origin| origin.id)
            .collect(),
        other_prefixes: others
            .map(|endpoint| endpoint.settings.url_prefix)
            .collect(),
        taken_domains: Vec::new(),
    })
}

async fn finish(
    mut command: CommandTx<'_>,
    id: UrlEndpointId,
) -> Result<UrlEndpointConfig, CommandError> {
    let endpoint = delivery_config::url_endpoint(&mut command.tx, UrlEndpointName::Id(id)).await?;
    let endpoint = endpoint.ok_or(StoreError::Corrupt(
        "a recorded endpoint is not in the projection",
    ))?;
    command.commit().await?;
    Ok(endpoint)
}
