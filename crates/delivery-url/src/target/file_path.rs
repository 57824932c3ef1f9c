//! The file a request names, and which names are refused. Source: `imagekit.md` 3.3, 3.4; `reliability.md` 2.2.

use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};

use super::TargetError;

/// Nothing ASCII is encoded; `utf8_percent_encode` always encodes the rest.
pub(super) const ONLY_NON_ASCII: &AsciiSet = &AsciiSet::EMPTY;

/// What a decoded URL may hold that no URL may.
const NOT_IN_URLS: &AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// What a decoded path may hold that no path of a URL may, and what would end or change one.
const NOT_IN_PATHS: &AsciiSet = &NOT_IN_URLS.add(b'%').add(b'?').add(b'#');

/// The file asked for: percent-encoded as received, no leading slash. Slashes inside are kept as they are, repeated ones too, because
/// object stores tell `a/b` from `a//b`.
///
/// A path that is an absolute URL (for a web proxy) is kept in its usual form, `https://host/path`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FilePath {
    raw: String,
    is_absolute_url: bool,
}

impl FilePath {
    /// The file of a path that a transformation names (`di`, a layer), which is decoded already.
    ///
    /// Errors: no file, or a name no file may have.
    pub fn from_decoded(path: &str) -> Result<Self, TargetError> {
        let path = path.trim_start_matches('/');
        Self::new(&utf8_percent_encode(path, NOT_IN_PATHS).to_string())
    }

    /// Percent-encoded, as web origins get it; no leading slash.
    pub fn as_raw(&self) -> &str {
        &self.raw
    }

    /// Decoded once, as object stores get it; none where the bytes are not UTF-8.
    pub fn decoded(&self) -> Option<String> {
        percent_decode_str(&self.raw)
            .decode_utf8()
            .ok()
            .map(std::borrow::Cow::into_owned)
    }

    /// The URL a web proxy fetches, where the path is one (`https://h/a`, `https:/h/a`, `https%3A%2F%2Fh%2Fa`); without the
    /// request's own query.
    pub fn absolute_url(&self) -> Option<&str> {
        self.is_absolute_url.then_some(self.raw.as_str())
    }

    /// The last part of the path, decoded; what a download is called.
    pub fn file_name(&self) -> String {
        let path = self.raw.split('?').next().unwrap_or_default();
        let name = path
            .rsplit('/')
            .find(|segment| !segment.is_empty())
            .unwrap_or_default();
        percent_decode_str(name).decode_utf8_lossy().into_owned()
    }

    /// Errors: no file, or a name no file may have.
    pub(crate) fn new(path: &str) -> Result<Self, TargetError> {
        let url = absolute_url(path);
        let is_absolute_url = url.is_some();
        let raw = url.unwrap_or_else(|| path.to_owned());
        if raw.trim_start_matches('/').is_empty() {
            return Err(TargetError::NoFile);
        }
        let decoded: Vec<u8> = percent_decode_str(&raw).collect();
        if decoded
            .iter()
            .any(|byte| byte.is_ascii_control() || *byte == b'\\')
        {
            return Err(TargetError::ForbiddenCharacter);
        }
        // An overlong encoding of an ASCII character: lenient decoders take it for a dot or a slash.
        let is_overlong = |pair: &[u8]| matches!(pair, [0xC0 | 0xC1, 0x80..=0xBF]);
        let has_dots = |path: &[u8]| {
            path.split(|byte| *byte == b'/')
                .any(|segment| matches!(segment, b"." | b".."))
        };
        if decoded.windows(2).any(is_overlong) || has_dots(&decoded) {
            return Err(TargetError::DotSegment);
        }
        Ok(Self {
            raw,
            is_absolute_url,
        })
    }
}

/// The URL that `path` is: written out, with its slashes merged, or percent-encoded as a whole.
pub(super) fn absolute_url(path: &str) -> Option<String> {
    let path = path.trim_start_matches('/');
    if let Some(url) = with_scheme(path) {
        return Some(url);
    }
    let (scheme, _) = path.split_once('%')?;
    if !is_web_scheme(scheme) {
        return None;
    }
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    with_scheme(&decoded).map(|url| utf8_percent_encode(&url, NOT_IN_URLS).to_string())
}

fn with_scheme(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once(":/")?;
    let rest = rest.trim_start_matches('/');
    if !is_web_scheme(scheme) || rest.is_empty() {
        return None;
    }
    Some(format!("{}://{rest}", scheme.to_ascii_lowercase()))
}

fn is_web_scheme(text: &str) -> bool {
    text.eq_ignore_ascii_case("http") || text.eq_ignore_ascii_case("https")
}
