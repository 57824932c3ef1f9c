//! Reads a document, keeps what the policy allows, and writes it anew: nothing of the source reaches the result but names from
//! a list, and values and texts that are escaped again.

use std::borrow::Cow;

use roxmltree::{Document, Node, ParsingOptions};

use super::{policy, rejected, style};
use crate::error::ImagingError;

const SVG: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Nodes of a document; a map of a country has some 100 000.
const MAX_NODES: u32 = 1_000_000;
/// Elements inside each other. Drawing programs stay below 50.
const MAX_DEPTH: usize = 256;
/// What all entity references together may expand to. Units: bytes.
const MAX_EXPANSION_BYTES: usize = 16 << 20;

/// A document without scripts, event handlers, references that leave it, foreign content, entities and processing
/// instructions. What is well formed but not allowed is left out silently; sanitising twice changes nothing more.
///
/// Shape: UTF-8, one `svg` element, no declaration.
///
/// Errors: `SvgRejected` where it isn't well formed, isn't SVG, or is nested or repeated beyond measure.
pub fn sanitize(source: &[u8]) -> Result<Vec<u8>, ImagingError> {
    let text = decoded(source)?;
    check_entities(&text)?;
    let options = ParsingOptions {
        allow_dtd: true,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(&text, options)
        .map_err(|error| rejected(format!("it is not well formed: {error}")))?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" || !is_svg(root) {
        return Err(rejected("its root is not svg"));
    }
    let mut writer = Writer::default();
    writer.attributes(root);
    writer.content(root)?;
    let mut result = format!("<svg xmlns=\"{SVG}\"");
    if writer.has_xlink {
        result.extend([" xmlns:xlink=\"", XLINK, "\""]);
    }
    result.push_str(&writer.text);
    result.push_str("</svg>");
    Ok(result.into_bytes())
}

/// The text of a document. Without another declaration it is UTF-8; of the others only the one-byte ones that differ from it
/// above ASCII alone are read, because no two programs agree on the rest.
fn decoded(source: &[u8]) -> Result<Cow<'_, str>, ImagingError> {
    let source = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source);
    if let Ok(text) = std::str::from_utf8(source) {
        return Ok(Cow::Borrowed(text));
    }
    let head = source.get(..200).unwrap_or(source).to_ascii_lowercase();
    let is_latin = ["iso-8859-1", "iso-8859-15", "windows-1252", "us-ascii"]
        .iter()
        .any(|name| memchr::memmem::find(&head, name.as_bytes()).is_some());
    if !is_latin {
        return Err(rejected("its text is not UTF-8"));
    }
    Ok(source.iter().map(|byte| char::from(*byte)).collect())
}

/// Entities may stand for plain text only, and only so much of it in all: expansions multiply.
fn check_entities(text: &str) -> Result<(), ImagingError> {
    let mut declared = 0_usize;
    for declaration in text.split("<!ENTITY").skip(1) {
        let end = declaration.find('>').unwrap_or(declaration.len());
        let value = declaration.get(..end).unwrap_or_default();
        let has_markup = value.contains('<') || value.replace("&#", "").contains('&');
        if has_markup || value.trim_start().starts_with('%') {
            return Err(rejected("an entity holds markup or other entities"));
        }
        declared = declared.saturating_add(value.len());
    }
    let references = memchr::memchr_iter(b'&', text.as_bytes()).count();
    if declared.saturating_mul(references) > MAX_EXPANSION_BYTES {
        return Err(rejected("its entities expand to too much"));
    }
    Ok(())
}

/// Documents without namespaces are taken for what they look like.
fn is_svg(node: Node<'_, '_>) -> bool {
    matches!(node.tag_name().namespace(), Some(SVG) | None)
}

#[derive(Default)]
struct Writer {
    text: String,
    has_xlink: bool,
}

impl Writer {
    /// The attributes that may stay.
    fn attributes(&mut self, node: Node<'_, '_>) {
        let element = node.tag_name().name();
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            let prefix = match attribute.namespace() {
                None => "",
                Some(XLINK) => "xlink:",
                Some(XML) if matches!(name, "space" | "lang") => "xml:",
                Some(_) => continue,
            };
            let is_link = name == "href" && prefix != "xml:";
            let kept = match name {
                _ if is_link => {
                    policy::is_allowed_href(element, value).then_some(Cow::Borrowed(value))
                }
                "style" if prefix.is_empty() => style::without_loading(value).map(Cow::Owned),
                _ => (policy::is_allowed_attribute(name) && policy::is_allowed_value(value))
                    .then_some(Cow::Borrowed(value)),
            };
            if let Some(value) = kept {
                self.has_xlink |= prefix == "xlink:";
                self.text.push(' ');
                self.text.push_str(prefix);
                self.text.push_str(name);
                self.text.push_str("=\"");
                self.escaped(&value, true);
                self.text.push('"');
            }
        }
        self.text.push('>');
    }

    /// What is inside an element, without recursion: how deep documents go is not ours to choose.
    fn content(&mut self, parent: Node<'_, '_>) -> Result<(), ImagingError> {
        let mut open: Vec<Node<'_, '_>> = Vec::new();
        let mut next = parent.first_child();
        loop {
            let Some(node) = next else {
                let Some(closed) = open.pop() else {
                    return Ok(());
                };
                self.close(closed);
                next = closed.next_sibling();
                continue;
            };
            let within = open.last().copied().unwrap_or(parent);
            if node.is_text() {
                self.characters(within, node.text().unwrap_or_default());
            } else if node.is_element() && is_kept(within, node) {
                if open.len() >= MAX_DEPTH {
                    return Err(rejected("its elements are nested too deeply"));
                }
                self.text.push('<');
                self.text.push_str(node.tag_name().name());
                self.attributes(node);
                open.push(node);
                next = node.first_child();
                continue;
            }
            next = node.next_sibling();
        }
    }

    fn close(&mut self, node: Node<'_, '_>) {
        self.text.push_str("</");
        self.text.push_str(node.tag_name().name());
        self.text.push('>');
    }

    fn characters(&mut self, within: Node<'_, '_>, text: &str) {
        if within.tag_name().name() == "style" {
            if let Some(safe) = style::without_loading(text) {
                self.escaped(&safe, false);
            }
        } else {
            self.escaped(text, false);
        }
    }

    fn escaped(&mut self, text: &str, is_attribute: bool) {
        for letter in text.chars() {
            match letter {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' if is_attribute => self.text.push_str("&quot;"),
                '\r' => self.text.push_str("&#13;"),
                '\n' if is_attribute => self.text.push_str("&#10;"),
                '\t' if is_attribute => self.text.push_str("&#9;"),
                _ => self.text.push(letter),
            }
        }
    }
}

fn is_kept(within: Node<'_, '_>, node: Node<'_, '_>) -> bool {
    let name = node.tag_name().name();
    if !is_svg(node) || !policy::is_allowed_element(name) {
        return false;
    }
    if policy::holds_text_only(within.tag_name().name()) {
        return false;
    }
    let target = node.attribute("attributeName");
    !policy::is_animation(name) || target.is_none_or(policy::is_animatable)
}
