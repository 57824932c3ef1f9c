//! The trace of one delivery URL: the path a request takes, with every step written down. Records no event.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, Request, Uri};
use limpid_domain::clock::Clock;
use limpid_domain::failure::advice::{AdviceContext, advice};
use limpid_domain::ids::RequestId;
use serde::Serialize;

use crate::config_snapshot::ConfigSnapshot;
use crate::error;
use crate::failure_recorder::event::{EventContext, FailedAttempt, headline_of};
use crate::failure_recorder::redact::redact_target;
use crate::gates::{self, Admitted, Stopped};
use crate::image_request::ImageRequest;
use crate::production::{Outcome, Production};
use crate::response::{self, HttpResponse, StandIn, StandInKind};
use crate::steps::Steps;

/// Longest URL shown. Units: bytes.
const MAX_URL_BYTES: usize = 4096;

/// What happened to one delivery URL, step by step.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The URL as it was asked for, without signature and token values.
    pub url: String,
    /// The HTTP status a client would get.
    pub status: u16,
    /// The header fields a client would get.
    pub headers: Vec<(String, String)>,
    /// Length of the body a client would get. Units: bytes.
    pub body_bytes: u64,
    /// The steps in order.
    pub steps: Vec<ExplanationStep>,
    /// What to do about it, where it failed.
    pub advice: Option<String>,
}

/// One step of an [`Explanation`].
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplanationStep {
    /// Name of the step, e.g. `endpoint`, `origin 1: dns`.
    pub name: String,
    /// Whether it succeeded.
    pub ok: bool,
    /// How long it took. Units: microseconds in JSON.
    #[serde(rename = "durationUs", serialize_with = "as_micros")]
    pub duration: Duration,
    /// What it found.
    pub detail: String,
}

/// What an explanation needs of the service.
#[derive(Debug)]
pub(crate) struct Explainer<'a> {
    pub(crate) snapshot: &'a ConfigSnapshot,
    pub(crate) production: &'a Production,
    pub(crate) clock: &'a Clock,
}

impl Explainer<'_> {
    /// Walks `url` (an absolute delivery URL, or a path and query) the way a request with these fields would go.
    pub(crate) async fn explain(&self, url: &str, fields: HeaderMap) -> Explanation {
        let mut steps = Steps::recording();
        let id = RequestId::mint();
        let (response, advice) = match request_of(url, fields, id) {
            Ok(request) => self.walk(&request, &mut steps).await,
            Err(answer) => (response::error(&answer), None),
        };
        explanation(url, &response, steps, advice)
    }

    async fn walk(
        &self,
        request: &ImageRequest,
        steps: &mut Steps,
    ) -> (HttpResponse, Option<String>) {
        match gates::admit(self.snapshot, request, self.clock, steps) {
            Ok(admitted) => {
                let outcome = self.production.produce(&admitted.order, steps).await;
                answer(&outcome, request, &admitted, self.clock.now())
            }
            Err(stopped) => match *stopped {
                Stopped::Refused(refusal) => {
                    (response::error(&error::refused(&refusal, request.id)), None)
                }
                Stopped::UnknownAccount(attempt) => failed(&attempt, None, request.id, None),
                Stopped::Failed(context, attempt) => {
                    failed(&attempt, Some(&context), request.id, None)
                }
            },
        }
    }
}

fn request_of(
    url: &str,
    mut fields: HeaderMap,
    id: RequestId,
) -> Result<ImageRequest, error::ErrorAnswer> {
    let invalid = |text: &str| error::refused(&error::Refusal::invalid(text), id);
    let uri: Uri = url
        .parse()
        .map_err(|_| invalid("this is neither a URL nor a path"))?;
    let host = uri
        .authority()
        .map_or("localhost", |authority| authority.as_str());
    let host = host
        .parse()
        .map_err(|_| invalid("the host of the URL is malformed"))?;
    fields.insert(http::header::HOST, host);
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut request = Request::builder()
        .method(Method::GET)
        .uri(target)
        .body(())
        .map_err(|_| invalid("the path of the URL is malformed"))?;
    *request.headers_mut() = fields;
    let (parts, ()) = request.into_parts();
    ImageRequest::parse(id, &parts).map_err(|bad| error::bad_request(bad, id))
}

fn answer(
    outcome: &Outcome,
    request: &ImageRequest,
    admitted: &Admitted,
    now: DateTime<Utc>,
) -> (HttpResponse, Option<String>) {
    match outcome {
        Outcome::Made { variant, .. }
        | Outcome::Defaulted { variant, .. }
        | Outcome::Stale { variant, .. }
            if variant.is_private && !admitted.may_have_private() =>
        {
            let answer = error::refused(&error::Refusal::unsigned(), request.id);
            (response::error(&answer), None)
        }
        Outcome::Made { variant, .. } => {
            let context = admitted.success_context(request, None);
            (response::success(variant, &context), None)
        }
        Outcome::Defaulted { variant, attempts }
        | Outcome::Stale {
            variant, attempts, ..
        } => {
            let headline = headline_of(attempts);
            let level = admitted.event_context.detail_level;
            let kind = match outcome {
                Outcome::Stale { fetched_at, .. } => StandInKind::Stale {
                    age: (now - *fetched_at).to_std().unwrap_or_default(),
                },
                _ => StandInKind::DefaultImage,
            };
            let stand_in = StandIn {
                kind,
                reason: headline.and_then(|headline| error::told_reason(headline, level)),
                event_id: None,
            };
            let context = admitted.success_context(request, Some(stand_in));
            let advice = headline.map(|headline| advise(headline, Some(admitted)));
            (response::success(variant, &context), advice)
        }
        Outcome::Refused { refusal, .. } => {
            (response::error(&error::refused(refusal, request.id)), None)
        }
        Outcome::Failed(attempts) | Outcome::LayerFailed { attempts, .. } => {
            let nothing = || {
                let refusal = error::Refusal::busy("Nothing was attempted");
                (response::error(&error::refused(&refusal, request.id)), None)
            };
            headline_of(attempts).map_or_else(nothing, |headline| {
                let context = Some(&admitted.event_context);
                failed(headline, context, request.id, Some(admitted))
            })
        }
    }
}

fn failed(
    headline: &FailedAttempt,
    context: Option<&EventContext>,
    id: RequestId,
    admitted: Option<&Admitted>,
) -> (HttpResponse, Option<String>) {
    let level = context.map_or(limpid_domain::failure::DetailLevel::Reason, |context| {
        context.detail_level
    });
    let answer = error::failed(headline, level, id, None);
    (response::error(&answer), Some(advise(headline, admitted)))
}

fn advise(headline: &FailedAttempt, admitted: Option<&Admitted>) -> String {
    let endpoint = admitted.map(|admitted| &admitted.order.endpoint);
    let endpoint_id = endpoint.map(|endpoint| endpoint.public_id());
    advice(
        headline.failure.reason,
        &AdviceContext {
            origin: headline.origin.as_ref().map(|origin| &origin.settings),
            location: headline.failure.location.as_deref(),
            endpoint: endpoint.map(|endpoint| endpoint.description.as_str()),
            endpoint_id: endpoint_id.as_deref(),
        },
    )
}

fn explanation(
    url: &str,
    response: &HttpResponse,
    steps: Steps,
    advice: Option<String>,
) -> Explanation {
    use http_body::Body as _;
    let headers = response.headers().iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    Explanation {
        url: redact_target(url, MAX_URL_BYTES),
        status: response.status().as_u16(),
        headers: headers.collect(),
        body_bytes: response.body().size_hint().exact().unwrap_or_default(),
        steps: steps.into_vec(),
        advice,
    }
}

fn as_micros<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.url)?;
        for step in &self.steps {
            let mark = if step.ok { "ok  " } else { "FAIL" };
            let millis = step.duration.as_secs_f64() * 1000.0;
            writeln!(
                f,
                "  {mark} {:<20} {millis:>9.2} ms  {}",
                step.name, step.detail
            )?;
        }
        writeln!(f, "answer: {}, {} bytes", self.status, self.body_bytes)?;
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {value}")?;
        }
        match &self.advice {
            Some(advice) => writeln!(f, "advice: {advice}"),
            None => Ok(()),
        }
    }
}
