//! Arithmetic in parameters: `w-iw_div_2`.
//!
//! The precedence is `ImageKit`'s, not school's: first `mul` and `div` from left to right, then `add` and `sub`, then `mod`, then
//! `pow`; so `2_pow_3_add_1` is 16. Source: `imagekit.md` 5.10.

use super::{AspectRatio, DevicePixelRatio, GradientStop, Length, Step};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    #[error("an expression divides by zero")]
    DivisionByZero,
    /// The result is below 0.
    #[error("an expression has a negative result")]
    Negative,
    /// The result is too large or not a number.
    #[error("an expression has no finite result")]
    NotFinite,
    /// `bw`, `bh` or `bar` outside a layer.
    #[error("bw, bh and bar exist only inside a layer")]
    NoBase,
}

impl Extent {
    /// Width divided by height.
    pub fn aspect_ratio(&self) -> f64 {
        self.width / self.height
    }
}

impl Expression {
    /// The value. Errors: see [`ExpressionError`].
    pub fn evaluate(&self, _variables: &Variables) -> Result<f64, ExpressionError> {
        todo!()
    }
}

impl Step {
    /// The step with every expression evaluated and put in its field; what is left in `expressions` is nothing.
    /// Errors: see [`ExpressionError`].
    pub fn computed(&self, _variables: &Variables) -> Result<Self, ExpressionError> {
        todo!()
    }
}
