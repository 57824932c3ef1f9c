//! What a transformation string means. Parsed once; after that nobody looks at the text again.
//!
//! | module | holds |
//! |---|---|
//! | [`geometry`] | lengths, ratios, crops, focus, rotation, page numbers |
//! | [`color`] | colours and what fills padding |
//! | [`effects`] | everything that changes pixels without moving them |
//! | [`expression`] | `iw_div_2` and its unusual precedence |
//! | [`condition`] | `if-…,if-else,…,if-end` |
//! | [`layer`] | overlays |
//! | [`feature`] | what an executor may be unable to do, so that nothing is silently ignored |

pub mod color;
pub mod condition;
pub mod effects;
pub mod expression;
pub mod feature;
pub mod geometry;
pub mod layer;
mod named;

pub use crate::grammar::{TransformationError, parse};
pub use color::{Backdrop, Color};
pub use condition::{Comparison, Condition, Conditional, Property, Test};
pub use effects::{
    Border, Colorize, CornerRadius, Distort, Effects, Flip, Gradient, GradientStop, Radius,
    ReplaceColor, Shadow, Sharpen, Trim, UnsharpMask,
};
pub use expression::{
    Computable, ComputeError, Computed, Expression, ExpressionError, Extent, Operand, Operator,
    Variable, Variables,
};
pub use feature::Feature;
pub use geometry::{
    Anchor, AspectRatio, Crop, DevicePixelRatio, Focus, Length, ObjectSet, PageRange, Pages,
    Rotation,
};
pub use layer::{
    EdgeOffset, Layer, LayerInput, LayerMode, LayerPosition, LayerSource, MAX_LAYER_INPUTS,
    TextAlign, TextLayer, Typography,
};
pub use named::ExpansionError;

/// A whole transformation: steps in order, each working on the result of the one before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transformation {
    /// The steps; none means "as it is, in the best format".
    pub steps: Vec<Step>,
}

/// One step: parameters whose order does not matter.
///
/// A step that has a `conditional` has nothing else.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// `w`
    pub width: Option<Length>,
    /// `h`
    pub height: Option<Length>,
    /// `w-auto`: the width the client's hint names; without a hint as if absent. Never beside `width`.
    pub width_auto: bool,
    /// `ar`: width divided by height.
    pub aspect_ratio: Option<AspectRatio>,
    /// `dpr`
    pub device_pixel_ratio: Option<DevicePixelRatio>,
    /// `c` or `cm`; where both are given `cm` wins.
    pub crop: Option<Crop>,
    /// `fo`
    pub focus: Option<Focus>,
    /// `z`: zoom around a face or object; above 0, 1 is neutral.
    pub zoom: Option<f64>,
    /// `x`: left edge of an extract. Units: px.
    pub x: Option<i32>,
    /// `y`: top edge of an extract. Units: px.
    pub y: Option<i32>,
    /// `xc`: horizontal centre of an extract. Units: px.
    pub x_center: Option<i32>,
    /// `yc`: vertical centre of an extract. Units: px.
    pub y_center: Option<i32>,
    /// `rt`
    pub rotation: Option<Rotation>,
    /// `fl`
    pub flip: Option<Flip>,
    /// `bg` with a colour.
    pub background: Option<Color>,
    /// `bg` with something computed from the picture. Never beside `background`.
    pub backdrop: Option<Backdrop>,
    /// `t`
    pub trim: Option<Trim>,
    /// `r`
    pub radius: Option<Radius>,
    /// `b`
    pub border: Option<Border>,
    /// `o`: 0 to 100.
    pub opacity: Option<u8>,
    /// `e-…`, `bl` and `cr`.
    pub effects: Effects,
    /// `l-…`, in written order.
    pub layers: Vec<Layer>,
    /// `q`: 1 to 100.
    pub quality: Option<u8>,
    /// `f`
    pub format: Option<Format>,
    /// `pr`, `lo`, `cp`, `md`, `dn`, `c2pa`.
    pub output: OutputOptions,
    /// `orig-true`: the original bytes, whatever else is asked.
    pub original: bool,
    /// `pg`
    pub pages: Option<Pages>,
    /// `di`: path of the picture served where the original is missing, `@@` already turned into `/`, no slash at either end.
    pub default_image: Option<String>,
    /// `n`: name of a stored transformation, replaced by [`Transformation::expand`].
    pub named: Option<String>,
    /// Parameters whose value is an expression; [`Step::computed`] puts the numbers in their fields.
    pub expressions: Vec<Computed>,
    /// An `if` block, then alone in its step.
    pub conditional: Option<Box<Conditional>>,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct OutputOptions {
    /// `pr`: progressive JPEG.
    pub progressive: Option<bool>,
    /// `lo`: lossless WebP or PNG.
    pub lossless: Option<bool>,
    /// `cp`: keep the ICC profile.
    pub color_profile: Option<bool>,
    /// `md`: keep all metadata.
    pub metadata: Option<bool>,
    /// `dn`: 1 to 1200. Units: dots per inch.
    pub density: Option<u16>,
    /// `c2pa`: keep content credentials.
    pub content_credentials: Option<bool>,
}

/// `f`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Format {
    /// The best the client accepts.
    Auto,
    /// The original's own.
    Original,
    Jpeg,
    Png,
    WebP,
    Avif,
    Gif,
    Svg,
}

impl Transformation {
    /// Whether any step asks for the untouched original (`orig-true`); everything else is then without effect.
    pub fn wants_original(&self) -> bool {
        self.steps.iter().any(|step| step.original)
    }

    /// The last `f` outside conditions.
    pub fn requested_format(&self) -> Option<Format> {
        self.steps.iter().rev().find_map(|step| step.format)
    }

    /// Whether nothing is asked at all: the original may be delivered as it is, or in a better format.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| *step == Step::default())
    }

    /// The default image named by any step; the last one wins.
    pub fn default_image(&self) -> Option<&str> {
        self.steps
            .iter()
            .rev()
            .find_map(|step| step.default_image.as_deref())
    }

    /// Appends the steps of another transformation.
    pub fn then(&mut self, next: Self) {
        self.steps.extend(next.steps);
    }
}
