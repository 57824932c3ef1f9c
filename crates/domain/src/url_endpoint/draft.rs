//! Request body → typed URL endpoint. Field limits and sentences: `imagekit.md` 3.1 and 4.3.

use serde_json::Value;

use super::{CustomDomain, MAX_ORIGINS, UrlEndpointSettings, UrlRewriter};
use crate::ids::OriginId;
use crate::refusal::Refusal;
use crate::request_body::Fields;

const MAX_DESCRIPTION_CHARS: usize = 1000;
const MAX_PREFIX_CHARS: usize = 100;
/// Most custom domains of one endpoint. Source: ours.
pub const MAX_CUSTOM_DOMAINS: usize = 50;
/// Path segments right after the account that mean something else.
const RESERVED_PREFIXES: [&str; 1] = ["tr"];

/// The sentence for an id that names no origin of the tenant. Source: `imagekit.md` 4.3 (sic).
pub(super) const ORIGIN_DOES_NOT_EXIST: &str =
    "Origin does not exists. Please create origin before using it in URL-endpoint.";

/// A checked URL endpoint as a tenant wants it. Whether its prefix and origins can be had is for `decide`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlEndpointDraft {
    /// What is stored and shown.
    pub settings: UrlEndpointSettings,
}

impl UrlEndpointDraft {
    /// Reads the body of `POST` and `PUT /v1/accounts/url-endpoints`.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let settings = UrlEndpointSettings {
            description: description(&mut fields)?,
            url_prefix: url_prefix(&mut fields)?,
            origins: origins(&mut fields)?,
            url_rewriter: fields.any("urlRewriter").map(url_rewriter).transpose()?,
        };
        fields.finish()?;
        Ok(Self { settings })
    }
}

/// Reads the body of a request that sets an endpoint's custom domains: `{"customDomains": ["images.example.com"]}`.
///
/// Errors: [`Refusal::Invalid`] with the first broken rule.
pub fn parse_custom_domains(body: Value) -> Result<Vec<CustomDomain>, Refusal> {
    let mut fields = Fields::of(body)?;
    let names = fields.texts("customDomains")?;
    fields.finish()?;
    if names.len() > MAX_CUSTOM_DOMAINS {
        return Err(Refusal::invalid(format!(
            "customDomains must contain at most {MAX_CUSTOM_DOMAINS} items"
        )));
    }
    let mut domains = Vec::with_capacity(names.len());
    for name in names {
        let domain =
            CustomDomain::try_from(name).map_err(|reason| Refusal::invalid(reason.to_string()))?;
        if domains.contains(&domain) {
            return Err(Refusal::invalid(format!(
                "customDomains contains {domain} twice"
            )));
        }
        domains.push(domain);
    }
    Ok(domains)
}

fn description(fields: &mut Fields) -> Result<String, Refusal> {
    let required = || Refusal::invalid("description is required");
    let text = match fields.optional_text("description", MAX_DESCRIPTION_CHARS) {
        Ok(text) => text.ok_or_else(required)?,
        Err(refusal) => return Err(refusal),
    };
    if text.is_empty() {
        return Err(required());
    }
    Ok(text)
}

fn url_prefix(fields: &mut Fields) -> Result<String, Refusal> {
    let prefix = fields
        .optional_text("urlPrefix", MAX_PREFIX_CHARS)?
        .unwrap_or_default();
    if !prefix
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    {
        return Err(Refusal::invalid(
            "urlPrefix must contain only letters, numbers and hyphens",
        ));
    }
    if RESERVED_PREFIXES.contains(&prefix.as_str()) {
        return Err(Refusal::invalid(format!("urlPrefix {prefix} is reserved.")));
    }
    Ok(prefix)
}

fn origins(fields: &mut Fields) -> Result<Vec<OriginId>, Refusal> {
    let ids = fields.texts("origins")?;
    if ids.len() > MAX_ORIGINS {
        return Err(Refusal::invalid(format!(
            "origins must contain at most {MAX_ORIGINS} items"
        )));
    }
    let mut origins = Vec::with_capacity(ids.len());
    for id in ids {
        // What is not even an id names no origin either.
        let origin: OriginId = id
            .parse()
            .map_err(|_| Refusal::invalid(ORIGIN_DOES_NOT_EXIST))?;
        if origins.contains(&origin) {
            return Err(Refusal::invalid("origins must not contain duplicate items"));
        }
        origins.push(origin);
    }
    Ok(origins)
}

fn url_rewriter(value: Value) -> Result<UrlRewriter, Refusal> {
    let Ok(mut fields) = Fields::of(value) else {
        return Err(Refusal::invalid("urlRewriter must be an object"));
    };
    let rewriter = match fields.any("type").as_ref().and_then(Value::as_str) {
        Some("CLOUDINARY") => UrlRewriter::Cloudinary {
            preserve_asset_delivery_types: fields.flag("preserveAssetDeliveryTypes")?,
        },
        Some("IMGIX") => UrlRewriter::Imgix,
        Some("AKAMAI") => UrlRewriter::Akamai,
        _ => {
            return Err(Refusal::invalid(
                "Invalid urlRewriter type. Must be one of CLOUDINARY, IMGIX, AKAMAI.",
            ));
        }
    };
    fields.finish()?;
    Ok(rewriter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(body: Value) -> String {
        UrlEndpointDraft::parse(body)
            .unwrap_err()
            .message()
            .to_owned()
    }

    #[test]
    fn missing_fields_get_their_defaults() {
        let settings = UrlEndpointDraft::parse(json!({"description": "d"}))
            .unwrap()
            .settings;
        let shown = serde_json::to_value(settings).unwrap();
        assert_eq!(
            shown,
            json!({"description": "d", "urlPrefix": "", "origins": []})
        );
    }

    #[test]
    fn broken_rules_are_answered_in_the_documented_words() {
        let id = OriginId::mint().to_string();
        for (body, message) in [
            (json!({}), "description is required"),
            (json!({"description": ""}), "description is required"),
            (json!({"description": 1}), "description must be a string"),
            (
                json!({"description": "x".repeat(1001)}),
                "description must be at most 1000 characters long",
            ),
            (
                json!({"description": "d", "urlPrefix": 1}),
                "urlPrefix must be a string",
            ),
            (
                json!({"description": "d", "urlPrefix": "a/.."}),
                "urlPrefix must contain only letters, numbers and hyphens",
            ),
            (
                json!({"description": "d", "urlPrefix": "tr"}),
                "urlPrefix tr is reserved.",
            ),
            (
                json!({"description": "d", "origins": "x"}),
                "origins must be an array of strings",
            ),
            (
                json!({"description": "d", "origins": ["nope"]}),
                ORIGIN_DOES_NOT_EXIST,
            ),
            (
                json!({"description": "d", "origins": vec![id.clone(); 2]}),
                "origins must not contain duplicate items",
            ),
            (
                json!({"description": "d", "origins": vec![id; 11]}),
                "origins must contain at most 10 items",
            ),
            (
                json!({"description": "d", "id": "x"}),
                "\"id\" is not allowed",
            ),
            (
                json!({"description": "d", "urlRewriter": "IMGIX"}),
                "urlRewriter must be an object",
            ),
            (
                json!({"description": "d", "urlRewriter": {"type": "X"}}),
                "Invalid urlRewriter type. Must be one of CLOUDINARY, IMGIX, AKAMAI.",
            ),
            (
                json!({"description": "d", "urlRewriter": {"type": "IMGIX", "a": 1}}),
                "\"a\" is not allowed",
            ),
        ] {
            assert_eq!(refusal(body), message);
        }
    }

    #[test]
    fn a_cloudinary_rewriter_always_shows_its_switch() {
        let body = json!({"description": "d", "urlRewriter": {"type": "CLOUDINARY"}});
        let settings = UrlEndpointDraft::parse(body).unwrap().settings;
        let shown = serde_json::to_value(&settings).unwrap();
        let expected = json!({"type": "CLOUDINARY", "preserveAssetDeliveryTypes": false});
        assert_eq!(shown["urlRewriter"], expected);
        assert_eq!(
            serde_json::from_value::<UrlEndpointSettings>(shown).unwrap(),
            settings
        );
    }

    #[test]
    fn custom_domains_are_checked_one_by_one() {
        let domains =
            parse_custom_domains(json!({"customDomains": ["A.example", "b.example"]})).unwrap();
        assert_eq!(domains.len(), 2);
        let twice = parse_custom_domains(json!({"customDomains": ["a.example", "A.example"]}));
        assert_eq!(
            twice.unwrap_err().message(),
            "customDomains contains a.example twice"
        );
        assert!(parse_custom_domains(json!({"customDomains": ["localhost"]})).is_err());
    }
}
