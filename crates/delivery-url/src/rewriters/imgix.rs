//! Imgix: `?w=300&fit=clip&fm=webp`. Source: `imagekit.md` 3.12.

use percent_encoding::percent_decode_str;

use super::color::{self, AlphaAt};
use super::{RewrittenQuery, valid};

/// Parameters that are taken out of the query, whether or not their value means anything.
const KEYS: [&str; 19] = [
    "w",
    "h",
    "ar",
    "crop",
    "fit",
    "fill",
    "fm",
    "q",
    "orient",
    "fill-color",
    "bg",
    "dpr",
    "sharp",
    "con",
    "usm",
    "usmrad",
    "blur",
    "trim",
    "s",
];

/// `usmrad` where it is missing. Source: the example of the same section.
const DEFAULT_RADIUS: &str = "2.5";

/// The parameters of a query, the last of a repeated one in force.
struct Parameters(Vec<(&'static str, String)>);

pub(super) fn rewrite(query: &str) -> RewrittenQuery {
    let mut rest = Vec::new();
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(key) = KEYS.iter().find(|key| **key == name) else {
            rest.push(pair);
            continue;
        };
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        found.retain(|(known, _)| known != key);
        found.push((key, value));
    }
    let parameters = Parameters(found);
    let tokens: Vec<String> = parameters
        .0
        .iter()
        .filter_map(|(key, value)| parameters.token(key, value))
        .filter_map(valid)
        .collect();
    RewrittenQuery {
        rest: rest.join("&"),
        transformation: tokens.join(","),
    }
}

impl Parameters {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == key);
        found.map(|(_, value)| value.as_str())
    }

    fn token(&self, key: &str, value: &str) -> Option<String> {
        let known = |prefix: &str, table: &[(&str, &str)]| {
            let (_, ours) = table.iter().find(|(theirs, _)| *theirs == value)?;
            Some(format!("{prefix}{ours}"))
        };
        match key {
            "w" | "h" | "q" | "dpr" => Some(format!("{key}-{value}")),
            "ar" => self.aspect_ratio(value),
            "crop" => crop(value),
            "fit" => known("", &FITS),
            "fm" => known("f-", &FORMATS),
            "orient" => known("rt-", &ORIENTATIONS),
            "fill-color" | "bg" => {
                let color = color::hex(value, AlphaAt::Start).or_else(|| color::name(value))?;
                Some(format!("bg-{color}"))
            }
            "sharp" => {
                let strength: u32 = value.parse().ok().filter(|sharp| *sharp <= 100)?;
                Some(format!("e-sharpen-{}", strength * 20))
            }
            "con" => {
                let contrast: i32 = value.parse().ok()?;
                (contrast != 0 && (-100..=100).contains(&contrast)).then(|| "e-contrast".to_owned())
            }
            "usm" => {
                let amount = number(value, -100.0, 100.0)?.max(0.0);
                let radius = self
                    .get("usmrad")
                    .filter(|radius| number(radius, 0.0, 500.0).is_some())
                    .unwrap_or(DEFAULT_RADIUS);
                Some(format!("e-usm-{radius}-{:.2}-1-0.05", amount / 5.0))
            }
            "blur" => {
                let blur = number(value, 0.0, 2000.0)?;
                // The least there is; nothing stays nothing.
                (blur > 0.0).then(|| format!("bl-{:.2}", (blur / 20.0).max(1.0)))
            }
            "trim" => matches!(value, "auto" | "color").then(|| "t-true".to_owned()),
            // `fit=fill` pads with one colour, which is all that `fill` can ask of us; `s` signs the other service's URLs.
            _ => None,
        }
    }

    /// Only where one side is asked for, and how to fit.
    fn aspect_ratio(&self, value: &str) -> Option<String> {
        let has_one_side = self.get("w").is_some() != self.get("h").is_some();
        let (width, height) = value.split_once(':')?;
        (has_one_side && self.get("fit").is_some()).then(|| format!("ar-{width}-{height}"))
    }
}

const FITS: [(&str, &str); 6] = [
    ("clip", "c-at_max_enlarge"),
    ("fill", "cm-pad_resize"),
    ("fillmax", "cm-pad_resize"),
    ("scale", "c-force"),
    ("max", "c-at_max"),
    ("facearea", "fo-face"),
];

const FORMATS: [(&str, &str); 9] = [
    ("jpg", "jpg"),
    ("jpeg", "jpeg"),
    ("jp2", "jpg"),
    ("png", "png"),
    ("png8", "png"),
    ("png32", "png"),
    ("webp", "webp"),
    ("gif", "gif"),
    ("avif", "avif"),
];

/// EXIF orientations, or degrees.
const ORIENTATIONS: [(&str, &str); 8] = [
    ("1", "0"),
    ("6", "90"),
    ("3", "180"),
    ("8", "270"),
    ("0", "0"),
    ("90", "90"),
    ("180", "180"),
    ("270", "270"),
];

/// One or two edges in any order, or faces.
fn crop(value: &str) -> Option<String> {
    if value == "faces" {
        return Some("fo-auto".to_owned());
    }
    let (mut vertical, mut horizontal) = (None, None);
    for edge in value.split(',') {
        let slot = match edge {
            "top" | "bottom" => &mut vertical,
            "left" | "right" => &mut horizontal,
            _ => return None,
        };
        if slot.replace(edge).is_some() {
            return None;
        }
    }
    let edges: Vec<&str> = vertical.into_iter().chain(horizontal).collect();
    Some(format!("fo-{}", edges.join("_")))
}

fn number(text: &str, least: f64, most: f64) -> Option<f64> {
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    let number: f64 = text.parse().ok().filter(|_| is_number)?;
    (least..=most).contains(&number).then_some(number)
}
