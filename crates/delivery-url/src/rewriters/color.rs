//! Colours of other services: hex with two-digit hex alpha, or a name.

/// Where the alpha of eight or four hex digits stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AlphaAt {
    Start,
    End,
}

/// `AAAA54A9` with the alpha at the end → `AAAA5466`: short forms doubled, alpha 00 to FF as opacity 00 to 99, and left out
/// where it is FF. None where the text is not hex digits.
pub(super) fn hex(text: &str, alpha_at: AlphaAt) -> Option<String> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digits: String = match text.len() {
        3 | 4 => text.chars().flat_map(|digit| [digit, digit]).collect(),
        6 | 8 => text.to_owned(),
        _ => return None,
    }
    .to_ascii_uppercase();
    if digits.len() == 6 {
        return Some(digits);
    }
    let (rgb, alpha) = match alpha_at {
        AlphaAt::Start => {
            let (alpha, rgb) = digits.split_at_checked(2)?;
            (rgb, alpha)
        }
        AlphaAt::End => digits.split_at_checked(6)?,
    };
    let alpha = u32::from_str_radix(alpha, 16).ok()?;
    if alpha == 255 {
        return Some(rgb.to_owned());
    }
    let percent = ((alpha * 100 + 127) / 255).min(99);
    Some(format!("{rgb}{percent:02}"))
}

/// A colour's name; whether there is such a colour is for the grammar to say.
pub(super) fn name(text: &str) -> Option<String> {
    let is_name = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_name.then(|| text.to_ascii_lowercase())
}
