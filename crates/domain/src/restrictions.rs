//! What a delivery URL may not ask for. Source: `imagekit.md` 3.10.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::refusal::Refusal;
use crate::request_body::Fields;

/// Restrictions of an account or of one of its URL endpoints; all off at first. Where both have them, either is enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Restrictions {
    /// Deliver only what was asked for with a valid signature.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restrict_unsigned_urls: bool,
    /// Transform only by named transformations.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub restrict_unnamed_transformations: bool,
}

impl Restrictions {
    /// Reads the body of `PUT /dashboard/v1/url-endpoints/{id}/restrictions`; what is not sent is off.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let restrictions = Self {
            restrict_unsigned_urls: fields.flag("restrictUnsignedUrls")?,
            restrict_unnamed_transformations: fields.flag("restrictUnnamedTransformations")?,
        };
        fields.finish()?;
        Ok(restrictions)
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            restrict_unsigned_urls: self.restrict_unsigned_urls || other.restrict_unsigned_urls,
            restrict_unnamed_transformations: self.restrict_unnamed_transformations
                || other.restrict_unnamed_transformations,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn either_of_account_and_endpoint_is_enough() {
        let unsigned = Restrictions::parse(json!({"restrictUnsignedUrls": true})).unwrap();
        let unnamed = Restrictions::parse(json!({"restrictUnnamedTransformations": true})).unwrap();
        let both = unsigned.and(unnamed);
        assert!(both.restrict_unsigned_urls && both.restrict_unnamed_transformations);
        assert_eq!(unsigned.and(Restrictions::default()), unsigned);
        assert_eq!(Restrictions::default().and(unnamed), unnamed);
    }

    #[test]
    fn a_misspelt_restriction_is_refused_and_not_taken_for_off() {
        for (body, message) in [
            (
                json!({"restrictUnsigned": true}),
                "\"restrictUnsigned\" is not allowed",
            ),
            (
                json!({"restrictUnsignedUrls": "yes"}),
                "restrictUnsignedUrls must be a boolean",
            ),
        ] {
            assert_eq!(Restrictions::parse(body).unwrap_err().message(), message);
        }
    }
}
