//! The imaging engine on local bytes: the same parser, planner, limits and encoder as a request meets.

use std::num::NonZeroU32;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use limpid_delivery_url::{Transformation, transformation};
use limpid_domain::failure::{DetailLevel, PhaseTimings, SentenceSubject, sentence};
use limpid_imaging::{AcceptedFormats, ImageSettings, ImagingError};
use limpid_origins::Original;

use crate::config::RequestLimits;
use crate::error::refusal_of;
use crate::layer_files::FetchedLayerFiles;
use crate::picture::{self, PictureOrder};
use crate::production::engine_limits;
use crate::variant::Variant;

/// What `limpid transform` asks for.
#[derive(Debug, Clone)]
pub struct TransformFile<'a> {
    /// The transformation, as it stands after `tr:`; empty for none.
    pub transformation: &'a str,
    /// The file.
    pub source: &'a [u8],
    /// An `Accept` header, for `f-auto`.
    pub accept: Option<&'a str>,
    /// How often to do it.
    pub repeat: NonZeroU32,
    /// On how many threads at once, each repeating it.
    pub jobs: NonZeroU32,
    /// The limits of a request.
    pub limits: RequestLimits,
}

/// The result of the last repetition, and the time of each.
#[derive(Debug, Clone)]
pub struct TransformedFile {
    /// The picture.
    pub bytes: Bytes,
    /// Its media type.
    pub content_type: String,
    /// How long each repetition took.
    pub durations: Vec<Duration>,
}

/// A refusal, as a client would see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} - {message}")]
pub struct TransformFileError {
    /// `EINVAL`, `ELIMIT` or `UNIDENTIFIED`.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
}

/// Transforms `request.source`, on the calling thread or, with more than one job, on as many others.
///
/// # Errors
/// What a client would see: `EINVAL`, `ELIMIT` or `UNIDENTIFIED`.
pub fn transform_file(request: &TransformFile<'_>) -> Result<TransformedFile, TransformFileError> {
    let transformation = parse(request.transformation)?;
    let original = original(request.source);
    engine_limits(&request.limits)
        .check_source_bytes(request.source.len())
        .map_err(|error| refused(&error))?;
    if request.jobs == NonZeroU32::MIN {
        return repeat(request, &original, &transformation);
    }
    let finished: Vec<_> = thread::scope(|scope| {
        let jobs = (0..request.jobs.get())
            .map(|_| scope.spawn(|| repeat(request, &original, &transformation)))
            .collect::<Vec<_>>();
        jobs.into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect()
    });
    let mut joined: Option<TransformedFile> = None;
    for job in finished {
        let job = job.map_err(|_| invalid("a thread of the engine ended before its work"))??;
        match &mut joined {
            Some(joined) => joined.durations.extend(job.durations),
            None => joined = Some(job),
        }
    }
    joined.ok_or_else(|| invalid("nothing was asked for"))
}

/// One thread's share.
fn repeat(
    request: &TransformFile<'_>,
    original: &Original,
    transformation: &Transformation,
) -> Result<TransformedFile, TransformFileError> {
    let limits = engine_limits(&request.limits);
    let mut durations = Vec::new();
    let mut result: Option<Variant> = None;
    for _ in 0..request.repeat.get() {
        let started = Instant::now();
        let order = PictureOrder {
            transformation: transformation.clone(),
            layer_files: FetchedLayerFiles::default(),
            accept: request
                .accept
                .map(AcceptedFormats::from_accept)
                .unwrap_or_default(),
            settings: ImageSettings::default(),
            limits,
            deadline: started + request.limits.transform_timeout,
            canonical_link: None,
            sanitizes_svg: true,
        };
        let picture = picture::make(original, &order).map_err(|error| refused(&error))?;
        durations.push(started.elapsed());
        result = Some(picture.variant);
    }
    let variant = result.ok_or_else(|| invalid("nothing was asked for"))?;
    Ok(TransformedFile {
        bytes: variant.body,
        content_type: variant.content_type,
        durations,
    })
}

fn parse(text: &str) -> Result<Transformation, TransformFileError> {
    if text.is_empty() {
        return Ok(Transformation::default());
    }
    let parsed = transformation::parse(text).map_err(|error| invalid(error.sentence()))?;
    match parsed.unsupported_by(limpid_imaging::plan::SUPPORTED) {
        Some(feature) => Err(invalid(&format!(
            "{feature} is not supported by this version"
        ))),
        None => Ok(parsed),
    }
}

fn original(source: &[u8]) -> Original {
    Original {
        loan: None,
        bytes: Bytes::copy_from_slice(source),
        content_type: None,
        etag: None,
        last_modified: None,
        cache_control: None,
        age: Duration::ZERO,
        location: String::new(),
        timings: PhaseTimings::default(),
        is_private: false,
        retries: 0,
    }
}

fn refused(error: &ImagingError) -> TransformFileError {
    if let Some(refusal) = refusal_of(error) {
        return invalid(refusal.sentence());
    }
    let failure = picture::failure_of(error);
    let about = SentenceSubject {
        limit: failure.limit.as_ref(),
        ..SentenceSubject::default()
    };
    TransformFileError {
        code: failure.reason.code().as_str(),
        message: sentence(failure.reason, &about, DetailLevel::Reason),
    }
}

fn invalid(message: &str) -> TransformFileError {
    TransformFileError {
        code: limpid_domain::failure::RefusalCode::Einval.as_str(),
        message: message.to_owned(),
    }
}
