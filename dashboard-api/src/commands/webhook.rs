//! Commands on webhooks.

use limpid_domain::ids::{StreamVersion, TenantId, WebhookId};
use limpid_domain::refusal::Refusal;
use limpid_domain::webhook::{
    WebhookChange, WebhookCommand, WebhookContext, WebhookSecret, WebhookSettings, decide, evolve,
};
use limpid_event_store::StoreError;
use limpid_event_store::vault::draw_key_entropy;
use limpid_read_models::delivery_config::{self, WebhookConfig};

use super::transaction::{CommandTx, next};
use super::{CommandContext, CommandError};

/// Changes some fields of a webhook.
#[derive(Debug)]
pub struct ChangeWebhook {
    /// Which.
    pub id: WebhookId,
    /// The fields to change.
    pub change: WebhookChange,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Signs a webhook's messages by a new secret, or deletes it and destroys its secret.
#[derive(Debug, Clone, Copy)]
pub struct NamedWebhook {
    /// Which.
    pub id: WebhookId,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// A webhook and its secret: the one time that it is shown.
#[derive(Debug, Clone)]
pub struct RevealedWebhook {
    /// The webhook.
    pub webhook: WebhookConfig,
    /// Its secret.
    pub secret: WebhookSecret,
}

/// Adds a webhook.
///
/// Errors: [`CommandError::Refused`], [`CommandError::Taken`], [`CommandError::Unavailable`].
pub async fn create_webhook(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    settings: WebhookSettings,
) -> Result<RevealedWebhook, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = WebhookId::mint();
    let surroundings = surroundings(&mut command, id).await?;
    let secret = WebhookSecret::from_entropy(&draw_key_entropy()?);
    let sealed = command
        .seal(id.into(), StreamVersion(1), secret.expose().as_bytes())
        .await?;
    let create = WebhookCommand::Create {
        settings,
        secret_hint: secret.hint(),
        secret: sealed,
    };
    let events = decide(None, create, &surroundings)?;
    command.record(id.into(), StreamVersion(0), events).await?;
    let webhook = finish(command, id).await?;
    Ok(RevealedWebhook { webhook, secret })
}

/// Changes the fields of a webhook that were sent.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Refused`], [`CommandError::Taken`], [`CommandError::Conflict`],
/// [`CommandError::Unavailable`].
pub async fn change_webhook(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    change: ChangeWebhook,
) -> Result<WebhookConfig, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = change.id;
    let loaded = command.load(id.into(), change.expected, evolve).await?;
    let surroundings = surroundings(&mut command, id).await?;
    let fields = WebhookCommand::Change(change.change);
    let events = decide(loaded.state.as_ref(), fields, &surroundings)?;
    if !events.is_empty() {
        command.record(id.into(), loaded.version, events).await?;
    }
    finish(command, id).await
}

/// Signs a webhook's messages by a new secret; the old one ends at once.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn rotate_webhook_secret(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    NamedWebhook { id, expected }: NamedWebhook,
) -> Result<RevealedWebhook, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let loaded = command.load(id.into(), expected, evolve).await?;
    // Looked at before anything is sealed for a webhook that is not there.
    if loaded.state.as_ref().is_none_or(|webhook| webhook.deleted) {
        return Err(Refusal::not_found("Webhook not found.").into());
    }
    let secret = WebhookSecret::from_entropy(&draw_key_entropy()?);
    let version = next(loaded.version);
    let sealed = command
        .seal(id.into(), version, secret.expose().as_bytes())
        .await?;
    let rotate = WebhookCommand::RotateSecret {
        secret_hint: secret.hint(),
        secret: sealed,
    };
    let events = decide(loaded.state.as_ref(), rotate, &WebhookContext::default())?;
    command.record(id.into(), loaded.version, events).await?;
    let webhook = finish(command, id).await?;
    Ok(RevealedWebhook { webhook, secret })
}

/// Deletes a webhook that no alert rule sends to, and destroys its secret.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Refused`] naming the rules, [`CommandError::Conflict`],
/// [`CommandError::Unavailable`].
pub async fn delete_webhook(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    NamedWebhook { id, expected }: NamedWebhook,
) -> Result<(), CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let loaded = command.load(id.into(), expected, evolve).await?;
    let surroundings = surroundings(&mut command, id).await?;
    let events = decide(loaded.state.as_ref(), WebhookCommand::Delete, &surroundings)?;
    command.record(id.into(), loaded.version, events).await?;
    command.destroy_secret(id.into()).await?;
    command.commit().await
}

async fn surroundings(
    command: &mut CommandTx<'_>,
    id: WebhookId,
) -> Result<WebhookContext, CommandError> {
    let webhooks = delivery_config::webhooks(&mut command.tx).await?;
    let rules = delivery_config::alert_rules(&mut command.tx).await?;
    let others = webhooks.into_iter().filter(|webhook| webhook.id != id);
    let using = rules
        .into_iter()
        .filter(|rule| rule.settings.webhooks.contains(&id));
    Ok(WebhookContext {
        other_urls: others.map(|webhook| webhook.settings.url).collect(),
        rules: using.map(|rule| rule.settings.name).collect(),
    })
}

async fn finish(mut command: CommandTx<'_>, id: WebhookId) -> Result<WebhookConfig, CommandError> {
    let webhook = delivery_config::webhook(&mut command.tx, id).await?;
    let webhook = webhook.ok_or(StoreError::Corrupt(
        "a recorded webhook is not in the projection",
    ))?;
    command.commit().await?;
    Ok(webhook)
}
