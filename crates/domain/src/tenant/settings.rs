//! What a tenant tunes for all of its images.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::refusal::Refusal;
use crate::request_body::Fields;
use crate::restrictions::Restrictions;

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
    /// What the account's URLs may not ask for, on every endpoint.
    #[serde(flatten)]
    pub restrictions: Restrictions,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            default_quality: 80,
            auto_format: true,
            auto_avif: false,
            data_saver: false,
            restrictions: Restrictions::default(),
        }
    }
}

/// Settings to change; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantSettingsChange {
    /// See [`TenantSettings::default_quality`].
    pub default_quality: Option<u8>,
    /// See [`TenantSettings::auto_format`].
    pub auto_format: Option<bool>,
    /// See [`TenantSettings::auto_avif`].
    pub auto_avif: Option<bool>,
    /// See [`TenantSettings::data_saver`].
    pub data_saver: Option<bool>,
    /// See [`Restrictions::restrict_unsigned_urls`].
    pub restrict_unsigned_urls: Option<bool>,
    /// See [`Restrictions::restrict_unnamed_transformations`].
    pub restrict_unnamed_transformations: Option<bool>,
}

impl TenantSettingsChange {
    /// Reads the body of `PATCH /dashboard/v1/settings`.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let quality = fields.optional_number("defaultQuality", 1..=100)?;
        let change = Self {
            default_quality: quality.and_then(|quality| u8::try_from(quality).ok()),
            auto_format: fields.optional_flag("autoFormat")?,
            auto_avif: fields.optional_flag("autoAvif")?,
            data_saver: fields.optional_flag("dataSaver")?,
            restrict_unsigned_urls: fields.optional_flag("restrictUnsignedUrls")?,
            restrict_unnamed_transformations: fields
                .optional_flag("restrictUnnamedTransformations")?,
        };
        fields.finish()?;
        Ok(change)
    }

    /// The settings as they are with the change made.
    pub fn applied_to(&self, settings: &TenantSettings) -> TenantSettings {
        let before = settings.restrictions;
        TenantSettings {
            default_quality: self.default_quality.unwrap_or(settings.default_quality),
            auto_format: self.auto_format.unwrap_or(settings.auto_format),
            auto_avif: self.auto_avif.unwrap_or(settings.auto_avif),
            data_saver: self.data_saver.unwrap_or(settings.data_saver),
            restrictions: Restrictions {
                restrict_unsigned_urls: self
                    .restrict_unsigned_urls
                    .unwrap_or(before.restrict_unsigned_urls),
                restrict_unnamed_transformations: self
                    .restrict_unnamed_transformations
                    .unwrap_or(before.restrict_unnamed_transformations),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_of_an_older_event_get_the_defaults_of_fields_added_since() {
        let old: TenantSettings = serde_json::from_value(json!({"defaultQuality": 60})).unwrap();
        assert_eq!((old.default_quality, old.auto_format), (60, true));
        assert!(!old.data_saver);
        assert_eq!(old.restrictions, Restrictions::default());
    }

    #[test]
    fn only_what_is_sent_changes() {
        let change = TenantSettingsChange::parse(json!({"dataSaver": true})).unwrap();
        let changed = change.applied_to(&TenantSettings::default());
        let expected = TenantSettings {
            data_saver: true,
            ..TenantSettings::default()
        };
        assert_eq!(changed, expected);
        let change =
            TenantSettingsChange::parse(json!({"restrictUnsignedUrls": true, "autoAvif": true}));
        let changed = change.unwrap().applied_to(&changed);
        assert!(changed.restrictions.restrict_unsigned_urls && changed.auto_avif);
        assert!(changed.data_saver && !changed.restrictions.restrict_unnamed_transformations);
        let stored = serde_json::to_value(&changed).unwrap();
        assert_eq!(stored["restrictUnsignedUrls"], true);
        assert_eq!(
            serde_json::from_value::<TenantSettings>(stored).unwrap(),
            changed
        );
    }

    #[test]
    fn the_body_is_checked() {
        for (body, message) in [
            (
                json!({"defaultQuality": 0}),
                "defaultQuality must be an integer from 1 to 100",
            ),
            (
                json!({"defaultQuality": 101}),
                "defaultQuality must be an integer from 1 to 100",
            ),
            (
                json!({"defaultQuality": "80"}),
                "defaultQuality must be an integer from 1 to 100",
            ),
            (json!({"dataSaver": 1}), "dataSaver must be a boolean"),
            (json!({"dataSaver": null}), "dataSaver must be a boolean"),
            (json!({"datasaver": true}), "\"datasaver\" is not allowed"),
        ] {
            let refused = TenantSettingsChange::parse(body).unwrap_err();
            assert_eq!(refused.message(), message);
        }
    }
}
