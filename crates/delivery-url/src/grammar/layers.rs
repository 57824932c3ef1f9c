//! `l-image,…,l-end` and `l-text,…,l-end`. Source: `imagekit.md` 5.9.

mod position;
mod text;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::lexer::Token;
use super::parameters::{self, Draft, Parameter, Parsed};
use super::parser::Parser;
use super::{TransformationError, arithmetic, number};
use crate::transformation::layer::MAX_LAYER_DEPTH;
use crate::transformation::{Layer, LayerMode, LayerSource, Step, Transformation};
use position::PositionDraft;
use text::TextDraft;

/// Input of a block of colour instead of a picture.
pub(super) const CANVAS: &str = "ik_canvas";

/// The alphabet is standard; URL-safe characters are translated first and padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const NOT_CLOSED: &str = "this layer is not closed; end it with l-end";

/// What `l-` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    Text,
}

/// A layer being read.
struct LayerDraft<'t> {
    kind: Kind,
    opening: &'t str,
    plain: Option<String>,
    encoded: Option<String>,
    mode: Option<LayerMode>,
    alpha: Option<u8>,
    position: PositionDraft,
    text: TextDraft,
    steps: Vec<Step>,
}

/// Reads what follows `l-image` or `l-text` up to its `l-end`.
pub(super) fn layer(parser: &mut Parser<'_>, opening: &Parameter<'_>) -> Parsed<Layer> {
    let kind = match opening.value() {
        Some("image") => Kind::Image,
        Some("text") => Kind::Text,
        Some("video" | "subtitles") => {
            return Err(opening.refuse("video is not supported; use l-image or l-text"));
        }
        Some("end") => {
            return Err(
                opening.refuse("there is no layer open here; begin one with l-image or l-text")
            );
        }
        _ => {
            return Err(opening.takes_one(
                ["image", "text", "end"],
                "image or text, then the layer's parameters, then l-end",
            ));
        }
    };
    parser.layer_depth += 1;
    if parser.layer_depth > MAX_LAYER_DEPTH {
        return Err(opening.refuse("layers nest at most 3 deep"));
    }
    let layer = body(parser, LayerDraft::new(kind, opening.token))?;
    parser.layer_depth -= 1;
    Ok(layer)
}

fn body(parser: &mut Parser<'_>, mut layer: LayerDraft<'_>) -> Parsed<Layer> {
    let mut draft = Draft::default();
    let mut is_first_step = true;
    while let Some(token) = parser.take()? {
        if token.text == "l-end" {
            layer.push(parser, draft)?;
            return layer.finish();
        }
        if token.begins_step {
            layer.push(parser, std::mem::take(&mut draft))?;
            is_first_step = false;
        }
        layer.member(parser, &token, &mut draft, is_first_step)?;
    }
    Err(TransformationError::new(layer.opening, NOT_CLOSED))
}

impl<'t> LayerDraft<'t> {
    fn new(kind: Kind, opening: &'t str) -> Self {
        Self {
            kind,
            opening,
            plain: None,
            encoded: None,
            mode: None,
            alpha: None,
            position: PositionDraft::default(),
            text: TextDraft::default(),
            steps: Vec::new(),
        }
    }

    fn member(
        &mut self,
        parser: &mut Parser<'_>,
        token: &Token<'_>,
        draft: &mut Draft,
        is_first_step: bool,
    ) -> Parsed {
        let parameter = Parameter::new(&token.text, true)?;
        match parameter.key {
            "i" => self.plain = Some(parameter.required()?.to_owned()),
            "ie" => {
                self.encoded =
                    Some(parameter.read("text or a path in base64, percent-encoded", decode)?);
            }
            "lm" => self.mode = Some(mode(&parameter)?),
            "lx" | "ly" | "lxc" | "lyc" | "lfo" | "lap" => self.position.apply(&parameter)?,
            "al" if self.kind == Kind::Image => self.alpha = Some(alpha(&parameter)?),
            "if" => {
                return Err(parameter.refuse(
                    "a condition cannot stand inside a layer; put the layer inside the if block",
                ));
            }
            "l" if self.kind == Kind::Text => {
                return Err(parameter
                    .refuse("a text layer holds no other layer; close it first with l-end"));
            }
            "l" => draft.layer(layer(parser, &parameter)?),
            "f" | "orig" | "di" | "n" | "pr" | "lo" | "cp" | "md" | "dn" | "c2pa" => {
                return Err(parameter.refuse(
                    "this parameter is for the whole picture, not for a layer; move it after l-end",
                ));
            }
            _ if self.kind == Kind::Text && is_first_step => self.text.apply(&parameter)?,
            _ => parameters::apply(&parameter, draft)?,
        }
        Ok(())
    }

    fn push(&mut self, parser: &mut Parser<'_>, draft: Draft) -> Parsed {
        parser.push(&mut self.steps, draft)
    }

    fn finish(self) -> Parsed<Layer> {
        let opening = self.opening;
        let refuse = |reason: &str| TransformationError::new(opening, reason);
        let source = match (self.kind, self.encoded, self.plain) {
            (_, None, None) => {
                return Err(refuse("this layer has no input; add i- or ie- after it"));
            }
            (Kind::Text, encoded, plain) => LayerSource::Text(Box::new(self.text.finish(
                opening,
                encoded.as_deref(),
                plain.as_deref(),
            )?)),
            (Kind::Image, encoded, plain) => {
                let path = encoded.or(plain).unwrap_or_default();
                match path.as_str() {
                    CANVAS => LayerSource::Canvas { alpha: self.alpha },
                    _ if self.alpha.is_some() => {
                        return Err(refuse(
                            "al applies to text and to i-ik_canvas; use o for the opacity of a picture",
                        ));
                    }
                    _ => LayerSource::Image(image_path(&path)?),
                }
            }
        };
        let transformation = Transformation { steps: self.steps };
        if matches!(source, LayerSource::Canvas { .. } | LayerSource::Text(_)) {
            let own = |step: &Step| {
                step.expressions
                    .iter()
                    .any(|computed| arithmetic::uses_own_size(&computed.expression))
            };
            let in_text = self
                .text
                .expressions
                .iter()
                .any(|computed| arithmetic::uses_own_size(&computed.expression));
            if in_text || transformation.steps.iter().any(own) {
                return Err(refuse(
                    "expressions of text and colour layers use bw, bh and bar only",
                ));
            }
        }
        let (position, mut expressions) = self.position.finish();
        expressions.extend(self.text.expressions);
        expressions.sort_by_key(|computed| computed.parameter);
        Ok(Layer {
            source,
            mode: self.mode,
            position,
            transformation,
            expressions,
        })
    }
}

fn image_path(text: &str) -> Parsed<String> {
    let token = format!("i-{text}");
    parameters::file_path(&Parameter::new(&token, true)?)
}

fn decode(text: &str) -> Option<String> {
    // A raw `+` may arrive as a space from form encoding.
    let standard: String = text
        .chars()
        .map(|c| match c {
            '-' | ' ' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    String::from_utf8(BASE64.decode(standard).ok()?)
        .ok()
        .filter(|decoded| !decoded.is_empty())
}

/// Base64 as SDKs write it, before percent-encoding.
pub(super) fn encode(text: &str) -> String {
    BASE64.encode(text)
}

fn mode(parameter: &Parameter<'_>) -> Parsed<LayerMode> {
    let modes = [
        ("multiply", LayerMode::Multiply),
        ("displace", LayerMode::Displace),
        ("cutout", LayerMode::Cutout),
        ("cutter", LayerMode::Cutter),
    ];
    parameter.word(&modes, "multiply, displace, cutout or cutter")
}

fn alpha(parameter: &Parameter<'_>) -> Parsed<u8> {
    parameter.read("tenths of opacity from 1 to 9", |text| {
        number::byte_in(text, 1..=9)
    })
}
