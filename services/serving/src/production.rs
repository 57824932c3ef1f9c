//! Makes one variant: the endpoint's origins in order, each followed by the pixel work, until one gives a picture.
//!
//! Any failure moves on to the next origin except a limit: then the file was found. Source: `errors.md`, "Several origins".

use std::sync::Arc;
use std::time::Instant;

use limpid_delivery_url::{FilePath, Transformation};
use limpid_domain::clock::Clock;
use limpid_domain::failure::{AttemptFailure, FailureCode, LimitBreach, PhaseTimings, Reason};
use limpid_domain::ids::RequestId;
use limpid_imaging::{AcceptedFormats, ImageSettings, ImagingError, Limits};
use limpid_origins::{FetchRequest, OriginAccess, OriginFetcher, Original};
use opentelemetry::KeyValue;
use tracing::{Instrument, field, info_span};

use crate::config::RequestLimits;
use crate::config_snapshot::{Account, Endpoint, Origin};
use crate::error::{Refusal, refusal_of};
use crate::failure_recorder::event::FailedAttempt;
use crate::layer_files::{FetchedLayerFiles, LayerFiles};
use crate::metrics;
use crate::picture::{self, PictureOrder};
use crate::steps::Steps;
use crate::transform_pool::{PoolError, TransformPool};
use crate::variant::Variant;

use notes::{
    count_failure, count_fallback, describe, micros, note_picture, note_stages,
    record_fetch_duration,
};

mod default_image;
mod layers;
mod notes;

/// What is to be made, all gates passed.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) account: Arc<Account>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) file: FilePath,
    pub(crate) forwarded_query: Option<String>,
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

/// How it ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// Made, after these attempts had failed.
    Made {
        variant: Arc<Variant>,
        rescued: Vec<FailedAttempt>,
    },
    /// No origin gave a picture; the default image the request names stands in.
    Defaulted {
        variant: Arc<Variant>,
        attempts: Vec<FailedAttempt>,
    },
    /// No origin gave a picture.
    Failed(Vec<FailedAttempt>),
    /// An origin gave the original, after those attempts had failed, but a file that a layer needs cannot be had.
    LayerFailed {
        attempts: Vec<FailedAttempt>,
        rescued: Vec<FailedAttempt>,
    },
    /// An origin gave the file, but the request cannot be answered with it.
    Refused {
        refusal: Refusal,
        rescued: Vec<FailedAttempt>,
    },
}

/// Makes variants.
#[derive(Debug)]
pub(crate) struct Production {
    pub(crate) fetcher: OriginFetcher,
    pub(crate) pool: TransformPool,
    pub(crate) limits: RequestLimits,
    pub(crate) clock: Clock,
}

/// How one attempt ended without a picture.
enum Ended {
    Failed(Box<AttemptFailure>),
    /// With the layers' files; the original is there.
    LayerFailed(Vec<FailedAttempt>),
    Refused(Refusal),
}

impl Production {
    /// Asks the origins of the order's endpoint, then for the default image if the request names one.
    pub(crate) async fn produce(&self, order: &Order, steps: &mut Steps) -> Outcome {
        match self.ask_origins(order, steps).await {
            Outcome::Failed(attempts) => self.or_default_image(order, attempts, steps).await,
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
            let started = Instant::now();
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
            let failure = match ended {
                Ended::Failed(failure) => *failure,
                Ended::LayerFailed(failed) => {
                    let (attempts, rescued) = (failed, attempts);
                    return Outcome::LayerFailed { attempts, rescued };
                }
                Ended::Refused(refusal) => {
                    let rescued = attempts;
                    return Outcome::Refused { refusal, rescued };
                }
            };
            count_failure(origin, failure.reason);
            let is_limit = failure.reason.code() == FailureCode::Elimit;
            attempts.push(FailedAttempt {
                attempt: number,
                origin: Some(Arc::clone(origin)),
                failure,
                ended_at: self.clock.now(),
                duration: started.elapsed(),
            });
            if is_limit {
                break;
            }
        }
        if attempts.is_empty() {
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
        let error = fetched.as_ref().err().map(|failure| failure.reason.code());
        record_fetch_duration(kind.as_str(), started.elapsed(), error);
        let original = fetched.map_err(|failure| {
            span.record("error.type", failure.reason.code().as_str());
            span.record("otel.status_code", "ERROR");
            Ended::Failed(failure)
        })?;
        drop(span);
        let layer_files = self
            .layer_files(order, &original, (number, deadline), steps)
            .await
            .map_err(Ended::LayerFailed)?;
        let originals = (Arc::new(original), layer_files);
        self.make(order, origin, originals, steps).await
    }

    async fn fetch(
        &self,
        order: &Order,
        origin: &Origin,
        (file, number, deadline): (&FilePath, i16, Instant),
        steps: &mut Steps,
    ) -> Result<Original, Box<AttemptFailure>> {
        // the client's query is about the file it asked for
        let is_original = *file == order.file;
        let access = OriginAccess {
            tenant_id: order.account.tenant_id,
            origin_id: origin.id,
            version: origin.version,
            settings: &origin.settings,
            credentials: &origin.credentials,
        };
        let request = FetchRequest {
            path: file.as_raw(),
            query: order.forwarded_query.as_deref().filter(|_| is_original),
            forwarded_host: Some(&order.host_field),
            request_id: order.request_id,
            deadline,
            max_bytes: order.account.limits_within(&self.limits).max_source_bytes,
        };
        let mut trace = steps.fetch_trace();
        let started = Instant::now();
        let result = self.fetcher.fetch(&access, &request, &mut trace).await;
        steps.fetch(number, trace.steps());
        let name = if is_original {
            format!("origin {number}")
        } else {
            format!("layer file {}, origin {number}", file.as_raw())
        };
        match &result {
            Ok(original) => {
                let bytes = original.bytes.len() as u64;
                metrics::get()
                    .image_bytes
                    .record(bytes, &[KeyValue::new("direction", "in")]);
                steps.done(&name, started, || {
                    format!(
                        "\"{}\" gave {bytes} bytes from {}",
                        origin.settings.name, original.location
                    )
                });
            }
            Err(failure) => steps.failed(&name, started, || describe(origin, failure)),
        }
        result
    }

    /// The pixel work on one of the pool's threads.
    async fn make(
        &self,
        order: &Order,
        origin: &Origin,
        (original, layer_files): (Arc<Original>, FetchedLayerFiles),
        steps: &mut Steps,
    ) -> Result<Variant, Ended> {
        let started = Instant::now();
        let deadline = started + self.limits.transform_timeout;
        let picture_order = PictureOrder {
            transformation: order.transformation.clone(),
            layer_files,
            accept: order.accept,
            settings: order.settings,
            limits: order.account.limits_within(&self.limits),
            deadline,
            canonical_link: canonical_link(origin, &order.file),
            sanitizes_svg: order.sanitizes_svg,
        };
        let source = Arc::clone(&original);
        let span = info_span!(
            "transform",
            limpid.source.bytes = original.bytes.len(),
            limpid.decode.us = field::Empty,
            limpid.steps.us = field::Empty,
            limpid.encode.us = field::Empty,
        );
        let made = self
            .pool
            .run(order.account.tenant_id, deadline, move || {
                picture::make(&source, &picture_order)
            })
            .instrument(span.clone())
            .await;
        let ended = match made {
            Ok(Ok(picture)) => {
                note_stages(&span, &picture);
                note_picture(&picture, started, steps);
                return Ok(picture.variant);
            }
            Ok(Err(ImagingError::Layer { input, error })) => {
                let layer_input = order.layer_files.number_of(&input);
                let error = ImagingError::Layer { input, error };
                let mut failure = picture::failure_of(&error);
                failure.layer_input = layer_input;
                let attempt = FailedAttempt::before_any_origin(failure, self.clock.now());
                Ended::LayerFailed(vec![attempt])
            }
            Ok(Err(error)) => self.ended_by(&error),
            Err(PoolError::Full | PoolError::Expired) => Ended::Refused(Refusal::busy(
                "Too many transformations are waiting, try again",
            )),
            Err(PoolError::Panicked) => Ended::Failed(Box::new(
                AttemptFailure::new(Reason::Internal).with_note("the transformation panicked"),
            )),
        };
        Err(with_original(ended, &original, started, steps))
    }

    fn ended_by(&self, error: &ImagingError) -> Ended {
        if let Some(refusal) = refusal_of(error) {
            return Ended::Refused(refusal);
        }
        let mut failure = picture::failure_of(error);
        if failure.reason == Reason::ProcessingTimeout {
            let allowed = format!("{} s", self.limits.transform_timeout.as_secs());
            failure.limit = Some(LimitBreach {
                name: "processing time".to_owned(),
                found: format!("more than {allowed}"),
                allowed,
            });
        }
        Ended::Failed(Box::new(failure))
    }
}

/// Adds to a failure of the pixel work where its bytes came from.
fn with_original(ended: Ended, original: &Original, started: Instant, steps: &mut Steps) -> Ended {
    let Ended::Failed(mut failure) = ended else {
        return ended;
    };
    failure.location = Some(original.location.clone());
    failure.retries = original.retries;
    failure.timings = PhaseTimings {
        total_us: original
            .timings
            .total_us
            .saturating_add(micros(started.elapsed())),
        ..original.timings
    };
    steps.failed("picture", started, || {
        let note = failure.note.as_deref().unwrap_or_default();
        format!("{}: {note}", failure.reason)
    });
    Ended::Failed(failure)
}

/// `<base/path>; rel="canonical"`, where the origin wants it. Source: `imagekit.md` 3.7.
fn canonical_link(origin: &Origin, file: &FilePath) -> Option<String> {
    let settings = &origin.settings;
    let base = settings.base_url_for_canonical_header.as_ref()?;
    if !settings.include_canonical_header {
        return None;
    }
    let path: String = file
        .as_raw()
        .bytes()
        .map(|byte| match byte {
            b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => format!("%{byte:02X}"),
            0x21..=0x7e => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let base = base.as_str().trim_end_matches('/');
    Some(format!("<{base}/{path}>; rel=\"canonical\""))
}

/// The engine's part of a request's limits.
pub(crate) fn engine_limits(limits: &RequestLimits) -> Limits {
    Limits {
        max_source_bytes: limits.max_source_bytes,
        max_pixels: limits.max_pixels,
        max_frame_pixels: limits.max_frame_pixels,
    }
}
