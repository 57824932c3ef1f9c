//! The rules of a webhook's life.

use url::Url;

use super::{MAX_WEBHOOKS, WebhookChange, WebhookDisabledReason, WebhookSettings};
use crate::event::ConfigEvent;
use crate::refusal::Refusal;
use crate::secret::SecretRef;

/// What must be remembered of a webhook to decide the next command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookState {
    /// Its settings in force.
    pub settings: WebhookSettings,
    /// Why it was disabled by the program, until somebody enables it.
    pub disabled_by: Option<WebhookDisabledReason>,
    /// A deleted one does not come back.
    pub deleted: bool,
}

/// What is wanted done to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookCommand {
    /// Add one.
    Create {
        /// Its settings.
        settings: WebhookSettings,
        /// The first characters of its secret.
        secret_hint: String,
        /// Where its secret is sealed.
        secret: SecretRef,
    },
    /// Change some of its fields.
    Change(WebhookChange),
    /// Sign by another secret.
    RotateSecret {
        /// The first characters of the new secret.
        secret_hint: String,
        /// Where the new secret is sealed.
        secret: SecretRef,
    },
    /// Send no more because of what the receiver answers.
    Disable(WebhookDisabledReason),
    /// Delete it.
    Delete,
}

/// What a decision needs to know beyond the webhook itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookContext {
    /// Addresses of the tenant's other ones.
    pub other_urls: Vec<Url>,
    /// Names of the alert rules that send to it.
    pub rules: Vec<String>,
}

/// What happens when `command` meets `state`.
///
/// Errors: [`Refusal`] with the sentence for the caller.
pub fn decide(
    state: Option<&WebhookState>,
    command: WebhookCommand,
    context: &WebhookContext,
) -> Result<Vec<ConfigEvent>, Refusal> {
    let alive = state.filter(|webhook| !webhook.deleted);
    let existing = || alive.ok_or_else(|| Refusal::not_found("Webhook not found."));
    match command {
        WebhookCommand::Create {
            settings,
            secret_hint,
            secret,
        } => {
            if context.other_urls.len() >= MAX_WEBHOOKS {
                return Err(Refusal::invalid(format!(
                    "An account has at most {MAX_WEBHOOKS} webhooks."
                )));
            }
            check_url(&settings.url, context)?;
            Ok(vec![ConfigEvent::WebhookCreated {
                settings,
                secret_hint,
                secret,
            }])
        }
        WebhookCommand::Change(change) => {
            let present = existing()?;
            let settings = present.settings.changed(change);
            check_url(&settings.url, context)?;
            // Enabling again what the program had disabled changes nothing else and is a change all the same.
            if settings == present.settings {
                return Ok(Vec::new());
            }
            Ok(vec![ConfigEvent::WebhookChanged { settings }])
        }
        WebhookCommand::RotateSecret {
            secret_hint,
            secret,
        } => {
            existing()?;
            Ok(vec![ConfigEvent::WebhookSecretRotated {
                secret_hint,
                secret,
            }])
        }
        WebhookCommand::Disable(reason) => Ok(match alive {
            Some(webhook) if webhook.settings.enabled => {
                vec![ConfigEvent::WebhookDisabled { reason }]
            }
            Some(_) | None => Vec::new(),
        }),
        WebhookCommand::Delete => {
            existing()?;
            if !context.rules.is_empty() {
                return Err(Refusal::invalid(format!(
                    "The webhook is used by the alert rules {}. Take it out of them first.",
                    context.rules.join(", ")
                )));
            }
            Ok(vec![ConfigEvent::WebhookDeleted {}])
        }
    }
}

/// The state after `event`.
pub fn evolve(state: Option<WebhookState>, event: &ConfigEvent) -> Option<WebhookState> {
    match event {
        ConfigEvent::WebhookCreated { settings, .. } => Some(WebhookState {
            settings: settings.clone(),
            disabled_by: None,
            deleted: false,
        }),
        ConfigEvent::WebhookChanged { settings } => state.map(|webhook| WebhookState {
            settings: settings.clone(),
            disabled_by: webhook.disabled_by.filter(|_| !settings.enabled),
            ..webhook
        }),
        ConfigEvent::WebhookDisabled { reason } => state.map(|mut webhook| {
            webhook.settings.enabled = false;
            webhook.disabled_by = Some(*reason);
            webhook
        }),
        ConfigEvent::WebhookDeleted {} => state.map(|webhook| WebhookState {
            deleted: true,
            ..webhook
        }),
        ConfigEvent::WebhookSecretRotated { .. }
        | ConfigEvent::AlertRuleCreated { .. }
        | ConfigEvent::AlertRuleReplaced { .. }
        | ConfigEvent::AlertRuleDeleted {}
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

fn check_url(url: &Url, context: &WebhookContext) -> Result<(), Refusal> {
    if context.other_urls.contains(url) {
        return Err(Refusal::taken(
            "Another webhook of the account has this address.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::StreamVersion;
    use crate::secret::SecretFingerprint;
    use crate::webhook::WebhookEventType;

    fn settings(url: &str) -> WebhookSettings {
        WebhookSettings {
            url: url.parse().unwrap(),
            description: String::new(),
            events: vec![WebhookEventType::AlertFiring],
            enabled: true,
        }
    }

    fn create(url: &str) -> WebhookCommand {
        WebhookCommand::Create {
            settings: settings(url),
            secret_hint: "whsec_abcd".to_owned(),
            secret: SecretRef {
                version: StreamVersion(1),
                fingerprint: SecretFingerprint("00".to_owned()),
            },
        }
    }

    fn when(state: Option<&WebhookState>, command: WebhookCommand) -> Option<WebhookState> {
        let events = decide(state, command, &WebhookContext::default()).unwrap();
        events.iter().fold(state.cloned(), evolve)
    }

    fn enable() -> WebhookCommand {
        WebhookCommand::Change(WebhookChange {
            enabled: Some(true),
            ..WebhookChange::default()
        })
    }

    #[test]
    fn given_a_disabled_one_when_enabled_then_the_reason_is_forgotten() {
        let webhook = when(None, create("https://a.example")).unwrap();
        let disable = WebhookCommand::Disable(WebhookDisabledReason::Gone);
        let disabled = when(Some(&webhook), disable.clone()).unwrap();
        assert!(!disabled.settings.enabled);
        assert_eq!(disabled.disabled_by, Some(WebhookDisabledReason::Gone));
        let again = decide(Some(&disabled), disable, &WebhookContext::default());
        assert_eq!(again, Ok(Vec::new()), "it is disabled already");
        assert_eq!(when(Some(&disabled), enable()), Some(webhook));
    }

    #[test]
    fn given_an_address_in_use_then_it_is_taken() {
        let context = WebhookContext {
            other_urls: vec!["https://a.example/".parse().unwrap()],
            ..WebhookContext::default()
        };
        let refused = decide(None, create("https://a.example"), &context).unwrap_err();
        assert!(matches!(refused, Refusal::Taken(_)));
    }

    #[test]
    fn given_rules_that_send_to_it_then_it_cannot_be_deleted() {
        let webhook = when(None, create("https://a.example")).unwrap();
        let context = WebhookContext {
            rules: vec!["Night watch".to_owned()],
            ..WebhookContext::default()
        };
        let refused = decide(Some(&webhook), WebhookCommand::Delete, &context).unwrap_err();
        assert_eq!(
            refused.message(),
            "The webhook is used by the alert rules Night watch. Take it out of them first."
        );
        let deleted = when(Some(&webhook), WebhookCommand::Delete).unwrap();
        assert!(decide(Some(&deleted), enable(), &WebhookContext::default()).is_err());
    }

    #[test]
    fn an_account_has_at_most_ten() {
        let other = |n: usize| format!("https://{n}.example").parse().unwrap();
        let mut context = WebhookContext {
            other_urls: (0..MAX_WEBHOOKS).map(other).collect(),
            ..WebhookContext::default()
        };
        assert!(decide(None, create("https://a.example"), &context).is_err());
        context.other_urls.pop();
        assert!(decide(None, create("https://a.example"), &context).is_ok());
    }
}
