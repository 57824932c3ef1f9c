//! Arithmetic in parameters: `w-iw_div_2`.
//!
//! The precedence is `ImageKit`'s, not school's: first `mul` and `div` from left to right, then `add` and `sub`, then `mod`, then
//! `pow`; so `2_pow_3_add_1` is 16. Source: `imagekit.md` 5.10.

use super::{AspectRatio, DevicePixelRatio, GradientStop, Length, Step};
use crate::grammar::escape;

/// Numbers and variables joined by operators.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// The first operand.
    pub first: Operand,
    /// What follows.
    pub rest: Vec<(Operator, Operand)>,
}

/// A number or a variable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operand {
    /// A positive number.
    Number(f64),
    /// A measure of a picture.
    Variable(Variable),
}

/// A measure of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variable {
    /// `iw`: width of the original (inside a layer: of the overlay).
    InitialWidth,
    /// `ih`
    InitialHeight,
    /// `iar`
    InitialAspectRatio,
    /// `cw`: width at this point of the chain.
    CurrentWidth,
    /// `ch`
    CurrentHeight,
    /// `car`
    CurrentAspectRatio,
    /// `bw`: width of what the layer lies on; only in layers.
    BaseWidth,
    /// `bh`
    BaseHeight,
    /// `bar`
    BaseAspectRatio,
}

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

/// Width and height of a picture. Units: px, above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Extent {
    pub width: f64,
    pub height: f64,
}

/// What the variables stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variables {
    /// `iw ih iar`
    pub initial: Extent,
    /// `cw ch car`
    pub current: Extent,
    /// `bw bh bar`; none outside layers.
    pub base: Option<Extent>,
}

/// A parameter that can hold an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the field of the same name")]
pub enum Computable {
    Width,
    Height,
    AspectRatio,
    DevicePixelRatio,
    X,
    Y,
    XCenter,
    YCenter,
    BorderWidth,
    GradientStop,
    LayerX,
    LayerY,
    LayerXCenter,
    LayerYCenter,
    TextWidth,
    Padding,
    FontSize,
    LineHeight,
}

/// A parameter and the expression it holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// Which.
    pub parameter: Computable,
    /// Its value.
    pub expression: Expression,
}

/// Why an expression has no usable value. The client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// A divisor was 0.
    #[error("the expression divides by zero")]
    DivisionByZero,
    /// The result is below 0.
    #[error("the expression has a negative result; it has to be 0 or more")]
    Negative,
    /// The result is too large or not a number.
    #[error("the expression has no finite result")]
    NotFinite,
    /// `bw`, `bh` or `bar` outside a layer.
    #[error("bw, bh and bar exist only inside a layer")]
    NoBase,
}

/// Which parameter has no usable value, and why. The client's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{token}: {reason}")]
pub struct ComputeError {
    /// The parameter, cut like the token of any refusal.
    token: String,
    reason: ExpressionError,
}

impl ComputeError {
    /// What is wrong with the expression.
    pub fn reason(&self) -> ExpressionError {
        self.reason
    }
}

impl Computed {
    /// The value of the expression.
    ///
    /// # Errors
    ///
    /// See [`ExpressionError`]; the parameter is named.
    pub(super) fn evaluate(&self, variables: &Variables) -> Result<f64, ComputeError> {
        self.expression.evaluate(variables).map_err(|reason| {
            let token = format!("{}-{}", self.parameter.key(), self.expression);
            ComputeError {
                token: escape(&token),
                reason,
            }
        })
    }
}

impl Computable {
    /// As it is written before its value.
    fn key(self) -> &'static str {
        match self {
            Self::Width | Self::TextWidth => "w",
            Self::Height => "h",
            Self::AspectRatio => "ar",
            Self::DevicePixelRatio => "dpr",
            Self::X => "x",
            Self::Y => "y",
            Self::XCenter => "xc",
            Self::YCenter => "yc",
            Self::BorderWidth => "b",
            Self::GradientStop => "e-gradient-sp",
            Self::LayerX => "lx",
            Self::LayerY => "ly",
            Self::LayerXCenter => "lxc",
            Self::LayerYCenter => "lyc",
            Self::Padding => "pa",
            Self::FontSize => "fs",
            Self::LineHeight => "lh",
        }
    }
}

impl Extent {
    /// Width divided by height.
    pub fn aspect_ratio(&self) -> f64 {
        self.width / self.height
    }
}

/// Operators in the order in which they bind; those of one group bind alike, from left to right.
const BINDING: [&[Operator]; 4] = [
    &[Operator::Multiply, Operator::Divide],
    &[Operator::Add, Operator::Subtract],
    &[Operator::Modulo],
    &[Operator::Power],
];

/// Larger dimensions are ignored, as literals are. Units: px.
const MAX_SIDE: f64 = 65_535.0;

impl Expression {
    /// The value.
    ///
    /// # Errors
    ///
    /// See [`ExpressionError`].
    pub fn evaluate(&self, variables: &Variables) -> Result<f64, ExpressionError> {
        let mut first = variables.value(self.first)?;
        let mut rest = Vec::with_capacity(self.rest.len());
        for (operator, operand) in &self.rest {
            rest.push((*operator, variables.value(*operand)?));
        }
        for group in BINDING {
            (first, rest) = reduce(first, rest, group)?;
        }
        if !first.is_finite() {
            return Err(ExpressionError::NotFinite);
        }
        if first < 0.0 {
            return Err(ExpressionError::Negative);
        }
        Ok(first)
    }
}

/// Applies the operators of one group from left to right; the others wait.
fn reduce(
    first: f64,
    rest: Vec<(Operator, f64)>,
    group: &[Operator],
) -> Result<(f64, Vec<(Operator, f64)>), ExpressionError> {
    let mut head = first;
    let mut waiting: Vec<(Operator, f64)> = Vec::with_capacity(rest.len());
    for (operator, operand) in rest {
        if !group.contains(&operator) {
            waiting.push((operator, operand));
            continue;
        }
        let left = waiting.last_mut().map_or(&mut head, |(_, value)| value);
        *left = operator.apply(*left, operand)?;
    }
    Ok((head, waiting))
}

impl Operator {
    fn apply(self, left: f64, right: f64) -> Result<f64, ExpressionError> {
        match self {
            Self::Divide | Self::Modulo if right == 0.0 => Err(ExpressionError::DivisionByZero),
            Self::Add => Ok(left + right),
            Self::Subtract => Ok(left - right),
            Self::Multiply => Ok(left * right),
            Self::Divide => Ok(left / right),
            Self::Modulo => Ok(left % right),
            Self::Power => Ok(left.powf(right)),
        }
    }
}

impl Variables {
    fn value(&self, operand: Operand) -> Result<f64, ExpressionError> {
        let variable = match operand {
            Operand::Number(number) => return Ok(number),
            Operand::Variable(variable) => variable,
        };
        let base = self.base.ok_or(ExpressionError::NoBase);
        Ok(match variable {
            Variable::InitialWidth => self.initial.width,
            Variable::InitialHeight => self.initial.height,
            Variable::InitialAspectRatio => self.initial.aspect_ratio(),
            Variable::CurrentWidth => self.current.width,
            Variable::CurrentHeight => self.current.height,
            Variable::CurrentAspectRatio => self.current.aspect_ratio(),
            Variable::BaseWidth => base?.width,
            Variable::BaseHeight => base?.height,
            Variable::BaseAspectRatio => base?.aspect_ratio(),
        })
    }
}

impl Step {
    /// The step with every expression evaluated and put in its field; none is left. Sizes and places are rounded to whole
    /// pixels; a size beyond 65 535 px and a `dpr` beyond its range are ignored, as literals are.
    ///
    /// # Errors
    ///
    /// See [`ExpressionError`]; the parameter is named.
    pub fn computed(&self, variables: &Variables) -> Result<Self, ComputeError> {
        let mut step = self.clone();
        for computed in std::mem::take(&mut step.expressions) {
            let value = computed.evaluate(variables)?;
            step.set(computed.parameter, value);
        }
        Ok(step)
    }

    /// `value` is finite and not negative.
    fn set(&mut self, parameter: Computable, value: f64) {
        let side = (value <= MAX_SIDE).then(|| Length::Pixels(whole_pixels(value).max(1)));
        let place = i32::try_from(whole_pixels(value)).ok();
        match parameter {
            Computable::Width => self.width = side,
            Computable::Height => self.height = side,
            Computable::AspectRatio => {
                self.aspect_ratio = (value > 0.0).then_some(AspectRatio {
                    width: value,
                    height: 1.0,
                });
            }
            Computable::DevicePixelRatio => {
                self.device_pixel_ratio = DevicePixelRatio::RANGE
                    .contains(&value)
                    .then_some(DevicePixelRatio::Times(value));
            }
            Computable::X => self.x = place,
            Computable::Y => self.y = place,
            Computable::XCenter => self.x_center = place,
            Computable::YCenter => self.y_center = place,
            Computable::BorderWidth => {
                if let Some(border) = &mut self.border {
                    border.width = whole_pixels(value.min(MAX_SIDE));
                }
            }
            Computable::GradientStop => {
                if let Some(gradient) = &mut self.effects.gradient {
                    gradient.stop = gradient_stop(value);
                }
            }
            // Parameters of layers: `Layer::expressions`.
            Computable::LayerX
            | Computable::LayerY
            | Computable::LayerXCenter
            | Computable::LayerYCenter
            | Computable::TextWidth
            | Computable::Padding
            | Computable::FontSize
            | Computable::LineHeight => {}
        }
    }
}

fn gradient_stop(value: f64) -> GradientStop {
    match whole_pixels(value.min(MAX_SIDE)) {
        _ if value > 0.0 && value <= 1.0 => GradientStop::Fraction(value),
        0 | 1 => GradientStop::Fraction(1.0),
        pixels => GradientStop::Pixels(pixels),
    }
}

/// To the nearest pixel; what no picture can have saturates.
pub(super) fn whole_pixels(value: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of u32; casts saturate"
    )]
    let pixels = value.round().clamp(0.0, f64::from(u32::MAX)) as u32;
    pixels
}
