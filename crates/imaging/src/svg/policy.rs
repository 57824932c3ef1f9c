//! What may stay in a sanitised document. Elements are named one by one, because a list of bad ones is never complete;
//! attributes may stay unless they run or load something.
//!
//! Source: SVG 2 appendix on elements; WHATWG HTML for what runs scripts; `imagekit.md` 5.11.

/// Elements that may stay. Absent on purpose: `script`, `foreignObject`, `handler`, everything of HTML, and `metadata`, which
/// nobody sees.
const ELEMENTS: &[&str] = &[
    "a",
    "animate",
    "animateMotion",
    "animateTransform",
    "circle",
    "clipPath",
    "defs",
    "desc",
    "ellipse",
    "feBlend",
    "feColorMatrix",
    "feComponentTransfer",
    "feComposite",
    "feConvolveMatrix",
    "feDiffuseLighting",
    "feDisplacementMap",
    "feDistantLight",
    "feDropShadow",
    "feFlood",
    "feFuncA",
    "feFuncB",
    "feFuncG",
    "feFuncR",
    "feGaussianBlur",
    "feImage",
    "feMerge",
    "feMergeNode",
    "feMorphology",
    "feOffset",
    "fePointLight",
    "feSpecularLighting",
    "feSpotLight",
    "feTile",
    "feTurbulence",
    "filter",
    "g",
    "image",
    "line",
    "linearGradient",
    "marker",
    "mask",
    "mpath",
    "path",
    "pattern",
    "polygon",
    "polyline",
    "radialGradient",
    "rect",
    "set",
    "stop",
    "style",
    "svg",
    "switch",
    "symbol",
    "text",
    "textPath",
    "title",
    "tspan",
    "use",
    "view",
];

/// Attributes without namespace that load or send something somewhere, in this language or another.
const DROPPED_ATTRIBUTES: &[&str] = &[
    "action",
    "background",
    "base",
    "codebase",
    "data",
    "formaction",
    "manifest",
    "ping",
    "poster",
    "src",
    "srcdoc",
    "srcset",
    "target",
];

/// Texts that make any value suspicious, wherever they stand.
const DROPPED_TEXTS: &[&str] = &[
    "javascript:",
    "vbscript:",
    "livescript:",
    "data:text/",
    "data:application/",
    "data:image/svg",
    "expression(",
    "@import",
    "-moz-binding",
    "behavior:",
    "image-set(",
];

/// Raster images that may be embedded.
const EMBEDDED_IMAGES: &[&str] = &["png", "jpeg", "jpg", "gif", "webp", "avif", "bmp"];

pub(super) fn is_allowed_element(name: &str) -> bool {
    ELEMENTS.contains(&name)
}

/// Elements whose content is text for people: markup in it would be HTML to an HTML parser.
pub(super) fn holds_text_only(name: &str) -> bool {
    matches!(name, "title" | "desc" | "style")
}

/// Whether an element changes attributes of another, so that what it sets needs the same care.
pub(super) fn is_animation(name: &str) -> bool {
    matches!(
        name,
        "animate" | "animateMotion" | "animateTransform" | "set"
    )
}

/// Whether an attribute may be animated: not those that load or run something.
pub(super) fn is_animatable(attribute: &str) -> bool {
    let plain = squeezed(attribute);
    let local = plain.rsplit(':').next().unwrap_or_default();
    !local.starts_with("on")
        && !matches!(local, "href" | "style")
        && !DROPPED_ATTRIBUTES.contains(&local)
}

/// Whether an attribute without namespace may stay, by its name alone.
pub(super) fn is_allowed_attribute(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    // SVG knows one spelling, whose value is looked at; an HTML parser takes the others for it
    let is_other_spelling = lower != name && matches!(lower.as_str(), "href" | "style");
    !lower.starts_with("on") && !is_other_spelling && !DROPPED_ATTRIBUTES.contains(&lower.as_str())
}

/// Whether a value of an attribute other than `href` and `style` may stay.
pub(super) fn is_allowed_value(value: &str) -> bool {
    let plain = squeezed(value);
    if DROPPED_TEXTS.iter().any(|text| plain.contains(text)) {
        return false;
    }
    let may_be_style = plain.contains('(');
    // an escape or a comment may hide a function's name from us, but not from a style engine
    if may_be_style && (plain.contains('\\') || plain.contains("/*")) {
        return false;
    }
    addresses(&plain).all(is_allowed_address)
}

/// Whether an `href` may stay: a place in this document, or for pictures an embedded one.
pub(super) fn is_allowed_href(element: &str, value: &str) -> bool {
    let plain = squeezed(value);
    (plain.starts_with('#') && is_allowed_value(&plain))
        || (matches!(element, "image" | "feImage") && is_embedded_image(&plain))
}

/// What stands in each `url(…)`, without its quotes; what follows an unclosed one counts too.
pub(super) fn addresses(plain: &str) -> impl Iterator<Item = &str> {
    plain.split("url(").skip(1).map(|rest| {
        let rest = rest.split(')').next().unwrap_or_default();
        rest.trim_matches(['"', '\''])
    })
}

/// Whether a `url(…)` may stay.
pub(super) fn is_allowed_address(address: &str) -> bool {
    address.starts_with('#') || is_embedded_image(address)
}

fn is_embedded_image(plain: &str) -> bool {
    let Some(rest) = plain.strip_prefix("data:image/") else {
        return false;
    };
    let end = rest.find([';', ',']).unwrap_or(rest.len());
    rest.get(..end)
        .is_some_and(|kind| EMBEDDED_IMAGES.contains(&kind))
}

/// Lower case without what parsers of addresses skip: white space and control characters.
pub(super) fn squeezed(value: &str) -> String {
    let seen = value.chars().filter(|letter| {
        !letter.is_whitespace()
            && !letter.is_control()
            && !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{ad}')
    });
    seen.flat_map(char::to_lowercase).collect()
}
