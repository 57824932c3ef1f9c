//! Text layers: `w fs ff co ia pa al tg bg r rt fl lh` and the text itself.

use crate::grammar::parameters::{self, Parameter, Parsed, ParsedColor};
use crate::grammar::{TransformationError, number, unknown};
use crate::transformation::{Computable, Computed, TextAlign, TextLayer, Typography};

/// Longer plain text is cut. Source: `imagekit.md` section 2.
const MAX_PLAIN_CHARACTERS: usize = 2000;

/// Longer base64 text is cut, after decoding.
const MAX_ENCODED_CHARACTERS: usize = 2500;

/// Largest font, line height, wrap width and padding. Units: px. Source: `imagekit.md` section 2, text layer extent.
const MAX_PIXELS: u32 = 16_383;

const COLOR: &str = "RRGGBB, RRGGBB and two opacity digits 00 to 99, or a CSS colour name";

/// A text layer being read.
#[derive(Debug, Default)]
pub(super) struct TextDraft {
    text: TextLayer,
    has_own_alpha: bool,
    pub(super) expressions: Vec<Computed>,
}

impl TextDraft {
    pub(super) fn apply(&mut self, parameter: &Parameter<'_>) -> Parsed {
        match parameter.key {
            "w" => self.text.width = self.pixels(parameter, Computable::TextWidth)?,
            "fs" => self.text.font_size = self.pixels(parameter, Computable::FontSize)?,
            "lh" => self.text.line_height = self.pixels(parameter, Computable::LineHeight)?,
            "ff" => self.text.font = Some(parameters::file_path(parameter)?),
            "co" => self.text.color = Some(self.color(parameter)?),
            "bg" => self.text.background = Some(self.color(parameter)?),
            "ia" => self.text.align = Some(align(parameter)?),
            "pa" => self.padding(parameter)?,
            "al" => self.text.alpha = Some(super::alpha(parameter)?),
            "tg" => self.text.typography = typography(parameter)?,
            "r" => self.text.radius = Some(parameters::radius(parameter)?),
            "rt" => self.text.rotation = Some(parameters::rotation(parameter)?),
            "fl" => self.text.flip = Some(parameters::flip(parameter)?),
            _ if unknown::is_known(parameter.key) => {
                return Err(parameter.refuse(
                    "text layers take i, ie, w, fs, ff, co, ia, pa, al, tg, bg, r, rt, fl, lh and a position",
                ));
            }
            _ => return Err(unknown::refuse(parameter)),
        }
        Ok(())
    }

    /// The text layer; base64 wins over plain text, `al` is ignored where a colour has its own opacity.
    pub(super) fn finish(
        &self,
        opening: &str,
        encoded: Option<&str>,
        plain: Option<&str>,
    ) -> Parsed<TextLayer> {
        let text = match (encoded, plain) {
            (Some(encoded), _) => cut(encoded, MAX_ENCODED_CHARACTERS),
            (None, Some(plain)) => cut(plain, MAX_PLAIN_CHARACTERS),
            (None, None) => String::new(),
        };
        if text.is_empty() {
            return Err(TransformationError::new(
                opening,
                "this layer's text is empty; write it after i- or ie-",
            ));
        }
        let alpha = if self.has_own_alpha {
            None
        } else {
            self.text.alpha
        };
        Ok(TextLayer {
            text,
            alpha,
            ..self.text.clone()
        })
    }

    fn pixels(&mut self, parameter: &Parameter<'_>, target: Computable) -> Parsed<Option<u32>> {
        const ALLOWED: &str = "pixels from 1 to 16383, or an expression such as bw_div_10";
        let value = parameter.required()?;
        self.expressions
            .retain(|computed| computed.parameter != target);
        if let Some(pixels) = number::whole(value) {
            return if (1..=MAX_PIXELS).contains(&pixels) {
                Ok(Some(pixels))
            } else {
                Err(parameter.takes(ALLOWED))
            };
        }
        let expression = parameter.expression(ALLOWED)?;
        self.expressions.push(Computed {
            parameter: target,
            expression,
        });
        Ok(None)
    }

    fn color(&mut self, parameter: &Parameter<'_>) -> Parsed<crate::transformation::Color> {
        let ParsedColor {
            color,
            has_own_alpha,
        } = parameters::color(parameter.required()?)
            .ok_or_else(|| parameter.takes_one(parameters::color_names(), COLOR))?;
        self.has_own_alpha |= has_own_alpha;
        Ok(color)
    }

    /// CSS shorthand: all; vertical, horizontal; top, horizontal, bottom; top, right, bottom, left.
    fn padding(&mut self, parameter: &Parameter<'_>) -> Parsed {
        const ALLOWED: &str =
            "one to four pixel values such as 10_20, or an expression such as bw_div_50";
        let value = parameter.required()?;
        self.expressions
            .retain(|computed| computed.parameter != Computable::Padding);
        let sides: Option<Vec<u32>> = value
            .split('_')
            .take(5)
            .map(|side| number::whole_in(side, 0..=MAX_PIXELS))
            .collect();
        self.text.padding = match sides.as_deref() {
            Some(&[all]) => Some([all; 4]),
            Some(&[vertical, horizontal]) => Some([vertical, horizontal, vertical, horizontal]),
            Some(&[top, horizontal, bottom]) => Some([top, horizontal, bottom, horizontal]),
            Some(&[top, right, bottom, left]) => Some([top, right, bottom, left]),
            Some(_) => return Err(parameter.takes(ALLOWED)),
            None => None,
        };
        if self.text.padding.is_none() {
            let expression = parameter.expression(ALLOWED)?;
            self.expressions.push(Computed {
                parameter: Computable::Padding,
                expression,
            });
        }
        Ok(())
    }
}

fn cut(text: &str, max_characters: usize) -> String {
    let cut: String = text.trim().chars().take(max_characters).collect();
    cut.trim_end().to_owned()
}

fn align(parameter: &Parameter<'_>) -> Parsed<TextAlign> {
    let sides = [
        ("left", TextAlign::Left),
        ("center", TextAlign::Center),
        ("right", TextAlign::Right),
    ];
    parameter.word(&sides, "left, center or right")
}

fn typography(parameter: &Parameter<'_>) -> Parsed<Typography> {
    parameter.read("b, i and strikethrough, joined by _", |text| {
        let mut typography = Typography::default();
        for word in text.split('_').take(8) {
            match word {
                "b" => typography.bold = true,
                "i" => typography.italic = true,
                "strikethrough" => typography.strikethrough = true,
                _ => return None,
            }
        }
        Some(typography)
    })
}
