//! One question to a token endpoint, and what its answer means.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode};
use limpid_domain::failure::{AttemptFailure, Reason};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::attempt::{Attempt, AttemptResult, failure};
use crate::classify::challenge::is_challenge;
use crate::classify::status::{reason_of_status, retry_after};
use crate::classify::text::{printable, telling_headers};
use crate::exchange::Outgoing;
use crate::fetch::FetchContext;
use crate::{location, scrub, store};

/// How long a token lasts when the answer does not say. Source: what Google and Akeneo grant.
const USUAL_LIFETIME: Duration = Duration::from_hours(1);

/// What every question for a token holds and every answer may say ("no user found for the given username and password"): no secrets.
/// A password that is one of them is taken out with the stored credentials.
const PROTOCOL_WORDS: [&str; 5] = [
    "assertion",
    "grant_type",
    "password",
    "refresh_token",
    "username",
];

/// A question for a token.
pub(crate) struct TokenRequest<'a> {
    /// The endpoint.
    pub(crate) url: &'a Url,
    /// The address whose port is open, see [`Outgoing`].
    pub(crate) configured: Option<&'a Url>,
    /// Content type, and who asks.
    pub(crate) headers: HeaderMap,
    /// What proves it. Never part of a failure.
    pub(crate) body: SecretString,
}

/// A token and how long it lasts.
pub(crate) struct Granted {
    /// The access token.
    pub(crate) value: SecretString,
    /// What it may be refreshed with.
    pub(crate) refresh: Option<SecretString>,
    /// How long the access token lasts.
    pub(crate) lifetime: Duration,
}

/// Asks a token endpoint.
///
/// Errors: `credentials_invalid` when it refuses; `clock_skew` when it says that our time is wrong; everything that can go
/// wrong with an exchange, each with the endpoint as its location.
pub(crate) async fn ask(
    context: &FetchContext<'_>,
    request: TokenRequest<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Granted> {
    let started = Instant::now();
    let asked = exchange(context, &request, attempt).await;
    attempt
        .trace
        .step("token", asked.is_ok(), started, || match &asked {
            Ok(granted) => format!("good for {} s", granted.lifetime.as_secs()),
            Err(failed) => failed.note.clone().unwrap_or_default(),
        });
    asked.map_err(|mut failed| {
        failed.location = Some(location::of_url(request.url));
        let note = failed.note.take().unwrap_or_default();
        failed.note = Some(format!("asking for an access token: {note}"));
        let body = request.body.expose_secret();
        let parts = body.split(['&', '=', '"']);
        let parts = parts
            .filter(|part| !PROTOCOL_WORDS.contains(part))
            .map(Into::into);
        scrub::remove(&mut failed, &parts.collect::<Vec<_>>());
        failed
    })
}

async fn exchange(
    context: &FetchContext<'_>,
    request: &TokenRequest<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<Granted> {
    let outgoing = Outgoing {
        method: Method::POST,
        url: request.url,
        configured: request.configured,
        headers: &request.headers,
        body: Bytes::copy_from_slice(request.body.expose_secret().as_bytes()),
    };
    let answer = context.exchanger().send(&outgoing, attempt).await?;
    let (status, headers) = (answer.status, answer.headers);
    let document = answer
        .body
        .read_excerpt(store::MAX_ERROR_BYTES, attempt)
        .await;
    if status != StatusCode::OK {
        // what it grants is shown to nobody
        attempt.trace.first_bytes(&document);
    }
    if status == StatusCode::OK {
        return granted(&document).ok_or_else(|| {
            let note = "the endpoint answered 200 without an access token";
            let mut failed = failure(Reason::HttpProtocolError, note);
            failed.upstream_status = Some(200);
            failed.response_headers = telling_headers(&headers);
            failed
        });
    }
    Err(classified(status, &headers, &document, context.now()))
}

/// What an answer without a token means.
pub(crate) fn classified(
    status: StatusCode,
    headers: &HeaderMap,
    document: &[u8],
    now: DateTime<Utc>,
) -> Box<AttemptFailure> {
    let mut failed = if is_challenge(status, headers, document) {
        failure(
            Reason::BotChallenge,
            format!("the endpoint answered {status}"),
        )
    } else {
        refusal(status, document)
    };
    failed.upstream_status = Some(status.as_u16());
    failed.retry_after = retry_after(headers, now);
    failed.response_headers = telling_headers(headers);
    failed
}

/// Source: RFC 6749 section 5.1.
fn granted(document: &[u8]) -> Option<Granted> {
    let answer: Value = serde_json::from_slice(document).ok()?;
    let text = |name: &str| {
        let text = answer.get(name)?.as_str()?;
        (!text.is_empty()).then(|| SecretString::from(text))
    };
    let seconds = answer.get("expires_in").and_then(Value::as_u64);
    Some(Granted {
        value: text("access_token")?,
        refresh: text("refresh_token"),
        lifetime: seconds.map_or(USUAL_LIFETIME, Duration::from_secs),
    })
}

/// Source: RFC 6749 section 5.2 (`error`, `error_description`); Akeneo answers `code` and `message` instead, with 422.
fn refusal(status: StatusCode, document: &[u8]) -> Box<AttemptFailure> {
    let answer: Value = serde_json::from_slice(document).unwrap_or_default();
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(printable);
    let code = text("error");
    let message = text("error_description").or_else(|| text("message"));
    let blames_our_clock = message
        .as_deref()
        .is_some_and(|message| message.contains("Check your iat and exp"));
    let reason = match status.as_u16() {
        _ if blames_our_clock => Reason::ClockSkew,
        400 | 401 | 403 | 422 => Reason::CredentialsInvalid,
        // No file is missing: the address is not that of a token endpoint.
        404 | 405 | 410 => Reason::OriginUnexpectedStatus,
        _ => reason_of_status(status),
    };
    let said = [code.as_deref(), message.as_deref()];
    let said = said.into_iter().flatten().collect::<Vec<_>>().join(": ");
    let note = if said.is_empty() {
        format!("the endpoint answered {status}")
    } else {
        printable(&said)
    };
    let mut failed = failure(reason, note);
    failed.provider_code = code;
    failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_without_a_token_grant_nothing() {
        let good = granted(br#"{"access_token":"a","expires_in":60,"refresh_token":"r"}"#).unwrap();
        assert_eq!(good.lifetime, Duration::from_mins(1));
        assert!(good.refresh.is_some());
        assert!(granted(br#"{"access_token":"a"}"#).is_some());
        for bad in [
            &b"<html>login</html>"[..],
            br#"{"access_token":""}"#,
            br#"{"access_token":7}"#,
            b"",
            b"[]",
        ] {
            assert!(granted(bad).is_none());
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        let reason = |status: u16, document: &str| {
            refusal(StatusCode::from_u16(status).unwrap(), document.as_bytes()).reason
        };
        let revoked = r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
        assert_eq!(reason(400, revoked), Reason::CredentialsInvalid);
        let skewed = r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}"#;
        assert_eq!(reason(400, skewed), Reason::ClockSkew);
        let akeneo =
            r#"{"code":422,"message":"No user found for the given username and password"}"#;
        assert_eq!(reason(422, akeneo), Reason::CredentialsInvalid);
        assert_eq!(reason(404, "<html>"), Reason::OriginUnexpectedStatus);
        assert_eq!(reason(503, ""), Reason::OriginOverloaded);
        assert_eq!(reason(429, ""), Reason::OriginRateLimited);
        let disabled = r#"{"error":"access_denied","error_description":"Account disabled"}"#;
        for (status, document) in [(401, ""), (403, ""), (403, disabled)] {
            let refused = reason(status, document);
            assert_eq!(refused, Reason::CredentialsInvalid, "{status} {document}");
        }
    }
}
