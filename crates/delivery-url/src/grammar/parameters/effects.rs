//! `e-…`, `bl` and `cr`. Source: `imagekit.md` 5.7.

use super::color::{ParsedColor, color};
use super::{Draft, Parameter, Parsed};
use crate::grammar::{arithmetic, number, unknown};
use crate::transformation::{
    Color, Colorize, Computable, Distort, Gradient, GradientStop, ReplaceColor, Shadow, Sharpen,
    UnsharpMask,
};

/// Strength of `e-sharpen` from which on nothing changes any more. Source: the editor, `imagekit.md` 5.7.
const STRONGEST_SHARPEN: u32 = 99;
/// The largest that is read, beyond anything that rewriters write.
const MAX_SHARPEN: u32 = 100_000;

const KNOWN: [&str; 8] = [
    "grayscale",
    "contrast",
    "sharpen",
    "usm",
    "shadow",
    "gradient",
    "colorize",
    "distort",
];

/// Bare `e-usm`, which SDKs write; the documentation's example values.
const DEFAULT_UNSHARP_MASK: UnsharpMask = UnsharpMask {
    radius: 2.0,
    sigma: 2.0,
    amount: 0.8,
    threshold: 0.024,
};

pub(super) fn apply(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    match parameter.key {
        "bl" => {
            draft.step.effects.blur = Some(parameter.read("a radius from 1 to 100", blur_radius)?);
        }
        "cr" => {
            draft.step.effects.replace_color = Some(parameter.read(
                "new colour, tolerance 0 to 100 and old colour, such as FF0000_35_00FF00",
                replace_color,
            )?);
        }
        _ => effect(parameter, draft)?,
    }
    Ok(())
}

fn effect(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    let value = parameter.required()?;
    let (name, options) = match value.split_once('-') {
        Some((name, options)) => (name, Some(options)),
        None => (value, None),
    };
    let refused = |allowed: &str| parameter.refuse(&format!("e-{name} {allowed}"));
    let effects = &mut draft.step.effects;
    match name {
        "grayscale" => {
            effects.grayscale = flag(options).ok_or_else(|| refused("takes no value"))?;
        }
        "contrast" => effects.contrast = flag(options).ok_or_else(|| refused("takes no value"))?,
        "sharpen" => {
            effects.sharpen = Some(sharpen(options).ok_or_else(|| {
                refused("takes a strength from 1 (above 99 nothing changes any more), or nothing")
            })?);
        }
        "usm" => {
            effects.unsharp_mask = Some(unsharp_mask(options).ok_or_else(|| {
                refused("takes radius-sigma-amount-threshold, such as 2-2-0.8-0.024")
            })?);
        }
        "shadow" => {
            effects.shadow = Some(shadow(options).ok_or_else(|| {
                refused("takes bl 0 to 15, st 0 to 100, x and y N100 to 100, such as bl-15_st-40_x-10_y-N5")
            })?);
        }
        "gradient" => return gradient(parameter, options, draft),
        "colorize" => {
            effects.colorize = Some(
                colorize(options)
                    .ok_or_else(|| refused("takes co and in, such as co-FF0000_in-50"))?,
            );
        }
        "distort" => {
            effects.distort = Some(options.and_then(distort).ok_or_else(|| {
                refused(
                    "takes p and four corners (p-x1_y1_x2_y2_x3_y3_x4_y4), or a and degrees (a-45)",
                )
            })?);
        }
        _ => return Err(unknown::refuse_effect(parameter, name, &KNOWN)),
    }
    Ok(())
}

/// Old SDKs write `-true`.
fn flag(options: Option<&str>) -> Option<bool> {
    matches!(options, None | Some("true" | "-")).then_some(true)
}

/// The nearest whole radius; the rewriters write decimals.
fn blur_radius(text: &str) -> Option<u8> {
    let radius = number::decimal(text).filter(|radius| (1.0..=100.0).contains(radius))?;
    number::byte_in(&radius.round().to_string(), 1..=100)
}

/// 99 is as far as ImageKit's editor goes; what its URLs may say is not public, and its imgix rewriter writes up to 2000. So more
/// is taken, and means 99.
fn sharpen(options: Option<&str>) -> Option<Sharpen> {
    let Some(text) = options else {
        return Some(Sharpen { amount: None });
    };
    let strength = number::whole_in(text, 1..=MAX_SHARPEN)?;
    let amount = u8::try_from(strength.min(STRONGEST_SHARPEN)).ok()?;
    Some(Sharpen {
        amount: Some(amount),
    })
}

fn unsharp_mask(options: Option<&str>) -> Option<UnsharpMask> {
    let Some(text) = options else {
        return Some(DEFAULT_UNSHARP_MASK);
    };
    let numbers: Option<Vec<f64>> = text
        .split('-')
        .take(5)
        .map(|part| number::decimal(part).filter(|value| *value <= 1000.0))
        .collect();
    let [radius, sigma, amount, threshold] = numbers?.try_into().ok()?;
    Some(UnsharpMask {
        radius,
        sigma,
        amount,
        threshold,
    })
}

/// `key-value_key-value`, where a value may itself hold `_`: a part that begins with no known key belongs to the one before.
fn named_parts<'t>(text: &'t str, keys: &[&str]) -> Option<Vec<(&'t str, &'t str)>> {
    let begins = |part: &str| {
        keys.iter().any(|key| {
            part.strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('-'))
        })
    };
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest
            .match_indices('_')
            .map(|(at, _)| at)
            .find(|at| rest.get(at + 1..).is_some_and(begins))
            .unwrap_or(rest.len());
        let (key, value) = rest.get(..end)?.split_once('-')?;
        if !keys.contains(&key) || parts.len() >= keys.len() * 2 {
            return None;
        }
        parts.push((key, value));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Some(parts)
}

fn shadow(options: Option<&str>) -> Option<Shadow> {
    let mut shadow = Shadow {
        blur: 10,
        saturation: 30,
        x: 2,
        y: 2,
    };
    let percent = |text: &str| i8::try_from(number::signed_whole(text, 100)?).ok();
    for (key, value) in named_parts(options.unwrap_or_default(), &["bl", "st", "x", "y"])? {
        match key {
            "bl" => shadow.blur = number::byte_in(value, 0..=15)?,
            "st" => shadow.saturation = number::byte_in(value, 0..=100)?,
            "x" => shadow.x = percent(value)?,
            _ => shadow.y = percent(value)?,
        }
    }
    Some(shadow)
}

fn gradient(parameter: &Parameter<'_>, options: Option<&str>, draft: &mut Draft) -> Parsed {
    let refused = || {
        parameter.refuse(
            "e-gradient takes ld, from, to and sp, such as ld-top_from-green_to-00FF0010_sp-0.5",
        )
    };
    let mut gradient = Gradient {
        direction: 180,
        from: Color {
            red: 255,
            green: 255,
            blue: 255,
            alpha: 255,
        },
        to: Color {
            red: 0,
            green: 0,
            blue: 0,
            alpha: 0,
        },
        stop: GradientStop::Fraction(1.0),
    };
    let mut computed = None;
    for (key, value) in
        named_parts(options.unwrap_or_default(), &["ld", "from", "to", "sp"]).ok_or_else(refused)?
    {
        match key {
            "ld" => gradient.direction = direction(value).ok_or_else(refused)?,
            "from" => gradient.from = color(value).ok_or_else(refused)?.color,
            "to" => gradient.to = color(value).ok_or_else(refused)?.color,
            _ => match stop(value) {
                Some(stop) => gradient.stop = stop,
                None if number::decimal(value).is_some() => return Err(refused()),
                None => {
                    computed = Some(
                        parameter.checked(arithmetic::expression(value).ok_or_else(refused)?)?,
                    );
                }
            },
        }
    }
    draft.step.effects.gradient = Some(gradient);
    match computed {
        Some(expression) => draft.compute(Computable::GradientStop, expression),
        None => draft.forget(Computable::GradientStop),
    }
    Ok(())
}

fn direction(text: &str) -> Option<u16> {
    match text {
        "top" => Some(0),
        "top_right" => Some(45),
        "right" => Some(90),
        "bottom_right" => Some(135),
        "bottom" => Some(180),
        "bottom_left" => Some(225),
        "left" => Some(270),
        "top_left" => Some(315),
        _ => number::whole_in(text, 0..=359).and_then(|degrees| u16::try_from(degrees).ok()),
    }
}

fn stop(text: &str) -> Option<GradientStop> {
    match number::whole(text) {
        Some(0) => None,
        Some(1) => Some(GradientStop::Fraction(1.0)),
        Some(pixels) => (pixels <= 65_535).then_some(GradientStop::Pixels(pixels)),
        None => number::positive(text)
            .filter(|part| *part <= 1.0)
            .map(GradientStop::Fraction),
    }
}

fn colorize(options: Option<&str>) -> Option<Colorize> {
    let mut colorize = Colorize {
        color: Color {
            red: 128,
            green: 128,
            blue: 128,
            alpha: 255,
        },
        intensity: 100,
    };
    for (key, value) in named_parts(options.unwrap_or_default(), &["co", "in"])? {
        match key {
            "co" => colorize.color = color(value)?.color,
            _ => colorize.intensity = number::byte_in(value, 0..=100)?,
        }
    }
    Some(colorize)
}

fn distort(options: &str) -> Option<Distort> {
    let (kind, value) = options.split_once('-')?;
    match kind {
        "a" => number::signed(value)
            .filter(|degrees| degrees.abs() <= 360.0)
            .map(Distort::Arc),
        "p" => {
            let numbers: Option<Vec<i32>> = value
                .split('_')
                .take(9)
                .map(|part| number::signed_whole(part, 1_000_000))
                .collect();
            let [x1, y1, x2, y2, x3, y3, x4, y4] = numbers?.try_into().ok()?;
            Some(Distort::Perspective([
                [x1, y1],
                [x2, y2],
                [x3, y3],
                [x4, y4],
            ]))
        }
        _ => None,
    }
}

fn replace_color(text: &str) -> Option<ReplaceColor> {
    let mut parts = text.split('_');
    let to = color(parts.next()?)?.color;
    let tolerance = match parts.next() {
        Some(part) => number::byte_in(part, 0..=100)?,
        None => 35,
    };
    let from = match parts.next() {
        Some(part) => Some(color(part)?),
        None => None,
    };
    if parts.next().is_some() {
        return None;
    }
    Some(ReplaceColor {
        to,
        tolerance,
        from: from.map(|ParsedColor { color, .. }| color),
    })
}
