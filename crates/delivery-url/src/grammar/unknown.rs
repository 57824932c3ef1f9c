//! Helpful refusals of parameters we do not have: retired ones, video, AI, and slips of the pen.

use super::TransformationError;
use super::parameters::Parameter;

/// Overlay parameters that ended on 1 November 2023. Source: `imagekit.md` 5.13.
const RETIRED: [&str; 32] = [
    "ox", "oy", "oh", "ow", "obg", "ofo", "oi", "oiar", "oibg", "oib", "oidpr", "oiq", "oic",
    "oicm", "oifo", "oix", "oiy", "oixc", "oiyc", "oit", "ot", "ote", "otw", "otbg", "otp", "otia",
    "otc", "otf", "ots", "ott", "or", "oa",
];

/// Video parameters. Source: `imagekit.md` 5.7, 5.9.
const VIDEO: [&str; 11] = [
    "vc", "ac", "so", "eo", "du", "sr", "fol", "fsh", "lso", "leo", "ldu",
];

/// Parameters of layers.
const LAYER_ONLY: [&str; 9] = ["i", "ie", "lx", "ly", "lxc", "lyc", "lfo", "lap", "lm"];

/// Parameters of text layers.
const TEXT_ONLY: [&str; 8] = ["fs", "ff", "co", "ia", "pa", "al", "tg", "lh"];

/// Every parameter of a step, for "did you mean".
const KNOWN: [&str; 36] = [
    "w", "h", "ar", "dpr", "c", "cm", "fo", "z", "x", "y", "xc", "yc", "q", "f", "pr", "lo", "cp",
    "md", "rt", "dn", "orig", "n", "di", "pg", "c2pa", "bg", "b", "r", "o", "bl", "t", "fl", "cr",
    "e", "l", "if",
];

/// What people write when they do not know the short name.
const SPELT_OUT: [(&str, &str); 36] = [
    ("width", "w"),
    ("height", "h"),
    ("size", "w"),
    ("aspectratio", "ar"),
    ("aspect", "ar"),
    ("ratio", "ar"),
    ("crop", "c"),
    ("cropmode", "cm"),
    ("mode", "cm"),
    ("fit", "c"),
    ("resize", "w"),
    ("focus", "fo"),
    ("gravity", "fo"),
    ("g", "fo"),
    ("zoom", "z"),
    ("quality", "q"),
    ("format", "f"),
    ("fm", "f"),
    ("progressive", "pr"),
    ("lossless", "lo"),
    ("rotate", "rt"),
    ("rotation", "rt"),
    ("a", "rt"),
    ("original", "orig"),
    ("named", "n"),
    ("defaultimage", "di"),
    ("page", "pg"),
    ("background", "bg"),
    ("border", "b"),
    ("radius", "r"),
    ("opacity", "o"),
    ("blur", "bl"),
    ("trim", "t"),
    ("flip", "fl"),
    ("effect", "e"),
    ("layer", "l"),
];

/// AI effects, after `e-`. Source: `imagekit.md` 5.7.
const AI_EFFECTS: [&str; 8] = [
    "bgremove",
    "removedotbg",
    "changebg",
    "edit",
    "dropshadow",
    "retouch",
    "upscale",
    "genvar",
];

/// Whether steps have such a parameter.
pub(super) fn is_known(key: &str) -> bool {
    KNOWN.contains(&key)
}

/// The refusal of a parameter that no step has.
pub(super) fn refuse(parameter: &Parameter<'_>) -> TransformationError {
    let key = parameter.key;
    if RETIRED.contains(&key) {
        return parameter.refuse("this overlay parameter was retired in 2023; use layers, such as l-image,i-logo.png,l-end or l-text,i-Hello,l-end");
    }
    if VIDEO.contains(&key) {
        return parameter.refuse("video is not supported; remove this parameter");
    }
    if LAYER_ONLY.contains(&key) {
        return parameter
            .refuse("this parameter belongs inside a layer, between l-image or l-text and l-end");
    }
    if TEXT_ONLY.contains(&key) {
        return parameter.refuse("this parameter belongs inside a text layer, directly after l-text and before any colon");
    }
    if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()) {
        return parameter.refuse(
            "a colon begins the next step, and no step is a number; a ratio is written ar-4-3",
        );
    }
    match nearest(key) {
        Some(known) => parameter.refuse(&format!(
            "there is no such parameter; did you mean {known}?"
        )),
        None => parameter.refuse(&format!(
            "there is no such parameter; known are {}",
            KNOWN.join(" ")
        )),
    }
}

/// The refusal of an effect that does not exist.
pub(super) fn refuse_effect(
    parameter: &Parameter<'_>,
    name: &str,
    known: &[&'static str],
) -> TransformationError {
    if AI_EFFECTS.contains(&name) {
        return parameter.refuse("AI effects are not supported; remove this parameter");
    }
    let close = known
        .iter()
        .filter(|candidate| distance(name, candidate) <= 2)
        .min_by_key(|candidate| distance(name, candidate));
    match close {
        Some(candidate) => parameter.refuse(&format!("there is no such effect; did you mean e-{candidate}?")),
        None => parameter.refuse(
            "there is no such effect; known are grayscale, contrast, sharpen, usm, shadow, gradient, colorize and distort",
        ),
    }
}

/// The value that is meant by one that does not exist: one letter off, or two in a word of four and more.
pub(super) fn meant<'n>(
    written: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let close = known.into_iter().filter_map(|name| {
        let allowed = match name.len() {
            0..3 => 0,
            3 => 1,
            _ => 2,
        };
        let away = distance(written, name);
        (away <= allowed && away < name.len().min(written.len())).then_some((away, name))
    });
    close.min_by_key(|(away, _)| *away).map(|(_, name)| name)
}

fn nearest(key: &str) -> Option<&'static str> {
    let folded: String = key
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .take(16)
        .collect();
    if let Some((_, known)) = SPELT_OUT.iter().find(|(long, _)| *long == folded) {
        return Some(known);
    }
    if let Some(known) = KNOWN.iter().find(|known| **known == folded) {
        return Some(known);
    }
    if let Some((_, known)) = SPELT_OUT.iter().find(|(long, _)| is_slip(&folded, long)) {
        return Some(known);
    }
    let is_near = |known: &&&'static str| known.len() >= 2 && distance(&folded, known) <= 1;
    if folded.len() >= 2 {
        KNOWN.iter().find(is_near).copied()
    } else {
        None
    }
}

/// Whether `written` may be meant for a word: one letter off, or two swapped in a longer one.
fn is_slip(written: &str, word: &str) -> bool {
    let allowed = match word.len() {
        0..4 => return false,
        4 => 1,
        _ => 2,
    };
    written.as_bytes().first() == word.as_bytes().first() && distance(written, word) <= allowed
}

/// Edit distance, for short ASCII words; anything long is far.
fn distance(left: &str, right: &str) -> usize {
    if left.len() > 16 || right.len() > 16 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut previous = i + 1;
        let mut diagonal = i;
        for (cell, b) in row.iter_mut().skip(1).zip(right.bytes()) {
            let cost = (diagonal + usize::from(a != b))
                .min(previous + 1)
                .min(*cell + 1);
            diagonal = std::mem::replace(cell, cost);
            previous = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
