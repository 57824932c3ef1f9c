//! What a transformation needs, so that an executor refuses what it cannot do instead of ignoring it.

use std::fmt;

use super::Transformation;

/// One ability of an executor beyond reading and writing pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the parameters")]
pub enum Feature {
    Resize,
    Crop,
    FocusAnchor,
    FocusAuto,
    FocusFace,
    FocusObject,
    Zoom,
    Extract,
    DevicePixelRatio,
    WidthAuto,
    Rotate,
    Flip,
    Background,
    BackgroundBlurred,
    BackgroundDominant,
    Trim,
    Radius,
    Border,
    Opacity,
    Blur,
    Grayscale,
    Contrast,
    Sharpen,
    UnsharpMask,
    Shadow,
    Gradient,
    Colorize,
    Distort,
    ReplaceColor,
    ImageLayer,
    CanvasLayer,
    TextLayer,
    Quality,
    Format,
    Original,
    Progressive,
    Lossless,
    ColorProfile,
    Metadata,
    Density,
    ContentCredentials,
    Pages,
    DefaultImage,
    Named,
    Expression,
    Conditional,
}

impl Feature {
    /// The parameter as people write it.
    pub fn parameter(self) -> &'static str {
        todo!()
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parameter())
    }
}

impl Transformation {
    /// The first thing it needs that is not among `supported`, in every branch and layer.
    pub fn unsupported_by(&self, _supported: &[Feature]) -> Option<Feature> {
        todo!()
    }
}
