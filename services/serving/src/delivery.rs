//! One image request, from parsed to answered: gates, variant cache, work shared with others, record of the failure.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use limpid_domain::clock::Clock;
use limpid_domain::failure::{AttemptFailure, FailureEvent, Outcome as RequestOutcome, Reason};
use limpid_domain::ids::RequestId;
use limpid_domain::usage::{CacheResult, DeliveredFormat};
use opentelemetry::KeyValue;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, debug_span};

use crate::bulkhead::Bulkhead;
use crate::config_snapshot::ConfigSnapshot;
use crate::error::{self, ErrorAnswer, Refusal};
use crate::failure_pace::{Effort, FailurePace};
use crate::failure_recorder::event::{EventContext, FailedAttempt, headline_of};
use crate::failure_recorder::{FailureRecorder, Recorded};
use crate::gates::{self, Admitted, Stopped};
use crate::image_request::ImageRequest;
use crate::metrics;
use crate::negative_cache::{NegativeCache, Owner};
use crate::production::{Order, Outcome, Production};
use crate::response::{self, HttpResponse, StandIn, StandInKind};
use crate::single_flight::{Role, SingleFlight};
use crate::steps::Steps;
use crate::telemetry;
use crate::usage::Delivered;
use crate::variant::{Variant, VariantCache, VariantKey};

/// Answers image requests.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) snapshots: Arc<ArcSwap<ConfigSnapshot>>,
    pub(crate) cache: VariantCache,
    /// Failed and stood-in-for requests, while they may be answered alike.
    pub(crate) outcomes: NegativeCache<VariantKey, Arc<Outcome>>,
    pub(crate) flights: SingleFlight<VariantKey, Arc<Outcome>>,
    pub(crate) production: Arc<Production>,
    pub(crate) recorder: FailureRecorder,
    /// Cache misses being worked on; hits cost nothing worth bounding.
    pub(crate) misses: Bulkhead,
    pub(crate) pace: FailurePace,
    /// Longest wait for work shared with others; longer than that work's own deadlines.
    pub(crate) longest_wait: Duration,
    pub(crate) clock: Clock,
    pub(crate) tracker: TaskTracker,
}

/// An answer, and the code it is counted under.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: HttpResponse,
    pub(crate) error_code: Option<&'static str>,
    /// What was answered, also where the answer has no body.
    pub(crate) format: DeliveredFormat,
    /// What is counted as the tenant's usage; none where no tenant was found.
    pub(crate) delivered: Option<Delivered>,
}

impl Answer {
    /// An answer that is no image.
    pub(crate) fn text(response: HttpResponse, error_code: Option<&'static str>) -> Self {
        Self {
            response,
            error_code,
            format: DeliveredFormat::PlainText,
            delivered: None,
        }
    }

    /// The same, counted as the usage of whoever `admitted` is for.
    fn counted(mut self, admitted: Admitted, cache: CacheResult) -> Self {
        let endpoint = admitted.order.endpoint;
        let delivered = Delivered::new(admitted.event_context, Some(endpoint), cache);
        self.delivered = Some(delivered);
        self
    }
}

impl Delivery {
    /// Answers `request`. Work that has begun ends also when this future is dropped.
    pub(crate) async fn answer(self: &Arc<Self>, request: ImageRequest) -> Answer {
        let snapshot = self.snapshots.load_full();
        let gate_span = debug_span!("endpoint.resolve");
        let admitted = gate_span
            .in_scope(|| gates::admit(&snapshot, &request, &self.clock, &mut Steps::off()));
        match admitted {
            Ok(admitted) => self.answer_admitted(request, admitted).await,
            Err(stopped) => self.answer_stopped(&snapshot, request, *stopped).await,
        }
    }

    async fn answer_admitted(
        self: &Arc<Self>,
        request: ImageRequest,
        admitted: Admitted,
    ) -> Answer {
        note_tenant(&admitted.order);
        let cached = debug_span!("cache.lookup")
            .in_scope(|| self.cache.get(&admitted.key, self.clock.now()));
        if let Some(variant) = cached {
            count_cache(CacheResult::Hit);
            let answer = served(&variant, &request, &admitted, None);
            return answer.counted(admitted, CacheResult::Hit);
        }
        let now = self.clock.now();
        let known = self.outcomes.get(Owner::of(&admitted), &admitted.key, now);
        if let Some(outcome) = known {
            count_cache(CacheResult::Negative);
            let this = Arc::clone(self);
            let request_id = request.id;
            let task = async move {
                let answer = this.answer_repeat(&request, &admitted, &outcome).await;
                answer.counted(admitted, unless_stale(&outcome, CacheResult::Negative))
            };
            let answer = self.shielded(request_id, task).await;
            return self.paced(answer).await;
        }
        let Some(place) = self.misses.enter(admitted.order.account.tenant_id) else {
            let refusal = Refusal::busy("Too many requests are being answered, try again");
            let answer = refused(&refusal, request.id).counted(admitted, CacheResult::Busy);
            return self.paced(answer).await;
        };
        let this = Arc::clone(self);
        let request_id = request.id;
        let task = async move {
            let answer = this.answer_miss(&request, admitted).await;
            drop(place);
            answer
        };
        self.shielded(request_id, task).await
    }

    async fn answer_stopped(
        self: &Arc<Self>,
        snapshot: &ConfigSnapshot,
        request: ImageRequest,
        stopped: Stopped,
    ) -> Answer {
        let request_id = request.id;
        match stopped {
            Stopped::Refused(refusal) => {
                let answer = Answer {
                    delivered: gates::refused_of(snapshot, request),
                    ..refused(&refusal, request_id)
                };
                self.paced(answer).await
            }
            Stopped::UnknownAccount(attempt) => {
                let level = limpid_domain::failure::DetailLevel::Reason;
                failed(&error::failed(&attempt, level, request_id, None))
            }
            Stopped::Failed(context, attempt) => {
                let this = Arc::clone(self);
                let task = async move {
                    let answer = this.answer_failed(&context, &[attempt]).await;
                    Answer {
                        delivered: Some(Delivered::new(*context, None, CacheResult::NotAsked)),
                        ..answer
                    }
                };
                self.shielded(request_id, task).await
            }
        }
    }

    /// Runs `task` to its end even if the client hangs up.
    async fn shielded(
        &self,
        request_id: RequestId,
        task: impl Future<Output = Answer> + Send + 'static,
    ) -> Answer {
        let ended = self.tracker.spawn(telemetry::carried(task)).await;
        ended.unwrap_or_else(|_| {
            let refusal = Refusal::busy("Something failed on our side, try again");
            refused(&refusal, request_id)
        })
    }

    async fn answer_miss(self: &Arc<Self>, request: &ImageRequest, admitted: Admitted) -> Answer {
        let (outcome, role) = self.shared_work(&admitted).await;
        let result = match role {
            Role::Leader => CacheResult::Miss,
            Role::Follower => CacheResult::Coalesced,
        };
        count_cache(result);
        let Some(outcome) = outcome else {
            let failure = AttemptFailure::new(Reason::Internal)
                .with_note("the work on this request panicked or did not end in time");
            let attempt = FailedAttempt::before_any_origin(failure, self.clock.now());
            let context = &admitted.event_context;
            let answer = self.answer_failed(context, &[attempt]).await;
            return answer.counted(admitted, result);
        };
        let answer = self
            .answer_outcome(request, &admitted, (&outcome, role))
            .await;
        answer.counted(admitted, unless_stale(&outcome, result))
    }

    async fn answer_outcome(
        &self,
        request: &ImageRequest,
        admitted: &Admitted,
        (outcome, role): (&Outcome, Role),
    ) -> Answer {
        match outcome {
            Outcome::Made { variant, rescued } => {
                self.record_rescue(&admitted.event_context, rescued, role)
                    .await;
                served(variant, request, admitted, None)
            }
            Outcome::Defaulted { variant, attempts } => {
                let context = &admitted.event_context;
                let events = context.events(attempts, RequestOutcome::Defaulted);
                let kind = StandInKind::DefaultImage;
                let stand_in = self
                    .record_stand_in(context, (attempts, kind), events)
                    .await;
                let answer = served(variant, request, admitted, Some(stand_in));
                with_error(answer, context, attempts)
            }
            Outcome::Stale {
                variant,
                fetched_at,
                attempts,
            } => {
                let context = &admitted.event_context;
                let events = context.events(attempts, RequestOutcome::Stale);
                let kind = self.stale_since(*fetched_at);
                let stand_in = self
                    .record_stand_in(context, (attempts, kind), events)
                    .await;
                served(variant, request, admitted, Some(stand_in))
            }
            Outcome::Failed(attempts) => {
                self.answer_failed(&admitted.event_context, attempts).await
            }
            Outcome::LayerFailed { attempts, rescued } => {
                self.record_rescue(&admitted.event_context, rescued, role)
                    .await;
                self.answer_failed(&admitted.event_context, attempts).await
            }
            Outcome::Refused { refusal, rescued } => {
                self.record_rescue(&admitted.event_context, rescued, role)
                    .await;
                refused(refusal, request.id)
            }
        }
    }

    /// Answers with what an earlier request met. Nobody is asked; the request is counted like any other.
    async fn answer_repeat(
        &self,
        request: &ImageRequest,
        admitted: &Admitted,
        outcome: &Outcome,
    ) -> Answer {
        let context = &admitted.event_context;
        let now = self.clock.now();
        match outcome {
            Outcome::Defaulted { variant, attempts } => {
                let events = context.repeated_events(attempts, RequestOutcome::Defaulted, now);
                let kind = StandInKind::DefaultImage;
                let stand_in = self
                    .record_stand_in(context, (attempts, kind), events)
                    .await;
                let answer = served(variant, request, admitted, Some(stand_in));
                with_error(answer, context, attempts)
            }
            Outcome::Stale {
                variant,
                fetched_at,
                attempts,
            } => {
                let events = context.repeated_events(attempts, RequestOutcome::Stale, now);
                let kind = self.stale_since(*fetched_at);
                let stand_in = self
                    .record_stand_in(context, (attempts, kind), events)
                    .await;
                served(variant, request, admitted, Some(stand_in))
            }
            // What an origin failed with before another one had the original is no part of this failure.
            Outcome::Failed(attempts) | Outcome::LayerFailed { attempts, .. } => {
                let context = context.of_error();
                let events = context.repeated_events(attempts, RequestOutcome::Failed, now);
                self.answer_with(&context, attempts, events).await
            }
            Outcome::Made { variant, .. } => served(variant, request, admitted, None),
            Outcome::Refused { refusal, .. } => refused(refusal, request.id),
        }
    }

    async fn shared_work(self: &Arc<Self>, admitted: &Admitted) -> (Option<Arc<Outcome>>, Role) {
        let key = admitted.key.clone();
        let start = || {
            let (this, key) = (Arc::clone(self), key.clone());
            let order = admitted.order.clone();
            let owner = Owner::of(admitted);
            async move { this.produce_and_keep(key, owner, &order).await }
        };
        let work = self.flights.work(key.clone(), start);
        match tokio::time::timeout(self.longest_wait, work).await {
            Ok(result) => result,
            Err(_) => (None, Role::Follower),
        }
    }

    /// The work itself, done once for all who wait.
    async fn produce_and_keep(&self, key: VariantKey, owner: Owner, order: &Order) -> Arc<Outcome> {
        // Another flight may have landed between this request's look-up and its take-off.
        if let Some(variant) = self.cache.get(&key, self.clock.now()) {
            let rescued = Vec::new();
            return Arc::new(Outcome::Made { variant, rescued });
        }
        if let Some(outcome) = self.outcomes.get(owner, &key, self.clock.now()) {
            return outcome;
        }
        let outcome = Arc::new(self.production.produce(order, &mut Steps::off()).await);
        if let Outcome::Made { variant, .. } = &*outcome {
            let now = self.clock.now();
            debug_span!("cache.store")
                .in_scope(|| self.cache.insert(key, Arc::clone(variant), now));
        } else if let Some(until) = outcome.repeatable_until() {
            let time = (self.clock.now(), until);
            self.outcomes.insert(owner, key, Arc::clone(&outcome), time);
        }
        outcome
    }

    /// Lets an error answer leave at its tenant's pace. For what cost next to nothing so far; new failures wait in `answer_failed`.
    async fn paced(&self, answer: Answer) -> Answer {
        if let (Some(_), Some(delivered)) = (answer.error_code, &answer.delivered) {
            self.pace.keep(delivered.tenant_id, Effort::Repeat).await;
        }
        answer
    }

    /// Writes the failure down, then answers; at the tenant's pace, since an origin that hangs fails all who wait for it at once.
    async fn answer_failed(&self, context: &EventContext, attempts: &[FailedAttempt]) -> Answer {
        self.pace.keep(context.tenant_id, Effort::New).await;
        let context = context.of_error();
        let events = context.events(attempts, RequestOutcome::Failed);
        self.answer_with(&context, attempts, events).await
    }

    async fn answer_with(
        &self,
        context: &EventContext,
        attempts: &[FailedAttempt],
        events: Vec<FailureEvent>,
    ) -> Answer {
        let Some(headline) = headline_of(attempts) else {
            let refusal = Refusal::busy("Something failed on our side, try again");
            return refused(&refusal, context.request_id);
        };
        let recorded = self
            .recorder
            .record(events)
            .instrument(debug_span!("failure.record"))
            .await;
        match recorded {
            Ok(recorded) => {
                let (level, event_id) = (context.detail_level, recorded.event_id);
                let mut answer = error::failed(headline, level, context.request_id, Some(event_id));
                answer.detail = error::detail(headline, context.debug);
                log_failure(headline, recorded, attempts.len(), &answer);
                failed(&answer)
            }
            Err(not_recorded) => refused(&Refusal::from(not_recorded), context.request_id),
        }
    }

    fn stale_since(&self, fetched_at: DateTime<Utc>) -> StandInKind {
        let age = (self.clock.now() - fetched_at).to_std();
        StandInKind::Stale {
            age: age.unwrap_or_default(),
        }
    }

    /// Writes down the attempts of a request that was answered with a stand-in: for each request, as when it had failed.
    async fn record_stand_in(
        &self,
        context: &EventContext,
        (attempts, kind): (&[FailedAttempt], StandInKind),
        events: Vec<FailureEvent>,
    ) -> StandIn {
        let span = debug_span!("failure.record");
        let recorded = self.recorder.record(events).instrument(span).await;
        let headline = headline_of(attempts);
        StandIn {
            kind,
            reason: headline
                .and_then(|headline| error::told_reason(headline, context.detail_level)),
            // The image is good; that the record is not shows in readiness and in the log.
            event_id: recorded.ok().map(|recorded| recorded.event_id),
        }
    }

    /// Writes down the attempts that failed before another origin helped; once for all who shared the work.
    async fn record_rescue(&self, context: &EventContext, rescued: &[FailedAttempt], role: Role) {
        if rescued.is_empty() || role == Role::Follower {
            return;
        }
        let events = context.events(rescued, RequestOutcome::Rescued);
        let span = debug_span!("failure.record");
        // The image is good; that the record is not shows in readiness and in the log.
        let _recorded = self.recorder.record(events).instrument(span).await.is_ok();
    }
}

fn served(
    variant: &Variant,
    request: &ImageRequest,
    admitted: &Admitted,
    stand_in: Option<StandIn>,
) -> Answer {
    if variant.is_private && !admitted.may_have_private() {
        return refused(&Refusal::unsigned(), request.id);
    }
    let context = admitted.success_context(request, stand_in);
    Answer {
        response: response::success(variant, &context),
        error_code: None,
        format: DeliveredFormat::of_content_type(&variant.content_type),
        delivered: None,
    }
}

/// Says of a default image what it stands in for.
fn with_error(answer: Answer, context: &EventContext, attempts: &[FailedAttempt]) -> Answer {
    let Some(headline) = headline_of(attempts) else {
        return answer;
    };
    let error = error::failed(headline, context.detail_level, context.request_id, None);
    Answer {
        response: response::with_error(answer.response, &error),
        ..answer
    }
}

/// One line for each event, not for each of the requests of a storm that it stands for.
fn log_failure(
    headline: &FailedAttempt,
    recorded: Recorded,
    attempts: usize,
    answer: &ErrorAnswer,
) {
    if recorded.requests == 0 {
        return;
    }
    tracing::info!(
        reason = headline.failure.reason.name(),
        event_id = %recorded.event_id,
        attempts,
        requests = recorded.requests,
        "image request failed: {}", answer.ik_error
    );
}

fn failed(answer: &ErrorAnswer) -> Answer {
    Answer::text(response::error(answer), Some(answer.code))
}

/// An old copy counts as such, whether it was looked up or made for this request.
fn unless_stale(outcome: &Outcome, result: CacheResult) -> CacheResult {
    match outcome {
        Outcome::Stale { .. } => CacheResult::Stale,
        _ => result,
    }
}

fn refused(refusal: &Refusal, request_id: RequestId) -> Answer {
    tracing::debug!(
        code = refusal.code().as_str(),
        "image request refused: {}",
        refusal.sentence()
    );
    failed(&error::refused(refusal, request_id))
}

fn note_tenant(order: &Order) {
    let span = Span::current();
    span.record("limpid.tenant.id", order.account.imagekit_id.as_str());
    span.record(
        "limpid.endpoint.id",
        tracing::field::display(order.endpoint.id),
    );
    span.record("limpid.config.version", order.account.config_version.0);
}

fn count_cache(result: CacheResult) {
    metrics::get().cache_requests.add(
        1,
        &[
            KeyValue::new("cache.name", "variant"),
            KeyValue::new("cache.result", result.as_str()),
        ],
    );
}
