//! What to do about a request that was refused for what it is: a signature, a restriction, a transformation, a URL.

/// Why a request was refused, as far as what to do about it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCause {
    /// The URL cannot be read, or asks for something that is no image.
    Url,
    /// A transformation that cannot be read, or makes no sense for the picture.
    Transformation,
    /// A named transformation that the account does not have.
    UnknownName,
    /// Parameters where only named transformations are allowed.
    OnlyNamed,
    /// The files that layers need.
    Layers,
    /// The account has no such URL endpoint.
    NoEndpoint,
    /// No signature, where one is needed.
    SignatureMissing,
    /// `ik-s` or `ik-t` is not written as one.
    SignatureMalformed,
    /// A signature of something else, or with another key.
    SignatureMismatch,
    /// A signature whose time is over.
    SignatureExpired,
    /// No signature, and the default endpoint, where layers' files and default images are, needs one.
    DefaultEndpointSigned,
    /// The origin marked the file private.
    PrivateFile,
    /// The account delivers nothing.
    AccountClosed,
    /// Too much at once.
    Busy,
}

impl RefusalCause {
    /// Every cause.
    pub const ALL: [Self; 14] = [
        Self::Url,
        Self::Transformation,
        Self::UnknownName,
        Self::OnlyNamed,
        Self::Layers,
        Self::NoEndpoint,
        Self::SignatureMissing,
        Self::SignatureMalformed,
        Self::SignatureMismatch,
        Self::SignatureExpired,
        Self::DefaultEndpointSigned,
        Self::PrivateFile,
        Self::AccountClosed,
        Self::Busy,
    ];
}

/// The tenant's values an advice may name.
#[derive(Debug, Clone, Copy, Default)]
pub struct RefusalContext<'a> {
    /// What the client was told.
    pub sentence: &'a str,
    /// The URL endpoint's public id.
    pub endpoint_id: Option<&'a str>,
    /// Whether the account as a whole has the restriction that refused, not only the endpoint.
    pub is_account_wide: bool,
    /// The account's named transformations.
    pub named: &'a [&'a str],
    /// What a signature of this URL is made of, without secrets.
    pub to_sign: Option<&'a str>,
}

/// Names of named transformations that are listed.
const MAX_LISTED: usize = 10;

/// What to do about a refusal, one to three sentences.
pub fn refusal_advice(cause: RefusalCause, context: &RefusalContext<'_>) -> String {
    match cause {
        RefusalCause::Url => format!("Correct the URL: {}.", plain(context.sentence)),
        RefusalCause::Transformation => format!(
            "Correct the transformation: {}. docs/TRANSFORMATIONS.md lists every parameter with its values.",
            plain(context.sentence)
        ),
        RefusalCause::UnknownName => format!(
            "Check the name after n-, upper and lower case too, or create it with POST /v1/named-transformations. {}",
            listed(context.named)
        ),
        RefusalCause::OnlyNamed => format!(
            "Ask for a named transformation (tr:n-<name>), or {}. {}",
            switch_off("restrictUnnamedTransformations", context),
            listed(context.named)
        ),
        RefusalCause::Layers => format!(
            "Correct the layers of the transformation: {}.",
            plain(context.sentence)
        ),
        RefusalCause::NoEndpoint => {
            "Create a URL endpoint with POST /v1/accounts/url-endpoints, or use the default one, which has no prefix.".to_owned()
        }
        RefusalCause::SignatureMissing => format!(
            "Sign the URL with a private key of the account (an SDK's signed: true), or {}. {}",
            switch_off("restrictUnsignedUrls", context),
            to_sign(context)
        ),
        RefusalCause::SignatureMalformed => {
            "Write ik-s as 40 lower-case hexadecimal digits and ik-t as Unix seconds, each once; or leave both out where the URL needs no signature.".to_owned()
        }
        RefusalCause::SignatureMismatch => format!(
            "Sign this very URL, after its last change and with an active private key of the account: another order or encoding of the path and query gives another signature. {}",
            to_sign(context)
        ),
        RefusalCause::SignatureExpired => {
            "Sign the URL anew with a later end (ik-t, an SDK's expireSeconds); the signature itself is right.".to_owned()
        }
        RefusalCause::DefaultEndpointSigned => {
            "Sign the URL: its layers or its default image come from the default URL endpoint, which delivers only signed URLs (restrictUnsignedUrls).".to_owned()
        }
        RefusalCause::PrivateFile => {
            "Sign the URL or use a named transformation: the origin marks this file as private (Is-Private-File: true, on S3 the metadata isprivatefile). Or take that mark off.".to_owned()
        }
        RefusalCause::AccountClosed => {
            "Ask who hosts this service why the account does not deliver.".to_owned()
        }
        RefusalCause::Busy => {
            "Try again in a moment; where it persists, tell who hosts this service.".to_owned()
        }
    }
}

fn plain(sentence: &str) -> &str {
    sentence.trim_end_matches('.')
}

fn switch_off(restriction: &str, context: &RefusalContext<'_>) -> String {
    if context.is_account_wide {
        return format!(
            "switch {restriction} off for the account: PATCH /dashboard/v1/settings {{\"{restriction}\": false}}"
        );
    }
    let id = context.endpoint_id.unwrap_or("<endpoint id>");
    format!(
        "switch {restriction} off for this URL endpoint: PUT /dashboard/v1/url-endpoints/{id}/restrictions"
    )
}

fn listed(named: &[&str]) -> String {
    if named.is_empty() {
        return "The account has none so far.".to_owned();
    }
    let shown: Vec<&str> = named.iter().take(MAX_LISTED).copied().collect();
    let more = match named.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("The account has: {}{more}.", shown.join(", "))
}

fn to_sign(context: &RefusalContext<'_>) -> String {
    context.to_sign.map_or_else(String::new, |text| {
        format!("ik-s is the HMAC-SHA1, with the private key, of: {text}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_something_to_do_and_no_placeholder_is_left() {
        for cause in RefusalCause::ALL {
            let context = RefusalContext {
                sentence: "w must be a number",
                ..RefusalContext::default()
            };
            let text = refusal_advice(cause, &context);
            assert!(text.len() > 20, "{cause:?}: {text}");
            assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }

    #[test]
    fn the_tenants_own_endpoint_restriction_and_names_are_told() {
        let context = RefusalContext {
            endpoint_id: Some("shop"),
            named: &["thumb", "hero"],
            to_sign: Some("a.jpg9999999999"),
            ..RefusalContext::default()
        };
        let text = refusal_advice(RefusalCause::OnlyNamed, &context);
        assert!(
            text.contains("/dashboard/v1/url-endpoints/shop/restrictions"),
            "{text}"
        );
        assert!(text.contains("has: thumb, hero."), "{text}");
        let wide = RefusalContext {
            is_account_wide: true,
            ..context
        };
        let text = refusal_advice(RefusalCause::SignatureMissing, &wide);
        assert!(text.contains("PATCH /dashboard/v1/settings"), "{text}");
        assert!(text.contains("a.jpg9999999999"), "{text}");
    }
}
