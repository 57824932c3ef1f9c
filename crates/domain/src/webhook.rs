//! Webhooks: whom to tell about alerts. A receiver's URL, what it wants to hear of, and the secret that signs what it gets.
//!
//! | module | holds |
//! |---|---|
//! | `decide` | the rules of a webhook's life |
//! | `retry` | when a delivery is tried again |

mod decide;
mod retry;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::key_pair::{KeyEntropy, key_text};
use crate::refusal::Refusal;
use crate::request_body::Fields;

pub use decide::{WebhookCommand, WebhookContext, WebhookState, decide, evolve};
pub use retry::{FAILING_UNTIL_DISABLED, MAX_ATTEMPTS, next_attempt};

/// Most webhooks of one account. Source: ours; `ImageKit` has 3.
pub const MAX_WEBHOOKS: usize = 10;

/// Longest description. Source: ours.
const MAX_DESCRIPTION_CHARS: usize = 200;

/// Longest URL. Source: ours, that of addresses in practice.
const MAX_URL_CHARS: usize = 2048;

/// What a secret begins with. Source: `imagekit.md` 1.6 and the official SDKs' description of a webhook.
const SECRET_PREFIX: &str = "whsec_";

/// How much of a secret may be shown: its prefix and 4 of 43 characters, which leaves 232 unknown bits.
const HINT_CHARS: usize = SECRET_PREFIX.len() + 4;

/// What a webhook can be told of. A test message goes to every webhook that is asked to have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WebhookEventType {
    /// Alerts began.
    #[serde(rename = "alert.firing")]
    AlertFiring,
    /// Alerts are over.
    #[serde(rename = "alert.recovered")]
    AlertRecovered,
}

/// What messages may be of: what a webhook can be told of, and what people ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageType {
    /// Something the webhook is told of by itself.
    Event(WebhookEventType),
    /// Somebody wanted to see whether it works.
    Test,
}

/// Everything about a webhook that its tenant chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSettings {
    /// Where messages go.
    pub url: Url,
    /// What it is for, 0 to 200 characters.
    pub description: String,
    /// What it wants to hear of; never empty.
    pub events: Vec<WebhookEventType>,
    /// Whether messages are sent.
    pub enabled: bool,
}

/// The fields that a change names; the others stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookChange {
    /// Another address.
    pub url: Option<Url>,
    /// Another description.
    pub description: Option<String>,
    /// What it wants to hear of.
    pub events: Option<Vec<WebhookEventType>>,
    /// Whether messages are sent.
    pub enabled: Option<bool>,
}

/// How a body names the fields, and what the operator allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookDialect {
    /// `url` in our API, `endpoint` in `ImageKit`'s.
    pub url_field: &'static str,
    /// Whether there is a description.
    pub has_description: bool,
    /// Whether the operator lets messages go out unencrypted.
    pub allow_http: bool,
}

/// Why a webhook was disabled by the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookDisabledReason {
    /// Its receiver answered 410.
    Gone,
    /// Nothing was delivered for five days.
    Failing,
}

/// What signs a webhook's messages. Shape: `whsec_`, 43 characters of 256 random bits, 6 of a check sum.
#[derive(Clone)]
pub struct WebhookSecret(SecretString);

impl WebhookEventType {
    /// Every type.
    pub const ALL: [Self; 2] = [Self::AlertFiring, Self::AlertRecovered];

    /// Its name in bodies and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlertFiring => "alert.firing",
            Self::AlertRecovered => "alert.recovered",
        }
    }

    /// The type of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl MessageType {
    /// Its name in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event(event) => event.as_str(),
            Self::Test => "webhook.test",
        }
    }
}

impl WebhookDisabledReason {
    /// Its name in answers and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// What people read.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Gone => {
                "The receiver answered 410: it wants no more messages. Enable the webhook when it does."
            }
            Self::Failing => {
                "Nothing could be delivered for five days. Enable the webhook when its receiver answers again."
            }
        }
    }

    /// The reason of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Gone, Self::Failing]
            .into_iter()
            .find(|reason| reason.as_str() == name)
    }
}

impl WebhookSecret {
    /// The secret that these random bits make.
    pub fn from_entropy(entropy: &KeyEntropy) -> Self {
        Self(SecretString::from(key_text(SECRET_PREFIX, entropy)))
    }

    /// The secret as text: what it is shown as once, and the key of signatures, byte by byte.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Its first characters, to recognise it by.
    pub fn hint(&self) -> String {
        self.expose().chars().take(HINT_CHARS).collect()
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret([REDACTED])")
    }
}

impl WebhookSettings {
    /// Reads the body that creates a webhook; `enabled` is true where it is not sent.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value, dialect: WebhookDialect) -> Result<Self, Refusal> {
        let mut change = WebhookChange::parse(body, dialect)?;
        let missing = |field: &str, what: &str| {
            Refusal::invalid(format!("{field} is required and must be {what}"))
        };
        Ok(Self {
            url: change
                .url
                .take()
                .ok_or_else(|| missing(dialect.url_field, "a string"))?,
            description: change.description.take().unwrap_or_default(),
            events: change
                .events
                .take()
                .ok_or_else(|| missing("events", "an array of strings"))?,
            enabled: change.enabled.unwrap_or(true),
        })
    }

    /// The settings after `change`.
    fn changed(&self, change: WebhookChange) -> Self {
        Self {
            url: change.url.unwrap_or_else(|| self.url.clone()),
            description: change
                .description
                .unwrap_or_else(|| self.description.clone()),
            events: change.events.unwrap_or_else(|| self.events.clone()),
            enabled: change.enabled.unwrap_or(self.enabled),
        }
    }
}

impl WebhookChange {
    /// Reads the body that changes a webhook.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value, dialect: WebhookDialect) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let url = fields.optional_text(dialect.url_field, MAX_URL_CHARS)?;
        let change = Self {
            url: url.map(|text| checked_url(&text, dialect)).transpose()?,
            description: if dialect.has_description {
                fields.optional_text("description", MAX_DESCRIPTION_CHARS)?
            } else {
                None
            },
            events: events(&mut fields)?,
            enabled: fields.optional_flag("enabled")?,
        };
        fields.finish()?;
        Ok(change)
    }
}

fn checked_url(text: &str, dialect: WebhookDialect) -> Result<Url, Refusal> {
    let field = dialect.url_field;
    let url = Url::parse(text)
        .map_err(|_no_url| Refusal::invalid(format!("{field} must be an absolute URL")))?;
    let is_allowed = match url.scheme() {
        "https" => true,
        "http" => dialect.allow_http,
        _ => false,
    };
    if !is_allowed {
        return Err(Refusal::invalid(format!(
            "{field} must begin with https://"
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::invalid(format!(
            "{field} must not carry a user name or password; its path or query may carry a token"
        )));
    }
    if url.fragment().is_some() {
        return Err(Refusal::invalid(format!(
            "{field} must not have a fragment"
        )));
    }
    Ok(url)
}

fn events(fields: &mut Fields) -> Result<Option<Vec<WebhookEventType>>, Refusal> {
    let Some(value) = fields.any("events") else {
        return Ok(None);
    };
    let names: Vec<String> = serde_json::from_value(value)
        .map_err(|_other| Refusal::invalid("events must be an array of strings"))?;
    let mut events = Vec::with_capacity(names.len().min(WebhookEventType::ALL.len()));
    for name in &names {
        let event = WebhookEventType::from_name(name).ok_or_else(|| unknown_event(name))?;
        if !events.contains(&event) {
            events.push(event);
        }
    }
    if events.is_empty() {
        return Err(Refusal::invalid("events must not be empty."));
    }
    events.sort_unstable();
    Ok(Some(events))
}

/// `ImageKit`'s own events are of its media library; a subscription that stays silent for ever would look like a fault.
fn unknown_event(name: &str) -> Refusal {
    let shown: String = name.chars().take(60).collect();
    let known = WebhookEventType::ALL.map(WebhookEventType::as_str);
    Refusal::invalid(format!(
        "events must be of {}; \"{}\" never happens here",
        known.join(", "),
        shown.escape_default()
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OURS: WebhookDialect = WebhookDialect {
        url_field: "url",
        has_description: true,
        allow_http: false,
    };

    #[test]
    fn a_body_says_where_to_and_what_of() {
        let body = json!({"url": "https://hooks.example/x?token=1", "events": ["alert.recovered", "alert.firing", "alert.firing"]});
        let settings = WebhookSettings::parse(body, OURS).unwrap();
        assert!(settings.enabled);
        assert_eq!(settings.events, WebhookEventType::ALL);
        for (body, message) in [
            (json!({}), "url is required and must be a string"),
            (
                json!({"url": "https://a.example"}),
                "events is required and must be an array of strings",
            ),
            (
                json!({"url": "x", "events": ["alert.firing"]}),
                "url must be an absolute URL",
            ),
            (
                json!({"url": "http://a.example", "events": ["alert.firing"]}),
                "url must begin with https://",
            ),
            (
                json!({"url": "https://u:p@a.example", "events": ["alert.firing"]}),
                "url must not carry a user name or password; its path or query may carry a token",
            ),
            (
                json!({"url": "https://a.example", "events": []}),
                "events must not be empty.",
            ),
            (
                json!({"url": "https://a.example", "events": ["file.created"]}),
                "events must be of alert.firing, alert.recovered; \"file.created\" never happens here",
            ),
            (
                json!({"url": "https://a.example", "events": ["alert.firing"], "secret": "x"}),
                "\"secret\" is not allowed",
            ),
        ] {
            let refused = WebhookSettings::parse(body, OURS).unwrap_err();
            assert_eq!(refused.message(), message);
        }
    }

    #[test]
    fn http_is_a_matter_of_the_operator() {
        let body = json!({"endpoint": "http://127.0.0.1:9/x", "events": ["alert.firing"]});
        let imagekit = WebhookDialect {
            url_field: "endpoint",
            has_description: false,
            allow_http: true,
        };
        assert!(WebhookSettings::parse(body, imagekit).is_ok());
        let ftp = json!({"endpoint": "ftp://a.example", "events": ["alert.firing"]});
        assert!(WebhookSettings::parse(ftp, imagekit).is_err());
    }

    #[test]
    fn a_secret_is_recognised_by_its_hint_and_printed_nowhere() {
        let secret = WebhookSecret::from_entropy(&KeyEntropy::new([7; 32]));
        assert!(secret.expose().starts_with("whsec_"));
        assert_eq!(secret.expose().len(), 6 + 49);
        assert_eq!(secret.hint().len(), 10);
        let random = secret.expose().trim_start_matches("whsec_");
        assert!(!format!("{secret:?}").contains(random));
    }
}
