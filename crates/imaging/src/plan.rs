//! A transformation as exact pixels, before any pixel exists. Pure: sizes in, boxes and sizes out, every step checked
//! against the limits, so that `w-20000,h-20000:w-10` is refused for what its first step would make.
//!
//! Source: `imagekit.md` 5.3 to 5.8.

use limpid_delivery_url::{
    Transformation,
    transformation::{
        Backdrop, Color, Extent, Feature, Flip, Focus, Format, OutputOptions, Pages, Rotation,
        Step, Variables,
    },
};

use crate::{
    error::ImagingError,
    geometry::{Region, Size, whole_pixels},
    inputs::Inputs,
    limits::Limits,
    probe::Orientation,
};

mod distort;
pub mod effects;
mod extract;
mod framing;
pub mod layers;
mod place;

use effects::PlannedEffects;
use framing::{Framing, frame};
use layers::PlannedLayer;
pub(crate) use place::place;

/// More steps than this are nobody's design.
const MAX_STEPS: usize = 50;
/// Angles nearer to a quarter turn than this are one; the corners it would move are not a hundredth of a pixel away.
const ANGLE_TOLERANCE: f64 = 1e-7;
const QUARTER_TURNS: [(f64, Orientation); 5] = [
    (0.0, Orientation::Upright),
    (90.0, Orientation::Turned90),
    (180.0, Orientation::Turned180),
    (270.0, Orientation::Turned270),
    (360.0, Orientation::Upright),
];
/// Padding without `bg`. Source: `imagekit.md` 5.4.
const BLACK: Color = Color {
    red: 0,
    green: 0,
    blue: 0,
    alpha: u8::MAX,
};

/// Everything that will happen to a picture of one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The steps in order.
    pub steps: Vec<PlannedStep>,
    /// What is laid over the result of each step, in the same order as the steps.
    pub layers: Vec<Vec<PlannedLayer>>,
    /// Size of the result. Units: px.
    pub size: Size,
    /// The last `q`.
    pub quality: Option<u8>,
    /// The last `f`.
    pub format: Option<Format>,
    /// The last `pg`: which frame of an animation, counted from 1. It then stands still.
    pub frame: Option<u32>,
    /// How the result is written: the last value of each.
    pub output: OutputOptions,
    /// Whether the original's own bytes are wanted.
    pub original: bool,
}

impl Plan {
    /// Whether some step has an unsharp mask.
    pub(crate) fn is_sharpened(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.effects.unsharp_mask.is_some())
    }
}

/// One step in exact pixels. The operations happen in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedStep {
    /// Edges of one colour are cut off: how far from that colour a pixel may be. What follows is planned for the size given
    /// as trimmed, or without one for the whole picture. Units: levels of 255.
    pub trim: Option<u8>,
    /// What is kept of the step's input.
    pub crop: Region,
    /// What decides where `crop` lies, once there are pixels; its size stays.
    pub focus: Option<FocusTarget>,
    /// What the kept part is scaled to.
    pub scaled: Size,
    /// A colour behind transparent pixels.
    pub background: Option<Color>,
    /// The dominant colour is laid behind transparency, where no canvas is filled with it.
    pub is_on_dominant: bool,
    /// Padding.
    pub canvas: Option<Canvas>,
    /// Rotation.
    pub turn: Option<Turn>,
    /// Mirror.
    pub flip: Option<Orientation>,
    /// Everything that changes pixels where they are, and what is put around them.
    pub effects: PlannedEffects,
    /// Size of the step's result.
    pub size: Size,
}

/// A canvas of one colour with the picture on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    /// Size of the canvas.
    pub size: Size,
    /// Columns left of the picture. Units: px.
    pub left: u32,
    /// Rows above the picture. Units: px.
    pub top: u32,
    /// Colour of the padding.
    pub color: Color,
    /// What the padding shows instead of a colour.
    pub backdrop: Option<Backdrop>,
}

/// What a crop is placed by when only the pixels can tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FocusTarget {
    /// What catches the eye.
    Salient,
    /// Faces, else what catches the eye.
    Face {
        /// Above 1 the crop is nearer to the face, below it shows more around it.
        zoom: f64,
    },
    /// Things by their names, which this engine doesn't know: what catches the eye.
    Objects,
}

/// A rotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// By a multiple of 90°: pixels only change places.
    Quarter(Orientation),
    /// By any other angle.
    Angle {
        /// Clockwise.
        degrees: f64,
        /// Size of the result.
        size: Size,
        /// Colour of the corners, where `bg` names one.
        corners: Option<Color>,
    },
}

/// What this engine does. Anything else in a transformation is refused, never ignored.
pub const SUPPORTED: &[Feature] = &[
    Feature::Resize,
    Feature::Crop,
    Feature::FocusAnchor,
    Feature::FocusAuto,
    Feature::FocusFace,
    // found by what catches the eye instead, and the answer says so
    Feature::FocusObject,
    Feature::Zoom,
    Feature::Extract,
    Feature::DevicePixelRatio,
    // without a client hint, `auto` asks for nothing
    Feature::WidthAuto,
    Feature::Rotate,
    Feature::Flip,
    Feature::Background,
    Feature::BackgroundBlurred,
    Feature::BackgroundDominant,
    Feature::Trim,
    Feature::Radius,
    Feature::Border,
    Feature::Opacity,
    Feature::Blur,
    Feature::Grayscale,
    Feature::Contrast,
    Feature::Sharpen,
    Feature::UnsharpMask,
    Feature::Shadow,
    Feature::Gradient,
    Feature::Colorize,
    Feature::Distort,
    Feature::ReplaceColor,
    Feature::ImageLayer,
    Feature::CanvasLayer,
    Feature::TextLayer,
    Feature::Quality,
    Feature::Format,
    Feature::Original,
    Feature::Pages,
    Feature::Progressive,
    Feature::Lossless,
    Feature::ColorProfile,
    // `c2pa` is refused: a signature over the original says nothing about what is made from it
    Feature::Metadata,
    Feature::Density,
    Feature::Expression,
    Feature::Conditional,
    // whoever fetches the picture has done this
    Feature::DefaultImage,
];

/// Plans a transformation of an upright picture.
///
/// Errors: `OutputTooLarge`, `InvalidTransformation`.
pub fn plan(
    transformation: &Transformation,
    source: Size,
    limits: &Limits,
) -> Result<Plan, ImagingError> {
    let inputs = Inputs::default();
    let surroundings = Surroundings::of_original(limits, &inputs);
    plan_in(transformation, source, &surroundings)
}

/// What a plan depends on beside the transformation and the size of the picture.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The tenant's limits.
    pub limits: &'a Limits,
    /// What the layers need.
    pub inputs: &'a Inputs<'a>,
    /// Size of what the picture will lie on, where it is a layer.
    pub base: Option<Size>,
    /// What earlier steps with `t` have left, in the order of those steps. One that isn't known yet is taken to cut nothing off.
    pub trimmed: &'a [Size],
}

impl<'a> Surroundings<'a> {
    /// Those of a picture that is no layer, before anything is known of its pixels.
    pub fn of_original(limits: &'a Limits, inputs: &'a Inputs<'a>) -> Self {
        Self {
            limits,
            inputs,
            base: None,
            trimmed: &[],
        }
    }
}

/// Plans a transformation of an upright picture with layers, or of a layer.
///
/// Errors: `OutputTooLarge`, `InvalidTransformation`; `Layer` for what is wrong with a layer's file.
pub fn plan_in(
    transformation: &Transformation,
    source: Size,
    surroundings: &Surroundings<'_>,
) -> Result<Plan, ImagingError> {
    let steps = Vec::with_capacity(transformation.steps.len());
    let mut plan = Plan {
        steps,
        layers: Vec::new(),
        size: source,
        quality: None,
        format: None,
        frame: None,
        output: OutputOptions::default(),
        original: transformation.wants_original(),
    };
    if plan.original {
        // whatever else is asked is without effect, so it can't be wrong either
        return Ok(plan);
    }
    if let Some(feature) = transformation.unsupported_by(SUPPORTED) {
        return Err(invalid(format!("{feature} is not supported")));
    }
    let mut given = Given {
        source,
        surroundings,
        trimmed: surroundings.trimmed.iter(),
    };
    plan_steps(&mut plan, transformation, &mut given)?;
    Ok(plan)
}

/// What is known beside the transformation.
struct Given<'a> {
    source: Size,
    surroundings: &'a Surroundings<'a>,
    /// What steps with `t` have left.
    trimmed: std::slice::Iter<'a, Size>,
}

fn plan_steps(
    plan: &mut Plan,
    transformation: &Transformation,
    given: &mut Given<'_>,
) -> Result<(), ImagingError> {
    let source = given.source;
    for step in &transformation.steps {
        if let Some(conditional) = &step.conditional {
            let branch = conditional.branch(extent(source), extent(plan.size));
            plan_steps(plan, branch, given)?;
            continue;
        }
        if plan.steps.len() >= MAX_STEPS {
            return Err(invalid(format!("more than {MAX_STEPS} steps")));
        }
        let variables = Variables {
            initial: extent(source),
            current: extent(plan.size),
            base: given.surroundings.base.map(extent),
        };
        let step = step
            .computed(&variables)
            .map_err(|error| invalid(error.to_string()))?;
        let known = effects::trim_levels(&step).and_then(|_| given.trimmed.next());
        let input = known.copied().unwrap_or(plan.size);
        let planned = plan_step(&step, input, given.surroundings.limits)?;
        plan.size = planned.size;
        plan.steps.push(planned);
        plan.layers.push(layers::plan_all(
            &step.layers,
            planned.size,
            given.surroundings,
        )?);
        plan.quality = step.quality.or(plan.quality);
        plan.format = step.format.or(plan.format);
        plan.output = later(step.output, plan.output);
        plan.frame = frame_number(&step)?.or(plan.frame);
        plan.original |= step.original;
    }
    Ok(())
}

fn later(last: OutputOptions, before: OutputOptions) -> OutputOptions {
    OutputOptions {
        progressive: last.progressive.or(before.progressive),
        lossless: last.lossless.or(before.lossless),
        color_profile: last.color_profile.or(before.color_profile),
        metadata: last.metadata.or(before.metadata),
        density: last.density.or(before.density),
        content_credentials: last.content_credentials.or(before.content_credentials),
    }
}

/// The other ways to name pages are for documents and layered files, which this engine doesn't read.
fn frame_number(step: &Step) -> Result<Option<u32>, ImagingError> {
    match &step.pages {
        None => Ok(None),
        Some(Pages::One(number)) => Ok(Some(*number)),
        Some(Pages::List(_) | Pages::Range(_) | Pages::Names(_)) => Err(invalid(
            "pg takes one frame number here; lists, ranges and names are for Photoshop files, which are not supported",
        )),
    }
}

pub(crate) fn extent(size: Size) -> Extent {
    Extent {
        width: f64::from(size.width),
        height: f64::from(size.height),
    }
}

/// Shorthand of the planners.
pub(crate) fn invalid(sentence: impl Into<String>) -> ImagingError {
    ImagingError::InvalidTransformation {
        sentence: sentence.into(),
    }
}

fn plan_step(step: &Step, input: Size, limits: &Limits) -> Result<PlannedStep, ImagingError> {
    let framing = frame(step, input)?;
    // objects are not found even where nothing is cut off, which is said
    let is_whole = framing.crop == input.region();
    let focus = focus_target(step)
        .filter(|target| framing.is_movable || (is_whole && *target == FocusTarget::Objects));
    // what `o` blends with is opaque
    let background = match step.opacity {
        Some(_) => step.background.map(effects::opaque),
        None => step.background,
    };
    limits.check_step(framing.scaled)?;
    let canvas = framing.canvas.filter(|(size, _)| *size != framing.scaled);
    let canvas = canvas.map(|(size, (left, top))| Canvas {
        size,
        left,
        top,
        color: background.unwrap_or(BLACK),
        backdrop: step.backdrop,
    });
    let framed = canvas.map_or(framing.scaled, |canvas| canvas.size);
    limits.check_step(framed)?;
    let (turn, turned) = turn(step, framed);
    limits.check_step(turned)?;
    let flip = step.flip.map(|flip| match flip {
        Flip::Horizontal => Orientation::MirroredAcross,
        Flip::Vertical => Orientation::MirroredDown,
        Flip::Both => Orientation::Turned180,
    });
    let (effects, size) = effects::plan(step, turned, limits)?;
    let Framing { crop, scaled, .. } = framing;
    Ok(PlannedStep {
        trim: effects::trim_levels(step),
        crop,
        focus,
        scaled,
        background,
        is_on_dominant: canvas.is_none() && step.backdrop == Some(Backdrop::Dominant),
        canvas,
        turn,
        flip,
        effects,
        size,
    })
}

/// What only the pixels can tell.
fn focus_target(step: &Step) -> Option<FocusTarget> {
    match step.focus? {
        Focus::Anchor(_) => None,
        // no focus area is stored with any file here, so `custom` means what `auto` does
        Focus::Auto | Focus::Custom => Some(FocusTarget::Salient),
        Focus::Face => Some(FocusTarget::Face {
            zoom: step.zoom.unwrap_or(1.0),
        }),
        Focus::Objects(_) => Some(FocusTarget::Objects),
    }
}

fn turn(step: &Step, size: Size) -> (Option<Turn>, Size) {
    // `rt-auto` asks for what always happens first
    let Some(Rotation::Degrees(degrees)) = step.rotation else {
        return (None, size);
    };
    let degrees = if degrees.is_finite() {
        degrees.rem_euclid(360.0)
    } else {
        0.0
    };
    if let Some((_, orientation)) = QUARTER_TURNS
        .iter()
        .find(|(angle, _)| (angle - degrees).abs() < ANGLE_TOLERANCE)
    {
        let size = if orientation.swaps_sides() {
            size.transposed()
        } else {
            size
        };
        (Some(Turn::Quarter(*orientation)), size)
    } else {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let bounds = Size {
            width: whole_pixels(width * cos.abs() + height * sin.abs()),
            height: whole_pixels(width * sin.abs() + height * cos.abs()),
        };
        (
            Some(Turn::Angle {
                degrees,
                size: bounds,
                corners: step.background,
            }),
            bounds,
        )
    }
}

#[cfg(test)]
mod tests;
