//! What changes pixels without moving the picture.

use super::Color;

/// `e-…`, `bl` and `cr`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effects {
    /// `e-grayscale`
    pub grayscale: bool,
    /// `e-contrast`
    pub contrast: bool,
    /// `e-sharpen`
    pub sharpen: Option<Sharpen>,
    /// `e-usm`
    pub unsharp_mask: Option<UnsharpMask>,
    /// `e-shadow`
    pub shadow: Option<Shadow>,
    /// `e-gradient`
    pub gradient: Option<Gradient>,
    /// `e-colorize`
    pub colorize: Option<Colorize>,
    /// `e-distort`
    pub distort: Option<Distort>,
    /// `bl`: Gaussian radius, 1 to 100.
    pub blur: Option<u8>,
    /// `cr`
    pub replace_color: Option<ReplaceColor>,
}

/// `e-sharpen[-n]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sharpen {
    /// 1 to 99; none means the default strength.
    pub amount: Option<u8>,
}

/// `e-usm-<radius>-<sigma>-<amount>-<threshold>`
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct UnsharpMask {
    pub radius: f64,
    pub sigma: f64,
    pub amount: f64,
    pub threshold: f64,
}

/// `e-shadow`; needs transparency and at most 2 MP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shadow {
    /// 0 to 15.
    pub blur: u8,
    /// 0 to 100.
    pub saturation: u8,
    /// -100 to 100. Units: percent of the width.
    pub x: i8,
    /// -100 to 100. Units: percent of the height.
    pub y: i8,
}

/// `e-gradient`: a ramp between two colours laid over the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gradient {
    /// Where the first colour begins, clockwise from the top edge: 0 to 359. Units: degrees.
    pub direction: u16,
    /// Colour at the start.
    pub from: Color,
    /// Colour at the end.
    pub to: Color,
    /// Where the ramp ends.
    pub stop: GradientStop,
}

/// Where a gradient has become its second colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GradientStop {
    /// Part of the way, `0 < v ≤ 1`.
    Fraction(f64),
    /// Units: px, at least 2 (1 means the whole way).
    Pixels(u32),
}

/// `e-colorize`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Colorize {
    /// The tint.
    pub color: Color,
    /// 0 to 100.
    pub intensity: u8,
}

/// `e-distort`
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distort {
    /// `p-…`: where the four corners go, clockwise from the top left, each x then y. Units: px.
    Perspective([[i32; 2]; 4]),
    /// `a-…`: bent into an arc, positive upwards. Units: degrees.
    Arc(f64),
}

/// `cr-<to>[_<tolerance>[_<from>]]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplaceColor {
    /// The colour to put.
    pub to: Color,
    /// 0 to 100.
    pub tolerance: u8,
    /// The colour to take away; none means the dominant one.
    pub from: Option<Color>,
}

/// `t`: removes a border of about the colour of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trim {
    /// `false`: keeps margins where a layer would be trimmed.
    Off,
    /// `true`: the default threshold.
    Default,
    /// 1 to 99.
    Threshold(u8),
}

/// `fl`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flip {
    /// `h`: left becomes right.
    Horizontal,
    /// `v`: top becomes bottom.
    Vertical,
    /// `h_v` and `v_h`
    Both,
}

/// `r`: the four corners clockwise from the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Radius {
    /// Top left, top right, bottom right, bottom left.
    pub corners: [CornerRadius; 4],
}

/// How round one corner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CornerRadius {
    /// Units: px.
    Pixels(u32),
    /// `max`: half of the shorter side.
    Max,
}

/// `b-<width>_<color>`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Border {
    /// Units: px; 0 where an expression gives it.
    pub width: u32,
    /// Its colour.
    pub color: Color,
}
