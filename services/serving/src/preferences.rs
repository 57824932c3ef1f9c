//! What a client says about its screen and its connection, and what that makes of a request: client hints and `Save-Data`.
//! Source: `imagekit.md` 5.12.

use http::HeaderMap;
use limpid_delivery_url::{ClientHints, HintUse, Transformation};
use limpid_imaging::ImageSettings;

/// Highest quality where data is to be saved and the URL names none. Source: ours; a photograph has about 60 % of the bytes of
/// quality 80.
const DATA_SAVER_QUALITY: u8 = 50;

/// The header fields of a request that say what its client prefers, beside `Accept`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Preferences {
    pub(crate) hints: ClientHints,
    /// `Save-Data: on`
    pub(crate) saves_data: bool,
}

/// A transformation with the client's preferences in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Preferred {
    pub(crate) transformation: Transformation,
    /// The tenant's, or with less quality.
    pub(crate) settings: ImageSettings,
    pub(crate) chosen_by: ChosenBy,
    /// `Content-DPR`
    pub(crate) content_dpr: Option<String>,
}

/// Which fields a shared cache must tell apart, whether or not this request had them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ChosenBy {
    pub(crate) hints: HintUse,
    pub(crate) save_data: bool,
}

impl Preferences {
    /// Reads the fields; those that make no sense count as absent. The older names are what browsers sent before `Sec-CH-…`.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let text = |names: [&str; 2]| {
            let value = names.into_iter().find_map(|name| headers.get(name))?;
            value.to_str().ok()
        };
        let saves_data = headers
            .get("save-data")
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"on"));
        Self {
            hints: ClientHints::new(text(["sec-ch-width", "width"]), text(["sec-ch-dpr", "dpr"])),
            saves_data,
        }
    }

    /// Puts the preferences into `transformation`. `has_data_saver`: whether the tenant lets `Save-Data` lower the quality.
    pub(crate) fn apply(
        &self,
        transformation: &Transformation,
        settings: ImageSettings,
        has_data_saver: bool,
    ) -> Preferred {
        let hinted = self.hints.apply(transformation);
        let save_data = has_data_saver && !names_quality(transformation);
        let default_quality = if save_data && self.saves_data {
            settings.default_quality.min(DATA_SAVER_QUALITY)
        } else {
            settings.default_quality
        };
        Preferred {
            transformation: hinted.transformation,
            settings: ImageSettings {
                default_quality,
                ..settings
            },
            chosen_by: ChosenBy {
                hints: hinted.uses,
                save_data,
            },
            content_dpr: hinted.content_dpr,
        }
    }
}

impl ChosenBy {
    /// The names for `Vary`.
    pub(crate) fn fields(self) -> Vec<&'static str> {
        let mut fields = Vec::new();
        if self.hints.width {
            fields.extend(["Sec-CH-Width", "Width"]);
        }
        // `Content-DPR` beside a chosen width comes from the ratio.
        if self.hints.width || self.hints.device_pixel_ratio {
            fields.extend(["Sec-CH-DPR", "DPR"]);
        }
        if self.save_data {
            fields.push("Save-Data");
        }
        fields
    }
}

/// Whether `q` or the original's own bytes leave no quality to choose, whatever its branches say.
fn names_quality(transformation: &Transformation) -> bool {
    transformation.wants_original()
        || transformation
            .steps
            .iter()
            .any(|step| step.quality.is_some())
}

#[cfg(test)]
mod tests {
    use limpid_delivery_url::transformation::parse;

    use super::*;

    fn preferences(fields: &[(&'static str, &'static str)]) -> Preferences {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, value.parse().unwrap());
        }
        Preferences::from_headers(&headers)
    }

    fn quality(text: &str, saves_data: &'static str, has_data_saver: bool) -> (u8, ChosenBy) {
        let preferences = preferences(&[("save-data", saves_data)]);
        let transformation = parse(text).unwrap();
        let preferred =
            preferences.apply(&transformation, ImageSettings::default(), has_data_saver);
        (preferred.settings.default_quality, preferred.chosen_by)
    }

    #[test]
    fn data_is_saved_where_tenant_and_client_want_it_and_the_url_names_no_quality() {
        let by_save_data = ChosenBy {
            save_data: true,
            ..ChosenBy::default()
        };
        assert_eq!(quality("w-9", "on", true), (50, by_save_data));
        assert_eq!(quality("w-9", "ON", true), (50, by_save_data));
        assert_eq!(quality("w-9", "off", true), (80, by_save_data));
        assert_eq!(quality("w-9", "on", false), (80, ChosenBy::default()));
        assert_eq!(quality("w-9:q-90", "on", true), (80, ChosenBy::default()));
        assert_eq!(quality("orig-true", "on", true), (80, ChosenBy::default()));
    }

    #[test]
    fn a_quality_below_the_data_savers_is_left_alone() {
        let settings = ImageSettings {
            default_quality: 30,
            ..ImageSettings::default()
        };
        let saving = preferences(&[("save-data", "on")]);
        let preferred = saving.apply(&Transformation::default(), settings, true);
        assert_eq!(preferred.settings.default_quality, 30);
    }

    #[test]
    fn older_names_of_hints_count_where_the_present_ones_are_missing() {
        let old = preferences(&[("width", "212"), ("dpr", "2")]);
        let both = preferences(&[
            ("sec-ch-width", "212"),
            ("width", "900"),
            ("sec-ch-dpr", "2"),
        ]);
        assert_eq!(old, both);
        let preferred = old.apply(&parse("w-auto").unwrap(), ImageSettings::default(), false);
        assert_eq!(preferred.transformation.to_string(), "w-300");
        assert_eq!(
            preferred.chosen_by.fields(),
            ["Sec-CH-Width", "Width", "Sec-CH-DPR", "DPR"]
        );
        assert_eq!(preferred.content_dpr.as_deref(), Some("2.83"));
    }
}
