//! What a transformation string means. Parsed once; after that nobody looks at the text again.

/// A whole transformation: steps in order, each working on the result of the one before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transformation {
    /// The steps; none means "as it is, in the best format".
    pub steps: Vec<Step>,
}

/// One step: parameters whose order does not matter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// `w`
    pub width: Option<Length>,
    /// `h`
    pub height: Option<Length>,
    /// `ar`: width divided by height.
    pub aspect_ratio: Option<AspectRatio>,
    /// `c` or `cm`; where both are given `cm` wins.
    pub crop: Option<Crop>,
    /// `fo`
    pub focus: Option<Focus>,
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
    /// `bg`
    pub background: Option<Color>,
    /// `q`: 1 to 100.
    pub quality: Option<u8>,
    /// `f`
    pub format: Option<Format>,
    /// `orig-true`: the original bytes, whatever else is asked.
    pub original: bool,
}

/// A width or height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// Pixels, at least 1 and at most 65 535; larger ones are dropped by the parser, as ImageKit does.
    Pixels(u32),
    /// Part of the step's input, `0 < v ≤ 1`.
    Fraction(f64),
}

/// Width divided by height, kept as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AspectRatio {
    /// Left number, above 0.
    pub width: f64,
    /// Right number, above 0.
    pub height: f64,
}

/// How a picture is made to fit `w` × `h`. Source: `imagekit.md` 5.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Crop {
    /// `c-maintain_ratio`, the default: exactly w × h, cut around the focus.
    MaintainRatio,
    /// `c-maintain_ratio_no_enlarge`
    MaintainRatioNoEnlarge,
    /// `c-force`: exactly w × h, distorted.
    Force,
    /// `c-at_max`: fits inside, never enlarged.
    AtMax,
    /// `c-at_max_enlarge`
    AtMaxEnlarge,
    /// `c-at_least`: covers, nothing cut.
    AtLeast,
    /// `cm-pad_resize`: fits inside, padded to exactly w × h.
    PadResize,
    /// `cm-pad_resize_no_enlarge`
    PadResizeNoEnlarge,
    /// `cm-extract`: a region of the unscaled picture.
    Extract,
    /// `cm-pad_extract`: the same, padded where the picture is smaller.
    PadExtract,
    /// `cm-pad_extract_no_shrink`
    PadExtractNoShrink,
}

/// Which part of the picture matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Focus {
    /// One of nine places.
    Anchor(Anchor),
}

/// Nine places in a rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Anchor {
    #[default]
    Center,
    Top,
    Left,
    Bottom,
    Right,
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

/// `rt`
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rotation {
    /// Degrees clockwise; negative for `N`.
    Degrees(f64),
    /// `auto`: as the EXIF orientation says.
    Auto,
}

/// A colour. `alpha` is 0 (transparent) to 255; the URL's two decimal digits are already converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Color {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
    pub alpha: u8,
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
