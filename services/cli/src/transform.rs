//! `limpid transform`: the imaging engine on local files, as serving runs it.

use std::fs;
use std::num::NonZeroU32;

use limpid_serving::config::RequestLimits;
use limpid_serving::{TransformFile, transform_file};
use serde::Serialize;

use crate::arguments::TransformArguments;
use crate::exit::{Failure, Kind};
use crate::output;

/// What `--repeat` prints.
#[derive(Debug, Serialize)]
struct Measured {
    /// Time of each run, reading and writing the file not counted. Units: ms.
    ms: Vec<f64>,
    /// Size of the result.
    bytes: usize,
}

/// Reads, transforms, writes.
///
/// Errors: a file can't be read (not found) or written; the engine refuses (`CODE - MESSAGE`).
pub(crate) fn run(arguments: &TransformArguments, limits: RequestLimits) -> Result<(), Failure> {
    let source = fs::read(&arguments.input).map_err(|error| {
        let what = format!("read {}", arguments.input.display());
        Failure::caused(Kind::NotFound, what, &error)
    })?;
    let at_least_one = |times: u32| NonZeroU32::new(times).unwrap_or(NonZeroU32::MIN);
    let repeat = arguments.repeat.map(at_least_one);
    let transformed = transform_file(&TransformFile {
        transformation: &arguments.tr,
        source: &source,
        accept: arguments.accept.as_deref(),
        repeat: repeat.unwrap_or(NonZeroU32::MIN),
        jobs: arguments.jobs.map_or(NonZeroU32::MIN, at_least_one),
        limits,
    })
    .map_err(|refusal| Failure::new(Kind::Refused, refusal))?;
    fs::write(&arguments.output, &transformed.bytes).map_err(|error| {
        let what = format!("write {}", arguments.output.display());
        Failure::caused(Kind::Failed, what, &error)
    })?;
    if repeat.is_none() {
        return Ok(());
    }
    let milliseconds = |time: &std::time::Duration| time.as_secs_f64() * 1_000.0;
    output::print_json_line(&Measured {
        ms: transformed.durations.iter().map(milliseconds).collect(),
        bytes: transformed.bytes.len(),
    })
}
