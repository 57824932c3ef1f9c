//! One request and the head of its answer, over a kept or a fresh connection.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;
use limpid_domain::failure::{AttemptFailure, Reason};
use url::{Position, Url};

use crate::attempt::{Attempt, AttemptResult, failure, micros_since};
use crate::body::Body;
use crate::transport::pool::{Authority, Pool};
use crate::transport::{Connection, Transport, tls};

/// A request to be sent. The `Host` header is the URL's unless `headers` has one.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    /// `GET`, `HEAD` to find out whether something exists, `POST` towards token endpoints.
    pub(crate) method: Method,
    /// Where to.
    pub(crate) url: &'a Url,
    /// The URL the tenant configured, whose port is open. `None` where the client names the URL.
    pub(crate) configured: Option<&'a Url>,
    /// Header fields besides `Host`.
    pub(crate) headers: &'a HeaderMap,
    /// What a `POST` carries.
    pub(crate) body: Bytes,
}

/// The head of an answer, and its body still on the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Body,
}

/// The connections of one origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchanger<'a> {
    /// Opens connections.
    pub(crate) transport: &'a Transport,
    /// Keeps them.
    pub(crate) pool: &'a std::sync::Arc<Pool>,
    /// Longest wait for the head of an answer.
    pub(crate) first_byte_timeout: Duration,
}

impl Exchanger<'_> {
    /// Sends a request and waits for the head of the answer.
    ///
    /// Errors: everything from `policy` to `headers` in the table, except what the status itself says.
    pub(crate) async fn send(
        &self,
        outgoing: &Outgoing<'_>,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Answer> {
        let authority = self.check(outgoing, attempt)?;
        if let Some(kept) = self.pool.take(&authority) {
            let started = Instant::now();
            attempt.trace.step("reuse", true, started, || {
                "sending over a kept connection".to_owned()
            });
            let result = self.send_over(kept, outgoing, &authority, attempt).await;
            // The origin may have closed the connection while our request was under way. That says nothing about the
            // origin, so a fresh connection decides.
            let was_closed =
                matches!(&result, Err(failed) if failed.reason == Reason::ConnectionReset);
            if !was_closed {
                return result;
            }
        }
        let fresh = self.transport.connect(&authority, attempt).await?;
        self.send_over(fresh, outgoing, &authority, attempt).await
    }

    fn check(
        &self,
        outgoing: &Outgoing<'_>,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Authority> {
        let started = Instant::now();
        let verdict = self
            .transport
            .guard()
            .check_url(outgoing.url, outgoing.configured);
        attempt
            .trace
            .step("policy", verdict.is_ok(), started, || match &verdict {
                Ok(authority) => format!(
                    "{}://{}:{} may be asked",
                    outgoing.url.scheme(),
                    authority.host,
                    authority.port
                ),
                Err(refused) => refused.note.clone().unwrap_or_default(),
            });
        verdict
    }

    async fn send_over(
        &self,
        mut connection: Connection,
        outgoing: &Outgoing<'_>,
        authority: &Authority,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Answer> {
        let request = build_request(outgoing)?;
        attempt.requests = attempt.requests.saturating_add(1);
        let started = Instant::now();
        let response = attempt
            .within(self.first_byte_timeout, connection.send_request(request))
            .await;
        attempt.timings.first_byte_us = Some(micros_since(started));
        let response = match response {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(classify(&error)),
            Err(late) => {
                let note = format!("no answer within {} ms", late.waited.as_millis());
                Err(failure(Reason::ResponseTimeout, note))
            }
        };
        let response = response.and_then(unambiguous);
        attempt
            .trace
            .step("response", response.is_ok(), started, || match &response {
                Ok(response) => response.status().to_string(),
                Err(failed) => failed.note.clone().unwrap_or_default(),
            });
        response.map(|response| self.answer(response, connection, authority))
    }

    fn answer(
        &self,
        response: Response<Incoming>,
        connection: Connection,
        authority: &Authority,
    ) -> Answer {
        let (head, incoming) = response.into_parts();
        let pool = std::sync::Arc::clone(self.pool);
        let body = Body::new(incoming, pool, authority.clone(), connection);
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }
}

/// Two ways to say where a body ends are an attempt to smuggle, or a broken gateway. Source: RFC 9112 section 6.1.
fn unambiguous(response: Response<Incoming>) -> AttemptResult<Response<Incoming>> {
    let headers = response.headers();
    let has_both = headers.contains_key(header::CONTENT_LENGTH)
        && headers.contains_key(header::TRANSFER_ENCODING);
    if has_both {
        let note = "the answer has both Content-Length and Transfer-Encoding";
        return Err(failure(Reason::HttpProtocolError, note));
    }
    Ok(response)
}

/// The request as it goes over the wire.
///
/// Errors: `http_protocol_error` for what can be no request.
pub(crate) fn build_request(outgoing: &Outgoing<'_>) -> AttemptResult<Request<Full<Bytes>>> {
    let unsendable = |_| {
        failure(
            Reason::HttpProtocolError,
            "the location cannot be written as an HTTP request",
        )
    };
    let target = &outgoing.url[Position::BeforePath..Position::AfterQuery];
    let mut request = Request::builder()
        .method(outgoing.method.clone())
        .uri(target)
        .body(Full::new(outgoing.body.clone()))
        .map_err(unsendable)?;
    let host = &outgoing.url[Position::BeforeHost..Position::AfterPort];
    let host = HeaderValue::from_str(host).map_err(|error| unsendable(error.into()))?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, host);
    for (name, value) in outgoing.headers {
        headers.insert(name, value.clone());
    }
    Ok(request)
}

/// The reason behind an error of the HTTP client before the head of the answer was complete.
fn classify(error: &hyper::Error) -> Box<AttemptFailure> {
    if error.is_parse_too_large() {
        return failure(
            Reason::HttpProtocolError,
            "the head of the answer is too large",
        );
    }
    if error.is_parse() {
        return failure(Reason::HttpProtocolError, "the answer is not HTTP/1.1");
    }
    if let Some(cause) = io_cause(error) {
        if let Some(tls) = tls::tls_error(cause) {
            return failure(Reason::TlsHandshakeFailed, tls::words(tls));
        }
        let note = format!("connection lost before the answer: {}", cause.kind());
        return failure(Reason::ConnectionReset, note);
    }
    failure(
        Reason::ConnectionReset,
        "the origin closed the connection before it had answered",
    )
}

/// The I/O error somewhere behind an error.
pub(crate) fn io_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut current = Some(error);
    while let Some(cause) = current {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(io);
        }
        current = cause.source();
    }
    None
}
