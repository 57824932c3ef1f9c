//! Our own query parameters and everybody else's. Source: `imagekit.md` 3.8.

use percent_encoding::percent_decode_str;

/// What `ik-…` query parameters ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switches {
    /// `ik-attachment=true`, or a file name is given.
    pub attachment: bool,
    /// `ik-attachment-filename`, decoded; without extension.
    pub attachment_filename: Option<String>,
    /// `ik-sanitizeSvg`
    pub sanitize_svg: Option<bool>,
    /// `ik-obj-version`, decoded.
    pub object_version: Option<String>,
    /// Whether `ik-s` is present.
    pub signed: bool,
}

/// A query taken apart.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) transformations: Vec<String>,
    pub(super) forwarded: Option<String>,
    pub(super) switches: Switches,
}

/// Sorts the parameters of a query; nothing is decoded but our own values.
pub(super) fn split(query: Option<&str>) -> Query {
    let mut split = Query::default();
    let mut forwarded: Vec<&str> = Vec::new();
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "tr" if value.is_empty() => {}
            "tr" => split.transformations.push(value.to_owned()),
            _ if name.starts_with("ik-") => split.switches.set(name, value),
            _ => forwarded.push(pair),
        }
    }
    split.forwarded = Some(forwarded.join("&")).filter(|joined| !joined.is_empty());
    split
}

impl Switches {
    /// Values that make no sense, and `ik-` names we do not know, are without effect.
    fn set(&mut self, name: &str, value: &str) {
        let decoded = || percent_decode_str(value).decode_utf8_lossy().into_owned();
        match name {
            "ik-attachment" => self.attachment |= value == "true",
            "ik-attachment-filename" if !value.is_empty() => {
                self.attachment = true;
                self.attachment_filename = Some(decoded());
            }
            "ik-sanitizeSvg" => self.sanitize_svg = value.parse().ok(),
            "ik-obj-version" if !value.is_empty() => self.object_version = Some(decoded()),
            "ik-s" => self.signed = true,
            _ => {}
        }
    }
}
