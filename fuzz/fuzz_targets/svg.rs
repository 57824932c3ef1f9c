//! The SVG sanitiser: what comes out is SVG that runs nothing, loads nothing, and stays as it is when sanitised again.
//! What counts as running and loading is said here anew, not taken from the sanitiser's own lists.

#![no_main]

use libfuzzer_sys::fuzz_target;
use limpid_imaging::svg::sanitize;
use roxmltree::{Document, Node};

const RUNS_OR_HOLDS_HTML: [&str; 8] = [
    "script",
    "foreignobject",
    "handler",
    "listener",
    "iframe",
    "object",
    "embed",
    "html",
];

fuzz_target!(|bytes: &[u8]| {
    let Ok(clean) = sanitize(bytes) else {
        return;
    };
    let again = sanitize(&clean).expect("what the sanitiser writes, it reads");
    assert_eq!(
        String::from_utf8_lossy(&again),
        String::from_utf8_lossy(&clean)
    );
    let text = std::str::from_utf8(&clean).expect("UTF-8");
    assert!(!text.contains("<!") && !text.contains("<?"), "{text}");
    let document = Document::parse(text).expect("well formed");
    for node in document.descendants().filter(Node::is_element) {
        check(node, text);
    }
});

fn check(node: Node<'_, '_>, text: &str) {
    let name = node.tag_name().name().to_ascii_lowercase();
    assert!(!RUNS_OR_HOLDS_HTML.contains(&name.as_str()), "{text}");
    for attribute in node.attributes() {
        let name = attribute.name().to_ascii_lowercase();
        let value = plain(attribute.value());
        assert!(!name.starts_with("on"), "{text}");
        // inside an embedded picture it is only a picture's bytes
        let is_picture = value.starts_with("data:image/") && is_inside(&value);
        assert!(is_picture || !value.contains("javascript:"), "{text}");
        if matches!(name.as_str(), "href" | "src") {
            assert!(is_inside(&value), "{text}");
        }
        if !is_picture {
            check_addresses(&value, text);
        }
    }
    if name == "style" {
        let style: String = node
            .descendants()
            .filter_map(|inner| inner.text())
            .collect();
        let style = plain(&style);
        assert!(!style.contains("@import"), "{text}");
        check_addresses(&style, text);
    }
}

fn check_addresses(value: &str, text: &str) {
    for address in value.split("url(").skip(1) {
        let address = address.trim_start_matches(['"', '\'']);
        assert!(is_inside(address), "{text}");
    }
}

/// Whether an address is a place in the same document or a picture inside it.
fn is_inside(address: &str) -> bool {
    address.starts_with('#')
        || (address.starts_with("data:image/") && !address.starts_with("data:image/svg"))
}

/// As a browser reads addresses: no control characters, no white space, small letters.
fn plain(value: &str) -> String {
    let kept = value
        .chars()
        .filter(|letter| !letter.is_control() && !letter.is_whitespace());
    kept.flat_map(char::to_lowercase).collect()
}
