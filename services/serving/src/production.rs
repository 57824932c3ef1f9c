//! Makes one variant: the endpoint's origins in order, each followed by the pixel work, until one gives a picture.
//!
//! Any failure moves on to the next origin except a limit: then the file was found. Source: `errors.md`, "Several origins".

use std::sync::Arc;
use std::time::Instant;

use limpid_delivery_url::{FilePath, Transformation};
use limpid_domain::caching::Caching;
use limpid_domain::clock::Clock;
use limpid_domain::failure::{AttemptFailure, FailureCode, Reason};
use limpid_domain::ids::RequestId;
use limpid_imaging::{AcceptedFormats, ImageSettings, Limits};
use limpid_origins::Original;
use tracing::{Instrument, field, info_span};

use crate::config::RequestLimits;
use crate::config_snapshot::{Account, Endpoint, Origin};
use crate::error::Refusal;
use crate::failure_recorder::event::FailedAttempt;
use crate::layer_files::LayerFiles;
use crate::origin_observations::OriginObservations;
use crate::steps::Steps;
use crate::transform_pool::TransformPool;
use crate::variant::Variant;

use notes::{count_failure, count_fallback, describe};
use originals::{FailedFetch, Originals};

mod default_image;
mod kept_originals;
mod layers;
pub(crate) mod notes;
pub(crate) mod originals;
mod outcome;
mod pixels;
pub(crate) mod stages;
mod stale;

pub(crate) use outcome::Outcome;

/// What is to be made, all gates passed.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) account: Arc<Account>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) file: FilePath,
    pub(crate) forwarded_query: Option<String>,
    /// The version of the file that the client names.
    pub(crate) object_version: Option<String>,
    /// `Host` of the request, for origins that want it.
    pub(crate) host_field: String,
    pub(crate) transformation: Transformation,
    /// What its layers need.
    pub(crate) layer_files: LayerFiles,
    pub(crate) accept: AcceptedFormats,
    /// The tenant's, with the client's preferences in them.
    pub(crate) settings: ImageSettings,
    /// Whether an SVG is made safe.
    pub(crate) sanitizes_svg: bool,
    /// The request that asked first.
    pub(crate) request_id: RequestId,
}

/// Makes variants.
#[derive(Debug)]
pub(crate) struct Production {
    pub(crate) originals: Originals,
    pub(crate) pool: TransformPool,
    /// Hears of every picture that was made of an origin's file.
    pub(crate) observations: Arc<OriginObservations>,
    pub(crate) limits: RequestLimits,
    pub(crate) clock: Clock,
}

/// How one attempt ended without a picture.
enum Ended {
    Failed(Box<FailedAttempt>),
    /// With the layers' files; the original is there.
    LayerFailed(Vec<FailedAttempt>),
    Refused(Refusal),
}

impl Production {
    /// Asks the origins of the order's endpoint, then for an old copy, then for the default image if the request names one.
    pub(crate) async fn produce(&self, order: &Order, steps: &mut Steps) -> Outcome {
        match self.ask_origins(order, steps).await {
            Outcome::Failed(attempts) => match self.or_stale(order, attempts, steps).await {
                Ok(stale) => stale,
                Err(attempts) => self.or_default_image(order, attempts, steps).await,
            },
            ended => ended,
        }
    }

    /// Asks the origins of the order's endpoint in order.
    async fn ask_origins(&self, order: &Order, steps: &mut Steps) -> Outcome {
        let deadline = Instant::now() + self.limits.request_timeout;
        let mut attempts: Vec<FailedAttempt> = Vec::new();
        for (index, origin) in order.endpoint.origins.iter().enumerate() {
            if !attempts.is_empty() && Instant::now() >= deadline {
                break;
            }
            let number = i16::try_from(index + 1).unwrap_or(i16::MAX);
            let ended = match self.attempt(order, origin, (number, deadline), steps).await {
                Ok(variant) => {
                    count_fallback(index);
                    let rescued = attempts;
                    return Outcome::Made {
                        variant: Arc::new(variant),
                        rescued,
                    };
                }
                Err(ended) => ended,
            };
            let failed = match ended {
                Ended::Failed(failed) => *failed,
                Ended::LayerFailed(failed) => {
                    let (attempts, rescued) = (failed, attempts);
                    return Outcome::LayerFailed { attempts, rescued };
                }
                Ended::Refused(refusal) => {
                    let rescued = attempts;
                    return Outcome::Refused { refusal, rescued };
                }
            };
            let is_limit = failed.failure.reason.code() == FailureCode::Elimit;
            attempts.push(failed);
            if is_limit {
                break;
            }
        }
        if attempts.is_empty() {
            steps.failed("origins", Instant::now(), || {
                "none is attached to the endpoint".to_owned()
            });
            let failure = AttemptFailure::new(Reason::NoOriginAttached);
            attempts.push(FailedAttempt::before_any_origin(failure, self.clock.now()));
        }
        Outcome::Failed(attempts)
    }

    async fn attempt(
        &self,
        order: &Order,
        origin: &Arc<Origin>,
        (number, deadline): (i16, Instant),
        steps: &mut Steps,
    ) -> Result<Variant, Ended> {
        let kind = origin.settings.location.kind();
        let span = info_span!(
            "origin.attempt",
            limpid.origin.id = %origin.id,
            limpid.origin.type = kind.as_str(),
            limpid.origin.position = number,
            error.type = field::Empty,
            otel.status_code = field::Empty,
        );
        let started = Instant::now();
        let fetched = self
            .fetch(order, origin, (&order.file, number, deadline), steps)
            .instrument(span.clone())
            .await;
        let original = fetched.map_err(|failed| {
            span.record("error.type", failed.failure.reason.code().as_str());
            span.record("otel.status_code", "ERROR");
            if failed.failure.is_overload {
                return Ended::Refused(no_room());
            }
            Ended::Failed(Box::new(
                self.fetch_attempt(number, origin, &failed, started),
            ))
        })?;
        drop(span);
        let layer_files = self
            .layer_files(order, &original, (number, deadline), steps)
            .await
            .map_err(|failed| {
                let is_overload = failed.iter().any(|attempt| attempt.failure.is_overload);
                if is_overload {
                    Ended::Refused(no_room())
                } else {
                    Ended::LayerFailed(failed)
                }
            })?;
        let place = (number, origin, started);
        let made = self
            .make(order, place, (original, layer_files), steps)
            .await;
        if made.is_ok() {
            self.observe_served(order, origin, steps);
        }
        made
    }

    /// A picture of this order's file was made of what `origin` gave; an explanation is no request.
    fn observe_served(&self, order: &Order, origin: &Origin, steps: &Steps) {
        if !steps.are_recorded() {
            let served = (&order.file, self.clock.now());
            self.observations
                .served(order.account.tenant_id, origin.no, served);
        }
    }

    async fn fetch(
        &self,
        order: &Order,
        origin: &Arc<Origin>,
        (file, number, deadline): (&FilePath, i16, Instant),
        steps: &mut Steps,
    ) -> Result<Arc<Original>, Arc<FailedFetch>> {
        let started = Instant::now();
        let result = if steps.are_recorded() {
            self.note_memory(order, origin, (file, number), steps);
            let mut trace = steps.fetch_trace();
            let asked = self
                .originals
                .explain(order, origin, (file, deadline), &mut trace)
                .await;
            steps.fetch(number, trace.steps());
            asked
        } else {
            self.originals.get(order, origin, (file, deadline)).await
        };
        let name = if *file == order.file {
            format!("origin {number}")
        } else {
            format!("layer file {}, origin {number}", file.as_raw())
        };
        match &result {
            Ok(original) => steps.done(&name, started, || {
                format!(
                    "\"{}\" gave {} bytes from {}",
                    origin.settings.name,
                    original.bytes.len(),
                    original.location
                )
            }),
            Err(failed) => steps.failed(&name, started, || describe(origin, &failed.failure)),
        }
        result
    }

    /// The attempt that ended with `failed`.
    fn fetch_attempt(
        &self,
        number: i16,
        origin: &Arc<Origin>,
        failed: &FailedFetch,
        started: Instant,
    ) -> FailedAttempt {
        FailedAttempt {
            attempt: number,
            origin: Some(Arc::clone(origin)),
            failure: failed.failure.clone(),
            ended_at: self.clock.now(),
            duration: started.elapsed(),
            repeatable_until: failed.repeatable_until,
            is_repeat: failed.is_repeat,
        }
    }

    /// The attempt whose original was there, but no picture could be made of it.
    fn picture_attempt(
        &self,
        (number, origin, started): (i16, &Arc<Origin>, Instant),
        failure: AttemptFailure,
        caching: Caching,
    ) -> FailedAttempt {
        count_failure(origin, failure.reason);
        let now = self.clock.now();
        FailedAttempt {
            attempt: number,
            origin: Some(Arc::clone(origin)),
            ended_at: now,
            duration: started.elapsed(),
            repeatable_until: now + caching.negative_ttl(&failure),
            is_repeat: false,
            failure,
        }
    }

    /// Tells an explanation what the negative cache would have answered; it asks all the same.
    fn note_memory(
        &self,
        order: &Order,
        origin: &Arc<Origin>,
        (file, number): (&FilePath, i16),
        steps: &mut Steps,
    ) {
        let started = Instant::now();
        let known = self.originals.repeated_until(order, origin, file);
        let name = format!("origin {number}: negative cache");
        steps.done(&name, started, || match known {
            Some((reason, until)) => {
                let rest = (until - self.clock.now()).num_milliseconds().max(0);
                format!("requests are answered {reason} for {rest} ms more; asked anew here")
            }
            None => "no failure is remembered".to_owned(),
        });
    }
}

/// Too many large originals at once, of this tenant or of all.
fn no_room() -> Refusal {
    Refusal::busy("Too many originals are on their way, try again")
}

/// The engine's part of a request's limits.
pub(crate) fn engine_limits(limits: &RequestLimits) -> Limits {
    Limits {
        max_source_bytes: limits.max_source_bytes,
        max_pixels: limits.max_pixels,
        max_frame_pixels: limits.max_frame_pixels,
    }
}
