//! Commands on alert rules.

use limpid_domain::alert_rule::{
    AlertRuleCommand, AlertRuleContext, AlertRuleSettings, decide, evolve,
};
use limpid_domain::ids::{AlertRuleId, StreamVersion, TenantId};
use limpid_event_store::StoreError;
use limpid_read_models::alerts;
use limpid_read_models::delivery_config::{self, AlertRuleConfig};

use super::transaction::CommandTx;
use super::{CommandContext, CommandError};

/// Puts an alert rule in the place of another.
#[derive(Debug)]
pub struct ReplaceAlertRule {
    /// Which.
    pub id: AlertRuleId,
    /// The new one.
    pub settings: AlertRuleSettings,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Deletes an alert rule.
#[derive(Debug, Clone, Copy)]
pub struct DeleteAlertRule {
    /// Which.
    pub id: AlertRuleId,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Adds an alert rule. What was so before it was there is no news to it.
///
/// Errors: [`CommandError::Refused`], [`CommandError::Unavailable`].
pub async fn create_alert_rule(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    settings: AlertRuleSettings,
) -> Result<AlertRuleConfig, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = AlertRuleId::mint();
    let surroundings = surroundings(&mut command, id, &settings).await?;
    let create = AlertRuleCommand::Create(settings);
    let events = decide(None, create, &surroundings)?;
    command.record(id.into(), StreamVersion(0), events).await?;
    finish(command, id).await
}

/// Replaces an alert rule as a whole.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Refused`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn replace_alert_rule(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    replace: ReplaceAlertRule,
) -> Result<AlertRuleConfig, CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = replace.id;
    let loaded = command.load(id.into(), replace.expected, evolve).await?;
    let surroundings = surroundings(&mut command, id, &replace.settings).await?;
    let replacement = AlertRuleCommand::Replace(replace.settings);
    let events = decide(loaded.state.as_ref(), replacement, &surroundings)?;
    if !events.is_empty() {
        command.record(id.into(), loaded.version, events).await?;
    }
    finish(command, id).await
}

/// Deletes an alert rule; what it has open ends without a word.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn delete_alert_rule(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    DeleteAlertRule { id, expected }: DeleteAlertRule,
) -> Result<(), CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let loaded = command.load(id.into(), expected, evolve).await?;
    let events = decide(
        loaded.state.as_ref(),
        AlertRuleCommand::Delete,
        &AlertRuleContext::default(),
    )?;
    command.record(id.into(), loaded.version, events).await?;
    command.commit().await
}

async fn surroundings(
    command: &mut CommandTx<'_>,
    id: AlertRuleId,
    settings: &AlertRuleSettings,
) -> Result<AlertRuleContext, CommandError> {
    let tx = &mut command.tx;
    let is_zone_known = match settings.time_zone() {
        Some(zone) => alerts::is_time_zone(tx, zone).await?,
        None => false,
    };
    let rules = delivery_config::alert_rules(tx).await?;
    let webhooks = delivery_config::webhooks(tx).await?;
    let origins = delivery_config::origins(tx).await?;
    let endpoints = delivery_config::url_endpoints(tx).await?;
    let origins = origins.into_iter().filter(|origin| !origin.deleted);
    let endpoints = endpoints.into_iter().filter(|endpoint| !endpoint.deleted);
    Ok(AlertRuleContext {
        others: rules.iter().filter(|rule| rule.id != id).count(),
        webhooks: webhooks.into_iter().map(|webhook| webhook.id).collect(),
        origins: origins.map(|origin| origin.id).collect(),
        endpoints: endpoints.map(|endpoint| endpoint.id).collect(),
        is_zone_known,
    })
}

async fn finish(
    mut command: CommandTx<'_>,
    id: AlertRuleId,
) -> Result<AlertRuleConfig, CommandError> {
    let rule = delivery_config::alert_rule(&mut command.tx, id).await?;
    let rule = rule.ok_or(StoreError::Corrupt(
        "a recorded alert rule is not in the projection",
    ))?;
    command.commit().await?;
    Ok(rule)
}
