//! Named transformations: `n-thumb` in a URL stands for a stored transformation. Source: `imagekit.md` 3.11 and 4.6.
//!
//! Whether the stored text is a transformation is for the grammar to say, which lives above this crate; the text is checked
//! before a command gets here.

mod decide;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::refusal::Refusal;
use crate::request_body::Fields;

pub use decide::{
    NamedTransformationCommand, NamedTransformationContext, NamedTransformationState, decide,
    evolve,
};

/// Most named transformations of one account. Source: `imagekit.md` 3.11.
pub const MAX_NAMED_TRANSFORMATIONS: usize = 250;

/// Longest name; as long as the delivery grammar reads. Source: ours.
const MAX_NAME_CHARS: usize = 100;

/// Longest stored text: as long as a request's path may be. Source: ours.
const MAX_TRANSFORMATION_CHARS: usize = 8192;

/// Everything about a named transformation that its tenant chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedTransformationSettings {
    /// What URLs call it: letters, digits and `_`, 1 to 100 characters, unique in the account, case-sensitive.
    pub name: String,
    /// The transformation as it was sent; a leading `tr:` is allowed.
    pub transformation: String,
    /// Whether URLs may use it.
    pub enabled: bool,
}

/// The fields that a change names; the others stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedTransformationChange {
    /// A new name.
    pub name: Option<String>,
    /// A new transformation.
    pub transformation: Option<String>,
    /// Whether URLs may use it.
    pub enabled: Option<bool>,
}

impl NamedTransformationSettings {
    /// Reads the body of `POST /v1/named-transformations`; `enabled` is true where it is not sent.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let settings = Self {
            name: checked_name(fields.required_text("name", MAX_NAME_CHARS)?)?,
            transformation: fields.required_text("transformation", MAX_TRANSFORMATION_CHARS)?,
            enabled: enabled(&mut fields)?.unwrap_or(true),
        };
        fields.finish()?;
        Ok(settings)
    }

    /// The settings after `change`.
    fn changed(&self, change: NamedTransformationChange) -> Self {
        Self {
            name: change.name.unwrap_or_else(|| self.name.clone()),
            transformation: change
                .transformation
                .unwrap_or_else(|| self.transformation.clone()),
            enabled: change.enabled.unwrap_or(self.enabled),
        }
    }
}

impl NamedTransformationChange {
    /// Reads the body of `PATCH /v1/named-transformations/{id}`.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let name = fields.optional_text("name", MAX_NAME_CHARS)?;
        let transformation = fields.optional_text("transformation", MAX_TRANSFORMATION_CHARS)?;
        if transformation.as_deref() == Some("") {
            return Err(Refusal::invalid("transformation cannot be empty string."));
        }
        let change = Self {
            name: name.map(checked_name).transpose()?,
            transformation,
            enabled: enabled(&mut fields)?,
        };
        fields.finish()?;
        Ok(change)
    }
}

fn checked_name(name: String) -> Result<String, Refusal> {
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_name {
        return Ok(name);
    }
    Err(Refusal::invalid(
        "name must contain only letters, numbers and underscores",
    ))
}

fn enabled(fields: &mut Fields) -> Result<Option<bool>, Refusal> {
    match fields.any("enabled") {
        None => Ok(None),
        Some(Value::Bool(enabled)) => Ok(Some(enabled)),
        Some(_) => Err(Refusal::invalid("enabled must be a boolean")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_says_name_and_transformation_and_perhaps_enabled() {
        let body = json!({"name": "small_Thumb2", "transformation": "tr:w-150,h-150"});
        let settings = NamedTransformationSettings::parse(body).unwrap();
        assert!(settings.enabled);
        assert_eq!(settings.transformation, "tr:w-150,h-150");
        for (body, message) in [
            (json!({}), "name is required and must be a string"),
            (
                json!({"name": "a"}),
                "transformation is required and must be a string",
            ),
            (
                json!({"name": "a-b", "transformation": "w-9"}),
                "name must contain only letters, numbers and underscores",
            ),
            (
                json!({"name": "a", "transformation": ""}),
                "transformation cannot be empty string.",
            ),
            (
                json!({"name": "a", "transformation": "w-9", "enabled": "yes"}),
                "enabled must be a boolean",
            ),
            (
                json!({"name": "a", "transformation": "w-9", "id": "x"}),
                "\"id\" is not allowed",
            ),
        ] {
            let refused = NamedTransformationSettings::parse(body).unwrap_err();
            assert_eq!(refused.message(), message);
        }
    }

    #[test]
    fn a_change_holds_only_what_was_sent() {
        let change = NamedTransformationChange::parse(json!({"enabled": false})).unwrap();
        assert_eq!(
            change,
            NamedTransformationChange {
                enabled: Some(false),
                ..NamedTransformationChange::default()
            }
        );
        for body in [
            json!({"name": ""}),
            json!({"name": "ä"}),
            json!({"transformation": ""}),
            json!({"transformation": 1}),
            json!({"enabled": null}),
            json!({"id": "x"}),
        ] {
            assert!(
                NamedTransformationChange::parse(body.clone()).is_err(),
                "{body}"
            );
        }
    }
}
