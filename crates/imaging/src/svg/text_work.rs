//! How much work text asks for. The drawing library shapes a whole line again for each part of it that may have a font of its
//! own, and measures the curves text follows to a fraction of a pixel, however large they are.

use std::collections::HashMap;

use roxmltree::{Document, Node};
use unicode_bidi::{BidiInfo, Level};
use unicode_script::{Script, UnicodeScript};

/// What a part of a line costs however short it is, in letters: opening its font.
const PART: u64 = 300;
/// What drawing a letter costs, in letters that are shaped. It also bounds memory: a letter that is drawn takes about 1 KB.
const DRAWN: u64 = 20;
/// What each change of direction or script in a line costs: it is shaped on its own.
const TURN: u64 = 60;
/// Letters of a line whose looking up, each among all, is as much work as shaping one.
const LOOKED_UP: u64 = 1000;
/// Bytes of a path that each letter along it is compared with for the work of shaping one.
const PATH_BYTES: u64 = 20;
/// Finding a place on a curve, in letters that are shaped.
const MEASURED: u64 = 200;
/// Up to this enlargement curves are measured in time; the accuracy asked for grows with it.
const MAX_ENLARGEMENT: f64 = 1e5;
/// How far from its start a path may lead, all its numbers added up. Beyond, the arithmetic can't tell a pixel. Units: px.
const MAX_PATH_LENGTH: f64 = 1e7;

/// Work of a `text` element, in letters shaped once.
pub(super) fn letters(text: Node<'_, '_>, longest_path: u64) -> u64 {
    let mut line = Line::default();
    let mut work: u64 = 0;
    for node in text.descendants() {
        if node.is_element() && starts_line(node) {
            work = work.saturating_add(std::mem::take(&mut line).work());
        } else if let Some(piece) = node.is_text().then(|| node.text()).flatten() {
            line.parts += 1;
            line.letters += piece.chars().count() as u64;
            line.is_ascii &= piece.is_ascii();
            line.turns += if piece.is_ascii() { 0 } else { turns(piece) };
        }
    }
    work = work.saturating_add(line.work());
    let along: u64 = text
        .descendants()
        .filter(|node| node.has_tag_name("textPath"))
        .map(characters)
        .sum();
    let compared = along.saturating_mul(longest_path / PATH_BYTES + MEASURED);
    work.saturating_add(compared)
}

/// What is laid out together.
struct Line {
    parts: u64,
    letters: u64,
    turns: u64,
    is_ascii: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            parts: 0,
            letters: 0,
            turns: 0,
            is_ascii: true,
        }
    }
}

impl Line {
    fn work(self) -> u64 {
        // a second font is asked for what the first one lacks
        let fonts = if self.is_ascii { 1 } else { 2 };
        let shaped = self
            .parts
            .saturating_mul((self.letters + self.turns * TURN) * fonts + PART);
        let looked_up = self.letters.saturating_mul(self.letters) / LOOKED_UP;
        shaped
            .saturating_add(looked_up)
            .saturating_add(self.letters * DRAWN)
    }
}

/// Changes of direction or script, the one from the piece before included.
fn turns(piece: &str) -> u64 {
    let levels = BidiInfo::new(piece, Some(Level::ltr())).levels;
    let (mut turns, mut before) = (0, None);
    for (at, character) in piece.char_indices() {
        let level = levels.get(at).copied();
        let own = character.script();
        // spaces and marks go with what they follow
        let follows = matches!(own, Script::Common | Script::Inherited);
        let script = before.filter(|_| follows).map_or(own, |(_, script)| script);
        turns += u64::from(before != Some((level, script)));
        before = Some((level, script));
    }
    turns
}

fn characters(node: Node<'_, '_>) -> u64 {
    let pieces = node.descendants().filter(Node::is_text);
    pieces
        .filter_map(|piece| piece.text())
        .map(|piece| piece.chars().count() as u64)
        .sum()
}

/// Whether an element begins a line of its own: it has a place, and a letter to put there.
fn starts_line(node: Node<'_, '_>) -> bool {
    let is_place = |name: &str| {
        node.attribute(name).is_some_and(|value| {
            let mut parts = value
                .split([' ', ',', '\n', '\t', '\r'])
                .filter(|part| !part.is_empty())
                .peekable();
            parts.peek().is_some()
                && parts.all(|part| part.parse::<f32>().is_ok_and(f32::is_finite))
        })
    };
    let has_letter = || {
        let mut pieces = node.descendants().filter_map(|inner| inner.text());
        pieces.any(|piece| !piece.trim().is_empty())
    };
    matches!(node.tag_name().name(), "text" | "tspan")
        && (is_place("x") || is_place("y"))
        && has_letter()
}

/// The longest path of a document. Units: bytes.
pub(super) fn longest_path(document: &Document<'_>) -> u64 {
    let paths = document
        .descendants()
        .filter_map(|node| node.attribute("d"));
    paths.map(|path| path.len() as u64).max().unwrap_or(0)
}

/// The longest side anything in a document has by its own words. Units: px, or whatever was written.
pub(super) fn longest_side(document: &Document<'_>) -> f64 {
    let attributes = document.descendants().flat_map(|node| node.attributes());
    attributes
        .filter(|attribute| matches!(attribute.name(), "width" | "height" | "viewBox"))
        .flat_map(|attribute| numbers(attribute.value()))
        .fold(100.0, |longest, number| longest.max(number.abs()))
}

/// How much larger an element makes what is inside it, at most.
pub(super) fn enlargement(node: Node<'_, '_>, longest_side: f64) -> f64 {
    let transforms = ["transform", "style"]
        .into_iter()
        .filter_map(|name| node.attribute(name))
        .map(by_functions);
    let mut factor: f64 = transforms.product();
    if let Some(view) = node.attribute("viewBox") {
        let smallest = numbers(view)
            .skip(2)
            .fold(f64::INFINITY, |smallest, side| smallest.min(side.abs()));
        // 100 is the most that a unit of length is larger than a pixel
        factor *= (longest_side * 100.0 / smallest).max(1.0);
    }
    for side in ["width", "height"] {
        let percent = node
            .attribute(side)
            .and_then(|value| value.trim().strip_suffix('%'))
            .and_then(|value| value.parse::<f64>().ok());
        factor *= percent.map_or(1.0, |percent| (percent.abs() / 100.0).max(1.0));
    }
    factor
}

/// What the functions of a transformation enlarge by, at most.
fn by_functions(value: &str) -> f64 {
    let lower = value.to_ascii_lowercase();
    let functions = lower.split(')').filter_map(|part| part.split_once('('));
    let factors = functions.map(|(name, arguments)| {
        let largest = |count: usize| {
            numbers(arguments)
                .take(count)
                .fold(1.0, |largest: f64, number| largest.max(number.abs()))
        };
        if name.contains("matrix") {
            2.0 * largest(4)
        } else if name.contains("scale") {
            largest(2)
        } else if name.contains("skew") {
            1.0 + numbers(arguments)
                .map(|angle| angle.to_radians().tan().abs())
                .sum::<f64>()
        } else {
            1.0
        }
    });
    factors.product()
}

/// The numbers of a list or a path. Signs and second points part them, as in paths.
fn numbers(text: &str) -> impl Iterator<Item = f64> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let starts = |byte: u8| byte.is_ascii_digit() || byte == b'.';
        while !starts(*bytes.get(at)?) {
            at += 1;
        }
        let (start, mut has_point) = (at, false);
        while let Some(byte) = bytes.get(at).copied() {
            let is_sign_of_exponent = matches!(byte, b'+' | b'-')
                && matches!(bytes.get(at.wrapping_sub(1)), Some(b'e' | b'E'));
            let is_exponent = matches!(byte, b'e' | b'E')
                && bytes
                    .get(at + 1)
                    .is_some_and(|next| next.is_ascii_digit() || matches!(next, b'+' | b'-'));
            if byte == b'.' && has_point || !(starts(byte) || is_exponent || is_sign_of_exponent) {
                break;
            }
            has_point |= byte == b'.';
            at += 1;
        }
        let number = text.get(start..at).unwrap_or_default();
        // what isn't a number may be anything
        Some(
            number
                .parse()
                .unwrap_or(if number == "." { 0.0 } else { f64::INFINITY }),
        )
    })
}

/// The paths text may follow.
pub(super) struct Paths<'a> {
    lengths: HashMap<&'a str, f64>,
    is_bounded: bool,
}

impl<'a> Paths<'a> {
    pub(super) fn of(document: &'a Document<'_>, enlargement: f64) -> Self {
        let has_any = document
            .descendants()
            .any(|node| node.has_tag_name("textPath"));
        if !has_any {
            return Self {
                lengths: HashMap::new(),
                is_bounded: true,
            };
        }
        let mut lengths = HashMap::new();
        for node in document.descendants() {
            if let Some(id) = node.attribute("id") {
                let path = node
                    .has_tag_name("path")
                    .then(|| node.attribute("d"))
                    .flatten();
                let length = path.map_or(f64::INFINITY, |path| numbers(path).sum());
                // of two with the same name, the longer
                let known = lengths.entry(id).or_insert(length);
                *known = f64::max(*known, length);
            }
        }
        Self {
            lengths,
            is_bounded: enlargement <= MAX_ENLARGEMENT && !document.descendants().any(enlarges),
        }
    }

    pub(super) fn can_be_followed(&self, text_path: Node<'_, '_>) -> bool {
        let mut links = text_path
            .attributes()
            .filter(|attribute| attribute.name() == "href");
        self.is_bounded
            && links.all(|link| {
                let name = link.value().trim().trim_start_matches('#');
                self.lengths
                    .get(name)
                    .is_none_or(|length| *length <= MAX_PATH_LENGTH)
            })
    }
}

/// Whether an element may make what it holds larger than its own words say: by the size of what it is used on, or by a sheet.
fn enlarges(node: Node<'_, '_>) -> bool {
    match node.tag_name().name() {
        "pattern" | "mask" | "clipPath" | "marker" => node
            .descendants()
            .any(|inner| matches!(inner.tag_name().name(), "text" | "use")),
        "feImage" => node.attributes().any(|attribute| {
            attribute.name() == "href" && attribute.value().trim().starts_with('#')
        }),
        "style" => node.text().is_some_and(|sheet| by_functions(sheet) > 1.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_as_paths_write_them() {
        let found: Vec<f64> = numbers("M1-2.5.5e3L1e-2,+7z").collect();
        assert_eq!(found, [1.0, 2.5, 500.0, 0.01, 7.0]);
        assert_eq!(numbers("none . e").collect::<Vec<_>>(), [0.0]);
    }

    #[test]
    fn enlargements_multiply() {
        let document = Document::parse(
            "<svg viewBox=\"0 0 10 20\"><g transform=\"translate(900) scale(3,-4) matrix(1 0 0 1 50 60)\"/><g style=\"transform:SCALE(1e3)\"/></svg>",
        )
        .unwrap();
        let found: Vec<f64> = document
            .descendants()
            .filter(Node::is_element)
            .map(|node| enlargement(node, 10.0))
            .collect();
        assert_eq!(found, [100.0, 8.0, 1000.0]);
    }

    #[test]
    fn parts_of_a_line_multiply_and_lines_add_up() {
        let work = |content: &str| {
            let source = format!("<text>{content}</text>");
            letters(Document::parse(&source).unwrap().root_element(), 0)
        };
        let parts = work(&"<tspan>abcde</tspan>".repeat(100));
        let lines = work(&"<tspan x=\"1\">abcde</tspan>".repeat(100));
        let nowhere = work(&"<tspan x=\"1\"> </tspan><tspan x=\"\">abcde</tspan>".repeat(100));
        assert!(parts > 80_000 && lines < 45_000 && nowhere > parts);
        assert!(work(&"ł".repeat(100_000)) > 10_000_000);
        let turning = work(&"<tspan>नسa</tspan>".repeat(200));
        assert!(turning > 10_000_000, "{turning}");
    }
}
