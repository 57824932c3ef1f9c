//! Types → canonical text. Same meaning, same text; `parse` reads it back to the same value.

mod layer;
mod value;

use std::fmt::{self, Display, Formatter};

use super::arithmetic;
use super::lexer;
use crate::transformation::{
    Condition, DevicePixelRatio, Expression, Focus, Format, Length, Operand, Pages, Step, Test,
    Transformation, Trim,
};
use value::{Signed, corners, path, percent_encoded, print_color};

pub(in crate::grammar) use super::parameters::crop_token;

/// A layer's text as `i-…` or, where it holds more than plain characters, `ie-…`.
pub(crate) fn text_input(text: &str) -> String {
    layer::input(text)
}

/// A file path as the value of a parameter.
pub(crate) fn path_value(file: &str) -> String {
    path(file)
}

/// Canonical: equal transformations print alike however they were written, so the text can key a cache.
impl Display for Transformation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = chain(&self.steps);
        f.write_str(&text)?;
        // A lone parameter with an encoded comma would be decoded before it is split; saying it twice changes nothing else.
        if !text.contains([',', ':']) && lexer::has_encoded_separator(&text) {
            write!(f, ",{text}")?;
        }
        Ok(())
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_operand(self.first, f)?;
        for (operator, operand) in &self.rest {
            write!(f, "_{}_", arithmetic::operator_name(*operator))?;
            write_operand(*operand, f)?;
        }
        Ok(())
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, group) in self.any_of.iter().enumerate() {
            if index > 0 {
                f.write_str("_or_")?;
            }
            for (
                index,
                Test {
                    property,
                    comparison,
                    value,
                },
            ) in group.iter().enumerate()
            {
                if index > 0 {
                    f.write_str("_and_")?;
                }
                write!(
                    f,
                    "{}_{}_{value}",
                    arithmetic::property_name(*property),
                    arithmetic::comparison_name(*comparison)
                )?;
            }
        }
        Ok(())
    }
}

fn write_operand(operand: Operand, f: &mut Formatter<'_>) -> fmt::Result {
    match operand {
        Operand::Number(number) => write!(f, "{number}"),
        Operand::Variable(variable) => f.write_str(arithmetic::variable_name(variable)),
    }
}

fn chain(steps: &[Step]) -> String {
    steps.iter().map(step).collect::<Vec<_>>().join(":")
}

fn step(step: &Step) -> String {
    if let Some(conditional) = &step.conditional {
        let mut tokens = vec![format!("if-{}", conditional.condition)];
        if !conditional.then.steps.is_empty() {
            tokens.push(chain(&conditional.then.steps));
        }
        if !conditional.otherwise.steps.is_empty() {
            tokens.push("if-else".to_owned());
            tokens.push(chain(&conditional.otherwise.steps));
        }
        tokens.push("if-end".to_owned());
        return tokens.join(",");
    }
    tokens(step).join(",")
}

/// The parameters of a step, in a fixed order.
fn tokens(step: &Step) -> Vec<String> {
    let mut tokens = Tokens(Vec::new());
    size_tokens(step, &mut tokens);
    place_tokens(step, &mut tokens);
    look_tokens(step, &mut tokens);
    value::effect_tokens(step, &mut tokens);
    delivery_tokens(step, &mut tokens);
    for computed in &step.expressions {
        if let Some(key) = value::step_key(computed.parameter) {
            tokens.push(key, &computed.expression);
        }
    }
    tokens.0.extend(step.layers.iter().map(layer::layer));
    tokens.0
}

/// A growing list of `key-value`.
struct Tokens(Vec<String>);

impl Tokens {
    fn push(&mut self, key: &str, value: impl Display) {
        self.0.push(format!("{key}-{value}"));
    }

    fn some(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.push(key, value);
        }
    }
}

fn size_tokens(step: &Step, tokens: &mut Tokens) {
    let length = |length: Length| match length {
        Length::Pixels(pixels) => pixels.to_string(),
        Length::Fraction(fraction) => fraction.to_string(),
    };
    tokens.some("w", step.width.map(length));
    if step.width_auto {
        tokens.push("w", "auto");
    }
    tokens.some("h", step.height.map(length));
    tokens.some(
        "ar",
        step.aspect_ratio
            .map(|ratio| format!("{}-{}", ratio.width, ratio.height)),
    );
    tokens.some(
        "dpr",
        step.device_pixel_ratio.map(|ratio| match ratio {
            DevicePixelRatio::Auto => "auto".to_owned(),
            DevicePixelRatio::Times(times) => times.to_string(),
        }),
    );
}

fn place_tokens(step: &Step, tokens: &mut Tokens) {
    tokens.0.extend(step.crop.map(crop_token));
    tokens.some(
        "fo",
        step.focus.map(|focus| match focus {
            Focus::Anchor(anchor) => super::parameters::anchor_name(anchor).to_owned(),
            Focus::Auto => "auto".to_owned(),
            Focus::Custom => "custom".to_owned(),
            Focus::Face => "face".to_owned(),
            Focus::Objects(objects) => objects.to_string(),
        }),
    );
    tokens.some("z", step.zoom);
    tokens.some("x", step.x.map(Signed::from));
    tokens.some("y", step.y.map(Signed::from));
    tokens.some("xc", step.x_center.map(Signed::from));
    tokens.some("yc", step.y_center.map(Signed::from));
    tokens.some("rt", step.rotation.map(value::rotation));
}

fn look_tokens(step: &Step, tokens: &mut Tokens) {
    tokens.some("fl", step.flip.map(value::flip));
    tokens.some("bg", step.background.map(print_color));
    tokens.some("bg", step.backdrop.map(value::backdrop));
    tokens.some(
        "t",
        step.trim.map(|trim| match trim {
            Trim::Off => "false".to_owned(),
            Trim::Default => "true".to_owned(),
            Trim::Threshold(threshold) => threshold.to_string(),
        }),
    );
    tokens.some("r", step.radius.map(corners));
    tokens.some("b", value::border(step));
    tokens.some("o", step.opacity);
}

fn delivery_tokens(step: &Step, tokens: &mut Tokens) {
    tokens.some("q", step.quality);
    tokens.some(
        "f",
        step.format.map(|format| match format {
            Format::Auto => "auto",
            Format::Original => "orig",
            Format::Jpeg => "jpg",
            Format::Png => "png",
            Format::WebP => "webp",
            Format::Avif => "avif",
            Format::Gif => "gif",
            Format::Svg => "svg",
        }),
    );
    let output = &step.output;
    tokens.some("pr", output.progressive);
    tokens.some("lo", output.lossless);
    tokens.some("cp", output.color_profile);
    tokens.some("md", output.metadata);
    tokens.some("dn", output.density);
    tokens.some("c2pa", output.content_credentials);
    if step.original {
        tokens.push("orig", "true");
    }
    tokens.some(
        "pg",
        step.pages.as_ref().map(|pages| match pages {
            Pages::One(page) => page.to_string(),
            Pages::List(list) => list
                .iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join("_"),
            Pages::Range(range) => format!(
                "{}-{}",
                range.first,
                range.last.map(|last| last.to_string()).unwrap_or_default()
            ),
            Pages::Names(names) => {
                let quoted: Vec<String> = names
                    .iter()
                    .map(|name| format!("%22{}%22", percent_encoded(name)))
                    .collect();
                format!("name-{}", quoted.join("_"))
            }
        }),
    );
    tokens.some("di", step.default_image.as_deref().map(path));
    tokens.some("n", step.named.as_deref());
}
