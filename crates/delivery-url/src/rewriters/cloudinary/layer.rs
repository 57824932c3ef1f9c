//! `l_text:Roboto_50_bold:Hello,co_red,g_north` and `l_folder:logo.png/w_100/fl_layer_apply,g_south_east,x_10`.

use percent_encoding::percent_decode_str;

use super::super::is_single;
use super::{Component, color_of, token};
use crate::grammar;

/// Deeper than this nobody's font is.
const MAX_FOLDERS: usize = 16;

/// What a layer shows, as the tokens that open it.
struct Opening {
    tokens: String,
    is_text: bool,
}

/// The layer that a group of components makes; none where the grammar would refuse it as a whole.
pub(super) fn layer(group: &[Component]) -> Option<String> {
    let (first, last) = (group.first()?, group.last()?);
    let opening = opening(first.value("l")?)?;
    let mut text = opening.tokens.clone();
    for place in place(last) {
        text.push(',');
        text.push_str(&place);
    }
    let steps: Vec<String> = group
        .iter()
        .enumerate()
        .map(|(at, component)| step(component, &opening, at == 0))
        .collect();
    let mut steps = steps.iter();
    if let Some(own) = steps.next().filter(|own| !own.is_empty()) {
        text.push(',');
        text.push_str(own);
    }
    for later in steps.filter(|step| !step.is_empty()) {
        text.push(':');
        text.push_str(later);
    }
    text.push_str(",l-end");
    grammar::parse(&text).is_ok().then_some(text)
}

/// A component's parameters but for the layer's own and its place.
fn step(component: &Component, opening: &Opening, is_first: bool) -> String {
    let tokens = component.parts().filter_map(|(key, value)| match key {
        "l" | "fl" | "g" | "x" | "y" | "q" | "f" => None,
        "co" if opening.is_text => Some(format!("co-{}", color_of(value)?)),
        _ => token(key, value, false),
    });
    let separator = if is_first { ',' } else { ':' };
    let is_taken = |token: &String| {
        let alone = format!("{}{separator}{token},l-end", opening.tokens);
        is_single(token) && grammar::parse(&alone).is_ok()
    };
    tokens.filter(is_taken).collect::<Vec<_>>().join(",")
}

fn opening(source: &str) -> Option<Opening> {
    if let Some(text) = source.strip_prefix("text:") {
        // A colon in a font's path is a slash, so the first one after a size ends it.
        let (font, words) = text
            .match_indices(':')
            .take(MAX_FOLDERS)
            .filter_map(|(at, _)| text.split_at_checked(at))
            .find_map(|(font, words)| Some((font_tokens(font)?, words.strip_prefix(':')?)))?;
        return Some(Opening {
            tokens: format!("l-text,{}{font}", grammar::text_input(&twice(words))),
            is_text: true,
        });
    }
    let path = twice(source).replace(':', "/");
    Some(Opening {
        tokens: format!("l-image,i-{}", grammar::path_value(&path)),
        is_text: false,
    })
}

/// Cloudinary encodes commas and slashes of a text twice; the first time is decoded with the path segment.
fn twice(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// `Roboto_50_bold_left`: family, size, then style in any order.
fn font_tokens(font: &str) -> Option<String> {
    let words: Vec<&str> = font.split('_').collect();
    let at = words
        .iter()
        .position(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (family, rest) = words.split_at_checked(at)?;
    let (size, styles) = rest.split_first()?;
    let family = twice(&family.join("_")).replace(':', "/");
    let mut tokens = format!(",ff-{},fs-{size}", grammar::path_value(&family));
    let has = |style: &str| styles.contains(&style);
    match (has("bold"), has("italic")) {
        (true, true) => tokens.push_str(",tg-b_i"),
        (true, false) => tokens.push_str(",tg-b"),
        (false, true) => tokens.push_str(",tg-i"),
        (false, false) => {}
    }
    let align = styles.iter().find_map(|style| match *style {
        "left" | "start" => Some("left"),
        "center" => Some("center"),
        "right" | "end" => Some("right"),
        _ => None,
    });
    if let Some(align) = align {
        tokens.push_str(",ia-");
        tokens.push_str(align);
    }
    Some(tokens)
}

/// Gravity and offsets. Offsets count from the edge or corner that the gravity names, else from the middle.
fn place(component: &Component) -> Vec<String> {
    let gravity = component.value("g").unwrap_or("center");
    let (vertical, horizontal) = match gravity {
        "north" => ("top", ""),
        "south" => ("bottom", ""),
        "east" => ("", "right"),
        "west" => ("", "left"),
        "north_west" => ("top", "left"),
        "north_east" => ("top", "right"),
        "south_west" => ("bottom", "left"),
        "south_east" => ("bottom", "right"),
        _ => ("", ""),
    };
    let offset = |key: &str| -> i32 {
        let found = component.value(key).and_then(|value| value.parse().ok());
        found.unwrap_or(0).clamp(-100_000, 100_000)
    };
    let (x, y) = (offset("x"), offset("y"));
    if x == 0 && y == 0 {
        let edges: Vec<&str> = [vertical, horizontal]
            .into_iter()
            .filter(|edge| !edge.is_empty())
            .collect();
        return match edges.as_slice() {
            [] => Vec::new(),
            edges => vec![format!("lfo-{}", edges.join("_"))],
        };
    }
    vec![
        along("lx", "lxc", "bw", (horizontal, x)),
        along("ly", "lyc", "bh", (vertical, y)),
    ]
}

fn along(edge_key: &str, center_key: &str, extent: &str, (edge, offset): (&str, i32)) -> String {
    match edge {
        "left" | "top" => format!("{edge_key}-{}", offset.max(0)),
        "right" | "bottom" => format!("{edge_key}-N{}", offset.max(0)),
        _ if offset < 0 => format!("{center_key}-{extent}_div_2_sub_{}", -offset),
        _ if offset > 0 => format!("{center_key}-{extent}_div_2_add_{offset}"),
        _ => format!("{center_key}-{extent}_div_2"),
    }
}
