//! What a step does to pixels once they are in their place. Source: `imagekit.md` 5.7 and 5.8.

use limpid_delivery_url::transformation::{
    Color, Colorize, CornerRadius, Gradient, GradientStop, Radius, ReplaceColor, Shadow, Sharpen,
    Step, Trim, UnsharpMask,
};

pub use super::distort::{PlannedDistort, Shape};
use super::{distort, invalid};
use crate::{error::ImagingError, geometry::Size, limits::Limits};

/// `t-true`. Source: `imagekit.md` 5.7, the editor's default.
const DEFAULT_TRIM_LEVELS: u8 = 10;
/// `e-shadow` on more is refused. Source: `imagekit.md` section 2. Units: px.
const MAX_SHADOW_PX: u64 = 2_000_000;
/// `e-sharpen` without a strength; chosen by eye: halos are just not visible on photographs.
const DEFAULT_SHARPEN: u8 = 20;
/// A strength of this much adds the difference to the blurred picture once.
const SHARPEN_UNIT: f64 = 20.0;
/// Fine detail. Units: px.
const SHARPEN_SIGMA: f64 = 1.0;

/// Changes of pixels. They happen in the order of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlannedEffects {
    /// `cr`
    pub replace_color: Option<ReplaceColor>,
    /// `e-distort`
    pub distort: Option<PlannedDistort>,
    /// `bl`: standard deviation of the Gaussian. Units: px.
    pub blur: Option<u8>,
    /// `e-grayscale`
    pub grayscale: bool,
    /// `e-contrast`
    pub contrast: bool,
    /// `e-sharpen`
    pub sharpen: Option<UnsharpMask>,
    /// `e-usm`
    pub unsharp_mask: Option<UnsharpMask>,
    /// `e-colorize`
    pub colorize: Option<Colorize>,
    /// `e-gradient`
    pub gradient: Option<PlannedGradient>,
    /// `e-shadow`
    pub shadow: Option<PlannedShadow>,
    /// `o`
    pub opacity: Option<PlannedOpacity>,
    /// `r`: top left, top right, bottom right, bottom left. Neighbours together are at most as long as their side. Units: px.
    pub radius: Option<[u32; 4]>,
    /// `b`
    pub border: Option<PlannedBorder>,
}

/// A ramp of colour over the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedGradient {
    /// Where the ramp leads, clockwise from the top. Units: degrees.
    pub direction: u16,
    /// Colour where it begins.
    pub from: Color,
    /// Colour where it ends.
    pub to: Color,
    /// How long it is. Units: px, above 0.
    pub ramp: f64,
}

/// A shadow behind what is opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedShadow {
    /// Standard deviation of its blur. Units: px.
    pub blur: u8,
    /// How black it is, 0 to 100.
    pub saturation: u8,
    /// How far to the right it lies. Units: px.
    pub x: i32,
    /// How far down it lies. Units: px.
    pub y: i32,
}

/// How much of the picture remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedOpacity {
    /// 0 to 100.
    pub percent: u8,
    /// What it is blended with; the result is then opaque.
    pub background: Option<Color>,
}

/// A border outside the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedBorder {
    /// Units: px, above 0.
    pub width: u32,
    /// Its colour.
    pub color: Color,
}

/// The largest difference from the colour of the edge that `t` still takes for the edge. Units: levels of 255.
pub(super) fn trim_levels(step: &Step) -> Option<u8> {
    match step.trim? {
        Trim::Off => None,
        Trim::Default => Some(DEFAULT_TRIM_LEVELS),
        Trim::Threshold(levels) => Some(levels),
    }
}

/// Plans the changes of a picture and the size they leave it with.
pub(super) fn plan(
    step: &Step,
    input: Size,
    limits: &Limits,
) -> Result<(PlannedEffects, Size), ImagingError> {
    let asked = &step.effects;
    let distort = match asked.distort {
        Some(distort) => distort::plan(distort, input, step.background)?,
        None => None,
    };
    let size = distort.map_or(input, |distort| distort.size);
    limits.check_step(size)?;
    let shadow = match asked.shadow {
        Some(shadow) => Some(plan_shadow(shadow, size)?),
        None => None,
    };
    let opacity = step.opacity.map(|percent| PlannedOpacity {
        percent,
        background: step.background.map(opaque),
    });
    let border = step.border.filter(|border| border.width > 0);
    let border = border.map(|border| PlannedBorder {
        width: border.width,
        color: border.color,
    });
    let effects = PlannedEffects {
        replace_color: asked.replace_color,
        distort,
        blur: asked.blur,
        grayscale: asked.grayscale,
        contrast: asked.contrast,
        sharpen: asked.sharpen.map(sharpen),
        unsharp_mask: asked.unsharp_mask,
        colorize: asked.colorize,
        gradient: asked.gradient.map(|gradient| plan_gradient(gradient, size)),
        shadow,
        opacity,
        radius: step.radius.map(|radius| corners(radius, size)),
        border,
    };
    let size = border.map_or(size, |border| framed(size, border.width));
    limits.check_step(size)?;
    Ok((effects, size))
}

/// Beside `o` the alpha of `bg` is ignored. Source: `imagekit.md` 5.7.
pub(super) fn opaque(color: Color) -> Color {
    Color {
        alpha: u8::MAX,
        ..color
    }
}

fn sharpen(sharpen: Sharpen) -> UnsharpMask {
    UnsharpMask {
        radius: 0.0,
        sigma: SHARPEN_SIGMA,
        amount: f64::from(sharpen.amount.unwrap_or(DEFAULT_SHARPEN)) / SHARPEN_UNIT,
        threshold: 0.0,
    }
}

fn plan_shadow(shadow: Shadow, size: Size) -> Result<PlannedShadow, ImagingError> {
    if size.area() > MAX_SHADOW_PX {
        return Err(invalid(format!(
            "e-shadow takes at most {MAX_SHADOW_PX} px, and the picture has {} here; make it smaller first, such as w-500,e-shadow",
            size.area()
        )));
    }
    let part = |percent: i8, side: u32| {
        // a side is at most 2 million px here, so the product fits
        let offset = i64::from(percent) * i64::from(side) / 100;
        i32::try_from(offset).unwrap_or(i32::MAX)
    };
    Ok(PlannedShadow {
        blur: shadow.blur,
        saturation: shadow.saturation,
        x: part(shadow.x, size.width),
        y: part(shadow.y, size.height),
    })
}

/// The line a gradient runs along is as long as makes both end colours touch a corner. Source: CSS Images 3, section 3.1.
fn plan_gradient(gradient: Gradient, size: Size) -> PlannedGradient {
    let (across, down) = f64::from(gradient.direction).to_radians().sin_cos();
    let line = f64::from(size.width) * across.abs() + f64::from(size.height) * down.abs();
    let ramp = match gradient.stop {
        GradientStop::Fraction(fraction) => line * fraction,
        GradientStop::Pixels(pixels) => f64::from(pixels),
    };
    PlannedGradient {
        direction: gradient.direction,
        from: gradient.from,
        to: gradient.to,
        ramp: ramp.max(f64::EPSILON),
    }
}

/// Corners that would overlap all shrink by the same factor. Source: CSS Backgrounds 3, section 4.5.
fn corners(radius: Radius, size: Size) -> [u32; 4] {
    let half = size.width.min(size.height) / 2;
    let asked = radius.corners.map(|corner| match corner {
        CornerRadius::Pixels(pixels) => u64::from(pixels),
        CornerRadius::Max => u64::from(half),
    });
    let [top_left, top_right, bottom_right, bottom_left] = asked;
    let (width, height) = (u64::from(size.width), u64::from(size.height));
    let mut factor = (1, 1);
    for (room, needed) in [
        (width, top_left + top_right),
        (height, top_right + bottom_right),
        (width, bottom_right + bottom_left),
        (height, bottom_left + top_left),
    ] {
        let (numerator, denominator) = factor;
        if needed > room && room * denominator < numerator * needed {
            factor = (room, needed);
        }
    }
    let (numerator, denominator) = factor;
    asked.map(|pixels| u32::try_from(pixels * numerator / denominator).unwrap_or(u32::MAX))
}

fn framed(size: Size, width: u32) -> Size {
    let both = width.saturating_mul(2);
    Size {
        width: size.width.saturating_add(both),
        height: size.height.saturating_add(both),
    }
}
