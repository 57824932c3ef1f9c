//! Elements of the small XML documents by which object stores and token services say what is wrong.

/// The text of the first element with this name, whatever its namespace and attributes. The documents are flat and small, so this needs
/// no XML parser, and nothing in a hostile one (entities, depth, a document type) costs more than one pass over at most 64 KB.
pub(crate) fn element(document: &str, name: &str) -> Option<String> {
    element_text(document, name).map(|text| super::text::printable(&text))
}

/// The same, as it is: for values that are used and never shown.
pub(crate) fn element_text(document: &str, name: &str) -> Option<String> {
    let mut rest = document;
    loop {
        let (_, after) = rest.split_once('<')?;
        // What looks like an element in there is none.
        let skipped = [("!--", "-->"), ("![CDATA[", "]]>")]
            .into_iter()
            .find(|(start, _)| after.starts_with(start));
        if let Some((_, end)) = skipped {
            (_, rest) = after.split_once(end)?;
            continue;
        }
        let (tag, inside) = after.split_once('>')?;
        rest = inside;
        let qualified = tag.split(char::is_whitespace).next().unwrap_or_default();
        let local = qualified.rsplit(':').next().unwrap_or_default();
        if local != name || tag.ends_with('/') {
            continue;
        }
        let (text, _) = inside.split_once(&format!("</{qualified}>"))?;
        return plain(text);
    }
}

/// Text without its escapes; none where nothing is left.
fn plain(text: &str) -> Option<String> {
    let text = text.trim();
    let literal = text
        .strip_prefix("<![CDATA[")
        .and_then(|text| text.strip_suffix("]]>"));
    let text = literal.map_or_else(
        || {
            text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&apos;", "'")
                .replace("&amp;", "&")
        },
        str::to_owned,
    );
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_attributes_and_document_types_hide_nothing() {
        for document in [
            "<Error><Code>NoSuchKey</Code></Error>",
            "\u{feff}<?xml version=\"1.0\"?>\n<Error xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n <Code>\n NoSuchKey </Code></Error>",
            "<s3:Error xmlns:s3=\"urn:x\"><s3:Code>NoSuchKey</s3:Code></s3:Error>",
            "<Error><Code xml:lang=\"en\">NoSuchKey</Code></Error>",
            "<!DOCTYPE Error [<!ENTITY a \"b\">]><Error><Code>NoSuchKey</Code></Error>",
            "<Error><!-- <Code>AccessDenied</Code> --><Code><![CDATA[NoSuchKey]]></Code></Error>",
            "<Error><![CDATA[<Code>AccessDenied</Code>]]><Code/><Code>NoSuchKey</Code></Error>",
        ] {
            let code = element_text(document, "Code");
            assert_eq!(code.as_deref(), Some("NoSuchKey"), "{document}");
        }
    }

    #[test]
    fn what_is_no_such_element_is_none() {
        for document in [
            "",
            "<",
            "<Code",
            "<Code>",
            "<Code></Code>",
            "<Code>cut",
            "<CodeX>a</CodeX>",
            "<!-- <Code>a</Code>",
            "no xml at all",
            "<Error><ErrorCode>a</ErrorCode></Error>",
        ] {
            assert_eq!(element_text(document, "Code"), None, "{document}");
        }
    }

    #[test]
    fn entities_are_not_expanded_and_escapes_are_undone_once() {
        let document = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Message>&x; &amp;lt;b&gt;</Message>";
        let message = element_text(document, "Message");
        assert_eq!(message.as_deref(), Some("&x; &lt;b>"));
    }
}
