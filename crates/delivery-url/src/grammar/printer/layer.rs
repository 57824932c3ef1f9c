//! Layers as URLs write them: type, input, mode, position, parameters, `l-end`.

use std::fmt::Display;

use super::value::{corners, flip, path, percent_encoded, print_color, rotation};
use super::{Tokens, chain};
use crate::grammar::layers::{CANVAS, encode};
use crate::grammar::parameters::anchor_name;
use crate::transformation::{
    Computable, EdgeOffset, Layer, LayerMode, LayerSource, TextAlign, TextLayer, Typography,
};

/// Plain text longer than this would be cut.
const MAX_PLAIN_CHARACTERS: usize = 2000;

pub(super) fn layer(layer: &Layer) -> String {
    let mut tokens = Tokens(Vec::new());
    match &layer.source {
        LayerSource::Image(file) => {
            tokens.push("l", "image");
            tokens.push("i", path(file));
        }
        LayerSource::Canvas { alpha } => {
            tokens.push("l", "image");
            tokens.push("i", CANVAS);
            tokens.some("al", *alpha);
        }
        LayerSource::Text(text) => {
            tokens.push("l", "text");
            tokens.0.push(input(&text.text));
        }
    }
    place(layer, &mut tokens);
    if let LayerSource::Text(text) = &layer.source {
        look(text, &mut tokens);
    }
    for computed in &layer.expressions {
        if let Some(key) = key(computed.parameter) {
            tokens.push(key, &computed.expression);
        }
    }
    let mut printed = tokens.0.join(",");
    let steps = chain(&layer.transformation.steps);
    if !steps.is_empty() {
        // What follows a text layer's own parameters are steps on the drawn text.
        printed.push(if matches!(layer.source, LayerSource::Text(_)) {
            ':'
        } else {
            ','
        });
        printed.push_str(&steps);
    }
    printed.push_str(",l-end");
    printed
}

pub(super) fn input(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ' ');
    if text.chars().all(is_plain) && text.len() <= MAX_PLAIN_CHARACTERS {
        return format!("i-{}", percent_encoded(text));
    }
    format!("ie-{}", percent_encoded(&encode(text)))
}

fn place(layer: &Layer, tokens: &mut Tokens) {
    tokens.some(
        "lm",
        layer.mode.map(|mode| match mode {
            LayerMode::Multiply => "multiply",
            LayerMode::Displace => "displace",
            LayerMode::Cutout => "cutout",
            LayerMode::Cutter => "cutter",
        }),
    );
    let offset = |offset: EdgeOffset| match offset {
        EdgeOffset::FromStart(pixels) => pixels.to_string(),
        EdgeOffset::FromEnd(pixels) => format!("N{pixels}"),
    };
    let position = &layer.position;
    tokens.some("lx", position.x.map(offset));
    tokens.some("ly", position.y.map(offset));
    tokens.some("lxc", position.x_center.map(offset));
    tokens.some("lyc", position.y_center.map(offset));
    tokens.some("lfo", position.focus.map(anchor_name));
    tokens.some("lap", position.anchor_point.map(anchor_name));
}

fn look(text: &TextLayer, tokens: &mut Tokens) {
    tokens.some("w", text.width);
    tokens.some("fs", text.font_size);
    tokens.some("ff", text.font.as_deref().map(path));
    tokens.some("co", text.color.map(print_color));
    tokens.some(
        "ia",
        text.align.map(|align| match align {
            TextAlign::Left => "left",
            TextAlign::Center => "center",
            TextAlign::Right => "right",
        }),
    );
    tokens.some("pa", text.padding.map(|sides| joined(&sides)));
    tokens.some("al", text.alpha);
    typography(text.typography, tokens);
    tokens.some("bg", text.background.map(print_color));
    tokens.some("r", text.radius.map(corners));
    tokens.some("rt", text.rotation.map(rotation));
    tokens.some("fl", text.flip.map(flip));
    tokens.some("lh", text.line_height);
}

fn typography(typography: Typography, tokens: &mut Tokens) {
    let Typography {
        bold,
        italic,
        strikethrough,
    } = typography;
    let words: Vec<&str> = [(bold, "b"), (italic, "i"), (strikethrough, "strikethrough")]
        .into_iter()
        .filter(|(is_on, _)| *is_on)
        .map(|(_, word)| word)
        .collect();
    if !words.is_empty() {
        tokens.push("tg", words.join("_"));
    }
}

fn joined(values: &[impl Display]) -> String {
    values
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("_")
}

fn key(parameter: Computable) -> Option<&'static str> {
    match parameter {
        Computable::LayerX => Some("lx"),
        Computable::LayerY => Some("ly"),
        Computable::LayerXCenter => Some("lxc"),
        Computable::LayerYCenter => Some("lyc"),
        Computable::TextWidth => Some("w"),
        Computable::Padding => Some("pa"),
        Computable::FontSize => Some("fs"),
        Computable::LineHeight => Some("lh"),
        _ => None,
    }
}
