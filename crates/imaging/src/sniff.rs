//! What bytes are, by their first few hundred. File names and content types are not asked: both lie.

use crate::format::ImageFormat;

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sniffed {
    /// A raster image this engine decodes.
    Image(ImageFormat),
    /// An SVG document; delivered as it is.
    Svg,
    /// An image format this engine knows by name only.
    UnsupportedImage(&'static str),
    /// No image.
    Other(LooksLike),
    /// No bytes at all.
    Empty,
}

/// What bytes that are no usable image look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LooksLike {
    Html,
    Json,
    Xml,
    Text,
    Pdf,
    /// Audio or video.
    Media,
    Archive,
    /// An image format known by name only.
    OtherImage,
    Binary,
}

impl LooksLike {
    /// The kind in `lower_snake_case`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Text => "text",
            Self::Pdf => "pdf",
            Self::Media => "media",
            Self::Archive => "archive",
            Self::OtherImage => "other_image",
            Self::Binary => "binary",
        }
    }
}

/// How far into the bytes text is looked at; a preamble longer than this is nobody's SVG.
const TEXT_WINDOW_BYTES: usize = 4096;

/// Says what `bytes` are. Never fails; a match means the signature is there, not that the rest is sound.
///
/// Source: the signature of each format; WHATWG MIME Sniffing section 7 for HTML.
pub fn sniff(bytes: &[u8]) -> Sniffed {
    if bytes.is_empty() {
        return Sniffed::Empty;
    }
    if let Some(format) = image_signature(bytes) {
        return Sniffed::Image(format);
    }
    if let Some(sniffed) = media_container(bytes).or_else(|| other_signature(bytes)) {
        return sniffed;
    }
    text(bytes.get(..TEXT_WINDOW_BYTES).unwrap_or(bytes))
}

fn image_signature(bytes: &[u8]) -> Option<ImageFormat> {
    const SIGNATURES: &[(&[u8], ImageFormat)] = &[
        (b"\xff\xd8\xff", ImageFormat::Jpeg),
        (b"\x89PNG\r\n\x1a\n", ImageFormat::Png),
        (b"GIF87a", ImageFormat::Gif),
        (b"GIF89a", ImageFormat::Gif),
        (b"II*\0", ImageFormat::Tiff),
        (b"MM\0*", ImageFormat::Tiff),
        (b"\0\0\x01\0", ImageFormat::Ico),
        (b"\xff\x0a", ImageFormat::Jxl),
        (b"\0\0\0\x0cJXL \r\n\x87\n", ImageFormat::Jxl),
    ];
    let by_signature = SIGNATURES
        .iter()
        .find(|(signature, _)| bytes.starts_with(signature))
        .map(|(_, format)| *format);
    by_signature
        .or_else(|| {
            (bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"))
                .then_some(ImageFormat::WebP)
        })
        .or_else(|| is_bmp(bytes).then_some(ImageFormat::Bmp))
}

/// `BM` alone begins many a text, so the header's own length has to be one of those that exist.
fn is_bmp(bytes: &[u8]) -> bool {
    let header_length = bytes.get(14..18).map(|field| {
        field
            .iter()
            .rev()
            .fold(0u32, |sum, byte| (sum << 8) | u32::from(*byte))
    });
    bytes.starts_with(b"BM")
        && matches!(header_length, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// ISO base media files say what they are in the brands of their `ftyp` box.
fn media_container(bytes: &[u8]) -> Option<Sniffed> {
    if bytes.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let length = bytes
        .first_chunk::<4>()
        .map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let brands = bytes
        .get(8..length.clamp(16, 256).min(bytes.len()))
        .unwrap_or_default();
    let has = |brand: &[u8; 4]| brands.chunks_exact(4).any(|candidate| candidate == brand);
    if has(b"avif") || has(b"avis") {
        return Some(Sniffed::Image(ImageFormat::Avif));
    }
    let is_heif = [b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1"]
        .into_iter()
        .any(has);
    Some(if is_heif {
        Sniffed::UnsupportedImage("HEIC")
    } else {
        Sniffed::Other(LooksLike::Media)
    })
}

fn other_signature(bytes: &[u8]) -> Option<Sniffed> {
    const IMAGES: &[(&[u8], &str)] = &[
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"8BPS", "Photoshop"),
        (b"%!PS", "PostScript"),
        (b"\xc5\xd0\xd3\xc6", "PostScript"),
        (b"II+\0", "BigTIFF"),
        (b"MM\0+", "BigTIFF"),
        (b"\x76\x2f\x31\x01", "OpenEXR"),
        (b"qoif", "QOI"),
        (b"\0\0\x02\0", "Windows cursor"),
    ];
    const OTHERS: &[(&[u8], LooksLike)] = &[
        (b"%PDF-", LooksLike::Pdf),
        (b"PK\x03\x04", LooksLike::Archive),
        (b"PK\x05\x06", LooksLike::Archive),
        (b"\x1f\x8b", LooksLike::Archive),
        (b"BZh", LooksLike::Archive),
        (b"\xfd7zXZ\0", LooksLike::Archive),
        (b"7z\xbc\xaf\x27\x1c", LooksLike::Archive),
        (b"Rar!\x1a\x07", LooksLike::Archive),
        (b"\x28\xb5\x2f\xfd", LooksLike::Archive),
        (b"ID3", LooksLike::Media),
        (b"OggS", LooksLike::Media),
        (b"fLaC", LooksLike::Media),
        (b"\x1a\x45\xdf\xa3", LooksLike::Media),
        (b"RIFF", LooksLike::Media),
        (b"FLV\x01", LooksLike::Media),
        (b"\0\0\x01\xba", LooksLike::Media),
        (b"\0\0\x01\xb3", LooksLike::Media),
    ];
    let image = IMAGES
        .iter()
        .find(|(signature, _)| bytes.starts_with(signature));
    let other = OTHERS
        .iter()
        .find(|(signature, _)| bytes.starts_with(signature));
    image
        .map(|(_, name)| Sniffed::UnsupportedImage(name))
        .or_else(|| other.map(|(_, looks_like)| Sniffed::Other(*looks_like)))
}

fn text(window: &[u8]) -> Sniffed {
    let window = window.strip_prefix(b"\xef\xbb\xbf").unwrap_or(window);
    let text = window.trim_ascii_start();
    let Some(first) = text.first() else {
        return Sniffed::Other(LooksLike::Text);
    };
    if window
        .iter()
        .any(|byte| matches!(byte, 0..=8 | 0x0e..=0x1a | 0x1c..=0x1f))
    {
        return Sniffed::Other(LooksLike::Binary);
    }
    match first {
        b'<' => markup(text),
        b'{' | b'[' => Sniffed::Other(LooksLike::Json),
        _ if is_mostly_utf8(window) => Sniffed::Other(LooksLike::Text),
        _ => Sniffed::Other(LooksLike::Binary),
    }
}

fn is_mostly_utf8(window: &[u8]) -> bool {
    // a window may end inside a character, which is no fault of the text
    std::str::from_utf8(window).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// Looks past declarations, comments and the document type at the first element.
fn markup(text: &[u8]) -> Sniffed {
    let mut rest = text;
    let mut is_xml = false;
    loop {
        rest = rest.trim_ascii_start();
        let end: &[u8] = if rest.starts_with(b"<!--") {
            b"-->"
        } else if rest.starts_with(b"<?") {
            is_xml |= rest.starts_with(b"<?xml");
            b"?>"
        } else if starts_with_ignoring_case(rest, b"<!doctype") {
            let name = rest.get(9..).unwrap_or_default().trim_ascii_start();
            if starts_with_ignoring_case(name, b"html") {
                return Sniffed::Other(LooksLike::Html);
            }
            // an internal subset holds `>` of its own
            let bracket = memchr::memchr(b'[', rest);
            let close = memchr::memchr(b'>', rest);
            if bracket
                .zip(close)
                .is_some_and(|(bracket, close)| bracket < close)
            {
                b"]>"
            } else {
                b">"
            }
        } else {
            break;
        };
        let Some(at) = memchr::memmem::find(rest, end) else {
            return Sniffed::Other(if is_xml {
                LooksLike::Xml
            } else {
                LooksLike::Html
            });
        };
        rest = rest.get(at + end.len()..).unwrap_or_default();
    }
    element(rest, is_xml)
}

/// Elements a page may begin with when its author left out the rest.
const HTML_ELEMENTS: &[&[u8]] = &[
    b"html", b"head", b"body", b"title", b"script", b"style", b"div", b"p", b"h1", b"a", b"br",
    b"table", b"iframe", b"meta", b"link", b"center", b"span", b"pre", b"b", b"font",
];

fn element(rest: &[u8], is_xml: bool) -> Sniffed {
    let name = rest.strip_prefix(b"<").unwrap_or_default();
    let length = name
        .iter()
        .take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.')
        })
        .count();
    let name = name.get(..length).unwrap_or_default();
    let local_name = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
    if local_name == b"svg" {
        Sniffed::Svg
    } else if is_html_element(local_name, is_xml) {
        Sniffed::Other(LooksLike::Html)
    } else if local_name.is_empty() {
        Sniffed::Other(LooksLike::Text)
    } else {
        Sniffed::Other(LooksLike::Xml)
    }
}

/// In XML only the root element of XHTML counts: `a` and `title` are anybody's names there.
fn is_html_element(name: &[u8], is_xml: bool) -> bool {
    if is_xml {
        return name.eq_ignore_ascii_case(b"html");
    }
    HTML_ELEMENTS
        .iter()
        .any(|element| name.eq_ignore_ascii_case(element))
}

fn starts_with_ignoring_case(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_origins_send_instead_of_images_is_named() {
        let cases: &[(&[u8], LooksLike)] = &[
            (b"\n<!DOCTYPE HTML><html>", LooksLike::Html),
            (b"<!-- x --><HTML>", LooksLike::Html),
            (b"<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML\"><html>", LooksLike::Html),
            (b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code></Error>", LooksLike::Xml),
            (b"<Error><Code>AccessDenied</Code></Error>", LooksLike::Xml),
            (b"{\"error\":\"nope\"}", LooksLike::Json),
            (b"Not Found", LooksLike::Text),
            (b"   ", LooksLike::Text),
            (b"BM is not always a bitmap", LooksLike::Text),
            (b"%PDF-1.7", LooksLike::Pdf),
            (b"PK\x03\x04....", LooksLike::Archive),
            (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", LooksLike::Media),
            (b"RIFF\0\0\0\0WAVEfmt ", LooksLike::Media),
            (b"\x7fELF\x02\x01\x01\0", LooksLike::Binary),
            (b"\xc3\x28 latin", LooksLike::Binary),
        ];
        for (bytes, expected) in cases {
            assert_eq!(
                sniff(bytes),
                Sniffed::Other(*expected),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn images_are_recognised_by_signature_alone() {
        assert_eq!(
            sniff(b"\xff\xd8\xff\xe0"),
            Sniffed::Image(ImageFormat::Jpeg)
        );
        assert_eq!(
            sniff(b"RIFF\x1a\0\0\0WEBPVP8 "),
            Sniffed::Image(ImageFormat::WebP)
        );
        assert_eq!(
            sniff(b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiaf"),
            Sniffed::Image(ImageFormat::Avif)
        );
        assert_eq!(
            sniff(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
            Sniffed::UnsupportedImage("HEIC")
        );
        assert_eq!(sniff(b"\0\0\x01\0\x01\0"), Sniffed::Image(ImageFormat::Ico));
        assert_eq!(sniff(b"\xff\x0a\xe8\x30"), Sniffed::Image(ImageFormat::Jxl));
        assert_eq!(
            sniff(b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl "),
            Sniffed::Image(ImageFormat::Jxl)
        );
        assert_eq!(sniff(b""), Sniffed::Empty);
    }

    #[test]
    fn svg_is_found_behind_declaration_comment_and_doctype() {
        for text in [
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "\u{feff}<?xml version='1.0'?>\n<!-- a > b -->\n<svg>",
            "<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'>\n<svg>",
            "<!DOCTYPE svg [ <!ENTITY a 'b'> ]><svg:svg xmlns:svg='x'>",
        ] {
            assert_eq!(sniff(text.as_bytes()), Sniffed::Svg, "{text}");
        }
    }
}
