//! `q f pr lo cp md dn c2pa orig pg di n`. Source: `imagekit.md` 3.6, 3.11, 5.6, 5.11.

use super::{Draft, Parameter, Parsed};
use crate::grammar::number;
use crate::transformation::{Format, PageRange, Pages};

/// The longest name of a stored transformation; longer ones cannot be stored.
const MAX_NAME_BYTES: usize = 100;

/// The most pages or PSD layers one parameter may name.
const MAX_PAGES: usize = 100;

pub(super) fn apply(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    let step = &mut draft.step;
    match parameter.key {
        "q" => {
            step.quality = Some(parameter.read("a whole number from 1 to 100", |text| {
                number::byte_in(text, 1..=100)
            })?);
        }
        "f" => step.format = Some(format(parameter)?),
        "pr" => step.output.progressive = Some(boolean(parameter)?),
        "lo" => step.output.lossless = Some(boolean(parameter)?),
        "cp" => step.output.color_profile = Some(boolean(parameter)?),
        "md" => step.output.metadata = Some(boolean(parameter)?),
        "c2pa" => step.output.content_credentials = Some(boolean(parameter)?),
        "dn" => {
            let density = parameter.read("dots per inch from 1 to 1200", |text| {
                number::whole_in(text, 1..=1200)
            })?;
            step.output.density = u16::try_from(density).ok();
        }
        // Old SDKs write `orig` alone.
        "orig" => {
            step.original = if parameter.value().is_none() {
                true
            } else {
                boolean(parameter)?
            }
        }
        "pg" => {
            step.pages = Some(parameter.read(
                "a page such as 2, a list 1_3_5, a range 2-4, or name-\"layer\"",
                pages,
            )?);
        }
        "di" => step.default_image = Some(path(parameter)?),
        _ => step.named = Some(name(parameter)?),
    }
    Ok(())
}

/// A file path inside a transformation: `@@` stands for `/`.
pub(in crate::grammar) fn path(parameter: &Parameter<'_>) -> Parsed<String> {
    let path = parameter.required()?.replace("@@", "/");
    let path = path.trim_matches('/');
    if path.is_empty() {
        return Err(parameter.refuse("a path is missing; write it with @@ for each slash"));
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(
            parameter.refuse("the path holds a . or .. segment; write the path without them")
        );
    }
    if path.contains(|c: char| c.is_control() || c == '\\') {
        return Err(parameter.refuse("the path holds a control character or a backslash"));
    }
    Ok(path.to_owned())
}

fn boolean(parameter: &Parameter<'_>) -> Parsed<bool> {
    parameter.word(&[("true", true), ("false", false)], "true or false")
}

fn format(parameter: &Parameter<'_>) -> Parsed<Format> {
    let value = parameter.required()?;
    match value {
        "auto" => Ok(Format::Auto),
        "orig" => Ok(Format::Original),
        "jpg" | "jpeg" => Ok(Format::Jpeg),
        "png" => Ok(Format::Png),
        "webp" => Ok(Format::WebP),
        "avif" => Ok(Format::Avif),
        "gif" => Ok(Format::Gif),
        "svg" => Ok(Format::Svg),
        "mp4" | "webm" => Err(parameter.refuse("video is not supported; choose an image format")),
        _ => Err(parameter.takes_one(
            [
                "auto", "jpg", "jpeg", "webp", "avif", "png", "gif", "svg", "orig",
            ],
            "auto, jpg, jpeg, webp, avif, png, gif, svg or orig",
        )),
    }
}

fn pages(text: &str) -> Option<Pages> {
    let page = |text: &str| number::whole_in(text, 1..=1_000_000);
    if let Some(names) = text.strip_prefix("name-") {
        let names = names.strip_prefix('"')?.strip_suffix('"')?;
        let names: Vec<String> = names.split("\"_\"").map(str::to_owned).collect();
        let is_usable = |name: &String| {
            !name.is_empty() && !name.contains(['"', '\\']) && !name.contains(char::is_control)
        };
        return (names.len() <= MAX_PAGES && names.iter().all(is_usable))
            .then_some(Pages::Names(names));
    }
    if let Some((first, last)) = text.split_once('-') {
        let first = page(first)?;
        let last = if last.is_empty() {
            None
        } else {
            Some(page(last).filter(|last| *last >= first)?)
        };
        return Some(Pages::Range(PageRange { first, last }));
    }
    if let Some(one) = page(text) {
        return Some(Pages::One(one));
    }
    let list: Option<Vec<u32>> = text.split('_').take(MAX_PAGES + 1).map(page).collect();
    list.filter(|list| list.len() <= MAX_PAGES).map(Pages::List)
}

fn name(parameter: &Parameter<'_>) -> Parsed<String> {
    parameter.read(
        "the name of a stored transformation: at most 100 letters, digits and _",
        |text| {
            let is_name = text.len() <= MAX_NAME_BYTES
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            is_name.then(|| text.to_owned())
        },
    )
}
