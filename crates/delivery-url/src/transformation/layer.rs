//! Overlays: pictures, text and blocks of colour laid over the picture.

use std::collections::BTreeSet;

use super::expression::whole_pixels;
use super::{
    Anchor, Color, Computable, ComputeError, Computed, Flip, Radius, Rotation, Transformation,
    Variables,
};

/// Layers nest at most this deep. Source: `imagekit.md` section 2.
pub const MAX_LAYER_DEPTH: usize = 3;

/// One transformation needs at most this many different files beside the picture: each is a request to an origin. `ImageKit`
/// states no number; ten are more than any of its examples has.
pub const MAX_LAYER_INPUTS: usize = 10;

/// Largest wrap width, padding, font size and line height. Units: px. Source: `imagekit.md` section 2, text layer extent.
const MAX_TEXT_PIXELS: f64 = 16_383.0;

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
    /// `lap`: the point of the base from which the coordinates are counted; none is its top left corner.
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

/// A file a layer needs beside the picture itself; path as in [`LayerSource::Image`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerInput<'a> {
    /// `l-image`
    Image(&'a str),
    /// `ff`: a built-in font's name or a font file's path; whoever has the fonts knows which.
    Font(&'a str),
}

impl Transformation {
    /// What its layers need beside the picture itself, at every depth and in every branch; each file once, in written order.
    pub fn inputs(&self) -> Vec<LayerInput<'_>> {
        let mut inputs = Vec::new();
        self.collect_inputs(&mut inputs);
        let mut seen = BTreeSet::new();
        inputs.retain(|input| seen.insert(*input));
        inputs
    }

    fn collect_inputs<'a>(&'a self, inputs: &mut Vec<LayerInput<'a>>) {
        for step in &self.steps {
            for layer in &step.layers {
                match &layer.source {
                    LayerSource::Image(path) => inputs.push(LayerInput::Image(path)),
                    LayerSource::Text(text) => {
                        inputs.extend(text.font.as_deref().map(LayerInput::Font));
                    }
                    LayerSource::Canvas { .. } => {}
                }
                layer.transformation.collect_inputs(inputs);
            }
            if let Some(block) = &step.conditional {
                block.then.collect_inputs(inputs);
                block.otherwise.collect_inputs(inputs);
            }
        }
    }
}

impl Layer {
    /// The position with its expressions evaluated, which happens last: `cw` and `ch` are the size of the finished layer.
    ///
    /// # Errors
    ///
    /// See [`ComputeError`].
    pub fn computed_position(&self, variables: &Variables) -> Result<LayerPosition, ComputeError> {
        let mut position = self.position;
        for computed in &self.expressions {
            let field = match computed.parameter {
                Computable::LayerX => &mut position.x,
                Computable::LayerY => &mut position.y,
                Computable::LayerXCenter => &mut position.x_center,
                Computable::LayerYCenter => &mut position.y_center,
                _ => continue,
            };
            let pixels = whole_pixels(computed.evaluate(variables)?);
            *field = Some(EdgeOffset::FromStart(pixels));
        }
        Ok(position)
    }

    /// A text layer's text with its expressions evaluated; lengths beyond the largest text are cut to it. None for other layers.
    ///
    /// # Errors
    ///
    /// See [`ComputeError`].
    pub fn computed_text(&self, variables: &Variables) -> Result<Option<TextLayer>, ComputeError> {
        let LayerSource::Text(text) = &self.source else {
            return Ok(None);
        };
        let mut text = TextLayer::clone(text);
        for computed in &self.expressions {
            let pixels = |least: u32| {
                let value = computed.evaluate(variables)?;
                Ok(whole_pixels(value.min(MAX_TEXT_PIXELS)).max(least))
            };
            match computed.parameter {
                Computable::TextWidth => text.width = Some(pixels(1)?),
                Computable::FontSize => text.font_size = Some(pixels(1)?),
                Computable::LineHeight => text.line_height = Some(pixels(1)?),
                Computable::Padding => text.padding = Some([pixels(0)?; 4]),
                _ => {}
            }
        }
        Ok(Some(text))
    }
}
