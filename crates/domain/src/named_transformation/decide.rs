//! The rules of a named transformation's life.

use super::{MAX_NAMED_TRANSFORMATIONS, NamedTransformationChange, NamedTransformationSettings};
use crate::event::ConfigEvent;
use crate::refusal::Refusal;

/// What must be remembered of a named transformation to decide the next command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTransformationState {
    /// Its settings in force.
    pub settings: NamedTransformationSettings,
    /// A deleted one does not come back.
    pub deleted: bool,
}

/// What a tenant wants done to a named transformation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedTransformationCommand {
    /// Add one.
    Create(NamedTransformationSettings),
    /// Change some of its fields.
    Change(NamedTransformationChange),
    /// Delete it.
    Delete,
}

/// What a decision needs to know beyond the named transformation itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedTransformationContext {
    /// Names of the tenant's other ones.
    pub other_names: Vec<String>,
}

/// What happens when `command` meets `state`.
///
/// Nothing of an account refers to its named transformations (`ImageKit` refuses a change or deletion while its upload settings
/// do, and there are none here), so only a taken name is a conflict.
///
/// Errors: [`Refusal`] with the sentence for the caller.
pub fn decide(
    state: Option<&NamedTransformationState>,
    command: NamedTransformationCommand,
    context: &NamedTransformationContext,
) -> Result<Vec<ConfigEvent>, Refusal> {
    let alive = state.filter(|named| !named.deleted);
    let existing = || alive.ok_or_else(|| Refusal::not_found("Named transformation not found."));
    match command {
        NamedTransformationCommand::Create(settings) => {
            if context.other_names.len() >= MAX_NAMED_TRANSFORMATIONS {
                return Err(Refusal::invalid(format!(
                    "An account has at most {MAX_NAMED_TRANSFORMATIONS} named transformations."
                )));
            }
            check_name(&settings.name, context)?;
            Ok(vec![ConfigEvent::NamedTransformationCreated { settings }])
        }
        NamedTransformationCommand::Change(change) => {
            let present = &existing()?.settings;
            let settings = present.changed(change);
            check_name(&settings.name, context)?;
            if settings == *present {
                return Ok(Vec::new());
            }
            Ok(vec![ConfigEvent::NamedTransformationChanged { settings }])
        }
        NamedTransformationCommand::Delete => {
            existing()?;
            Ok(vec![ConfigEvent::NamedTransformationDeleted {}])
        }
    }
}

/// The state after `event`.
pub fn evolve(
    state: Option<NamedTransformationState>,
    event: &ConfigEvent,
) -> Option<NamedTransformationState> {
    match event {
        ConfigEvent::NamedTransformationCreated { settings }
        | ConfigEvent::NamedTransformationChanged { settings } => Some(NamedTransformationState {
            settings: settings.clone(),
            deleted: false,
        }),
        ConfigEvent::NamedTransformationDeleted {} => state.map(|named| NamedTransformationState {
            deleted: true,
            ..named
        }),
        ConfigEvent::TenantCreated { .. }
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
        | ConfigEvent::TenantSettingsChanged { .. }
        | ConfigEvent::TenantLimitsSet { .. }
        | ConfigEvent::UrlEndpointRestrictionsSet { .. }
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
        | ConfigEvent::CachePurged { .. } => state,
    }
}

fn check_name(name: &str, context: &NamedTransformationContext) -> Result<(), Refusal> {
    if context.other_names.iter().any(|other| other == name) {
        return Err(Refusal::taken(format!(
            "Named transformation with name {name} already exists."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str) -> NamedTransformationSettings {
        NamedTransformationSettings {
            name: name.to_owned(),
            transformation: "w-150".to_owned(),
            enabled: true,
        }
    }

    fn others(names: &[&str]) -> NamedTransformationContext {
        NamedTransformationContext {
            other_names: names.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn when(
        state: Option<&NamedTransformationState>,
        command: NamedTransformationCommand,
        context: &NamedTransformationContext,
    ) -> Result<Option<NamedTransformationState>, Refusal> {
        let events = decide(state, command, context)?;
        Ok(events.iter().fold(state.cloned(), evolve))
    }

    fn given(name: &str) -> NamedTransformationState {
        let create = NamedTransformationCommand::Create(settings(name));
        when(None, create, &others(&[])).unwrap().unwrap()
    }

    #[test]
    fn given_a_name_in_use_when_created_or_renamed_then_it_is_a_conflict() {
        let create = NamedTransformationCommand::Create(settings("thumb"));
        let refused = when(None, create, &others(&["thumb"])).unwrap_err();
        assert!(matches!(refused, Refusal::Taken(_)));
        let rename = NamedTransformationCommand::Change(NamedTransformationChange {
            name: Some("thumb".to_owned()),
            ..NamedTransformationChange::default()
        });
        let refused = when(Some(&given("card")), rename, &others(&["thumb"])).unwrap_err();
        assert!(matches!(refused, Refusal::Taken(_)));
        let create = NamedTransformationCommand::Create(settings("Thumb"));
        assert!(
            when(None, create, &others(&["thumb"])).is_ok(),
            "names are case-sensitive"
        );
    }

    #[test]
    fn given_one_when_changed_then_fields_that_were_not_sent_stay() {
        let change = NamedTransformationCommand::Change(NamedTransformationChange {
            enabled: Some(false),
            ..NamedTransformationChange::default()
        });
        let changed = when(Some(&given("thumb")), change, &others(&[])).unwrap();
        let expected = NamedTransformationSettings {
            enabled: false,
            ..settings("thumb")
        };
        assert_eq!(changed.unwrap().settings, expected);
    }

    #[test]
    fn given_one_when_nothing_changes_then_nothing_happened() {
        let change = NamedTransformationChange {
            name: Some("thumb".to_owned()),
            ..NamedTransformationChange::default()
        };
        let state = given("thumb");
        let command = NamedTransformationCommand::Change(change);
        assert_eq!(decide(Some(&state), command, &others(&[])), Ok(Vec::new()));
    }

    #[test]
    fn given_a_deleted_one_then_it_is_not_found() {
        let deleted = when(
            Some(&given("thumb")),
            NamedTransformationCommand::Delete,
            &others(&[]),
        );
        let deleted = deleted.unwrap();
        for command in [
            NamedTransformationCommand::Delete,
            NamedTransformationCommand::Change(NamedTransformationChange::default()),
        ] {
            let refused = when(deleted.as_ref(), command, &others(&[])).unwrap_err();
            assert_eq!(refused.message(), "Named transformation not found.");
        }
    }

    #[test]
    fn an_account_has_at_most_250() {
        let names: Vec<String> = (0..MAX_NAMED_TRANSFORMATIONS)
            .map(|n| format!("n{n}"))
            .collect();
        let mut context = NamedTransformationContext { other_names: names };
        let create = || NamedTransformationCommand::Create(settings("one_more"));
        let refused = decide(None, create(), &context).unwrap_err();
        assert!(matches!(refused, Refusal::Invalid(_)));
        context.other_names.pop();
        assert!(decide(None, create(), &context).is_ok());
    }
}
