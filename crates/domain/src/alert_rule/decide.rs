//! The rules of an alert rule's life.

use super::draft::{named_endpoints, named_origins};
use super::{AlertRuleSettings, MAX_ALERT_RULES};
use crate::event::ConfigEvent;
use crate::ids::{OriginId, UrlEndpointId, WebhookId};
use crate::refusal::Refusal;

/// What must be remembered of an alert rule to decide the next command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRuleState {
    /// Its settings in force.
    pub settings: AlertRuleSettings,
    /// A deleted one does not come back.
    pub deleted: bool,
}

/// What a tenant wants done to an alert rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertRuleCommand {
    /// Add one.
    Create(AlertRuleSettings),
    /// Replace it as a whole.
    Replace(AlertRuleSettings),
    /// Delete it.
    Delete,
}

/// What a decision needs to know beyond the rule itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertRuleContext {
    /// How many other rules the tenant has.
    pub others: usize,
    /// The tenant's webhooks.
    pub webhooks: Vec<WebhookId>,
    /// The tenant's origins.
    pub origins: Vec<OriginId>,
    /// The tenant's URL endpoints.
    pub endpoints: Vec<UrlEndpointId>,
    /// Whether the time zone of the quiet hours exists; looked at only where they name one.
    pub is_zone_known: bool,
}

/// What happens when `command` meets `state`.
///
/// Errors: [`Refusal`] with the sentence for the caller.
pub fn decide(
    state: Option<&AlertRuleState>,
    command: AlertRuleCommand,
    context: &AlertRuleContext,
) -> Result<Vec<ConfigEvent>, Refusal> {
    let alive = state.filter(|rule| !rule.deleted);
    let existing = || alive.ok_or_else(|| Refusal::not_found("Alert rule not found."));
    match command {
        AlertRuleCommand::Create(settings) => {
            if context.others >= MAX_ALERT_RULES {
                return Err(Refusal::invalid(format!(
                    "An account has at most {MAX_ALERT_RULES} alert rules."
                )));
            }
            check_names(&settings, context)?;
            Ok(vec![ConfigEvent::AlertRuleCreated { settings }])
        }
        AlertRuleCommand::Replace(settings) => {
            let present = existing()?;
            check_names(&settings, context)?;
            if settings == present.settings {
                return Ok(Vec::new());
            }
            Ok(vec![ConfigEvent::AlertRuleReplaced { settings }])
        }
        AlertRuleCommand::Delete => {
            existing()?;
            Ok(vec![ConfigEvent::AlertRuleDeleted {}])
        }
    }
}

/// The state after `event`.
pub fn evolve(state: Option<AlertRuleState>, event: &ConfigEvent) -> Option<AlertRuleState> {
    match event {
        ConfigEvent::AlertRuleCreated { settings }
        | ConfigEvent::AlertRuleReplaced { settings } => Some(AlertRuleState {
            settings: settings.clone(),
            deleted: false,
        }),
        ConfigEvent::AlertRuleDeleted {} => state.map(|rule| AlertRuleState {
            deleted: true,
            ..rule
        }),
        ConfigEvent::WebhookCreated { .. }
        | ConfigEvent::WebhookChanged { .. }
        | ConfigEvent::WebhookSecretRotated { .. }
        | ConfigEvent::WebhookDisabled { .. }
        | ConfigEvent::WebhookDeleted {}
        | ConfigEvent::TenantCreated { .. }
        | ConfigEvent::TenantSettingsChanged { .. }
        | ConfigEvent::TenantLimitsSet { .. }
        | ConfigEvent::KeyPairCreated { .. }
        | ConfigEvent::KeyPairRevoked {}
        | ConfigEvent::OriginCreated { .. }
        | ConfigEvent::OriginReplaced { .. }
        | ConfigEvent::OriginDeleted {}
        | ConfigEvent::UrlEndpointCreated { .. }
        | ConfigEvent::UrlEndpointReplaced { .. }
        | ConfigEvent::OriginAttached { .. }
        | ConfigEvent::UrlEndpointDeleted {}
        | ConfigEvent::CustomDomainsSet { .. }
        | ConfigEvent::UrlEndpointRestrictionsSet { .. }
        | ConfigEvent::UrlEndpointCachingSet { .. }
        | ConfigEvent::NamedTransformationCreated { .. }
        | ConfigEvent::NamedTransformationChanged { .. }
        | ConfigEvent::NamedTransformationDeleted {}
        | ConfigEvent::TenantErased {}
        | ConfigEvent::CachePurged { .. } => state,
    }
}

/// A rule about what is not there would be silent for ever.
fn check_names(settings: &AlertRuleSettings, context: &AlertRuleContext) -> Result<(), Refusal> {
    let unknown = |what: &str, id: String| {
        Refusal::invalid(format!("The account has no {what} with the id {id}."))
    };
    let webhooks = settings.webhooks.iter();
    if let Some(id) = webhooks.clone().find(|id| !context.webhooks.contains(id)) {
        return Err(unknown("webhook", id.to_string()));
    }
    let origins = named_origins(&settings.condition).iter();
    if let Some(id) = origins.clone().find(|id| !context.origins.contains(id)) {
        return Err(unknown("origin", id.to_string()));
    }
    let endpoints = named_endpoints(&settings.condition);
    if let Some(id) = endpoints.iter().find(|id| !context.endpoints.contains(id)) {
        return Err(unknown("URL endpoint", id.to_string()));
    }
    match settings.time_zone() {
        Some(zone) if !context.is_zone_known => Err(Refusal::invalid(format!(
            "quietHours.timeZone must be a name of the IANA time zone database such as Europe/Berlin; \"{zone}\" is none"
        ))),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(webhooks: &[WebhookId]) -> AlertRuleSettings {
        let body = json!({"name": "Night watch", "condition": {"type": "group_state", "states": ["new"]},
            "webhooks": webhooks});
        AlertRuleSettings::parse(body).unwrap()
    }

    fn state(settings: AlertRuleSettings) -> AlertRuleState {
        AlertRuleState {
            settings,
            deleted: false,
        }
    }

    #[test]
    fn given_names_that_nothing_has_then_the_rule_is_refused() {
        let known = WebhookId::mint();
        let context = AlertRuleContext {
            webhooks: vec![known],
            ..AlertRuleContext::default()
        };
        let create = |webhook| AlertRuleCommand::Create(settings(&[webhook]));
        assert!(decide(None, create(known), &context).is_ok());
        let unknown = WebhookId::mint();
        let refused = decide(None, create(unknown), &context).unwrap_err();
        assert_eq!(
            refused.message(),
            format!("The account has no webhook with the id {unknown}.")
        );
        let condition = json!({"type": "failing_share", "overPercent": 1, "forMinutes": 5,
            "endpoint": UrlEndpointId::mint().to_string()});
        let body = json!({"name": "x", "condition": condition});
        let share = AlertRuleSettings::parse(body).unwrap();
        let refused = decide(None, AlertRuleCommand::Create(share), &context).unwrap_err();
        assert!(refused.message().contains("no URL endpoint"), "{refused}");
    }

    #[test]
    fn given_a_time_zone_that_nobody_knows_then_the_rule_is_refused() {
        let body = json!({"name": "Night watch", "condition": {"type": "expiry"},
            "quietHours": {"from": "22:00", "to": "07:00", "timeZone": "Europe/Atlantis"}});
        let create = || AlertRuleCommand::Create(AlertRuleSettings::parse(body.clone()).unwrap());
        let mut context = AlertRuleContext::default();
        let refused = decide(None, create(), &context).unwrap_err();
        assert!(
            refused.message().contains("\"Europe/Atlantis\" is none"),
            "{refused}"
        );
        context.is_zone_known = true;
        assert!(decide(None, create(), &context).is_ok());
    }

    #[test]
    fn given_one_when_replaced_by_itself_then_nothing_happened() {
        let given = state(settings(&[]));
        let context = AlertRuleContext::default();
        let same = AlertRuleCommand::Replace(settings(&[]));
        assert_eq!(decide(Some(&given), same, &context), Ok(Vec::new()));
        let mut other = settings(&[]);
        other.enabled = false;
        let replaced = decide(
            Some(&given),
            AlertRuleCommand::Replace(other.clone()),
            &context,
        );
        let after = replaced.unwrap().iter().fold(Some(given), evolve).unwrap();
        assert_eq!(after.settings, other);
        let deleted = evolve(Some(after), &ConfigEvent::AlertRuleDeleted {});
        let refused = decide(deleted.as_ref(), AlertRuleCommand::Delete, &context).unwrap_err();
        assert_eq!(refused.message(), "Alert rule not found.");
    }

    #[test]
    fn an_account_has_at_most_50() {
        let mut context = AlertRuleContext {
            others: MAX_ALERT_RULES,
            ..AlertRuleContext::default()
        };
        let create = || AlertRuleCommand::Create(settings(&[]));
        assert!(decide(None, create(), &context).is_err());
        context.others -= 1;
        assert!(decide(None, create(), &context).is_ok());
    }
}
