//! Overlays: pictures, text and blocks of colour laid over the picture.

use super::{Anchor, Color, Computed, Flip, Radius, Rotation, Transformation};

/// Layers nest at most this deep. Source: `imagekit.md` section 2.
pub const MAX_LAYER_DEPTH: usize = 3;

/// One `l-…,l-end`.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// What is laid over.
    pub source: LayerSource,
    /// How it is combined.
    pub mode: Option<LayerMode>,
    /// Where, relative to the immediate parent.
    pub position: LayerPosition,
    /// Steps applied to the layer before it is placed. Image layers are trimmed unless a step says `t-false`.
    pub transformation: Transformation,
    /// Parameters of the layer itself (position, text) whose value is an expression.
    pub expressions: Vec<Computed>,
}

/// What a layer shows.
#[derive(Debug, Clone, PartialEq)]
pub enum LayerSource {
    /// `l-image`: path below the default endpoint, `@@` already turned into `/`, no slash at either end.
    Image(String),
    /// `l-image,i-ik_canvas`: a block of `bg` or `e-gradient`, sized by `w` and `h`.
    Canvas {
        /// `al`: 1 to 9 tenths of opacity; none means opaque.
        alpha: Option<u8>,
    },
    /// `l-text`
    Text(Box<TextLayer>),
}

/// A piece of text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextLayer {
    /// What is written; at most 2000 characters.
    pub text: String,
    /// `w`: wraps at this width. Units: px.
    pub width: Option<u32>,
    /// `fs`. Units: px.
    pub font_size: Option<u32>,
    /// `ff`: a built-in name, or a font file's path with `@@` already turned into `/`.
    pub font: Option<String>,
    /// `co`
    pub color: Option<Color>,
    /// `ia`
    pub align: Option<TextAlign>,
    /// `pa`: top, right, bottom, left. Units: px.
    pub padding: Option<[u32; 4]>,
    /// `al`: 1 to 9 tenths of opacity.
    pub alpha: Option<u8>,
    /// `tg`
    pub typography: Typography,
    /// `bg`
    pub background: Option<Color>,
    /// `r`
    pub radius: Option<Radius>,
    /// `rt`
    pub rotation: Option<Rotation>,
    /// `fl`
    pub flip: Option<Flip>,
    /// `lh`: line height. Units: px.
    pub line_height: Option<u32>,
}

/// `ia`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TextAlign {
    Left,
    Center,
    Right,
}

/// `tg`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Typography {
    pub bold: bool,
    pub italic: bool,
    pub strikethrough: bool,
}

/// `lm`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerMode {
    /// `multiply`: colours are multiplied.
    Multiply,
    /// `displace`: the layer moves the picture's pixels by up to `lx`, `ly`.
    Displace,
    /// `cutout`: the layer's shape is removed.
    Cutout,
    /// `cutter`: only the layer's shape stays.
    Cutter,
}

/// Where a layer goes. Source: `imagekit.md` 5.9.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerPosition {
    /// `lx`
    pub x: Option<EdgeOffset>,
    /// `ly`
    pub y: Option<EdgeOffset>,
    /// `lxc`
    pub x_center: Option<EdgeOffset>,
    /// `lyc`
    pub y_center: Option<EdgeOffset>,
    /// `lfo`: without effect beside `lx` or `ly`.
    pub focus: Option<Anchor>,
    /// `lap`: the point of the layer that the coordinates name.
    pub anchor_point: Option<Anchor>,
}

/// A distance from one of two opposite edges. Units: px.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EdgeOffset {
    /// From the left or top edge.
    FromStart(u32),
    /// `N…`: from the right or bottom edge.
    FromEnd(u32),
}
