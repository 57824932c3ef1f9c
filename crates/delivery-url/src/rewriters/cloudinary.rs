//! Cloudinary: `image/upload/w_300,c_fit/a_90/dir/a.jpg`. Source: `imagekit.md` 3.12; the shape of a path, where that section is
//! silent, from Cloudinary's transformation reference.

mod layer;

use percent_encoding::percent_decode_str;

use super::color::{self, AlphaAt};
use super::{RewrittenPath, valid};

const ASSET_TYPES: [&str; 3] = ["image", "video", "raw"];

const DELIVERY_TYPES: [&str; 6] = [
    "upload",
    "private",
    "authenticated",
    "fetch",
    "asset",
    "list",
];

/// Keys of transformation components. A path segment all of whose parts begin with one of these is a component.
const KEYS: [&str; 40] = [
    "a", "ac", "af", "ar", "b", "bo", "br", "c", "co", "cs", "d", "dl", "dn", "dpr", "du", "e",
    "eo", "f", "fl", "fn", "fps", "g", "h", "if", "ki", "l", "o", "p", "pg", "q", "r", "so", "sp",
    "t", "u", "vc", "w", "x", "y", "z",
];

/// One path segment of parameters, decoded.
struct Component {
    text: String,
    is_video: bool,
}

pub(super) fn rewrite(path: &str, preserves_types: bool) -> RewrittenPath {
    let mut rest: Vec<&str> = path.split('/').collect();
    let types = take_types(&mut rest);
    let is_video = types.first() == Some(&"video");
    while rest.len() > 1 && rest.first().is_some_and(|segment| is_signature(segment)) {
        rest.remove(0);
    }
    let end = rest
        .iter()
        .take(rest.len().saturating_sub(1))
        .take_while(|segment| is_component(&decoded(segment)))
        .count();
    let components: Vec<Component> = rest
        .drain(..end)
        .map(|segment| Component {
            text: decoded(segment),
            is_video,
        })
        .collect();
    // Elsewhere `v1` may well be a folder.
    if !types.is_empty() && rest.len() > 1 && rest.first().is_some_and(|text| is_version(text)) {
        rest.remove(0);
    }
    if preserves_types {
        rest.splice(0..0, types);
    }
    RewrittenPath {
        path: rest.join("/"),
        transformation: steps(&components).join(":"),
    }
}

/// `image/upload` at the beginning, if something follows.
fn take_types<'p>(segments: &mut Vec<&'p str>) -> Vec<&'p str> {
    match segments.as_slice() {
        [asset, delivery, _, ..]
            if ASSET_TYPES.contains(asset) && DELIVERY_TYPES.contains(delivery) =>
        {
            segments.drain(..2).collect()
        }
        _ => Vec::new(),
    }
}

/// `s--9rTi8bSq--`, which signs the other service's URL.
fn is_signature(segment: &str) -> bool {
    segment
        .strip_prefix("s--")
        .and_then(|rest| rest.strip_suffix("--"))
        .is_some_and(|inner| !inner.is_empty())
}

/// `v1571218039`
fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_component(text: &str) -> bool {
    text.split(',').all(|part| {
        part.split_once('_')
            .is_some_and(|(key, value)| KEYS.contains(&key) && !value.is_empty())
    })
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

impl Component {
    fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.split(',').filter_map(|part| part.split_once('_'))
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.parts()
            .find(|(known, _)| *known == key)
            .map(|(_, value)| value)
    }

    /// Whether it ends a group of components that make a layer.
    fn applies_layer(&self) -> bool {
        self.parts()
            .any(|(key, value)| key == "fl" && value.split('.').any(|flag| flag == "layer_apply"))
    }

    /// Its parameters in our syntax, those that `is_wanted` by key.
    fn tokens(&self, is_wanted: fn(&str) -> bool) -> impl Iterator<Item = String> {
        self.parts()
            .filter(move |(key, _)| is_wanted(key))
            .filter_map(|(key, value)| token(key, value, self.is_video))
    }
}

/// Components in our syntax, those that come to nothing left out.
fn steps(components: &[Component]) -> Vec<String> {
    let mut steps = Vec::new();
    let mut rest = components;
    while let [first, after @ ..] = rest {
        if first.value("l").is_none() {
            let tokens: Vec<String> = first.tokens(|_| true).filter_map(valid_or_video).collect();
            steps.push(tokens.join(","));
            rest = after;
            continue;
        }
        let group = group_length(rest);
        let (members, after) = rest.split_at_checked(group).unwrap_or((rest, &[]));
        steps.extend(layer::layer(members));
        rest = after;
    }
    steps.retain(|step| !step.is_empty());
    steps
}

/// How many components make the layer that the first one opens: up to `fl_layer_apply`, else itself.
fn group_length(components: &[Component]) -> usize {
    let end = components.iter().position(Component::applies_layer);
    let next = components
        .iter()
        .skip(1)
        .position(|component| component.value("l").is_some());
    match (end, next) {
        (Some(end), Some(next)) if next < end => 1,
        (Some(end), _) => end + 1,
        (None, _) => 1,
    }
}

/// A step's token. Video is translated, so that its refusal can say what it is about.
fn valid_or_video(token: String) -> Option<String> {
    let is_video = ["so-", "eo-", "du-"]
        .iter()
        .any(|key| token.starts_with(key));
    if is_video {
        return Some(token);
    }
    valid(token)
}

/// One parameter in our syntax; whether the value makes sense is mostly for the grammar to say.
fn token(key: &str, value: &str, is_video: bool) -> Option<String> {
    match key {
        "w" | "h" | "dpr" | "z" => Some(format!("{key}-{value}")),
        "x" | "y" => Some(format!("{key}-{}", signed(value))),
        "a" => Some(format!("rt-{}", signed(value))),
        "ar" => aspect_ratio(value),
        "g" => known("fo-", &GRAVITIES, value),
        "c" => known("", &CROPS, value),
        "f" => known("f-", &FORMATS, value),
        "q" => Some(quality(value, is_video)),
        "r" => Some(format!("r-{}", value.split(':').next()?)),
        "e" => effect(value),
        "bo" => border(value),
        "b" => background(value),
        "t" => Some(format!("n-{value}")),
        "fl" => value.split('.').find_map(flag).map(str::to_owned),
        "so" | "eo" | "du" => {
            let seconds: f64 = value.parse().ok().filter(|s: &f64| s.is_finite())?;
            Some(format!("{key}-{}", (seconds * 100.0).round() / 100.0))
        }
        _ => None,
    }
}

const GRAVITIES: [(&str, &str); 12] = [
    ("north", "top"),
    ("south", "bottom"),
    ("east", "right"),
    ("west", "left"),
    ("north_west", "top_left"),
    ("north_east", "top_right"),
    ("south_west", "bottom_left"),
    ("south_east", "bottom_right"),
    ("center", "center"),
    ("auto", "auto"),
    ("face", "face"),
    ("custom", "custom"),
];

const CROPS: [(&str, &str); 5] = [
    ("crop", "cm-extract"),
    ("fill", "c-maintain_ratio"),
    ("fit", "c-at_max"),
    ("pad", "cm-pad_resize"),
    ("scale", "c-force"),
];

const FORMATS: [(&str, &str); 7] = [
    ("auto", "auto"),
    ("jpg", "jpg"),
    ("jpeg", "jpeg"),
    ("png", "png"),
    ("webp", "webp"),
    ("gif", "gif"),
    ("avif", "avif"),
];

fn known(prefix: &str, table: &[(&str, &str)], value: &str) -> Option<String> {
    let (_, ours) = table.iter().find(|(theirs, _)| *theirs == value)?;
    Some(format!("{prefix}{ours}"))
}

fn signed(value: &str) -> String {
    match value.strip_prefix('-') {
        Some(magnitude) => format!("N{magnitude}"),
        None => value.to_owned(),
    }
}

fn aspect_ratio(value: &str) -> Option<String> {
    let (width, height) = value.split_once(':').unwrap_or((value, "1"));
    let is_number = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    (is_number(width) && is_number(height)).then(|| format!("ar-{width}-{height}"))
}

/// `q_auto:eco` and a number. Source of the numbers: `imagekit.md` 3.12.
fn quality(value: &str, is_video: bool) -> String {
    let level = match value {
        "auto" | "auto:good" => (70, 50),
        "auto:low" => (50, 40),
        "auto:eco" => (60, 45),
        "auto:best" => (86, 60),
        _ => return format!("q-{value}"),
    };
    format!("q-{}", if is_video { level.1 } else { level.0 })
}

fn effect(value: &str) -> Option<String> {
    let mut parts = value.split(':');
    let name = parts.next()?;
    let strength = parts.next();
    // Their strengths have hundreds where ours have ones.
    let hundreds = |default: u32| -> Option<f64> {
        let strength: u32 = strength.map_or(Some(default), |text| text.parse().ok())?;
        Some(f64::from(strength.min(2000)) / 100.0)
    };
    let whole = |strength: f64| strength.round().max(1.0);
    match name {
        "blur" => Some(format!("bl-{}", whole(hundreds(100)?))),
        "grayscale" => Some("e-grayscale".to_owned()),
        "contrast" => Some("e-contrast".to_owned()),
        "sharpen" if strength.is_none() => Some("e-sharpen".to_owned()),
        "sharpen" => Some(format!("e-sharpen-{}", whole(hundreds(100)?))),
        "unsharp_mask" => Some(format!("e-usm-0-{}-1-0.05", hundreds(100)?)),
        "trim" => Some(format!("t-{}", strength.unwrap_or("true"))),
        _ => None,
    }
}

/// `5px_solid_red`; ours has a hyphen between width and colour in the source's examples.
fn border(value: &str) -> Option<String> {
    let (width, color) = value.split_once("px_solid_")?;
    let is_number = !width.is_empty() && width.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(())?;
    Some(format!("b-{width}-{}", color_of(color)?))
}

fn background(value: &str) -> Option<String> {
    let Some(blurred) = value.strip_prefix("blurred") else {
        return Some(format!("bg-{}", color_of(value)?));
    };
    let mut values = vec!["bg-blurred".to_owned()];
    let mut parts = blurred.split(':').skip(1);
    if let Some(intensity) = parts.next() {
        let intensity: u32 = intensity.parse().ok().filter(|found| *found <= 2000)?;
        values.push((intensity / 20).to_string());
    }
    if let Some(brightness) = parts.next() {
        let brightness: i32 = brightness
            .parse()
            .ok()
            .filter(|found| (-300..=100).contains(found))?;
        let most = if brightness < 0 { 300 } else { 100 };
        values.push(signed(&(brightness * 255 / most).to_string()));
    }
    Some(values.join("_"))
}

fn color_of(value: &str) -> Option<String> {
    match value.strip_prefix("rgb:") {
        Some(digits) => color::hex(digits, AlphaAt::End),
        None => color::name(value),
    }
}

fn flag(flag: &str) -> Option<&'static str> {
    match flag {
        "progressive" | "progressive:steep" | "progressive:semi" => Some("pr-true"),
        "progressive:none" => Some("pr-false"),
        _ => None,
    }
}
