//! Access tokens of origins that want one: asked for once, shared, renewed before they end and once after a refusal.

pub(crate) mod token_endpoint;

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use limpid_domain::failure::{AttemptFailure, Reason};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::akeneo::PasswordGrant;
use crate::attempt::{Attempt, AttemptResult, failure};
use crate::exchange::{Answer, Outgoing};
use crate::existence::Part;
use crate::fetch::FetchContext;
use crate::google::ServiceAccount;
use crate::scrub;

pub(crate) use token_endpoint::{Granted, TokenRequest, ask};

/// A token is renewed this long before it ends, so that none ends under way.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// How a kind of origin comes by a token.
#[derive(Debug)]
pub(crate) enum Grant<'a> {
    /// `GCS`: a signed statement about who we are.
    Google(ServiceAccount<'a>),
    /// `AKENEO_PIM`: user name and password.
    Akeneo(PasswordGrant<'a>),
}

/// The token of one origin in one version.
#[derive(Debug, Default)]
pub(crate) struct TokenCell {
    // A standard mutex: held to copy a value, never over an await.
    kept: Mutex<Option<Token>>,
    /// Held while a token is asked for, so that one fetch asks and the others wait.
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Token {
    value: SecretString,
    refresh: Option<SecretString>,
    renew_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

impl TokenCell {
    fn kept(&self) -> Option<Token> {
        self.kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn keep(&self, token: Token) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// Ends a token the origin refused. What it may be refreshed with stays.
    fn end(&self, refused: &SecretString) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = kept.as_mut()
            && token.value.expose_secret() == refused.expose_secret()
        {
            token.renew_at = DateTime::<Utc>::MIN_UTC;
            token.ends_at = DateTime::<Utc>::MIN_UTC;
        }
    }
}

impl Token {
    fn new(granted: Granted, now: DateTime<Utc>) -> Self {
        let lifetime = TimeDelta::from_std(granted.lifetime).unwrap_or(TimeDelta::MAX / 4);
        let ends_at = now.checked_add_signed(lifetime).unwrap_or(now);
        Self {
            value: granted.value,
            refresh: granted.refresh,
            renew_at: ends_at - MARGIN.min(lifetime / 10),
            ends_at,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// How much of it.
    pub(crate) part: Part,
    /// Where it is.
    pub(crate) url: &'a Url,
    /// The address whose port is open.
    pub(crate) configured: &'a Url,
}

/// Sends a request with the origin's token; once more with another one if that was refused, however new it was: its endpoint may
/// not have told everybody yet. A token never stays in a failure, also when the origin repeats it.
///
/// Errors: those of an exchange, and those of the token endpoint.
pub(crate) async fn send(
    context: &FetchContext<'_>,
    grant: &Grant<'_>,
    wanted: Wanted<'_>,
    headers: HeaderMap,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<(Answer, SecretString)> {
    let mut headers = wanted.part.headers(headers);
    let mut was_refused = false;
    loop {
        let token = usable_token(context, grant, attempt).await?;
        attempt.trace.hide(&token);
        headers.insert(header::AUTHORIZATION, bearer(&token)?);
        let outgoing = Outgoing {
            method: wanted.part.method(),
            url: wanted.url,
            configured: Some(wanted.configured),
            headers: &headers,
            body: bytes::Bytes::new(),
        };
        let answer = context.exchanger().send(&outgoing, attempt).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok((answer, token));
        }
        context.state.token.end(&token);
        if was_refused {
            return Ok((answer, token));
        }
        was_refused = true;
        let started = std::time::Instant::now();
        // Read to its end, the refusal leaves the connection usable.
        answer
            .body
            .read_excerpt(crate::store::MAX_ERROR_BYTES, attempt)
            .await;
        attempt.trace.step("token", false, started, || {
            "the token was refused; asking for another one".to_owned()
        });
    }
}

/// Takes a token out of every text of a failure.
pub(crate) fn without_token(
    mut failed: Box<AttemptFailure>,
    token: &SecretString,
) -> Box<AttemptFailure> {
    scrub::remove(&mut failed, &[token.expose_secret().into()]);
    failed
}

async fn usable_token(
    context: &FetchContext<'_>,
    grant: &Grant<'_>,
    attempt: &mut Attempt<'_>,
) -> AttemptResult<SecretString> {
    let cell = &context.state.token;
    let now = context.now();
    let kept = cell.kept();
    if let Some(token) = kept.as_ref().filter(|token| now < token.renew_at) {
        return Ok(token.value.clone());
    }
    let still_good = kept.as_ref().filter(|token| now < token.ends_at);
    let _turn = match (still_good, cell.renewing.try_lock()) {
        (_, Ok(turn)) => turn,
        // Somebody is at it already, and ours lasts meanwhile.
        (Some(token), Err(_)) => return Ok(token.value.clone()),
        (None, Err(_)) => attempt
            .within(attempt.remaining(), cell.renewing.lock())
            .await
            .map_err(|_late| failure(Reason::ResponseTimeout, "no access token came in time"))?,
    };
    let newer = cell.kept().filter(|token| now < token.renew_at);
    if let Some(token) = newer {
        return Ok(token.value);
    }
    let refresh = kept.as_ref().and_then(|token| token.refresh.as_ref());
    let granted = match grant {
        Grant::Google(account) => account.obtain(context, attempt).await,
        Grant::Akeneo(password) => password.obtain(context, refresh, attempt).await,
    };
    match (granted, still_good) {
        (Ok(granted), _) => {
            let token = Token::new(granted, now);
            let value = token.value.clone();
            cell.keep(token);
            Ok(value)
        }
        // The token endpoint is down, but what we have lasts a little longer.
        (Err(failed), Some(token)) => {
            tracing::warn!(reason = %failed.reason, "an access token could not be renewed yet");
            Ok(token.value.clone())
        }
        (Err(failed), None) => Err(failed),
    }
}

fn bearer(token: &SecretString) -> AttemptResult<HeaderValue> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
            failure(
                Reason::HttpProtocolError,
                "the access token has odd characters",
            )
        })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn token(seconds: u64) -> (Token, DateTime<Utc>) {
        let now = DateTime::from_timestamp(1_000_000, 0).unwrap();
        let granted = Granted {
            value: "t".into(),
            refresh: Some("r".into()),
            lifetime: Duration::from_secs(seconds),
        };
        (Token::new(granted, now), now)
    }

    #[test]
    fn tokens_are_renewed_before_they_end() {
        let (hour, now) = token(3600);
        assert_eq!(hour.ends_at - now, TimeDelta::seconds(3600));
        assert_eq!(hour.renew_at - now, TimeDelta::seconds(3300));
        let (minute, now) = token(60);
        assert_eq!(minute.renew_at - now, TimeDelta::seconds(54));
        let (endless, now) = token(u64::MAX);
        assert!(endless.renew_at >= now - MARGIN);
    }

    #[test]
    fn only_the_refused_token_is_ended_and_its_refresh_token_stays() {
        let cell = TokenCell::default();
        let (token, now) = token(3600);
        cell.keep(token);
        cell.end(&"another".into());
        assert!(cell.kept().unwrap().renew_at > now);
        cell.end(&"t".into());
        let ended = cell.kept().unwrap();
        assert!(ended.ends_at < now);
        assert!(ended.refresh.is_some());
    }
}
