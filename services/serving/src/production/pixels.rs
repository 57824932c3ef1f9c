//! From an original to a variant on the transform pool, and why there is none.

use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_delivery_url::FilePath;
use limpid_domain::failure::{AttemptFailure, LimitBreach, PhaseTimings, Reason};
use limpid_imaging::ImagingError;
use limpid_origins::{Original, text_excerpt};
use tracing::{Instrument, field, info_span};

use super::notes::{micros, note_picture, note_stages};
use super::stages::{NoPicture, Stages};
use super::{Ended, Order, Production};
use crate::config_snapshot::Origin;
use crate::error::{Refusal, refusal_of};
use crate::failure_recorder::event::FailedAttempt;
use crate::layer_files::FetchedLayerFiles;
use crate::lifetime::Lifetime;
use crate::picture::{self, Picture, PictureOrder};
use crate::steps::Steps;
use crate::transform_pool::PoolError;
use crate::variant::Variant;

/// The origin's answer to a request that gave an original; no other status gives one.
const ORIGINAL_CAME_WITH: u16 = 200;

impl Production {
    /// The pixel work on one of the pool's threads.
    pub(super) async fn make(
        &self,
        order: &Order,
        place: (i16, &Arc<Origin>, Instant),
        (original, layer_files): (Arc<Original>, FetchedLayerFiles),
        steps: &mut Steps,
    ) -> Result<Variant, Ended> {
        let started = Instant::now();
        let picture_order = self.picture_order(order, place.1, layer_files);
        let shown = steps.are_recorded().then(|| picture_order.clone());
        let stages = shown.as_ref().map(|order| Stages {
            number: place.0,
            source: &original.bytes,
            order,
        });
        let made = self.change_pixels(order, &original, picture_order).await;
        let why = match made {
            Ok(Ok(picture)) => {
                if let Some(stages) = &stages {
                    stages.made(&picture, steps);
                }
                note_picture(&picture, started, steps);
                let mut variant = picture.variant;
                if order.endpoint.caching.origin_cache_control {
                    variant.lifetime = lifetime_of(&original, self.clock.now());
                }
                return Ok(variant);
            }
            Ok(Err(ImagingError::Layer { input, error })) => {
                let attempt = self.layer_attempt(order, (input, error));
                if let Some(stages) = &stages {
                    let why = NoPicture::Failed(&attempt.failure);
                    stages.not_made(why, started.elapsed(), steps);
                }
                return Err(Ended::LayerFailed(vec![attempt]));
            }
            Ok(Err(error)) => self.failure_by(&error),
            Err(PoolError::Late) => self.failure_by(&ImagingError::Timeout),
            Err(PoolError::Full | PoolError::Expired) => Err(Refusal::busy(
                "Too many transformations are waiting, try again",
            )),
            Err(PoolError::Panicked) => {
                Ok(AttemptFailure::new(Reason::Internal).with_note("the transformation panicked"))
            }
        };
        if let Some(stages) = &stages {
            let why = why
                .as_ref()
                .map_or_else(NoPicture::Refused, NoPicture::Failed);
            stages.not_made(why, started.elapsed(), steps);
        }
        let mut failure = why.map_err(Ended::Refused)?;
        if failure.reason == Reason::NotAnImage {
            let query = order.forwarded_query.as_deref();
            failure.body_excerpt = text_excerpt(&original.bytes, &place.1.credentials, query);
        }
        let failure = with_original(failure, &original, started, steps);
        let attempt = self.picture_attempt(place, failure, order.endpoint.caching);
        Err(Ended::Failed(Box::new(attempt)))
    }

    /// What to make of an original of `origin`.
    fn picture_order(
        &self,
        order: &Order,
        origin: &Origin,
        layer_files: FetchedLayerFiles,
    ) -> PictureOrder {
        PictureOrder {
            transformation: order.transformation.clone(),
            layer_files,
            accept: order.accept,
            settings: order.settings,
            limits: order.account.limits_within(&self.limits),
            deadline: Instant::now() + self.limits.transform_timeout,
            canonical_link: canonical_link(origin, &order.file),
            sanitizes_svg: order.sanitizes_svg,
        }
    }

    async fn change_pixels(
        &self,
        order: &Order,
        original: &Arc<Original>,
        picture_order: PictureOrder,
    ) -> Result<Result<Picture, ImagingError>, PoolError> {
        let source = Arc::clone(original);
        let deadline = picture_order.deadline;
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
        if let Ok(Ok(picture)) = &made {
            note_stages(&span, picture);
        }
        made
    }

    /// The attempt that ended with what is wrong with a layer's file.
    fn layer_attempt(
        &self,
        order: &Order,
        (input, error): (String, Box<ImagingError>),
    ) -> FailedAttempt {
        let layer_input = order.layer_files.number_of(&input);
        let error = ImagingError::Layer { input, error };
        let mut failure = picture::failure_of(&error);
        failure.layer_input = layer_input;
        let now = self.clock.now();
        let mut attempt = FailedAttempt::before_any_origin(failure, now);
        attempt.repeatable_until = now + order.endpoint.caching.negative_ttl(&attempt.failure);
        attempt
    }

    fn failure_by(&self, error: &ImagingError) -> Result<AttemptFailure, Refusal> {
        if let Some(refusal) = refusal_of(error) {
            return Err(refusal);
        }
        Ok(self.picture_failure(error))
    }

    /// What is wrong with a picture, and how long it had where its time was over.
    pub(crate) fn picture_failure(&self, error: &ImagingError) -> AttemptFailure {
        let mut failure = picture::failure_of(error);
        if failure.reason == Reason::ProcessingTimeout {
            let allowed = format!("{} s", self.limits.transform_timeout.as_secs());
            failure.limit = Some(LimitBreach {
                name: "processing time".to_owned(),
                found: format!("more than {allowed}"),
                allowed,
            });
        }
        failure
    }
}

/// How long what is made of an original may be kept by the word of its origin, and until when that is: what it spent in a cache on its
/// way counts.
fn lifetime_of(original: &Original, now: DateTime<Utc>) -> Option<(Lifetime, DateTime<Utc>)> {
    let lifetime = Lifetime::parse(original.cache_control.as_deref()?)?;
    let rest = TimeDelta::from_std(lifetime.shared()).ok()?;
    let rest = rest.checked_sub(&TimeDelta::from_std(original.age).ok()?)?;
    Some((lifetime, now.checked_add_signed(rest)?))
}

/// Adds to a failure of the pixel work where its bytes came from.
fn with_original(
    mut failure: AttemptFailure,
    original: &Original,
    started: Instant,
    steps: &mut Steps,
) -> AttemptFailure {
    failure.location = Some(original.location.clone());
    failure.upstream_status = Some(ORIGINAL_CAME_WITH);
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
    failure
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
