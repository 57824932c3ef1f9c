//! The machine's own AWS credentials, for origins with `useIAMRole`: only where the operator allows it, never by a tenant's
//! address. One small chain instead of Amazon's configuration library, which is a large tree of crates with an HTTP client
//! of its own that our guard, time-outs and timings would not reach.

mod answers;
mod sources;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use limpid_domain::failure::{AttemptFailure, Reason};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::attempt::{Attempt, AttemptResult, failure};
use crate::config::FetchConfig;
use crate::exchange::{Exchanger, Outgoing};
use crate::fetch::FetcherError;
use crate::store::MAX_ERROR_BYTES;
use crate::transport::Transport;
use crate::transport::pool::Pool;
use sources::{Authorization, Container, WebIdentity};

pub use sources::{AmbientSources, InvalidAmbientSource};

/// Credentials are renewed this long before they end, as Amazon's own libraries do.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// Lifetime of a session with the instance's metadata service. Source: EC2 user guide, which allows 1 to 21 600. Units: seconds.
const SESSION_SECONDS: &str = "21600";

/// Keys as they sign.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// Access key id.
    pub(crate) access_key: SecretString,
    /// Secret access key.
    pub(crate) secret_key: SecretString,
    /// Session token, for keys that end.
    pub(crate) session_token: Option<SecretString>,
    /// When they end; `None` for keys that do not.
    pub(crate) ends_at: Option<DateTime<Utc>>,
}

/// Where the machine's credentials come from, and the ones in use.
#[derive(Debug)]
pub(crate) struct Ambient {
    sources: AmbientSources,
    // Its guard lets it reach exactly the addresses of `sources`; tenants' fetches never travel over it.
    transport: Transport,
    pool: Arc<Pool>,
    // A standard mutex: held to copy a value, never over an await.
    kept: Mutex<Option<Keys>>,
    renewing: tokio::sync::Mutex<()>,
}

/// One question to a source.
struct Question<'a> {
    method: Method,
    url: &'a Url,
    headers: HeaderMap,
    body: String,
}

impl Ambient {
    /// Nothing is asked until an origin needs it.
    pub(crate) fn new(sources: AmbientSources, config: &FetchConfig) -> Result<Self, FetcherError> {
        let own = FetchConfig {
            allow_addresses: sources.addresses(),
            ..config.clone()
        };
        Ok(Self {
            transport: Transport::new(&own)?,
            sources,
            pool: Arc::new(Pool::default()),
            kept: Mutex::new(None),
            renewing: tokio::sync::Mutex::new(()),
        })
    }

    /// Keys that last for at least this fetch.
    ///
    /// Errors: `credentials_invalid` when the machine has none, with what went wrong on the way.
    pub(crate) async fn keys(
        &self,
        config: &FetchConfig,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Keys> {
        let now = config.clock.now();
        if let Some(keys) = self.kept_until(now + MARGIN) {
            return Ok(keys);
        }
        let waited = attempt.within(attempt.remaining(), self.renewing.lock());
        let _turn = waited
            .await
            .map_err(|_late| unobtainable("they did not come in time"))?;
        if let Some(keys) = self.kept_until(now + MARGIN) {
            return Ok(keys);
        }
        let started = Instant::now();
        let asked = self.ask(config, attempt).await;
        attempt
            .trace
            .step("token", asked.is_ok(), started, || match &asked {
                Ok(_) => "the machine's own credentials".to_owned(),
                Err(failed) => failed.note.clone().unwrap_or_default(),
            });
        match asked {
            Ok(keys) => {
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(keys.clone());
                Ok(keys)
            }
            // The source is away for a moment, and the keys last meanwhile.
            Err(failed) => self.kept_until(now).ok_or(failed),
        }
    }

    /// The provider calls the keys expired, whatever we thought.
    pub(crate) fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn kept_until(&self, moment: DateTime<Utc>) -> Option<Keys> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = kept.as_ref()?;
        let lasts = keys.ends_at.is_none_or(|end| moment < end);
        lasts.then(|| keys.clone())
    }

    /// The first source that is set up decides, as in Amazon's own chain: one that fails is not papered over by the next.
    async fn ask(&self, config: &FetchConfig, attempt: &mut Attempt<'_>) -> AttemptResult<Keys> {
        if let Some(keys) = &self.sources.keys {
            return Ok(keys.clone());
        }
        if let Some(identity) = &self.sources.web_identity {
            return self.assume_role(identity, config, attempt).await;
        }
        if let Some(container) = &self.sources.container {
            return self.ask_container(container, config, attempt).await;
        }
        if let Some(instance) = &self.sources.instance {
            return self.ask_instance(instance, config, attempt).await;
        }
        Err(unobtainable(
            "no source of credentials is set up on this machine",
        ))
    }

    /// Source: STS API reference, `AssumeRoleWithWebIdentity`.
    async fn assume_role(
        &self,
        identity: &WebIdentity,
        config: &FetchConfig,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Keys> {
        let token = read_file(&identity.token_file).await?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRoleWithWebIdentity")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", &identity.role_arn)
            .append_pair("RoleSessionName", &identity.session_name)
            .append_pair("WebIdentityToken", token.expose_secret())
            .finish();
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let question = Question {
            method: Method::POST,
            url: &identity.sts,
            headers,
            body,
        };
        let document = self.exchange(question, config, attempt).await?;
        answers::from_xml(&document).ok_or_else(|| unobtainable("STS answered without credentials"))
    }

    /// Source: SDKs and tools reference guide, "Container credential provider".
    async fn ask_container(
        &self,
        container: &Container,
        config: &FetchConfig,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Keys> {
        let mut headers = HeaderMap::new();
        let authorization = match &container.authorization {
            None => None,
            Some(Authorization::Token(token)) => Some(token.clone()),
            // Read anew every time: the file is replaced before its token ends.
            Some(Authorization::File(path)) => Some(read_file(path).await?),
        };
        if let Some(token) = authorization {
            headers.insert(header::AUTHORIZATION, sensitive(token.expose_secret())?);
        }
        let question = Question::get(&container.url, headers);
        let document = self.exchange(question, config, attempt).await?;
        answers::from_json(&document)
            .ok_or_else(|| unobtainable("the container endpoint answered without credentials"))
    }

    /// Source: EC2 user guide, "Use the Instance Metadata Service" version 2: a session first, then the role's name, then its credentials.
    async fn ask_instance(
        &self,
        instance: &Url,
        config: &FetchConfig,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Keys> {
        let at = |path: &str| {
            let mut url = instance.clone();
            url.set_path(path);
            url
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds"),
            HeaderValue::from_static(SESSION_SECONDS),
        );
        let session = Question {
            method: Method::PUT,
            url: &at("/latest/api/token"),
            headers,
            body: String::new(),
        };
        let session = self.exchange(session, config, attempt).await?;
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("x-aws-ec2-metadata-token"),
            sensitive(String::from_utf8_lossy(&session).trim())?,
        );
        let roles = "/latest/meta-data/iam/security-credentials/";
        let url = at(roles);
        let named = Question::get(&url, headers.clone());
        let named = self
            .exchange(named, config, attempt)
            .await
            .map_err(|failed| match failed.upstream_status {
                Some(404) => unobtainable("no role is attached to this machine"),
                _ => failed,
            })?;
        let named = String::from_utf8_lossy(&named);
        let role = named.lines().next().unwrap_or_default().trim();
        let url = at(&format!("{roles}{role}"));
        let document = self
            .exchange(Question::get(&url, headers), config, attempt)
            .await?;
        answers::from_json(&document)
            .ok_or_else(|| unobtainable("the metadata service answered without credentials"))
    }

    async fn exchange(
        &self,
        question: Question<'_>,
        config: &FetchConfig,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Bytes> {
        let exchanger = Exchanger {
            transport: &self.transport,
            pool: &self.pool,
            first_byte_timeout: config.first_byte_timeout,
        };
        let outgoing = Outgoing {
            method: question.method,
            url: question.url,
            configured: Some(question.url),
            headers: &question.headers,
            body: Bytes::from(question.body),
        };
        let answer = exchanger.send(&outgoing, attempt).await.map_err(|failed| {
            let note = failed.note.unwrap_or_default();
            unobtainable(&format!("{}: {note}", failed.reason))
        })?;
        let status = answer.status;
        let document = answer.body.read_excerpt(MAX_ERROR_BYTES, attempt).await;
        if status == StatusCode::OK {
            return Ok(document);
        }
        let code = answers::error_code(&document).unwrap_or_default();
        let host = question.url.host_str().unwrap_or_default();
        let mut failed = unobtainable(&format!("{host} answered {status} {code}"));
        failed.upstream_status = Some(status.as_u16());
        Err(failed)
    }
}

impl Question<'_> {
    fn get(url: &Url, headers: HeaderMap) -> Question<'_> {
        Question {
            method: Method::GET,
            url,
            headers,
            body: String::new(),
        }
    }
}

async fn read_file(path: &std::path::Path) -> AttemptResult<SecretString> {
    match tokio::fs::read_to_string(path).await {
        Ok(text) => Ok(SecretString::from(text.trim())),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "a token file of the machine's role cannot be read");
            Err(unobtainable("their token file cannot be read"))
        }
    }
}

fn sensitive(text: &str) -> AttemptResult<HeaderValue> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| unobtainable("a token of the machine has odd characters"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unobtainable(why: &str) -> Box<AttemptFailure> {
    let note = format!("the credentials of this machine's role are not to be had: {why}");
    failure(Reason::CredentialsInvalid, note)
}
