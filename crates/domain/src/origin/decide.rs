//! The rules of an origin's life.

use super::OriginSettings;
use crate::event::ConfigEvent;
use crate::refusal::Refusal;
use crate::secret::SecretRef;

/// What must be remembered of an origin to decide the next command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginState {
    /// Its settings in force.
    pub settings: OriginSettings,
    /// Its credentials in force.
    pub credentials: Option<SecretRef>,
    /// Deleted origins stay known by name, because old failures refer to them.
    pub deleted: bool,
}

/// What a tenant wants done to an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginCommand {
    /// Add it.
    Create {
        /// Its settings.
        settings: OriginSettings,
        /// Where its credentials were sealed.
        credentials: Option<SecretRef>,
    },
    /// Replace it as a whole.
    Replace {
        /// Its settings.
        settings: OriginSettings,
        /// Where its credentials were sealed.
        credentials: Option<SecretRef>,
    },
    /// Delete it.
    Delete,
}

/// What a decision needs to know beyond the origin itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OriginUse {
    /// Descriptions of the URL endpoints that list the origin.
    pub endpoints: Vec<String>,
}

/// What happens when `command` meets `state`.
///
/// Errors: [`Refusal`] with the sentence for the caller.
pub fn decide(
    state: Option<&OriginState>,
    command: OriginCommand,
    used_by: &OriginUse,
) -> Result<Vec<ConfigEvent>, Refusal> {
    let alive = state.filter(|origin| !origin.deleted);
    match command {
        OriginCommand::Create {
            settings,
            credentials,
        } => match state {
            None => Ok(vec![ConfigEvent::OriginCreated {
                settings,
                credentials,
            }]),
            Some(_) => Err(Refusal::invalid("Origin already exists.")),
        },
        OriginCommand::Replace {
            settings,
            credentials,
        } => {
            alive.ok_or_else(not_found)?;
            Ok(vec![ConfigEvent::OriginReplaced {
                settings,
                credentials,
            }])
        }
        OriginCommand::Delete => {
            alive.ok_or_else(not_found)?;
            if used_by.endpoints.is_empty() {
                return Ok(vec![ConfigEvent::OriginDeleted {}]);
            }
            Err(Refusal::invalid(format!(
                "Origin is in use by URL-endpoint {}. Remove it there before deleting it.",
                used_by.endpoints.join(", ")
            )))
        }
    }
}

/// The state after `event`.
pub fn evolve(state: Option<OriginState>, event: &ConfigEvent) -> Option<OriginState> {
    match event {
        ConfigEvent::OriginCreated {
            settings,
            credentials,
        }
        | ConfigEvent::OriginReplaced {
            settings,
            credentials,
        } => Some(OriginState {
            settings: settings.clone(),
            credentials: credentials.clone(),
            deleted: false,
        }),
        ConfigEvent::OriginDeleted {} => state.map(|origin| OriginState {
            credentials: None,
            deleted: true,
            ..origin
        }),
        ConfigEvent::TenantCreated { .. }
        | ConfigEvent::KeyPairCreated { .. }
        | ConfigEvent::KeyPairRevoked {}
        | ConfigEvent::UrlEndpointCreated { .. }
        | ConfigEvent::UrlEndpointReplaced { .. }
        | ConfigEvent::OriginAttached { .. }
        | ConfigEvent::UrlEndpointDeleted {}
        | ConfigEvent::CustomDomainsSet { .. }
        | ConfigEvent::NamedTransformationCreated { .. }
        | ConfigEvent::NamedTransformationChanged { .. }
        | ConfigEvent::NamedTransformationDeleted {}
        | ConfigEvent::UrlEndpointCachingSet { .. }
        | ConfigEvent::AlertRuleCreated { .. }
        | ConfigEvent::AlertRuleReplaced { .. }
        | ConfigEvent::AlertRuleDeleted {}
        | ConfigEvent::WebhookCreated { .. }
        | ConfigEvent::WebhookChanged { .. }
        | ConfigEvent::WebhookSecretRotated { .. }
        | ConfigEvent::WebhookDisabled { .. }
        | ConfigEvent::WebhookDeleted {}
        | ConfigEvent::TenantErased {}
        | ConfigEvent::CachePurged { .. }
        | ConfigEvent::TenantSettingsChanged { .. }
        | ConfigEvent::TenantLimitsSet { .. }
        | ConfigEvent::UrlEndpointRestrictionsSet { .. } => state,
    }
}

fn not_found() -> Refusal {
    Refusal::not_found("Origin not found.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::StreamVersion;
    use crate::origin::OriginLocation;
    use crate::secret::SecretFingerprint;

    fn settings(name: &str) -> OriginSettings {
        OriginSettings {
            name: name.to_owned(),
            location: OriginLocation::WebProxy,
            include_canonical_header: false,
            base_url_for_canonical_header: None,
        }
    }

    fn secret() -> SecretRef {
        SecretRef {
            version: StreamVersion(1),
            fingerprint: SecretFingerprint("00".to_owned()),
        }
    }

    fn created() -> ConfigEvent {
        ConfigEvent::OriginCreated {
            settings: settings("a"),
            credentials: Some(secret()),
        }
    }

    fn given(events: &[ConfigEvent]) -> Option<OriginState> {
        events.iter().fold(None, evolve)
    }

    fn replace() -> OriginCommand {
        OriginCommand::Replace {
            settings: settings("b"),
            credentials: None,
        }
    }

    #[test]
    fn given_nothing_when_created_then_it_exists() {
        let command = OriginCommand::Create {
            settings: settings("a"),
            credentials: Some(secret()),
        };
        let events = decide(None, command.clone(), &OriginUse::default()).unwrap();
        assert_eq!(events, [created()]);
        let state = given(&events);
        assert!(decide(state.as_ref(), command, &OriginUse::default()).is_err());
    }

    #[test]
    fn given_an_origin_when_replaced_then_nothing_of_the_old_one_stays() {
        let state = given(&[created()]);
        let events = decide(state.as_ref(), replace(), &OriginUse::default()).unwrap();
        let state = evolve(state, &events[0]).unwrap();
        assert_eq!(state.settings, settings("b"));
        assert_eq!(state.credentials, None);
    }

    #[test]
    fn given_an_origin_in_use_when_deleted_then_its_endpoints_are_named() {
        let used_by = OriginUse {
            endpoints: vec!["shop".to_owned(), "blog".to_owned()],
        };
        let refused = decide(
            given(&[created()]).as_ref(),
            OriginCommand::Delete,
            &used_by,
        )
        .unwrap_err();
        assert_eq!(
            refused.message(),
            "Origin is in use by URL-endpoint shop, blog. Remove it there before deleting it."
        );
    }

    #[test]
    fn given_a_deleted_or_unknown_origin_when_changed_then_it_is_not_found() {
        let deleted = given(&[created(), ConfigEvent::OriginDeleted {}]);
        assert_eq!(deleted.as_ref().unwrap().credentials, None);
        for state in [None, deleted] {
            for command in [replace(), OriginCommand::Delete] {
                let refused = decide(state.as_ref(), command, &OriginUse::default()).unwrap_err();
                assert_eq!(refused, Refusal::not_found("Origin not found."));
            }
        }
    }
}
