//! How large a tenant's pictures may be and how long its failures are shown, where that differs from the rest of the installation.
//! Source: `imagekit.md` 2, `events.md` 4.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::refusal::Refusal;
use crate::request_body::Fields;

/// Longest original an operator can allow. Units: bytes. Source: ours; an original is held in memory as a whole.
pub const MOST_SOURCE_BYTES: u64 = 1 << 30;
/// Most pixels an operator can allow, of a picture or of all frames. Source: ours; 2 GB of RGBA.
pub const MOST_PIXELS: u64 = 500_000_000;

/// Longest retention an operator can write down. The installation's own is the bound that counts. Units: days. Source: ours; ten years.
pub const MOST_RETENTION_DAYS: u64 = 3_650;

/// A tenant's own limits; what is absent follows the serving node's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TenantLimits {
    /// Longest original. Units: bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_source_bytes: Option<u64>,
    /// Most pixels of the original and of the result of any step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pixels: Option<u64>,
    /// Most pixels of all frames of an animation together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_frame_pixels: Option<u64>,
    /// How long single failures are shown, whole days (UTC) at least so many; their counts stay. Never longer than the installation
    /// keeps them. Units: days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_retention_days: Option<u64>,
}

impl TenantLimits {
    /// Reads the body of `PUT /operator/v1/tenants/{imagekitId}/limits`; what is not sent follows the serving node's.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let limits = Self {
            max_source_bytes: fields.optional_number("maxSourceBytes", 1..=MOST_SOURCE_BYTES)?,
            max_pixels: fields.optional_number("maxPixels", 1..=MOST_PIXELS)?,
            max_frame_pixels: fields.optional_number("maxFramePixels", 1..=MOST_PIXELS)?,
            failure_retention_days: fields
                .optional_number("failureRetentionDays", 1..=MOST_RETENTION_DAYS)?,
        };
        fields.finish()?;
        Ok(limits)
    }

    /// Those that decide over pictures: a change of the others makes no picture anew.
    #[must_use]
    pub fn of_pictures(self) -> Self {
        Self {
            failure_retention_days: None,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_sent_follows_the_serving_node() {
        let limits = TenantLimits::parse(json!({"maxPixels": 25_000_000})).unwrap();
        assert_eq!(limits.max_pixels, Some(25_000_000));
        assert_eq!(
            (limits.max_source_bytes, limits.max_frame_pixels),
            (None, None)
        );
        assert_eq!(
            TenantLimits::parse(json!({})).unwrap(),
            TenantLimits::default()
        );
    }

    #[test]
    fn a_limit_is_a_number_that_a_node_can_bear() {
        for (body, message) in [
            (
                json!({"maxSourceBytes": 0}),
                "maxSourceBytes must be an integer from 1 to 1073741824",
            ),
            (
                json!({"maxPixels": 500_000_001}),
                "maxPixels must be an integer from 1 to 500000000",
            ),
            (
                json!({"maxFramePixels": 1.5}),
                "maxFramePixels must be an integer from 1 to 500000000",
            ),
            (json!({"maxpixels": 1}), "\"maxpixels\" is not allowed"),
            (
                json!({"failureRetentionDays": 0}),
                "failureRetentionDays must be an integer from 1 to 3650",
            ),
        ] {
            assert_eq!(TenantLimits::parse(body).unwrap_err().message(), message);
        }
    }
}
