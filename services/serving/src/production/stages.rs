//! The pixel work as `explain` shows it: header, plan, decode, pixels, encode, each with its figures and its time.

use std::fmt::Write;
use std::time::{Duration, Instant};

use limpid_domain::failure::{AttemptFailure, Reason, Stage};
use limpid_imaging::plan::{Plan, Surroundings, plan_in};
use limpid_imaging::{ImageInfo, ImagingError, Orientation, Sniffed, probe, sniff};

use crate::error::Refusal;
use crate::picture::{Picture, PictureOrder};
use crate::steps::{Steps, looks_like};

/// Steps of a transformation that are spelled out.
const MAX_SHOWN_STEPS: usize = 5;

/// One original on its way to a picture, for somebody who reads the steps.
#[derive(Debug)]
pub(crate) struct Stages<'a> {
    /// The attempt that gave the original.
    pub(crate) number: i16,
    /// The original.
    pub(crate) source: &'a [u8],
    /// What is made of it.
    pub(crate) order: &'a PictureOrder,
}

/// Why there is no picture.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NoPicture<'a> {
    Failed(&'a AttemptFailure),
    Refused(&'a Refusal),
}

impl Stages<'_> {
    /// The picture was made.
    pub(crate) fn made(&self, picture: &Picture, steps: &mut Steps) {
        self.header(true, steps);
        let variant = &picture.variant;
        let Some((timings, width, height)) = picture.transformed else {
            steps.took((&self.name("plan"), true), Duration::ZERO, || {
                "the original passes through as it is".to_owned()
            });
            return;
        };
        let planned = self.planned();
        steps.took((&self.name("plan"), true), timings.plan, || match planned {
            Ok(Some(plan)) => described_plan(&plan),
            Ok(None) | Err(_) => format!("{width}x{height} px"),
        });
        steps.took((&self.name("decode"), true), timings.decode, || {
            format!("{} of {} bytes", looks_like(self.source), self.source.len())
        });
        steps.took((&self.name("pixels"), true), timings.steps, || {
            format!("{} steps", self.order.transformation.steps.len())
        });
        steps.took((&self.name("encode"), true), timings.encode, || {
            let bytes = variant.body.len();
            format!(
                "{width}x{height} px as {}, {bytes} bytes",
                variant.content_type
            )
        });
    }

    /// It was not: the stage that decided is red, and those before it say what they found.
    pub(crate) fn not_made(&self, why: NoPicture<'_>, took: Duration, steps: &mut Steps) {
        if !steps.are_recorded() {
            return;
        }
        let red = self.red_stage(why);
        let detail = || match why {
            NoPicture::Failed(failure) => format!("{}: {}", failure.reason, told(failure)),
            NoPicture::Refused(refusal) => refusal.sentence().to_owned(),
        };
        if red == "header" {
            steps.took((&self.name(red), false), took, || {
                format!("{}; {}", looks_like(self.source), detail())
            });
            return;
        }
        self.header(true, steps);
        if let (true, Ok(Some(plan))) = (red != "plan", self.planned()) {
            steps.took((&self.name("plan"), true), Duration::ZERO, || {
                described_plan(&plan)
            });
        }
        steps.took((&self.name(red), false), took, detail);
    }

    fn red_stage(&self, why: NoPicture<'_>) -> &'static str {
        let failure = match why {
            NoPicture::Refused(refusal) if refusal.is_busy() => return "queue",
            NoPicture::Refused(_) => return "plan",
            NoPicture::Failed(failure) => failure,
        };
        if failure.layer_input.is_some() {
            return "layers";
        }
        let is_by_header = matches!(
            failure.reason,
            Reason::SourceResolutionTooLarge | Reason::TooManyFrames
        );
        match failure.reason.row().stage {
            _ if is_by_header => "header",
            Stage::Decode if probe(self.source).is_ok() => "decode",
            Stage::Body | Stage::Sniff | Stage::Decode => "header",
            Stage::Plan => "plan",
            Stage::Encode if failure.reason == Reason::EncodeFailed => "encode",
            _ => "pixels",
        }
    }

    fn header(&self, ok: bool, steps: &mut Steps) {
        if !steps.are_recorded() {
            return;
        }
        let started = Instant::now();
        let found = match sniff(self.source) {
            Sniffed::Image(_) => probe(self.source).map(|info| described_header(&info)),
            _ => Ok(looks_like(self.source)),
        };
        steps.took((&self.name("header"), ok), started.elapsed(), || {
            found.unwrap_or_else(|error| error.to_string())
        });
    }

    /// The plan, where the header says what to plan for.
    fn planned(&self) -> Result<Option<Plan>, ImagingError> {
        let Ok(info) = probe(self.source) else {
            return Ok(None);
        };
        let inputs = self.order.layer_files.inputs();
        let surroundings = Surroundings::of_original(&self.order.limits, &inputs);
        plan_in(&self.order.transformation, info.size(), &surroundings).map(Some)
    }

    fn name(&self, stage: &str) -> String {
        format!("origin {}: {stage}", self.number)
    }
}

fn told(failure: &AttemptFailure) -> String {
    let limit = failure.limit.as_ref();
    let limit =
        limit.map(|limit| format!("{}: {} exceeds {}", limit.name, limit.found, limit.allowed));
    limit.or_else(|| failure.note.clone()).unwrap_or_default()
}

fn described_header(info: &ImageInfo) -> String {
    let size = info.size();
    let mut text = format!("{}, {}x{} px", info.format.name(), size.width, size.height);
    let mut add = |part: &str| {
        text.push_str(", ");
        text.push_str(part);
    };
    if info.frames > 1 {
        add(&format!("{} frames", info.frames));
    }
    if info.orientation != Orientation::Upright {
        add("stored turned or mirrored");
    }
    if info.has_alpha {
        add("may be transparent");
    }
    if info.has_profile {
        add("with a colour profile");
    }
    if let Some(quality) = info.quality {
        add(&format!("stored with quality {quality}"));
    }
    text
}

fn described_plan(plan: &Plan) -> String {
    let mut text = format!("{}x{} px", plan.size.width, plan.size.height);
    for (at, step) in plan.steps.iter().take(MAX_SHOWN_STEPS).enumerate() {
        let (crop, scaled) = (step.crop, step.scaled);
        let _infallible = write!(
            text,
            "; step {}: {:.0}x{:.0} at {:.0},{:.0} becomes {}x{}",
            at + 1,
            crop.width,
            crop.height,
            crop.left,
            crop.top,
            scaled.width,
            scaled.height
        );
    }
    let more = plan.steps.len().saturating_sub(MAX_SHOWN_STEPS);
    if more > 0 {
        let _infallible = write!(text, "; {more} more steps");
    }
    let layers: usize = plan.layers.iter().map(Vec::len).sum();
    if layers > 0 {
        let _infallible = write!(text, "; {layers} layers");
    }
    text
}
