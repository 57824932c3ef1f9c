//! Elements of the small XML documents by which object stores and token services say what is wrong.

/// The text of the first element with this name. The documents are flat and small, so this needs no XML parser, and
/// nothing in a hostile one (attributes, entities, depth) costs more than one pass over at most 64 KB.
pub(crate) fn element(document: &str, name: &str) -> Option<String> {
    element_text(document, name).map(|text| super::text::printable(&text))
}

/// The same, as it is: for values that are used and never shown.
pub(crate) fn element_text(document: &str, name: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
