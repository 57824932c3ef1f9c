//! One parameter's text → the field of the step it sets.

mod color;
mod delivery;
mod effects;
mod look;
mod place;
mod size;

use super::{TransformationError, arithmetic, unknown};
use crate::transformation::{Computable, Computed, Crop, Expression, Layer, Step};

pub(super) use color::{ParsedColor, color, color_names};
pub(super) use look::{flip, radius};
pub(super) use place::{ANCHORS, anchor_name, crop_token, rotation};

/// What a parser of one value answers.
pub(super) type Parsed<T = ()> = Result<T, TransformationError>;

/// A token split at its first `-`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter<'t> {
    pub(super) token: &'t str,
    pub(super) key: &'t str,
    value: Option<&'t str>,
    /// Inside a layer, where `bw`, `bh` and `bar` exist.
    in_layer: bool,
}

/// A step being read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    step: Step,
    /// `cm`, which wins over `c`.
    crop_mode: Option<Crop>,
    is_touched: bool,
}

/// Sets what one parameter says. Errors: an unknown key, a refused value.
pub(super) fn apply(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    draft.is_touched = true;
    match parameter.key {
        "w" | "h" | "ar" | "dpr" => size::apply(parameter, draft),
        "c" | "cm" | "fo" | "z" | "x" | "y" | "xc" | "yc" | "rt" => place::apply(parameter, draft),
        "fl" | "bg" | "t" | "r" | "b" | "o" => look::apply(parameter, draft),
        "e" | "bl" | "cr" => effects::apply(parameter, draft),
        "q" | "f" | "pr" | "lo" | "cp" | "md" | "dn" | "c2pa" | "orig" | "pg" | "di" | "n" => {
            delivery::apply(parameter, draft)
        }
        _ => Err(unknown::refuse(parameter)),
    }
}

pub(super) use delivery::path as file_path;

impl<'t> Parameter<'t> {
    /// Errors: nothing between two separators.
    pub(super) fn new(token: &'t str, in_layer: bool) -> Parsed<Self> {
        if token.is_empty() {
            return Err(TransformationError::new(
                "tr",
                "an empty parameter; remove the doubled, leading or trailing comma or colon",
            ));
        }
        let (key, value) = match token.split_once('-') {
            Some((key, value)) => (key, Some(value)),
            None => (token, None),
        };
        Ok(Self {
            token,
            key,
            value,
            in_layer,
        })
    }

    /// The value as written, if there is a `-`.
    pub(super) fn value(&self) -> Option<&'t str> {
        self.value
    }

    /// The value. Errors: none, or an empty one.
    pub(super) fn required(&self) -> Parsed<&'t str> {
        match self.value {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(self
                .refuse("a value is missing; write one after the hyphen or remove the parameter")),
        }
    }

    /// The value read by `read`; `allowed` continues the sentence "takes …".
    pub(super) fn read<T>(
        &self,
        allowed: &str,
        read: impl FnOnce(&'t str) -> Option<T>,
    ) -> Parsed<T> {
        let value = self.required()?;
        read(value).ok_or_else(|| self.takes(allowed))
    }

    /// The value as an expression, with its variables checked. Errors: see `allowed`, or a base outside layers.
    pub(super) fn expression(&self, allowed: &str) -> Parsed<Expression> {
        self.checked(self.read(allowed, arithmetic::expression)?)
    }

    /// Refuses `bw`, `bh` and `bar` where there is no base.
    pub(super) fn checked(&self, expression: Expression) -> Parsed<Expression> {
        if !self.in_layer && arithmetic::uses_base(&expression) {
            return Err(self.refuse(
                "bw, bh and bar exist only inside a layer; use iw, ih or iar for the original",
            ));
        }
        Ok(expression)
    }

    /// "takes …", the usual refusal of a value.
    pub(super) fn takes(&self, allowed: &str) -> TransformationError {
        self.refuse(&format!("{} takes {allowed}", self.key))
    }

    /// [`Self::takes`], and "did you mean …" where the value is nearly one of `names`.
    pub(super) fn takes_one<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        allowed: &str,
    ) -> TransformationError {
        let key = self.key;
        let Some(name) = unknown::meant(self.value.unwrap_or_default(), names) else {
            return self.takes(allowed);
        };
        let suggestion = format!("did you mean {key}-{name}?");
        let whole = format!("{key} takes {allowed}; {suggestion}");
        if TransformationError::has_room_for(&whole) {
            self.refuse(&whole)
        } else {
            self.refuse(&format!("{key} has no such value; {suggestion}"))
        }
    }

    /// The meaning of a value that is one of some words.
    pub(super) fn word<T: Copy>(&self, words: &[(&'static str, T)], allowed: &str) -> Parsed<T> {
        let value = self.required()?;
        match words.iter().find(|(word, _)| *word == value) {
            Some((_, meaning)) => Ok(*meaning),
            None => Err(self.takes_one(words.iter().map(|(word, _)| *word), allowed)),
        }
    }

    /// A refusal in our own words.
    pub(super) fn refuse(&self, reason: &str) -> TransformationError {
        TransformationError::new(self.token, reason)
    }
}

impl Draft {
    /// Whether no parameter has been read, not even an ignored one.
    pub(super) fn is_untouched(&self) -> bool {
        !self.is_touched
    }

    /// Adds a layer.
    pub(super) fn layer(&mut self, layer: Layer) {
        self.is_touched = true;
        self.step.layers.push(layer);
    }

    /// Sets a parameter's expression; the last one written wins.
    fn compute(&mut self, parameter: Computable, expression: Expression) {
        self.forget(parameter);
        self.step.expressions.push(Computed {
            parameter,
            expression,
        });
    }

    /// Drops an expression that a later literal replaces.
    fn forget(&mut self, parameter: Computable) {
        self.step
            .expressions
            .retain(|computed| computed.parameter != parameter);
    }

    /// The step, with what the specification ignores removed.
    pub(super) fn finish(mut self) -> Step {
        self.step.crop = self.crop_mode.or(self.step.crop);
        if self.step.width_auto {
            self.step.device_pixel_ratio = None;
            self.forget(Computable::DevicePixelRatio);
        }
        // The order in which expressions are written says nothing.
        self.step
            .expressions
            .sort_by_key(|computed| computed.parameter);
        self.step
    }
}
