//! `fl bg t r b o`. Source: `imagekit.md` 5.7.

use super::color::{color, color_names};
use super::{Draft, Parameter, Parsed};
use crate::grammar::{arithmetic, number};
use crate::transformation::{Backdrop, Border, Computable, CornerRadius, Flip, Radius, Trim};

/// Widest border and roundest corner. Units: px.
const MAX_WIDTH: u32 = 65_535;

pub(super) fn apply(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    match parameter.key {
        "fl" => draft.step.flip = Some(flip(parameter)?),
        "bg" => background(parameter, draft)?,
        "t" => draft.step.trim = Some(trim(parameter)?),
        "r" => draft.step.radius = Some(radius(parameter)?),
        "b" => border(parameter, draft)?,
        _ => {
            draft.step.opacity = Some(parameter.read("0 to 100", percent)?);
        }
    }
    Ok(())
}

/// 0 to 100, to the nearest whole: SDK samples write `o-0.8`.
fn percent(text: &str) -> Option<u8> {
    let value = number::decimal(text).filter(|value| *value <= 100.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 100"
    )]
    let whole = value.round() as u8;
    Some(whole)
}

/// `fl`, in steps and text layers.
pub(in crate::grammar) fn flip(parameter: &Parameter<'_>) -> Parsed<Flip> {
    let axes = [
        ("h", Flip::Horizontal),
        ("v", Flip::Vertical),
        ("h_v", Flip::Both),
        ("v_h", Flip::Both),
    ];
    parameter.word(&axes, "h, v or h_v")
}

/// `r`, in steps and text layers.
pub(in crate::grammar) fn radius(parameter: &Parameter<'_>) -> Parsed<Radius> {
    let corner = |text: &str| match text {
        "max" => Some(CornerRadius::Max),
        _ => number::whole_in(text, 0..=MAX_WIDTH).map(CornerRadius::Pixels),
    };
    parameter.read(
        "pixels such as 20, max, or four corners such as 10_max_20_30",
        |text| {
            if let Some(all) = corner(text) {
                return Some(Radius { corners: [all; 4] });
            }
            let corners: Option<Vec<CornerRadius>> = text.split('_').take(5).map(corner).collect();
            Some(Radius {
                corners: corners?.try_into().ok()?,
            })
        },
    )
}

fn background(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    let value = parameter.required()?;
    if value.starts_with("genfill") {
        return Err(parameter.refuse("AI fill is not supported; use a colour, blurred or dominant"));
    }
    if let Some(backdrop) = backdrop(value) {
        draft.step.background = None;
        draft.step.backdrop = Some(backdrop);
        return Ok(());
    }
    draft.step.background = Some(
        color(value)
            .ok_or_else(|| {
                let words = ["blurred", "dominant", "gradient_dominant", "transparent"];
                parameter.takes_one(words.into_iter().chain(color_names()), BACKGROUND)
            })?
            .color,
    );
    draft.step.backdrop = None;
    Ok(())
}

const BACKGROUND: &str = "RRGGBB, RRGGBB and two opacity digits 00 to 99, a CSS colour name, blurred, dominant or gradient_dominant";

fn backdrop(text: &str) -> Option<Backdrop> {
    let mut parts = text.split('_');
    match (parts.next()?, parts.next(), parts.next(), parts.next()) {
        ("dominant", None, None, None) => Some(Backdrop::Dominant),
        ("gradient", Some("dominant"), None | Some("2"), None) => {
            Some(Backdrop::GradientDominant { colors: 2 })
        }
        ("gradient", Some("dominant"), Some("4"), None) => {
            Some(Backdrop::GradientDominant { colors: 4 })
        }
        ("blurred", intensity, brightness, None) => Some(Backdrop::Blurred {
            intensity: match intensity {
                None | Some("auto") => None,
                Some(intensity) => Some(number::byte_in(intensity, 0..=100)?),
            },
            brightness: match brightness {
                None => 0,
                Some(brightness) => i16::try_from(number::signed_whole(brightness, 255)?).ok()?,
            },
        }),
        _ => None,
    }
}

fn trim(parameter: &Parameter<'_>) -> Parsed<Trim> {
    if let Some(levels) = number::byte_in(parameter.required()?, 1..=99) {
        return Ok(Trim::Threshold(levels));
    }
    let words = [("true", Trim::Default), ("false", Trim::Off)];
    parameter.word(&words, "true, false or a threshold from 1 to 99")
}

fn border(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    const ALLOWED: &str = "a width and a colour such as 10_FF0000; the width may be an expression";
    let value = parameter.required()?;
    // The Cloudinary rewriter and old SDKs write a hyphen.
    let (width, color_text) = value
        .rsplit_once('_')
        .or_else(|| value.split_once('-'))
        .ok_or_else(|| parameter.takes(ALLOWED))?;
    let color = color(color_text)
        .ok_or_else(|| parameter.takes(ALLOWED))?
        .color;
    if let Some(width) = number::whole_in(width, 0..=MAX_WIDTH) {
        draft.step.border = Some(Border { width, color });
        draft.forget(Computable::BorderWidth);
        return Ok(());
    }
    if number::whole(width).is_some() {
        return Err(parameter.refuse("the border is wider than 65535 pixels"));
    }
    let expression = parameter
        .checked(arithmetic::expression(width).ok_or_else(|| parameter.takes(ALLOWED))?)?;
    draft.step.border = Some(Border { width: 0, color });
    draft.compute(Computable::BorderWidth, expression);
    Ok(())
}
