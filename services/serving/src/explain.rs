//! The trace of one delivery URL: the path a request takes, with every step written down. Records no event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, Request, Uri};
use limpid_domain::clock::Clock;
use limpid_domain::diagnosis::{Explanation, ExplanationStep, NearMiss};
use limpid_domain::failure::Reason;
use limpid_domain::failure::advice::{AdviceContext, advice};
use limpid_domain::ids::{RequestId, TenantId};
use limpid_origins::near_misses::MAX_NEAR_PATHS;
use limpid_origins::{Existence, FetchRequest, OriginFetcher, near_paths};

use crate::config_snapshot::{ConfigSnapshot, Origin};
use crate::error;
use crate::failure_recorder::event::{EventContext, FailedAttempt, headline_of};
use crate::failure_recorder::redact::redact_target;
use crate::gates::{self, Admitted, Stopped};
use crate::image_request::ImageRequest;
use crate::negative_cache::{NegativeCache, Owner};
use crate::production::{Outcome, Production};
use crate::response::{self, HttpResponse, StandIn, StandInKind};
use crate::steps::Steps;
use crate::variant::{VariantCache, VariantKey};

/// Longest URL shown. Units: bytes.
const MAX_URL_BYTES: usize = 4096;

/// How long the search for files near a missing one may take.
const NEAR_MISS_BUDGET: Duration = Duration::from_secs(5);

/// Requests that search may cost the origin: one for each path, and as many again for redirects, tokens and servers without `HEAD`.
const NEAR_MISS_REQUESTS: usize = 2 * MAX_NEAR_PATHS;

/// Who decided that a request fails, and what to say about it.
pub(crate) struct Decided {
    pub(crate) reason: Reason,
    pub(crate) advice: String,
    attempt: i16,
    origin: Option<Arc<Origin>>,
}

/// What an explanation needs of the service.
#[derive(Debug)]
pub(crate) struct Explainer<'a> {
    pub(crate) snapshot: &'a ConfigSnapshot,
    pub(crate) production: &'a Production,
    pub(crate) clock: &'a Clock,
    /// What the node remembers of its answers; a process of its own has none.
    pub(crate) memory: Option<AnswerMemory<'a>>,
    /// What somebody wants to know.
    pub(crate) purpose: Purpose,
}

/// Why a URL is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To tell what happens and what to do about it.
    Explain,
    /// To know whether it is served now; failed requests that are remembered are forgotten if it is.
    Verify,
}

/// Answers that a node would give again.
#[derive(Debug)]
pub(crate) struct AnswerMemory<'a> {
    /// Finished ones.
    pub(crate) variants: &'a VariantCache,
    /// Failed and stood-in-for ones.
    pub(crate) outcomes: &'a NegativeCache<VariantKey, Arc<Outcome>>,
}

impl Explainer<'_> {
    /// Walks `url` (an absolute delivery URL, or a path and query) the way a request with these fields would go.
    pub(crate) async fn explain(&self, url: &str, fields: HeaderMap) -> Explanation {
        let mut steps = Steps::recording();
        let id = RequestId::mint();
        let (response, decided, exists_as) = match request_of(url, fields, id) {
            Ok(request) => self.walk(&request, &mut steps).await,
            Err(answer) => (response::error(&answer), None, Vec::new()),
        };
        let url = redact_target(url, MAX_URL_BYTES);
        explanation(url, &response, steps, decided, exists_as)
    }

    /// Whether `url` is one of the account's, or makes too little sense to be anybody's.
    pub(crate) fn is_of(&self, tenant_id: TenantId, url: &str) -> bool {
        request_of(url, HeaderMap::new(), RequestId::mint()).map_or(true, |request| {
            gates::account_of(self.snapshot, &request) == Some(tenant_id)
        })
    }

    async fn walk(
        &self,
        request: &ImageRequest,
        steps: &mut Steps,
    ) -> (HttpResponse, Option<Decided>, Vec<NearMiss>) {
        let admitted = match gates::admit(self.snapshot, request, self.clock, steps) {
            Ok(admitted) => admitted,
            Err(stopped) => {
                let (response, decided) = stopped_at_a_gate(*stopped, request);
                return (response, decided, Vec::new());
            }
        };
        if let Some(memory) = &self.memory {
            memory.note(&admitted, self.clock.now(), steps);
        }
        let outcome = self.production.produce(&admitted.order, steps).await;
        let (response, decided) = answer(&outcome, request, &admitted, self.clock.now());
        self.forget_if_served(&admitted, &outcome);
        let exists_as = match (&decided, self.purpose) {
            (Some(decided), Purpose::Explain) => self.near_misses(&admitted, decided, steps).await,
            _ => Vec::new(),
        };
        (response, decided, exists_as)
    }

    /// A file that is served after all must not be refused for as long as its failure would have been repeated.
    fn forget_if_served(&self, admitted: &Admitted, outcome: &Outcome) {
        let is_served = matches!(outcome, Outcome::Made { rescued, .. } if rescued.is_empty());
        let memory = self.memory.as_ref().filter(|_| is_served);
        if let (Purpose::Verify, Some(memory)) = (self.purpose, memory) {
            let tenant = admitted.order.account.tenant_id;
            let path = admitted.order.file.as_raw();
            self.production.originals.forget_failures(tenant, path);
            memory.outcomes.forget(tenant, |key| key.path == path);
        }
    }

    /// Files near a missing one, at the origin that decided.
    async fn near_misses(
        &self,
        admitted: &Admitted,
        decided: &Decided,
        steps: &mut Steps,
    ) -> Vec<NearMiss> {
        let Some(origin) = &decided.origin else {
            return Vec::new();
        };
        let search = NearMissSearch {
            fetcher: self.production.originals.fetcher(),
            tenant_id: admitted.order.account.tenant_id,
            origin,
            path: admitted.order.file.as_raw(),
        };
        search.run(decided.reason, steps).await
    }
}

impl AnswerMemory<'_> {
    /// Tells what would be given; it is made anew all the same.
    fn note(&self, admitted: &Admitted, now: DateTime<Utc>, steps: &mut Steps) {
        let started = Instant::now();
        let kept = self.variants.get(&admitted.key, now);
        steps.done("variant cache", started, || match kept {
            Some(variant) => format!(
                "a finished answer of {} bytes is kept and would be given; made anew here",
                variant.body.len()
            ),
            None => "no finished answer is kept".to_owned(),
        });
        let started = Instant::now();
        let known = self.outcomes.get(Owner::of(admitted), &admitted.key, now);
        let known = known.and_then(|outcome| outcome.repeated_reason());
        steps.done("negative cache", started, || match known {
            Some((reason, until)) => {
                let rest = (until - now).num_milliseconds().max(0);
                format!("requests are answered {reason} for {rest} ms more; made anew here")
            }
            None => "no failed answer is remembered".to_owned(),
        });
    }
}

/// Looks for files near a missing one.
pub(crate) struct NearMissSearch<'a> {
    pub(crate) fetcher: &'a OriginFetcher,
    pub(crate) tenant_id: TenantId,
    pub(crate) origin: &'a Origin,
    /// Percent-encoded.
    pub(crate) path: &'a str,
}

impl NearMissSearch<'_> {
    /// The paths at which there is a file, if `reason` says that there is none at the one asked for.
    pub(crate) async fn run(&self, reason: Reason, steps: &mut Steps) -> Vec<NearMiss> {
        let is_missing = matches!(
            reason,
            Reason::ObjectNotFound | Reason::KeyEncodingMismatch | Reason::AccessDeniedOrMissing
        );
        if !is_missing {
            return Vec::new();
        }
        let started = Instant::now();
        let deadline = started + NEAR_MISS_BUDGET;
        let mut found = Vec::new();
        let (mut asked, mut requests) = (0, 0);
        for near in near_paths(self.path, self.origin.settings.location.folder()) {
            if Instant::now() >= deadline || requests >= NEAR_MISS_REQUESTS {
                break;
            }
            asked += 1;
            // An origin that no longer answers is not asked for the rest.
            let Some(existence) = self.ask_for(&near.path, deadline).await else {
                break;
            };
            requests += existence.requests;
            if existence.is_there {
                found.push(NearMiss {
                    path: near.path,
                    difference: near.difference.to_owned(),
                });
            }
        }
        if asked > 0 {
            steps.done("near misses", started, || {
                format!(
                    "{asked} paths near this one asked for with {requests} requests, {} there",
                    found.len()
                )
            });
        }
        found
    }

    async fn ask_for(&self, path: &str, deadline: Instant) -> Option<Existence> {
        let access = self.origin.access(self.tenant_id);
        let request = FetchRequest {
            path,
            query: None,
            object_version: None,
            forwarded_host: None,
            request_id: RequestId::mint(),
            deadline,
            // nothing is read
            max_bytes: 0,
        };
        self.fetcher.exists(&access, &request).await.ok()
    }
}

fn stopped_at_a_gate(stopped: Stopped, request: &ImageRequest) -> (HttpResponse, Option<Decided>) {
    match stopped {
        Stopped::Refused(refusal) => (response::error(&error::refused(&refusal, request.id)), None),
        Stopped::UnknownAccount(attempt) => failed(&attempt, None, request.id, None),
        Stopped::Failed(context, attempt) => failed(&attempt, Some(&context), request.id, None),
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
) -> (HttpResponse, Option<Decided>) {
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
            let decided = headline.map(|headline| decided(headline, Some(admitted)));
            let mut response = response::success(variant, &context);
            if let (StandInKind::DefaultImage, Some(headline)) = (kind, headline) {
                let error = error::failed(headline, level, request.id, None);
                response = response::with_error(response, &error);
            }
            (response, decided)
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

pub(crate) fn failed(
    headline: &FailedAttempt,
    context: Option<&EventContext>,
    id: RequestId,
    admitted: Option<&Admitted>,
) -> (HttpResponse, Option<Decided>) {
    let level = context.map_or(limpid_domain::failure::DetailLevel::Reason, |context| {
        context.detail_level
    });
    let answer = error::failed(headline, level, id, None);
    (response::error(&answer), Some(decided(headline, admitted)))
}

fn decided(headline: &FailedAttempt, admitted: Option<&Admitted>) -> Decided {
    let endpoint = admitted.map(|admitted| &admitted.order.endpoint);
    let endpoint_id = endpoint.map(|endpoint| endpoint.public_id());
    let context = AdviceContext {
        origin: headline.origin.as_ref().map(|origin| &origin.settings),
        location: headline.failure.location.as_deref(),
        endpoint: endpoint.map(|endpoint| endpoint.description.as_str()),
        endpoint_id: endpoint_id.as_deref(),
        note: headline.failure.note.as_deref(),
    };
    Decided {
        reason: headline.failure.reason,
        advice: advice(headline.failure.reason, &context),
        attempt: headline.attempt,
        origin: headline.origin.clone(),
    }
}

pub(crate) fn explanation(
    url: String,
    response: &HttpResponse,
    steps: Steps,
    decided: Option<Decided>,
    exists_as: Vec<NearMiss>,
) -> Explanation {
    use http_body::Body as _;
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let steps = steps.into_vec();
    let has_failed = response.status().is_client_error() || response.status().is_server_error();
    let ik_error = headers.iter().find(|(name, _)| name == "ik-error");
    Explanation {
        url,
        status: response.status().as_u16(),
        failed_step: has_failed
            .then(|| deciding_step(&steps, decided.as_ref()))
            .flatten(),
        ik_error: ik_error.map(|(_, value)| value.clone()),
        headers,
        body_bytes: response.body().size_hint().exact().unwrap_or_default(),
        steps,
        reason: decided
            .as_ref()
            .map(|decided| decided.reason.name().to_owned()),
        advice: decided.map(|decided| decided.advice),
        exists_as,
    }
}

/// The first step that failed, of the origin that decided where one did.
fn deciding_step(steps: &[ExplanationStep], decided: Option<&Decided>) -> Option<usize> {
    let prefix = decided.map(|decided| format!("origin {}", decided.attempt));
    let of_origin = prefix.and_then(|prefix| {
        steps
            .iter()
            .position(|step| !step.ok && step.name.starts_with(&prefix))
    });
    of_origin.or_else(|| steps.iter().position(|step| !step.ok))
}
