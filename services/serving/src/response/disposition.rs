//! `Content-Disposition` for downloads. Source: RFC 6266 and RFC 8187.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand unencoded in an extended value. Source: RFC 8187, `attr-char`.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Longest file name sent. Units: characters.
const MAX_NAME_CHARS: usize = 150;

/// The field value that makes a browser save the answer as `name`.
///
/// Shape: printable ASCII; names with anything else are sent a second time in extended form.
pub(crate) fn attachment(name: &str) -> String {
    let safe: String = name
        .chars()
        .filter(|c| !c.is_control())
        .map(|c| if matches!(c, '/' | '\\') { '_' } else { c })
        .take(MAX_NAME_CHARS)
        .collect();
    let plain: String = safe
        .chars()
        .map(|c| {
            if c == '"' || !(' '..='~').contains(&c) {
                '_'
            } else {
                c
            }
        })
        .collect();
    if plain == safe {
        return format!("attachment; filename=\"{plain}\"");
    }
    let extended = utf8_percent_encode(&safe, NOT_ATTR_CHAR);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}")
}

/// `name` with the extension of what is delivered in place of its own picture extension, if it has one.
pub(crate) fn with_extension(name: &str, extension: Option<&str>) -> String {
    let name = if name.is_empty() { "download" } else { name };
    let Some(extension) = extension else {
        return name.to_owned();
    };
    let stem = match name.rsplit_once('.') {
        Some((stem, old)) if !stem.is_empty() && is_picture_extension(old) => stem,
        _ => name,
    };
    format!("{stem}.{extension}")
}

fn is_picture_extension(extension: &str) -> bool {
    const KNOWN: [&str; 15] = [
        "jpg", "jpeg", "png", "webp", "avif", "gif", "svg", "bmp", "tif", "tiff", "ico", "heic",
        "heif", "jfif", "jxl",
    ];
    KNOWN
        .iter()
        .any(|known| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_one_parameter() {
        for (name, value) in [
            ("a.jpg", "attachment; filename=\"a.jpg\""),
            (
                "a\"; filename=evil.exe",
                "attachment; filename=\"a_; filename=evil.exe\"; filename*=UTF-8''a%22%3B%20filename%3Devil.exe",
            ),
            (
                "a\r\nSet-Cookie: x",
                "attachment; filename=\"aSet-Cookie: x\"",
            ),
            ("../x\\y", "attachment; filename=\".._x_y\""),
            (
                "日本.jpg",
                "attachment; filename=\"__.jpg\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.jpg",
            ),
        ] {
            assert_eq!(attachment(name), value);
        }
    }

    #[test]
    fn the_extension_is_that_of_what_is_delivered() {
        for (name, extension, full) in [
            ("a.jpg", Some("webp"), "a.webp"),
            ("report", Some("png"), "report.png"),
            ("v1.2", Some("png"), "v1.2.png"),
            ("data.csv", None, "data.csv"),
            ("", Some("jpg"), "download.jpg"),
            (".jpg", Some("jpg"), ".jpg.jpg"),
        ] {
            assert_eq!(with_extension(name, extension), full);
        }
    }
}
