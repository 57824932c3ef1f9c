//! Writes the text of a sanitised document anew where the drawing library would stumble over it: characters no font has,
//! scripts it would shape by the rules of another one, and paths it can't measure.

use roxmltree::{Document, Node};
use unicode_script::{Script, UnicodeScript};

use super::{fonts, text_work};

/// Stands for what no font has, as wide as a letter. Source: the white square is what most fonts show for that themselves.
const MISSING: char = '\u{25a1}';
/// What begins and ends an embedding: one level up from Latin, and two from Hebrew, which is one up already.
type Embedding = (&'static str, &'static str);
const LEFT_TO_RIGHT: Embedding = ("\u{202a}", "\u{202c}");
const RIGHT_TO_LEFT: Embedding = ("\u{202b}\u{202b}", "\u{202c}\u{202c}");

/// The document with such text rewritten; `None` where there is none.
///
/// `enlargement` is the most that any part of it is enlarged by, see `text_work`.
pub(super) fn prepared(source: &str, document: &Document<'_>, enlargement: f64) -> Option<String> {
    let texts = document.descendants().filter(|node| {
        node.has_tag_name("text")
            && !node
                .ancestors()
                .skip(1)
                .any(|outer| outer.has_tag_name("text"))
    });
    // an embedding is a character of its own, and each would be spaced
    let is_spaced = source.contains("letter-spacing");
    let paths = text_work::Paths::of(document, enlargement);
    let mut result = String::new();
    let mut copied = 0;
    for text in texts {
        let embedded = Embedded::of(text, is_spaced);
        for node in text.descendants() {
            let range = node.range();
            if range.start < copied {
                continue;
            }
            let replacement = if node.has_tag_name("textPath") && !paths.can_be_followed(node) {
                Some(String::new())
            } else if let Some(plain) = node.is_text().then(|| node.text()).flatten() {
                let written = embedded.written(plain);
                (written != plain).then(|| escaped(&written))
            } else {
                None
            };
            if let Some(replacement) = replacement {
                result.push_str(source.get(copied..range.start)?);
                result.push_str(&replacement);
                copied = range.end;
            }
        }
    }
    (copied > 0).then(|| result + source.get(copied..).unwrap_or_default())
}

/// Scripts with rules of their own. Hebrew and Latin are next to each other without harm: their directions part them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    Simple,
    Hebrew,
    Arabic,
    Devanagari,
    /// Marks that belong to the letter before.
    Inherited,
    /// Spaces, digits, punctuation.
    Shared,
}

impl Rules {
    fn of(character: char) -> Self {
        match character.script() {
            Script::Hebrew => Self::Hebrew,
            Script::Arabic => Self::Arabic,
            Script::Devanagari => Self::Devanagari,
            Script::Inherited => Self::Inherited,
            Script::Common | Script::Unknown => Self::Shared,
            _ => Self::Simple,
        }
    }
}

/// Which scripts of a text are parted from their neighbours. The library shapes what has one direction by the rules of the
/// first script in it; an embedding is a direction of its own.
#[derive(Debug, Clone, Copy, Default)]
struct Embedded {
    has_devanagari: bool,
    has_arabic: bool,
}

impl Embedded {
    fn of(text: Node<'_, '_>, is_spaced: bool) -> Self {
        if is_spaced || text.descendants().any(places_characters) {
            return Self::default();
        }
        let pieces = text.descendants().filter(Node::is_text);
        let mut found = [false; 4];
        for character in pieces.filter_map(|piece| piece.text()).flat_map(str::chars) {
            match Rules::of(character) {
                Rules::Simple => found[0] = true,
                Rules::Hebrew => found[1] = true,
                Rules::Arabic => found[2] = true,
                Rules::Devanagari => found[3] = true,
                Rules::Inherited | Rules::Shared => {}
            }
        }
        let [has_simple, has_hebrew, has_arabic, has_devanagari] = found;
        Self {
            has_devanagari: has_devanagari && has_simple,
            has_arabic: has_arabic && has_hebrew,
        }
    }

    /// The embedding a character needs.
    fn embedding(self, rules: Rules) -> Option<Embedding> {
        match rules {
            Rules::Devanagari if self.has_devanagari => Some(LEFT_TO_RIGHT),
            Rules::Arabic if self.has_arabic => Some(RIGHT_TO_LEFT),
            _ => None,
        }
    }

    /// A text as the library can lay it out.
    fn written(self, plain: &str) -> String {
        let mut written = String::with_capacity(plain.len());
        let mut open: Option<Embedding> = None;
        // spaces and the like are inside only between letters that are
        let mut waiting = String::new();
        for character in plain.chars().map(drawable) {
            let rules = Rules::of(character);
            let embedding = self.embedding(rules);
            let is_mark = rules == Rules::Inherited && waiting.is_empty();
            match (open, embedding) {
                (Some(_), None) if is_mark => written.push(character),
                (Some(_), None) if matches!(rules, Rules::Shared | Rules::Inherited) => {
                    waiting.push(character);
                }
                (before, now) if before == now => {
                    written.push_str(&std::mem::take(&mut waiting));
                    written.push(character);
                }
                (before, now) => {
                    written.extend(before.map(|(_, end)| end));
                    written.push_str(&std::mem::take(&mut waiting));
                    written.extend(now.map(|(start, _)| start));
                    written.push(character);
                    open = now;
                }
            }
        }
        written.extend(open.map(|(_, end)| end));
        written + &waiting
    }
}

/// Whether an element gives its characters places one by one, or a length: one more would shift them.
fn places_characters(node: Node<'_, '_>) -> bool {
    let is_list = |name: &str| {
        let value = node.attribute(name).unwrap_or_default();
        value
            .split([' ', ',', '\n', '\t', '\r'])
            .filter(|part| !part.is_empty())
            .count()
            > 1
    };
    ["x", "y", "dx", "dy", "rotate"].into_iter().any(is_list) || node.has_attribute("textLength")
}

/// The library stops at the end of a paragraph, and where no font has a character it stops looking for others.
fn drawable(character: char) -> char {
    match character {
        '\u{2029}' | '\u{85}' => ' ',
        _ if character.is_ascii() || is_invisible(character) || fonts::has(character) => character,
        _ => MISSING,
    }
}

/// Characters that shaping takes out. Source: Unicode's `Default_Ignorable_Code_Point`.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\r', "&#13;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared_text(content: &str) -> String {
        let source = format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{content}</svg>");
        let document = Document::parse(&source).unwrap();
        let written = prepared(&source, &document, 1.0).unwrap_or_else(|| source.clone());
        let inner = written.split_once('>').unwrap().1;
        inner.strip_suffix("</svg>").unwrap().to_owned()
    }

    #[test]
    fn text_that_can_be_laid_out_stays_as_it_is() {
        for text in [
            "<text>Hello &amp; Łódź Привет Ελλάδα</text>",
            "<text>नमस्ते</text>",
            "<text>שלום नमस्ते שלום</text>",
            "<text>سلام hello</text>",
            "<text>a\u{ad}b\u{200d}c</text>",
        ] {
            assert_eq!(prepared_text(text), text);
        }
    }

    #[test]
    fn scripts_are_parted_where_one_direction_holds_two() {
        assert_eq!(
            prepared_text("<text>Hi नमस्ते, दुनिया! <tspan>x &amp; न</tspan></text>"),
            "<text>Hi \u{202a}नमस्ते, दुनिया\u{202c}! <tspan>x &amp; \u{202a}न\u{202c}</tspan></text>"
        );
        assert_eq!(
            prepared_text("<text>שלום سلام</text>"),
            "<text>שלום \u{202b}\u{202b}سلام\u{202c}\u{202c}</text>"
        );
    }

    #[test]
    fn characters_with_places_of_their_own_are_not_joined_by_others() {
        for text in [
            "<text x=\"1 2 3\">Hi न</text>",
            "<text>Hi <tspan rotate=\"1,2\">न</tspan></text>",
            "<text textLength=\"9\">Hi न</text>",
            "<text style=\"letter-spacing:3px\">Hi न</text>",
        ] {
            assert_eq!(prepared_text(text), text);
        }
    }

    #[test]
    fn what_no_font_has_becomes_one_box_each() {
        assert_eq!(
            prepared_text("<text>漢字 a\u{2029}b</text><desc>漢</desc>"),
            "<text>□□ a b</text><desc>漢</desc>"
        );
    }

    #[test]
    fn text_along_what_cannot_be_measured_is_left_out() {
        let with = |path: &str| {
            prepared_text(&format!(
                "<path id=\"p\" d=\"{path}\"/><text>a<textPath href=\"#p\">b<tspan>c</tspan></textPath>漢</text>"
            ))
        };
        assert!(with("M0 0L9-9").ends_with("</textPath>□</text>"));
        assert!(with("M0 0L1e9,1").ends_with("<text>a□</text>"));
    }
}
