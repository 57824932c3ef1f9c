//! `c cm fo z x y xc yc rt`. Source: `imagekit.md` 5.4 to 5.6.

use super::{Draft, Parameter, Parsed};
use crate::grammar::number;
use crate::transformation::{Anchor, Computable, Crop, Focus, ObjectSet, Rotation};

/// Farthest coordinate; far beyond any picture.
const MAX_COORDINATE: u32 = 1_000_000;

/// Steepest turn; several full circles do no harm.
const MAX_DEGREES: f64 = 3600.0;

const CROPS: [(&str, Crop); 6] = [
    ("maintain_ratio", Crop::MaintainRatio),
    ("maintain_ratio_no_enlarge", Crop::MaintainRatioNoEnlarge),
    ("force", Crop::Force),
    ("at_max", Crop::AtMax),
    ("at_max_enlarge", Crop::AtMaxEnlarge),
    ("at_least", Crop::AtLeast),
];

const CROP_MODES: [(&str, Crop); 5] = [
    ("pad_resize", Crop::PadResize),
    ("pad_resize_no_enlarge", Crop::PadResizeNoEnlarge),
    ("extract", Crop::Extract),
    ("pad_extract", Crop::PadExtract),
    ("pad_extract_no_shrink", Crop::PadExtractNoShrink),
];

/// What other services call them.
const CROPS_ELSEWHERE: [(&str, &str); 6] = [
    ("fit", "c-at_max"),
    ("limit", "c-at_max"),
    ("fill", "c-maintain_ratio"),
    ("cover", "c-maintain_ratio"),
    ("scale", "c-force"),
    ("pad", "cm-pad_resize"),
];

pub(in crate::grammar) const ANCHORS: [(&str, Anchor); 9] = [
    ("center", Anchor::Center),
    ("top", Anchor::Top),
    ("left", Anchor::Left),
    ("bottom", Anchor::Bottom),
    ("right", Anchor::Right),
    ("top_left", Anchor::TopLeft),
    ("top_right", Anchor::TopRight),
    ("bottom_left", Anchor::BottomLeft),
    ("bottom_right", Anchor::BottomRight),
];

pub(super) fn apply(parameter: &Parameter<'_>, draft: &mut Draft) -> Parsed {
    match parameter.key {
        "c" => draft.step.crop = Some(crop(parameter)?),
        "cm" => draft.crop_mode = Some(crop_mode(parameter)?),
        "fo" => draft.step.focus = Some(focus(parameter)?),
        "z" => {
            draft.step.zoom = Some(parameter.read("a number above 0 and up to 100", |text| {
                number::positive(text).filter(|z| *z <= 100.0)
            })?);
        }
        "x" => coordinate(parameter, draft, Computable::X)?,
        "y" => coordinate(parameter, draft, Computable::Y)?,
        "xc" => coordinate(parameter, draft, Computable::XCenter)?,
        "yc" => coordinate(parameter, draft, Computable::YCenter)?,
        _ => draft.step.rotation = Some(rotation(parameter)?),
    }
    Ok(())
}

/// `rt`, in steps and text layers.
pub(in crate::grammar) fn rotation(parameter: &Parameter<'_>) -> Parsed<Rotation> {
    parameter.read(
        "degrees clockwise such as 90, counter-clockwise such as N90, or auto",
        |text| match text {
            "auto" => Some(Rotation::Auto),
            _ => number::signed(text)
                .filter(|degrees| degrees.abs() <= MAX_DEGREES)
                .map(Rotation::Degrees),
        },
    )
}

/// One of the nine places.
fn anchor(text: &str) -> Option<Anchor> {
    ANCHORS
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, anchor)| *anchor)
}

/// And back.
pub(in crate::grammar) fn anchor_name(anchor: Anchor) -> &'static str {
    ANCHORS
        .iter()
        .find(|(_, known)| *known == anchor)
        .map_or("center", |(name, _)| name)
}

/// `c-at_max` or `cm-extract`.
pub(in crate::grammar) fn crop_token(crop: Crop) -> String {
    let word = |(name, known): &(&'static str, Crop)| (*known == crop).then_some(*name);
    match CROPS.iter().find_map(word) {
        Some(name) => format!("c-{name}"),
        None => format!(
            "cm-{}",
            CROP_MODES.iter().find_map(word).unwrap_or_default()
        ),
    }
}

fn crop(parameter: &Parameter<'_>) -> Parsed<Crop> {
    let value = parameter.required()?;
    if let Some((_, crop)) = CROPS.iter().find(|(name, _)| *name == value) {
        return Ok(*crop);
    }
    if CROP_MODES.iter().any(|(name, _)| *name == value) {
        return Err(parameter.refuse(&format!("this is a crop mode; write cm-{value}")));
    }
    if let Some((_, ours)) = CROPS_ELSEWHERE.iter().find(|(name, _)| *name == value) {
        return Err(parameter.refuse(&format!("c has no such value; did you mean {ours}?")));
    }
    Err(parameter.takes_one(
        CROPS.map(|(name, _)| name),
        "maintain_ratio, maintain_ratio_no_enlarge, force, at_max, at_max_enlarge or at_least",
    ))
}

fn crop_mode(parameter: &Parameter<'_>) -> Parsed<Crop> {
    let value = parameter.required()?;
    if let Some((_, crop)) = CROP_MODES.iter().find(|(name, _)| *name == value) {
        return Ok(*crop);
    }
    if CROPS.iter().any(|(name, _)| *name == value) {
        return Err(parameter.refuse(&format!("this is not a crop mode; write c-{value}")));
    }
    Err(parameter.takes_one(
        CROP_MODES.map(|(name, _)| name),
        "pad_resize, pad_resize_no_enlarge, extract, pad_extract or pad_extract_no_shrink",
    ))
}

fn focus(parameter: &Parameter<'_>) -> Parsed<Focus> {
    let value = parameter.required()?;
    match value {
        "auto" => Ok(Focus::Auto),
        "custom" | "auto-custom_override" => Ok(Focus::Custom),
        "face" => Ok(Focus::Face),
        _ => anchor(value)
            .map(Focus::Anchor)
            .or_else(|| ObjectSet::from_names(value).map(Focus::Objects))
            .ok_or_else(|| {
                parameter.takes_one(
                    ANCHORS.map(|(name, _)| name).into_iter().chain(["auto", "custom", "face"]),
                    "an anchor such as top_left, auto, custom, face, or object names such as person_car",
                )
            }),
    }
}

fn coordinate(parameter: &Parameter<'_>, draft: &mut Draft, target: Computable) -> Parsed {
    let value = parameter.required()?;
    let literal = number::signed_whole(value, MAX_COORDINATE);
    let field = match target {
        Computable::X => &mut draft.step.x,
        Computable::Y => &mut draft.step.y,
        Computable::XCenter => &mut draft.step.x_center,
        _ => &mut draft.step.y_center,
    };
    *field = literal;
    if literal.is_some() {
        draft.forget(target);
        return Ok(());
    }
    let expression = parameter
        .expression("whole pixels such as 20 or N20, or an expression such as iw_div_2")?;
    draft.compute(target, expression);
    Ok(())
}
