//! Tenants: the account everything else belongs to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::ConfigEvent;
use crate::ids::ImagekitId;
use crate::refusal::Refusal;
use crate::request_body::Fields;

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
}

impl TenantLifecycle {
    /// Its name in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }

    /// The lifecycle with this name, or `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled]
            .into_iter()
            .find(|lifecycle| lifecycle.as_str() == name)
    }
}

/// What a tenant may tune for all of its images. Source of the defaults: `imagekit.md` 5.6 and 5.11.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TenantSettings {
    /// Quality where a transformation names none. Units: 1 to 100.
    pub default_quality: u8,
    /// Choose the output format by `Accept` where a transformation names none.
    pub auto_format: bool,
    /// Let that choice include AVIF, which is slow to encode.
    pub auto_avif: bool,
    /// Lower the default quality for clients that say `Save-Data: on`. Source: `imagekit.md` 5.11, off by default.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub data_saver: bool,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            default_quality: 80,
            auto_format: true,
            auto_avif: false,
            data_saver: false,
        }
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

/// The state after `event`.
pub fn evolve(state: Option<TenantState>, event: &ConfigEvent) -> Option<TenantState> {
    if let ConfigEvent::TenantCreated {
        imagekit_id,
        name,
        settings,
    } = event
    {
        return Some(TenantState {
            imagekit_id: imagekit_id.clone(),
            name: name.clone(),
            settings: settings.clone(),
        });
    }
    state
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
    fn settings_of_an_older_event_get_the_defaults_of_fields_added_since() {
        let old: TenantSettings = serde_json::from_value(json!({"defaultQuality": 60})).unwrap();
        assert_eq!((old.default_quality, old.auto_format), (60, true));
        assert!(!old.data_saver);
    }
}
