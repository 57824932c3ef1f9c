//! The rules of a URL endpoint's life.

use super::draft::ORIGIN_DOES_NOT_EXIST;
use super::{CustomDomain, MAX_ORIGINS, UrlEndpointSettings};
use crate::caching::Caching;
use crate::event::ConfigEvent;
use crate::ids::OriginId;
use crate::refusal::Refusal;
use crate::restrictions::Restrictions;

/// What must be remembered of a URL endpoint to decide the next command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlEndpointState {
    /// Whether it is the account's default endpoint.
    pub is_default: bool,
    /// Its settings in force.
    pub settings: UrlEndpointSettings,
    /// Its custom domains.
    pub domains: Vec<CustomDomain>,
    /// What its URLs may not ask for. Not among the settings: those are ImageKit's, and replaced as a whole by its SDKs.
    pub restrictions: Restrictions,
    /// How long its answers may be answered again. Not among the settings either.
    pub caching: Caching,
    /// Deleted endpoints stay known by name, because old failures refer to them.
    pub deleted: bool,
}

/// What a tenant wants done to a URL endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlEndpointCommand {
    /// Add the default endpoint of a new account.
    CreateDefault,
    /// Add one.
    Create(UrlEndpointSettings),
    /// Replace it as a whole.
    Replace(UrlEndpointSettings),
    /// Append the account's first origin.
    AttachFirst(OriginId),
    /// Delete it.
    Delete,
    /// Forget its custom domains and bind these.
    SetCustomDomains(Vec<CustomDomain>),
    /// Set what its URLs may not ask for.
    SetRestrictions(Restrictions),
    /// Set how long its answers may be answered again.
    SetCaching(Caching),
}

/// What a decision needs to know beyond the endpoint itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UrlEndpointContext {
    /// The tenant's origins.
    pub origins: Vec<OriginId>,
    /// Prefixes of the tenant's other endpoints.
    pub other_prefixes: Vec<String>,
    /// The asked-for domains that are bound elsewhere.
    pub taken_domains: Vec<CustomDomain>,
}

/// What happens when `command` meets `state`.
///
/// Errors: [`Refusal`] with the sentence for the caller.
pub fn decide(
    state: Option<&UrlEndpointState>,
    command: UrlEndpointCommand,
    context: &UrlEndpointContext,
) -> Result<Vec<ConfigEvent>, Refusal> {
    let alive = state.filter(|endpoint| !endpoint.deleted);
    let existing = || alive.ok_or_else(|| Refusal::not_found("URL-endpoint not found."));
    match command {
        UrlEndpointCommand::CreateDefault => Ok(vec![ConfigEvent::UrlEndpointCreated {
            is_default: true,
            settings: default_settings(),
        }]),
        UrlEndpointCommand::Create(settings) => {
            check_prefix(&settings.url_prefix, context)?;
            check_origins(&settings.origins, context)?;
            Ok(vec![ConfigEvent::UrlEndpointCreated {
                is_default: false,
                settings,
            }])
        }
        UrlEndpointCommand::Replace(settings) => {
            check_replacement(existing()?, &settings, context)?;
            Ok(vec![ConfigEvent::UrlEndpointReplaced { settings }])
        }
        UrlEndpointCommand::AttachFirst(origin_id) => {
            let listed = &existing()?.settings.origins;
            if listed.contains(&origin_id) || listed.len() >= MAX_ORIGINS {
                return Ok(Vec::new());
            }
            Ok(vec![ConfigEvent::OriginAttached { origin_id }])
        }
        UrlEndpointCommand::Delete => {
            if existing()?.is_default {
                return Err(Refusal::invalid("Default URL-endpoint cannot be deleted."));
            }
            Ok(vec![ConfigEvent::UrlEndpointDeleted {}])
        }
        UrlEndpointCommand::SetCustomDomains(domains) => {
            existing()?;
            match context.taken_domains.first() {
                Some(domain) => Err(Refusal::invalid(format!(
                    "Custom domain {domain} is not available."
                ))),
                None => Ok(vec![ConfigEvent::CustomDomainsSet { domains }]),
            }
        }
        UrlEndpointCommand::SetRestrictions(restrictions) => {
            if existing()?.restrictions == restrictions {
                return Ok(Vec::new());
            }
            Ok(vec![ConfigEvent::UrlEndpointRestrictionsSet {
                restrictions,
            }])
        }
        UrlEndpointCommand::SetCaching(caching) => {
            if existing()?.caching == caching {
                return Ok(Vec::new());
            }
            Ok(vec![ConfigEvent::UrlEndpointCachingSet { caching }])
        }
    }
}

/// The state after `event`.
pub fn evolve(state: Option<UrlEndpointState>, event: &ConfigEvent) -> Option<UrlEndpointState> {
    match event {
        ConfigEvent::UrlEndpointCreated {
            is_default,
            settings,
        } => Some(UrlEndpointState {
            is_default: *is_default,
            settings: settings.clone(),
            domains: Vec::new(),
            restrictions: Restrictions::default(),
            caching: Caching::default(),
            deleted: false,
        }),
        ConfigEvent::UrlEndpointReplaced { settings } => state.map(|endpoint| UrlEndpointState {
            settings: settings.clone(),
            ..endpoint
        }),
        ConfigEvent::OriginAttached { origin_id } => state.map(|mut endpoint| {
            endpoint.settings.origins.push(*origin_id);
            endpoint
        }),
        ConfigEvent::UrlEndpointDeleted {} => state.map(|endpoint| UrlEndpointState {
            domains: Vec::new(),
            deleted: true,
            ..endpoint
        }),
        ConfigEvent::CustomDomainsSet { domains } => state.map(|endpoint| UrlEndpointState {
            domains: domains.clone(),
            ..endpoint
        }),
        ConfigEvent::UrlEndpointRestrictionsSet { restrictions } => {
            state.map(|endpoint| UrlEndpointState {
                restrictions: *restrictions,
                ..endpoint
            })
        }
        ConfigEvent::UrlEndpointCachingSet { caching } => state.map(|endpoint| UrlEndpointState {
            caching: *caching,
            ..endpoint
        }),
        ConfigEvent::TenantCreated { .. }
        | ConfigEvent::TenantSettingsChanged { .. }
        | ConfigEvent::TenantLimitsSet { .. }
        | ConfigEvent::KeyPairCreated { .. }
        | ConfigEvent::KeyPairRevoked {}
        | ConfigEvent::OriginCreated { .. }
        | ConfigEvent::OriginReplaced { .. }
        | ConfigEvent::OriginDeleted {}
        | ConfigEvent::NamedTransformationCreated { .. }
        | ConfigEvent::NamedTransformationChanged { .. }
        | ConfigEvent::NamedTransformationDeleted {}
        | ConfigEvent::AlertRuleCreated { .. }
        | ConfigEvent::AlertRuleReplaced { .. }
        | ConfigEvent::AlertRuleDeleted {}
        | ConfigEvent::WebhookCreated { .. }
        | ConfigEvent::WebhookChanged { .. }
        | ConfigEvent::WebhookSecretRotated { .. }
        | ConfigEvent::WebhookDisabled { .. }
        | ConfigEvent::WebhookDeleted {}
        | ConfigEvent::TenantErased {}
        | ConfigEvent::CachePurged { .. } => state,
    }
}

fn default_settings() -> UrlEndpointSettings {
    UrlEndpointSettings {
        description: "Default URL-endpoint".to_owned(),
        url_prefix: String::new(),
        origins: Vec::new(),
        url_rewriter: None,
    }
}

fn check_replacement(
    endpoint: &UrlEndpointState,
    settings: &UrlEndpointSettings,
    context: &UrlEndpointContext,
) -> Result<(), Refusal> {
    if endpoint.is_default {
        if !settings.url_prefix.is_empty() {
            return Err(Refusal::invalid(
                "urlPrefix of the default URL-endpoint must be empty string.",
            ));
        }
    } else {
        check_prefix(&settings.url_prefix, context)?;
    }
    check_origins(&settings.origins, context)
}

fn check_prefix(prefix: &str, context: &UrlEndpointContext) -> Result<(), Refusal> {
    if prefix.is_empty() {
        return Err(Refusal::invalid(
            "urlPrefix cannot be empty string. This is reserved for the default URL-endpoint created by ImageKit.",
        ));
    }
    if context.other_prefixes.iter().any(|other| other == prefix) {
        return Err(Refusal::invalid(format!(
            "urlPrefix {prefix} is already used by another URL-endpoint."
        )));
    }
    Ok(())
}

fn check_origins(origins: &[OriginId], context: &UrlEndpointContext) -> Result<(), Refusal> {
    if origins
        .iter()
        .all(|origin| context.origins.contains(origin))
    {
        return Ok(());
    }
    Err(Refusal::invalid(ORIGIN_DOES_NOT_EXIST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(prefix: &str, origins: &[OriginId]) -> UrlEndpointSettings {
        UrlEndpointSettings {
            description: "d".to_owned(),
            url_prefix: prefix.to_owned(),
            origins: origins.to_vec(),
            url_rewriter: None,
        }
    }

    fn when(
        state: Option<&UrlEndpointState>,
        command: UrlEndpointCommand,
        context: &UrlEndpointContext,
    ) -> Result<Option<UrlEndpointState>, String> {
        match decide(state, command, context) {
            Ok(events) => Ok(events.iter().fold(state.cloned(), evolve)),
            Err(refusal) => Err(refusal.message().to_owned()),
        }
    }

    fn given_default() -> UrlEndpointState {
        let nothing = UrlEndpointContext::default();
        when(None, UrlEndpointCommand::CreateDefault, &nothing)
            .unwrap()
            .unwrap()
    }

    fn given(prefix: &str) -> UrlEndpointState {
        let nothing = UrlEndpointContext::default();
        let command = UrlEndpointCommand::Create(settings(prefix, &[]));
        when(None, command, &nothing).unwrap().unwrap()
    }

    #[test]
    fn given_a_new_account_then_its_default_endpoint_has_no_prefix_and_cannot_be_deleted() {
        let endpoint = given_default();
        assert!(endpoint.is_default && endpoint.settings.url_prefix.is_empty());
        let refused = when(
            Some(&endpoint),
            UrlEndpointCommand::Delete,
            &UrlEndpointContext::default(),
        );
        assert_eq!(
            refused.unwrap_err(),
            "Default URL-endpoint cannot be deleted."
        );
    }

    #[test]
    fn given_the_default_endpoint_when_given_a_prefix_then_it_is_refused() {
        let endpoint = given_default();
        let nothing = UrlEndpointContext::default();
        let replace = |prefix| UrlEndpointCommand::Replace(settings(prefix, &[]));
        assert!(when(Some(&endpoint), replace("x"), &nothing).is_err());
        let replaced = when(Some(&endpoint), replace(""), &nothing)
            .unwrap()
            .unwrap();
        assert!(replaced.is_default);
    }

    #[test]
    fn prefixes_are_required_and_unique() {
        let context = UrlEndpointContext {
            other_prefixes: vec!["shop".to_owned()],
            ..UrlEndpointContext::default()
        };
        let create = |prefix| UrlEndpointCommand::Create(settings(prefix, &[]));
        assert_eq!(
            when(None, create(""), &context).unwrap_err(),
            "urlPrefix cannot be empty string. This is reserved for the default URL-endpoint created by ImageKit."
        );
        assert_eq!(
            when(None, create("shop"), &context).unwrap_err(),
            "urlPrefix shop is already used by another URL-endpoint."
        );
        assert!(
            when(None, create("Shop"), &context).is_ok(),
            "prefixes are compared exactly"
        );
        assert!(
            when(
                Some(&given("blog")),
                UrlEndpointCommand::Replace(settings("shop", &[])),
                &context
            )
            .is_err()
        );
    }

    #[test]
    fn an_unknown_origin_is_refused_in_the_documented_words() {
        let known = OriginId::mint();
        let context = UrlEndpointContext {
            origins: vec![known],
            ..UrlEndpointContext::default()
        };
        let create = |origins: &[OriginId]| UrlEndpointCommand::Create(settings("a", origins));
        assert!(when(None, create(&[known]), &context).is_ok());
        let refused = when(None, create(&[known, OriginId::mint()]), &context);
        assert_eq!(
            refused.unwrap_err(),
            "Origin does not exists. Please create origin before using it in URL-endpoint."
        );
    }

    #[test]
    fn given_the_default_endpoint_when_the_first_origin_comes_then_it_is_attached_once() {
        let origin = OriginId::mint();
        let nothing = UrlEndpointContext::default();
        let attach = || UrlEndpointCommand::AttachFirst(origin);
        let attached = when(Some(&given_default()), attach(), &nothing)
            .unwrap()
            .unwrap();
        assert_eq!(attached.settings.origins, [origin]);
        assert_eq!(decide(Some(&attached), attach(), &nothing).unwrap(), []);
    }

    #[test]
    fn given_a_deleted_endpoint_then_it_is_not_found_and_has_no_domains() {
        let nothing = UrlEndpointContext::default();
        let domain: CustomDomain = "a.example".parse().unwrap();
        let bind = UrlEndpointCommand::SetCustomDomains(vec![domain]);
        let bound = when(Some(&given("a")), bind.clone(), &nothing).unwrap();
        let deleted = when(bound.as_ref(), UrlEndpointCommand::Delete, &nothing).unwrap();
        assert_eq!(deleted.as_ref().unwrap().domains, []);
        for state in [None, deleted.as_ref()] {
            for command in [
                UrlEndpointCommand::Delete,
                bind.clone(),
                UrlEndpointCommand::Replace(settings("a", &[])),
            ] {
                assert_eq!(
                    when(state, command, &nothing).unwrap_err(),
                    "URL-endpoint not found."
                );
            }
        }
    }

    #[test]
    fn given_restrictions_when_the_endpoint_is_replaced_then_they_stay() {
        let nothing = UrlEndpointContext::default();
        let restrictions = Restrictions {
            restrict_unsigned_urls: true,
            ..Restrictions::default()
        };
        let set = || UrlEndpointCommand::SetRestrictions(restrictions);
        let restricted = when(Some(&given("a")), set(), &nothing).unwrap();
        assert_eq!(decide(restricted.as_ref(), set(), &nothing).unwrap(), []);
        let replace = UrlEndpointCommand::Replace(settings("b", &[]));
        let replaced = when(restricted.as_ref(), replace, &nothing)
            .unwrap()
            .unwrap();
        assert_eq!(replaced.restrictions, restrictions);
        assert_eq!(
            when(None, set(), &nothing).unwrap_err(),
            "URL-endpoint not found."
        );
    }

    #[test]
    fn a_domain_bound_elsewhere_is_refused() {
        let domain: CustomDomain = "a.example".parse().unwrap();
        let context = UrlEndpointContext {
            taken_domains: vec![domain.clone()],
            ..UrlEndpointContext::default()
        };
        let refused = when(
            Some(&given("a")),
            UrlEndpointCommand::SetCustomDomains(vec![domain]),
            &context,
        );
        assert_eq!(
            refused.unwrap_err(),
            "Custom domain a.example is not available."
        );
    }
}
