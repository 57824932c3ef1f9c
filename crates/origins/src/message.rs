//! One message to a webhook: an address that a tenant chose, so it goes through the same guard, resolver and transport as originals.
//! Redirects are not followed, and of the answer only the beginning is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use limpid_domain::failure::{AttemptFailure, Reason};
use url::Url;

use crate::attempt::{Attempt, failure};
use crate::config::FetchConfig;
use crate::exchange::{Exchanger, Outgoing};
use crate::fetch::FetcherError;
use crate::trace::FetchTrace;
use crate::transport::Transport;
use crate::transport::pool::Pool;

/// Longest time from the first look at the address to the head of the answer. Source: the Standard Webhooks specification asks receivers to
/// answer within 15 seconds.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(15);

/// Sends messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MessageSender {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    transport: Transport,
    first_byte_timeout: Duration,
    total_timeout: Duration,
    user_agent: HeaderValue,
    allow_http: bool,
}

/// A message.
#[derive(Debug)]
pub struct Message<'a> {
    /// Where to.
    pub url: &'a Url,
    /// Header fields besides `Host`, `Content-Length` and `User-Agent`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What the receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageAnswer {
    /// The status.
    pub status: StatusCode,
    /// The beginning of the body, as far as it came at once.
    pub excerpt: Bytes,
}

impl MessageSender {
    /// Sets up name resolution and TLS with the time-outs and exemptions of fetches. Opens no connection.
    ///
    /// # Errors
    /// [`FetcherError`], the operator's to fix.
    pub fn new(config: &FetchConfig, allow_http: bool) -> Result<Self, FetcherError> {
        let user_agent = HeaderValue::from_str(&config.user_agent)
            .map_err(|_| FetcherError::Header("user-agent"))?;
        let inner = Inner {
            transport: Transport::new(config)?,
            first_byte_timeout: config.first_byte_timeout,
            total_timeout: config.total_timeout.min(TOTAL_TIMEOUT),
            user_agent,
            allow_http,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Sends a message by `POST` over a connection of its own and reads at most `max_answer_bytes` of the answer.
    ///
    /// # Errors
    /// What kept the answer from coming, classified; everything in it may be stored.
    pub async fn send(
        &self,
        message: Message<'_>,
        max_answer_bytes: usize,
    ) -> Result<MessageAnswer, Box<AttemptFailure>> {
        let inner = &self.inner;
        if message.url.scheme() != "https" && !inner.allow_http {
            let note =
                "messages go over https only; the operator may allow http with webhooks.allow_http";
            return Err(failure(Reason::SchemeNotAllowed, note));
        }
        let mut headers = message.headers;
        headers.insert(header::USER_AGENT, inner.user_agent.clone());
        let outgoing = Outgoing {
            method: Method::POST,
            url: message.url,
            configured: Some(message.url),
            headers: &headers,
            body: message.body,
        };
        let pool = Arc::new(Pool::default());
        let exchanger = Exchanger {
            transport: &inner.transport,
            pool: &pool,
            first_byte_timeout: inner.first_byte_timeout,
        };
        let mut trace = FetchTrace::off();
        let mut attempt = Attempt::new(&mut trace, Instant::now() + inner.total_timeout);
        let answer = exchanger.send(&outgoing, &mut attempt).await?;
        Ok(MessageAnswer {
            status: answer.status,
            excerpt: answer.body.read_excerpt(max_answer_bytes, &attempt).await,
        })
    }
}
