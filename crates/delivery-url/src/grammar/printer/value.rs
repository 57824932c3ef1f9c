//! Values as URLs write them.

use std::fmt::{self, Display, Formatter};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Tokens;
use crate::transformation::{
    Backdrop, Color, Colorize, Computable, CornerRadius, Distort, Expression, Flip, Gradient,
    GradientStop, Radius, ReplaceColor, Rotation, Shadow, Sharpen, Step, UnsharpMask,
};

/// Everything but letters, digits and `-._~@`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@');

/// A number whose minus is `N`.
pub(super) struct Signed(f64);

impl From<i32> for Signed {
    fn from(value: i32) -> Self {
        Self(f64::from(value))
    }
}

impl Display for Signed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 < 0.0 {
            return write!(f, "N{}", -self.0);
        }
        write!(f, "{}", self.0)
    }
}

pub(super) fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A path with `@@` for `/`, or `%2F` where an `@` in a name could be taken for half of one.
pub(super) fn path(path: &str) -> String {
    if path.contains('@') {
        return percent_encoded(path);
    }
    percent_encoded(&path.replace('/', "@@"))
}

/// Hex digits, and two decimal ones where it is not opaque.
pub(super) fn print_color(color: Color) -> String {
    let Color {
        red,
        green,
        blue,
        alpha,
    } = color;
    if alpha == 255 {
        return format!("{red:02X}{green:02X}{blue:02X}");
    }
    let percent = ((u16::from(alpha) * 100 + 127) / 255).min(99);
    format!("{red:02X}{green:02X}{blue:02X}{percent:02}")
}

pub(super) fn rotation(rotation: Rotation) -> String {
    match rotation {
        Rotation::Auto => "auto".to_owned(),
        Rotation::Degrees(degrees) => Signed(degrees).to_string(),
    }
}

pub(super) fn flip(flip: Flip) -> &'static str {
    match flip {
        Flip::Horizontal => "h",
        Flip::Vertical => "v",
        Flip::Both => "h_v",
    }
}

pub(super) fn corners(radius: Radius) -> String {
    let corner = |corner: &CornerRadius| match corner {
        CornerRadius::Max => "max".to_owned(),
        CornerRadius::Pixels(pixels) => pixels.to_string(),
    };
    let [first, rest @ ..] = &radius.corners;
    if rest.iter().all(|other| other == first) {
        return corner(first);
    }
    radius
        .corners
        .iter()
        .map(corner)
        .collect::<Vec<_>>()
        .join("_")
}

pub(super) fn backdrop(backdrop: Backdrop) -> String {
    match backdrop {
        Backdrop::Dominant => "dominant".to_owned(),
        Backdrop::GradientDominant { colors } => format!("gradient_dominant_{colors}"),
        Backdrop::Blurred {
            intensity: None,
            brightness: 0,
        } => "blurred".to_owned(),
        Backdrop::Blurred {
            intensity,
            brightness,
        } => {
            let intensity =
                intensity.map_or_else(|| "auto".to_owned(), |intensity| intensity.to_string());
            match brightness {
                0 => format!("blurred_{intensity}"),
                _ => format!("blurred_{intensity}_{}", Signed(f64::from(brightness))),
            }
        }
    }
}

pub(super) fn border(step: &Step) -> Option<String> {
    let border = step.border?;
    let width = match expression(step, Computable::BorderWidth) {
        Some(expression) => expression.to_string(),
        None => border.width.to_string(),
    };
    Some(format!("{width}_{}", print_color(border.color)))
}

/// The key of a parameter that is printed by itself when it is computed.
pub(super) fn step_key(parameter: Computable) -> Option<&'static str> {
    match parameter {
        Computable::Width => Some("w"),
        Computable::Height => Some("h"),
        Computable::AspectRatio => Some("ar"),
        Computable::DevicePixelRatio => Some("dpr"),
        Computable::X => Some("x"),
        Computable::Y => Some("y"),
        Computable::XCenter => Some("xc"),
        Computable::YCenter => Some("yc"),
        _ => None,
    }
}

pub(super) fn effect_tokens(step: &Step, tokens: &mut Tokens) {
    let effects = &step.effects;
    tokens.some("bl", effects.blur);
    tokens.some("cr", effects.replace_color.map(replace_color));
    tokens.some("e", effects.grayscale.then_some("grayscale"));
    tokens.some("e", effects.contrast.then_some("contrast"));
    tokens.some("e", effects.sharpen.map(sharpen));
    tokens.some("e-usm", effects.unsharp_mask.map(unsharp_mask));
    tokens.some("e-shadow", effects.shadow.map(shadow));
    let ending = expression(step, Computable::GradientStop);
    tokens.some(
        "e-gradient",
        effects
            .gradient
            .map(|gradient| gradient_value(&gradient, ending)),
    );
    tokens.some("e-colorize", effects.colorize.map(colorize));
    tokens.some("e-distort", effects.distort.map(distort));
}

fn replace_color(replace: ReplaceColor) -> String {
    let from = replace
        .from
        .map(|from| format!("_{}", print_color(from)))
        .unwrap_or_default();
    format!("{}_{}{from}", print_color(replace.to), replace.tolerance)
}

fn sharpen(sharpen: Sharpen) -> String {
    match sharpen.amount {
        Some(amount) => format!("sharpen-{amount}"),
        None => "sharpen".to_owned(),
    }
}

fn unsharp_mask(mask: UnsharpMask) -> String {
    format!(
        "{}-{}-{}-{}",
        mask.radius, mask.sigma, mask.amount, mask.threshold
    )
}

fn shadow(shadow: Shadow) -> String {
    let (x, y) = (Signed(f64::from(shadow.x)), Signed(f64::from(shadow.y)));
    format!("bl-{}_st-{}_x-{x}_y-{y}", shadow.blur, shadow.saturation)
}

fn colorize(colorize: Colorize) -> String {
    format!(
        "co-{}_in-{}",
        print_color(colorize.color),
        colorize.intensity
    )
}

fn distort(distort: Distort) -> String {
    match distort {
        Distort::Arc(degrees) => format!("a-{}", Signed(degrees)),
        Distort::Perspective(corners) => {
            let numbers: Vec<String> = corners
                .iter()
                .flatten()
                .map(|number| Signed::from(*number).to_string())
                .collect();
            format!("p-{}", numbers.join("_"))
        }
    }
}

fn gradient_value(gradient: &Gradient, computed: Option<&Expression>) -> String {
    let stop = match (computed, gradient.stop) {
        (Some(expression), _) => expression.to_string(),
        (None, GradientStop::Fraction(fraction)) => fraction.to_string(),
        (None, GradientStop::Pixels(pixels)) => pixels.to_string(),
    };
    format!(
        "ld-{}_from-{}_to-{}_sp-{stop}",
        gradient.direction,
        print_color(gradient.from),
        print_color(gradient.to)
    )
}

fn expression(step: &Step, parameter: Computable) -> Option<&Expression> {
    step.expressions
        .iter()
        .find(|computed| computed.parameter == parameter)
        .map(|computed| &computed.expression)
}
