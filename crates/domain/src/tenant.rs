//! Tenants: the account everything else belongs to.

mod erasure;
mod limits;
mod settings;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::ConfigEvent;
use crate::ids::ImagekitId;
use crate::refusal::Refusal;
use crate::request_body::Fields;

pub use erasure::{EraseTenant, decide_erasure};
pub use limits::{MOST_PIXELS, MOST_RETENTION_DAYS, MOST_SOURCE_BYTES, TenantLimits};
pub use settings::{TenantSettings, TenantSettingsChange};

/// Longest display name. Source: ours.
const MAX_NAME_CHARS: usize = 200;

/// Whether a tenant is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantLifecycle {
    /// Served.
    Active,
    /// Neither served nor accepted at the API.
    Disabled,
    /// Gone; only the fact is left, so that nodes hear of it.
    Erased,
}

impl TenantLifecycle {
    /// Its name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Erased => "erased",
        }
    }

    /// The lifecycle with this name, or `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled, Self::Erased]
            .into_iter()
            .find(|lifecycle| lifecycle.as_str() == name)
    }
}

/// What must be remembered of a tenant to decide the next command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantState {
    /// Its public name.
    pub imagekit_id: ImagekitId,
    /// Its display name.
    pub name: String,
    /// Its settings.
    pub settings: TenantSettings,
    /// Its limits.
    pub limits: TenantLimits,
}

/// A tenant as the operator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTenant {
    /// Its public name.
    pub imagekit_id: ImagekitId,
    /// Its display name, 1 to 200 characters.
    pub name: String,
}

impl CreateTenant {
    /// Reads the body of `POST /operator/v1/tenants`; the name defaults to the id.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let id = fields.required_text("imagekitId", MAX_NAME_CHARS)?;
        let imagekit_id = id
            .parse::<ImagekitId>()
            .map_err(|reason| Refusal::invalid(reason.to_string()))?;
        let name = fields.optional_text("name", MAX_NAME_CHARS)?;
        fields.finish()?;
        Ok(Self {
            name: name.filter(|name| !name.trim().is_empty()).unwrap_or(id),
            imagekit_id,
        })
    }
}

/// Whether a public name can still be had. Names are the operator's to give, so saying "taken" tells a tenant nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameAvailability {
    /// Nobody has it.
    Free,
    /// Another tenant has it.
    Taken,
}

/// What happens when a tenant is to be created.
///
/// Errors: [`Refusal::Taken`].
pub fn decide(
    state: Option<&TenantState>,
    command: CreateTenant,
    availability: NameAvailability,
) -> Result<Vec<ConfigEvent>, Refusal> {
    if state.is_some() || availability == NameAvailability::Taken {
        return Err(Refusal::taken(format!(
            "imagekitId {} is already taken.",
            command.imagekit_id
        )));
    }
    Ok(vec![ConfigEvent::TenantCreated {
        imagekit_id: command.imagekit_id,
        name: command.name,
        settings: TenantSettings::default(),
    }])
}

/// What happens when a tenant changes its settings: nothing where they are so already.
///
/// Errors: [`Refusal::NotFound`].
pub fn decide_settings(
    state: Option<&TenantState>,
    change: &TenantSettingsChange,
) -> Result<Vec<ConfigEvent>, Refusal> {
    let tenant = state.ok_or_else(not_found)?;
    let settings = change.applied_to(&tenant.settings);
    if settings == tenant.settings {
        return Ok(Vec::new());
    }
    Ok(vec![ConfigEvent::TenantSettingsChanged { settings }])
}

/// What happens when the operator sets a tenant's limits: nothing where they are so already.
///
/// Errors: [`Refusal::NotFound`].
pub fn decide_limits(
    state: Option<&TenantState>,
    limits: TenantLimits,
) -> Result<Vec<ConfigEvent>, Refusal> {
    let tenant = state.ok_or_else(not_found)?;
    if limits == tenant.limits {
        return Ok(Vec::new());
    }
    Ok(vec![ConfigEvent::TenantLimitsSet { limits }])
}

fn not_found() -> Refusal {
    Refusal::not_found("Tenant not found.")
}

/// The state after `event`.
pub fn evolve(state: Option<TenantState>, event: &ConfigEvent) -> Option<TenantState> {
    match event {
        ConfigEvent::TenantCreated {
            imagekit_id,
            name,
            settings,
        } => Some(TenantState {
            imagekit_id: imagekit_id.clone(),
            name: name.clone(),
            settings: settings.clone(),
            limits: TenantLimits::default(),
        }),
        ConfigEvent::TenantSettingsChanged { settings } => state.map(|tenant| TenantState {
            settings: settings.clone(),
            ..tenant
        }),
        ConfigEvent::TenantLimitsSet { limits } => state.map(|tenant| TenantState {
            limits: *limits,
            ..tenant
        }),
        ConfigEvent::TenantErased {} => None,
        ConfigEvent::KeyPairCreated { .. }
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
        | ConfigEvent::CachePurged { .. } => state,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn create(id: &str) -> CreateTenant {
        CreateTenant::parse(json!({"imagekitId": id})).unwrap()
    }

    #[test]
    fn given_nothing_when_created_then_it_has_the_default_settings() {
        let events = decide(None, create("acme"), NameAvailability::Free).unwrap();
        let state = events.iter().fold(None, evolve).unwrap();
        assert_eq!(state.name, "acme");
        assert_eq!(state.settings, TenantSettings::default());
        assert!(decide(Some(&state), create("acme"), NameAvailability::Free).is_err());
    }

    #[test]
    fn given_a_taken_name_when_created_then_it_is_refused() {
        let refused = decide(None, create("acme"), NameAvailability::Taken).unwrap_err();
        assert_eq!(refused.message(), "imagekitId acme is already taken.");
    }

    #[test]
    fn the_body_is_checked() {
        for (body, message) in [
            (json!({}), "imagekitId is required and must be a string"),
            (
                json!({"imagekitId": "acme", "role": "x"}),
                "\"role\" is not allowed",
            ),
            (
                json!({"imagekitId": "acme", "name": 1}),
                "name must be a string",
            ),
        ] {
            assert_eq!(CreateTenant::parse(body).unwrap_err().message(), message);
        }
        assert!(CreateTenant::parse(json!({"imagekitId": "a/b"})).is_err());
    }

    #[test]
    fn given_a_tenant_when_its_settings_change_then_only_a_difference_is_an_event() {
        let created = decide(None, create("acme"), NameAvailability::Free).unwrap();
        let state = created.iter().fold(None, evolve);
        let change = TenantSettingsChange {
            data_saver: Some(true),
            ..TenantSettingsChange::default()
        };
        let events = decide_settings(state.as_ref(), &change).unwrap();
        let state = events.iter().fold(state, evolve);
        assert!(state.as_ref().unwrap().settings.data_saver);
        assert_eq!(decide_settings(state.as_ref(), &change).unwrap(), []);
        assert!(decide_settings(None, &change).is_err());
    }

    #[test]
    fn given_limits_when_set_anew_then_those_not_named_follow_the_node_again() {
        let created = decide(None, create("acme"), NameAvailability::Free).unwrap();
        let state = created.iter().fold(None, evolve);
        let limits = |body| TenantLimits::parse(body).unwrap();
        let small = limits(json!({"maxPixels": 1000, "maxSourceBytes": 10}));
        let events = decide_limits(state.as_ref(), small).unwrap();
        let state = events.iter().fold(state, evolve);
        assert_eq!(state.as_ref().unwrap().limits, small);
        assert_eq!(decide_limits(state.as_ref(), small).unwrap(), []);
        let events = decide_limits(state.as_ref(), limits(json!({"maxPixels": 1000}))).unwrap();
        let state = events.iter().fold(state, evolve).unwrap();
        assert_eq!(state.limits.max_source_bytes, None);
        assert_eq!(state.settings, TenantSettings::default());
        assert!(decide_limits(None, small).is_err());
    }
}
