//! The trace of one delivery URL: the path a request takes, with every step written down. Records no event.

mod near_misses;
mod verdict;

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, Request, Uri};
use limpid_domain::clock::Clock;
use limpid_domain::diagnosis::{Explanation, NearMiss, ascii_url};
use limpid_domain::failure::advice::{RefusalCause, RefusalContext};
use limpid_domain::ids::{RequestId, TenantId};

use crate::config_snapshot::ConfigSnapshot;
use crate::error::{self, Refusal};
use crate::failure_recorder::event::headline_of;
use crate::failure_recorder::redact::redact_target;
use crate::gates::{self, Admitted, Stopped};
use crate::image_request::ImageRequest;
use crate::negative_cache::{NegativeCache, Owner};
use crate::production::{Outcome, Production};
use crate::response::{self, HttpResponse, StandInKind};
use crate::steps::Steps;
use crate::variant::{VariantCache, VariantKey};
use verdict::{Decided, refused, stood_in};

pub(crate) use near_misses::NearMissSearch;
pub(crate) use verdict::{explanation, failed};

/// Longest URL shown. Units: bytes.
const MAX_URL_BYTES: usize = 4096;

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
            Err(refusal) => {
                steps.failed("url", Instant::now(), || refusal.sentence().to_owned());
                let answer = error::refused(&refusal, id);
                let decided = refused(&refusal, &RefusalContext::default());
                (response::error(&answer), Some(decided), Vec::new())
            }
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
                let (response, decided) = self.stopped_at_a_gate(*stopped, request);
                return (response, Some(decided), Vec::new());
            }
        };
        if let Some(memory) = &self.memory {
            memory.note(&admitted, self.clock.now(), steps);
        }
        let outcome = self.production.produce(&admitted.order, steps).await;
        let (response, decided) = self.answer(&outcome, (request, &admitted), steps);
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
        match decided.reason {
            Some(reason) => search.run(reason, steps).await,
            None => Vec::new(),
        }
    }

    fn stopped_at_a_gate(
        &self,
        stopped: Stopped,
        request: &ImageRequest,
    ) -> (HttpResponse, Decided) {
        match stopped {
            Stopped::Refused(refusal) => self.refused(&refusal, request),
            Stopped::UnknownAccount(attempt) => failed(&attempt, None, request.id, None),
            Stopped::Failed(context, attempt) => failed(&attempt, Some(&context), request.id, None),
        }
    }

    /// The answer to a refused request, and what to do about it with the tenant's own values.
    fn refused(&self, refusal: &Refusal, request: &ImageRequest) -> (HttpResponse, Decided) {
        let response = response::error(&error::refused(refusal, request.id));
        let place = gates::place_of(self.snapshot, request);
        let account = place.as_ref().map(|(account, _)| account);
        let endpoint = place.as_ref().and_then(|(_, endpoint)| endpoint.as_ref());
        let endpoint_id = endpoint.map(|endpoint| endpoint.public_id());
        let mut named: Vec<&str> = account
            .iter()
            .flat_map(|account| account.named.keys())
            .map(String::as_str)
            .collect();
        named.sort_unstable();
        let text = gates::text_to_sign(self.snapshot, request);
        let text = text.map(|text| redact_target(&text, MAX_URL_BYTES));
        let restrictions = account.map(|account| account.settings.restrictions);
        let restrictions = restrictions.unwrap_or_default();
        let decided = refused(
            refusal,
            &RefusalContext {
                sentence: refusal.sentence(),
                endpoint_id: endpoint_id.as_deref(),
                is_account_wide: match refusal.cause() {
                    RefusalCause::OnlyNamed => restrictions.restrict_unnamed_transformations,
                    _ => restrictions.restrict_unsigned_urls,
                },
                named: &named,
                to_sign: text.as_deref(),
            },
        );
        (response, decided)
    }

    fn answer(
        &self,
        outcome: &Outcome,
        (request, admitted): (&ImageRequest, &Admitted),
        steps: &mut Steps,
    ) -> (HttpResponse, Option<Decided>) {
        let kept_private = match outcome {
            Outcome::Made { variant, .. }
            | Outcome::Defaulted { variant, .. }
            | Outcome::Stale { variant, .. } => variant.is_private && !admitted.may_have_private(),
            Outcome::Failed(_) | Outcome::LayerFailed { .. } | Outcome::Refused { .. } => false,
        };
        if kept_private {
            steps.failed("private file", Instant::now(), || {
                "its origin marks it private, and the URL is neither signed nor by named transformations only".to_owned()
            });
            let refusal = Refusal::unsigned().because(RefusalCause::PrivateFile);
            let (response, decided) = self.refused(&refusal, request);
            return (response, Some(decided));
        }
        match outcome {
            Outcome::Made { variant, .. } => {
                let context = admitted.success_context(request, None);
                (response::success(variant, &context), None)
            }
            Outcome::Defaulted { variant, attempts } => {
                let kind = StandInKind::DefaultImage;
                stood_in((variant, attempts, kind), request, admitted)
            }
            Outcome::Stale {
                variant,
                attempts,
                fetched_at,
            } => {
                let age = (self.clock.now() - *fetched_at).to_std();
                let age = age.unwrap_or_default();
                let kind = StandInKind::Stale { age };
                stood_in((variant, attempts, kind), request, admitted)
            }
            Outcome::Refused { refusal, .. } => {
                let (response, decided) = self.refused(refusal, request);
                (response, Some(decided))
            }
            Outcome::Failed(attempts) | Outcome::LayerFailed { attempts, .. } => {
                let (response, decided) = match headline_of(attempts) {
                    Some(headline) => {
                        let context = Some(&admitted.event_context);
                        failed(headline, context, request.id, Some(admitted))
                    }
                    None => self.refused(&Refusal::busy("Nothing was attempted"), request),
                };
                (response, Some(decided))
            }
        }
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

fn request_of(url: &str, mut fields: HeaderMap, id: RequestId) -> Result<ImageRequest, Refusal> {
    let invalid = |text: &str| Refusal::invalid(text).because(RefusalCause::Url);
    let url = ascii_url(url);
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
    ImageRequest::parse(id, &parts).map_err(|bad| invalid(&bad.to_string()))
}
