//! A transformation as exact pixels, before any pixel exists. Pure: sizes in, boxes and sizes out, every step checked
//! against the limits, so that `w-20000,h-20000:w-10` is refused for what its first step would make.
//!
//! Source: `imagekit.md` 5.3 to 5.8.

use limpid_delivery_url::{
    Transformation,
    transformation::{
        Anchor, AspectRatio, Color, Crop, DevicePixelRatio, Extent, Feature, Flip, Focus, Format,
        Length, Rotation, Step, Variables,
    },
};

use crate::{
    error::ImagingError,
    geometry::{Region, Size, anchored_offset, whole_pixels},
    limits::Limits,
    probe::Orientation,
};

mod extract;

/// More steps than this are nobody's design.
const MAX_STEPS: usize = 50;
/// A `dpr` that leads beyond this is ignored. Source: `imagekit.md` section 2.
const MAX_DEVICE_SIDE_PX: f64 = 5_000.0;
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
    /// Size of the result. Units: px.
    pub size: Size,
    /// The last `q`.
    pub quality: Option<u8>,
    /// The last `f`.
    pub format: Option<Format>,
    /// Whether the original's own bytes are wanted.
    pub original: bool,
}

/// One step in exact pixels. The operations happen in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedStep {
    /// What is kept of the step's input.
    pub crop: Region,
    /// What the kept part is scaled to.
    pub scaled: Size,
    /// A colour behind transparent pixels.
    pub background: Option<Color>,
    /// Padding.
    pub canvas: Option<Canvas>,
    /// Rotation.
    pub turn: Option<Turn>,
    /// Mirror.
    pub flip: Option<Orientation>,
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
        /// Colour of the corners, where `bg` names one.
        corners: Option<Color>,
    },
}

/// What this engine does. Anything else in a transformation is refused, never ignored.
pub const SUPPORTED: &[Feature] = &[
    Feature::Resize,
    Feature::Crop,
    Feature::FocusAnchor,
    Feature::Extract,
    Feature::DevicePixelRatio,
    // without a client hint, `auto` asks for nothing
    Feature::WidthAuto,
    Feature::Rotate,
    Feature::Flip,
    Feature::Background,
    Feature::Quality,
    Feature::Format,
    Feature::Original,
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
    let steps = Vec::with_capacity(transformation.steps.len());
    let mut plan = Plan {
        steps,
        size: source,
        quality: None,
        format: None,
        original: transformation.wants_original(),
    };
    if plan.original {
        // whatever else is asked is without effect, so it can't be wrong either
        return Ok(plan);
    }
    if let Some(feature) = transformation.unsupported_by(SUPPORTED) {
        return Err(invalid(format!("{feature} is not supported")));
    }
    plan_steps(&mut plan, transformation, source, limits)?;
    Ok(plan)
}

fn plan_steps(
    plan: &mut Plan,
    transformation: &Transformation,
    source: Size,
    limits: &Limits,
) -> Result<(), ImagingError> {
    for step in &transformation.steps {
        if let Some(conditional) = &step.conditional {
            let branch = conditional.branch(extent(source), extent(plan.size));
            plan_steps(plan, branch, source, limits)?;
            continue;
        }
        if plan.steps.len() >= MAX_STEPS {
            return Err(invalid(format!("more than {MAX_STEPS} steps")));
        }
        let variables = Variables {
            initial: extent(source),
            current: extent(plan.size),
            base: None,
        };
        let step = step
            .computed(&variables)
            .map_err(|error| invalid(error.to_string()))?;
        let planned = plan_step(&step, plan.size, limits)?;
        plan.size = planned.size;
        plan.steps.push(planned);
        plan.quality = step.quality.or(plan.quality);
        plan.format = step.format.or(plan.format);
        plan.original |= step.original;
    }
    Ok(())
}

fn extent(size: Size) -> Extent {
    Extent {
        width: f64::from(size.width),
        height: f64::from(size.height),
    }
}

/// Shorthand of the planners.
fn invalid(sentence: impl Into<String>) -> ImagingError {
    ImagingError::InvalidTransformation {
        sentence: sentence.into(),
    }
}

/// What of a picture is kept, what that is scaled to, and the canvas it is put on.
struct Framing {
    crop: Region,
    scaled: Size,
    /// Size of the canvas and place of the picture on it.
    canvas: Option<(Size, (u32, u32))>,
}

impl Framing {
    fn scaled(input: Size, to: Size) -> Self {
        Self {
            crop: input.region(),
            scaled: to,
            canvas: None,
        }
    }
}

fn plan_step(step: &Step, input: Size, limits: &Limits) -> Result<PlannedStep, ImagingError> {
    let framing = frame(step, input)?;
    limits.check_step(framing.scaled)?;
    let canvas = framing.canvas.filter(|(size, _)| *size != framing.scaled);
    let canvas = canvas.map(|(size, (left, top))| Canvas {
        size,
        left,
        top,
        color: step.background.unwrap_or(BLACK),
    });
    let framed = canvas.map_or(framing.scaled, |canvas| canvas.size);
    limits.check_step(framed)?;
    let (turn, size) = turn(step, framed);
    let flip = step.flip.map(|flip| match flip {
        Flip::Horizontal => Orientation::MirroredAcross,
        Flip::Vertical => Orientation::MirroredDown,
        Flip::Both => Orientation::Turned180,
    });
    limits.check_step(size)?;
    let Framing { crop, scaled, .. } = framing;
    Ok(PlannedStep {
        crop,
        scaled,
        background: step.background,
        canvas,
        turn,
        flip,
        size,
    })
}

fn frame(step: &Step, input: Size) -> Result<Framing, ImagingError> {
    let crop = step.crop.unwrap_or(Crop::MaintainRatio);
    let anchor = match step.focus {
        Some(Focus::Anchor(anchor)) => anchor,
        // the others have been refused as unsupported
        Some(Focus::Auto | Focus::Custom | Focus::Face | Focus::Objects(_)) | None => {
            Anchor::Center
        }
    };
    let (width, height) = requested_sides(step, input);
    if let Crop::Extract | Crop::PadExtract | Crop::PadExtractNoShrink = crop {
        let frame = Size {
            width: width.unwrap_or(input.width),
            height: height.unwrap_or(input.height),
        };
        return extract::frame(step, crop, input, frame, anchor);
    }
    Ok(match (width, height) {
        (None, None) => Framing::scaled(input, input),
        (Some(width), None) => {
            Framing::scaled(input, one_side(crop, input, input.with_width(width)))
        }
        (None, Some(height)) => {
            Framing::scaled(input, one_side(crop, input, input.with_height(height)))
        }
        (Some(width), Some(height)) => both_sides(crop, input, Size { width, height }, anchor),
    })
}

/// `w` and `h` in pixels; the missing one from `ar`, if that is given.
fn requested_sides(step: &Step, input: Size) -> (Option<u32>, Option<u32>) {
    let pixels = |length: Length, whole: u32| match length {
        Length::Pixels(pixels) => pixels.max(1),
        Length::Fraction(fraction) => whole_pixels(f64::from(whole) * fraction),
    };
    let width = step.width.map(|length| pixels(length, input.width));
    let height = step.height.map(|length| pixels(length, input.height));
    let (width, height) = match (width, height, step.aspect_ratio) {
        (Some(across), None, Some(AspectRatio { width, height })) => (
            Some(across),
            Some(whole_pixels(f64::from(across) * height / width)),
        ),
        (None, Some(down), Some(AspectRatio { width, height })) => (
            Some(whole_pixels(f64::from(down) * width / height)),
            Some(down),
        ),
        (width, height, _) => (width, height),
    };
    match step.device_pixel_ratio {
        Some(DevicePixelRatio::Times(ratio)) => times(ratio, width, height),
        // without a client hint, `auto` asks for nothing
        Some(DevicePixelRatio::Auto) | None => (width, height),
    }
}

/// Both sides times a ratio, unless that makes one too small or too large. Source: `imagekit.md` section 2.
fn times(ratio: f64, width: Option<u32>, height: Option<u32>) -> (Option<u32>, Option<u32>) {
    let scaled = [width, height].map(|side| side.map(|side| f64::from(side) * ratio));
    if scaled
        .iter()
        .flatten()
        .any(|side| !(1.0..=MAX_DEVICE_SIDE_PX).contains(side))
    {
        return (width, height);
    }
    let [width, height] = scaled.map(|side| side.map(whole_pixels));
    (width, height)
}

/// With one side given nothing is cut or padded; modes that never enlarge still don't.
fn one_side(crop: Crop, input: Size, scaled: Size) -> Size {
    let enlarges = !matches!(
        crop,
        Crop::AtMax | Crop::MaintainRatioNoEnlarge | Crop::PadResizeNoEnlarge
    );
    if enlarges || scaled.fits_inside(input) {
        scaled
    } else {
        input
    }
}

fn both_sides(crop: Crop, input: Size, frame: Size, anchor: Anchor) -> Framing {
    let inside = input.scaled_inside(frame);
    let no_larger = if inside.fits_inside(input) {
        inside
    } else {
        input
    };
    match crop {
        Crop::Force => Framing::scaled(input, frame),
        Crop::AtMax => Framing::scaled(input, no_larger),
        Crop::AtMaxEnlarge => Framing::scaled(input, inside),
        Crop::AtLeast => Framing::scaled(input, input.scaled_to_cover(frame)),
        Crop::PadResize => on_canvas(input, inside, frame, anchor),
        Crop::PadResizeNoEnlarge => on_canvas(input, no_larger, frame, anchor),
        Crop::MaintainRatioNoEnlarge if !frame.fits_inside(input) => {
            let kept = input.crop_to_shape(frame, anchor);
            let unscaled = Size {
                width: whole_pixels(kept.width),
                height: whole_pixels(kept.height),
            };
            // a shape that fits as it is needn't shrink; one that doesn't is cut to what there is
            let scaled = if unscaled.fits_inside(frame) {
                unscaled
            } else {
                frame
            };
            Framing {
                crop: kept,
                scaled,
                canvas: None,
            }
        }
        Crop::MaintainRatio
        | Crop::MaintainRatioNoEnlarge
        | Crop::Extract
        | Crop::PadExtract
        | Crop::PadExtractNoShrink => Framing {
            crop: input.crop_to_shape(frame, anchor),
            scaled: frame,
            canvas: None,
        },
    }
}

fn on_canvas(input: Size, scaled: Size, frame: Size, anchor: Anchor) -> Framing {
    let (free_width, free_height) = (
        frame.width.saturating_sub(scaled.width),
        frame.height.saturating_sub(scaled.height),
    );
    let place = anchored_offset(free_width, free_height, anchor);
    Framing {
        crop: input.region(),
        scaled,
        canvas: Some((frame, place)),
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
                corners: step.background,
            }),
            bounds,
        )
    }
}

#[cfg(test)]
mod tests;
