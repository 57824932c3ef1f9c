//! `w h ar dpr`. Source: `imagekit.md` 5.3.

use super::{Draft, Parameter, Parsed};
use crate::grammar::{arithmetic, number};
use crate::transformation::{AspectRatio, Computable, DevicePixelRatio, Length};

/// Larger dimensions are ignored. Source: `imagekit.md` section 2.
const MAX_SIDE: u32 = 65_535;

const LENGTH: &str =
    "whole pixels such as 300, a fraction such as 0.5, or an expression such as iw_div_2";

pub(super) fn apply(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    match parameter.key {
        "w" => width(parameter, draft),
        "h" => height(parameter, draft),
        "ar" => aspect_ratio(parameter, draft),
        _ => device_pixel_ratio(parameter, draft),
    }
}

/// How a literal length is taken.
enum Literal {
    Length(Length),
    /// Too large; as if it were not written.
    Ignored,
}

fn literal(text: &str) -> Option<Literal> {
    if let Some(pixels) = number::whole(text) {
        return match pixels {
            0 => None,
            1 => Some(Literal::Length(Length::Fraction(1.0))),
            2..=MAX_SIDE => Some(Literal::Length(Length::Pixels(pixels))),
            _ => Some(Literal::Ignored),
        };
    }
    number::positive(text)
        .filter(|fraction| *fraction <= 1.0)
        .map(|fraction| Literal::Length(Length::Fraction(fraction)))
}

fn width(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    let value = parameter.required()?;
    if value == "auto" {
        draft.step.width = None;
        draft.step.width_auto = true;
        draft.forget(Computable::Width);
        return Ok(());
    }
    match literal(value) {
        Some(Literal::Ignored) => {}
        Some(Literal::Length(length)) => {
            draft.step.width = Some(length);
            draft.step.width_auto = false;
            draft.forget(Computable::Width);
        }
        None => {
            let expression = parameter.expression(LENGTH)?;
            draft.step.width = None;
            draft.step.width_auto = false;
            draft.compute(Computable::Width, expression);
        }
    }
    Ok(())
}

fn height(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    match literal(parameter.required()?) {
        Some(Literal::Ignored) => {}
        Some(Literal::Length(length)) => {
            draft.step.height = Some(length);
            draft.forget(Computable::Height);
        }
        None => {
            let expression = parameter.expression(LENGTH)?;
            draft.step.height = None;
            draft.compute(Computable::Height, expression);
        }
    }
    Ok(())
}

fn aspect_ratio(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    const ALLOWED: &str =
        "width-height such as 4-3 (both above 0), or an expression such as iar_div_2";
    let value = parameter.required()?;
    let literal = match number::ratio(value) {
        Some(sides) => Some(sides),
        None if value.len() <= number::MAX_RATIO_BYTES => {
            number::positive(value).map(|quotient| (quotient, 1.0))
        }
        None => None,
    };
    if let Some((width, height)) = literal {
        draft.step.aspect_ratio = Some(AspectRatio { width, height });
        draft.forget(Computable::AspectRatio);
        return Ok(());
    }
    if number::decimal(value).is_some() {
        return Err(parameter.takes(ALLOWED));
    }
    let expression = parameter.expression(ALLOWED)?;
    draft.step.aspect_ratio = None;
    draft.compute(Computable::AspectRatio, expression);
    Ok(())
}

/// Out of range is ignored; not a number is refused.
fn device_pixel_ratio(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    let value = parameter.required()?;
    if value == "auto" {
        draft.step.device_pixel_ratio = Some(DevicePixelRatio::Auto);
        draft.forget(Computable::DevicePixelRatio);
        return Ok(());
    }
    if let Some(times) = number::decimal(value) {
        if DevicePixelRatio::RANGE.contains(&times) {
            draft.step.device_pixel_ratio = Some(DevicePixelRatio::Times(times));
            draft.forget(Computable::DevicePixelRatio);
        }
        return Ok(());
    }
    let expression =
        parameter.checked(arithmetic::expression(value).ok_or_else(|| {
            parameter.takes("0.1 to 5, auto, or an expression such as iw_div_300")
        })?)?;
    draft.step.device_pixel_ratio = None;
    draft.compute(Computable::DevicePixelRatio, expression);
    Ok(())
}
