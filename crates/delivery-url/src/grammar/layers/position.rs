//! Where a layer goes: `lx ly lxc lyc lfo lap`.

use crate::grammar::number;
use crate::grammar::parameters::{ANCHORS, Parameter, Parsed};
use crate::transformation::{Computable, Computed, EdgeOffset, LayerPosition};

/// Farthest coordinate; far beyond any picture.
const MAX_COORDINATE: u32 = 1_000_000;

const ANCHOR: &str =
    "center, top, left, bottom, right, top_left, top_right, bottom_left or bottom_right";

/// A position being read.
#[derive(Debug, Default)]
pub(super) struct PositionDraft {
    position: LayerPosition,
    expressions: Vec<Computed>,
}

impl PositionDraft {
    pub(super) fn apply(&mut self, parameter: &Parameter<'_>) -> Parsed {
        match parameter.key {
            "lx" => self.coordinate(parameter, Computable::LayerX),
            "ly" => self.coordinate(parameter, Computable::LayerY),
            "lxc" => self.coordinate(parameter, Computable::LayerXCenter),
            "lyc" => self.coordinate(parameter, Computable::LayerYCenter),
            "lfo" => {
                self.position.focus = Some(parameter.word(&ANCHORS, ANCHOR)?);
                Ok(())
            }
            _ => {
                self.position.anchor_point = Some(parameter.word(&ANCHORS, ANCHOR)?);
                Ok(())
            }
        }
    }

    /// The position, with what the specification ignores removed.
    pub(super) fn finish(mut self) -> (LayerPosition, Vec<Computed>) {
        let has_coordinate = |parameter| {
            self.expressions
                .iter()
                .any(|computed| computed.parameter == parameter)
        };
        if self.position.x.is_some()
            || self.position.y.is_some()
            || has_coordinate(Computable::LayerX)
            || has_coordinate(Computable::LayerY)
        {
            self.position.focus = None;
        }
        (self.position, self.expressions)
    }

    fn coordinate(&mut self, parameter: &Parameter<'_>, target: Computable) -> Parsed {
        let literal = offset(parameter.required()?);
        self.expressions
            .retain(|computed| computed.parameter != target);
        if literal.is_none() {
            let expression = parameter.expression(
                "pixels such as 20, N20 from the other edge, or an expression such as bw_div_2",
            )?;
            self.expressions.push(Computed {
                parameter: target,
                expression,
            });
        }
        let field = match target {
            Computable::LayerX => &mut self.position.x,
            Computable::LayerY => &mut self.position.y,
            Computable::LayerXCenter => &mut self.position.x_center,
            _ => &mut self.position.y_center,
        };
        *field = literal;
        Ok(())
    }
}

fn offset(text: &str) -> Option<EdgeOffset> {
    let pixels = |text: &str| number::whole_in(text, 0..=MAX_COORDINATE);
    match text.strip_prefix(['N', '-']) {
        Some(magnitude) => pixels(magnitude).map(EdgeOffset::FromEnd),
        None => pixels(text).map(EdgeOffset::FromStart),
    }
}
