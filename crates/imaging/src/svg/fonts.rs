//! The fonts of drawings: bundled ones and nothing else, so that a drawing looks the same everywhere.
//!
//! A sans, a serif and a monospaced family are complete: one file for each style, with Latin, Greek, Cyrillic and Hebrew, the sans
//! with Arabic and Devanagari too. That matters, because the drawing library can't mix fonts within a line: it shapes all of
//! it again with the second font and takes what was missing glyph by glyph, which fails where the fonts make different
//! numbers of glyphs. So the second font has to know everything.

use std::sync::{Arc, LazyLock};

use resvg::usvg::{
    Font, FontFamily, FontResolver, FontStyle,
    fontdb::{Database, ID, Source},
};
use rustybuzz::ttf_parser::Face;

use crate::text::typefaces::{self, Font as Bundled};

/// From this weight on a font is bold. Source: CSS Fonts 4, section 5.2, with regular and bold to choose from.
const BOLD: u16 = 550;

/// The families with complete files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Sans,
    Serif,
    Mono,
}

/// Names of families that aren't bundled and what is as wide as they are, or like them. Letters and digits only, small.
const ALIASES: &[(&str, Family)] = &[
    ("arimo", Family::Sans),
    ("tinos", Family::Serif),
    ("times", Family::Serif),
    ("timesnewroman", Family::Serif),
    ("liberationserif", Family::Serif),
    ("dejavuserif", Family::Serif),
    ("notoserif", Family::Serif),
    ("georgia", Family::Serif),
    ("cambria", Family::Serif),
    ("garamond", Family::Serif),
    ("palatino", Family::Serif),
    ("cousine", Family::Mono),
    ("courier", Family::Mono),
    ("couriernew", Family::Mono),
    ("liberationmono", Family::Mono),
    ("dejavusansmono", Family::Mono),
    ("notomono", Family::Mono),
    ("notosansmono", Family::Mono),
    ("consolas", Family::Mono),
    ("menlo", Family::Mono),
    ("monaco", Family::Mono),
];

/// A complete file.
struct Complete {
    family: Family,
    is_bold: bool,
    is_italic: bool,
    bytes: &'static [u8],
}

macro_rules! complete {
    ($family:ident, $is_bold:literal, $is_italic:literal, $file:literal) => {
        Complete {
            family: Family::$family,
            is_bold: $is_bold,
            is_italic: $is_italic,
            bytes: include_bytes!(concat!("../../fonts/", $file, ".ttf")),
        }
    };
}

/// In the order in which they are asked for a character. The first two know most.
static COMPLETE: [Complete; 8] = [
    complete!(Sans, false, false, "arimo-complete-400-normal"),
    complete!(Sans, true, false, "arimo-complete-700-normal"),
    complete!(Sans, false, true, "arimo-complete-400-italic"),
    complete!(Sans, true, true, "arimo-complete-700-italic"),
    complete!(Serif, false, false, "tinos-complete-400-normal"),
    complete!(Serif, true, false, "tinos-complete-700-normal"),
    complete!(Mono, false, false, "cousine-complete-400-normal"),
    complete!(Mono, true, false, "cousine-complete-700-normal"),
];

/// A file that has been read.
struct Read {
    id: ID,
    bytes: &'static [u8],
    is_bold: bool,
    /// `None` for files of text layers, which know one script.
    complete: Option<(&'static Complete, Face<'static>)>,
}

/// Every file a drawing may be lettered with, read once for all requests.
struct Shelf {
    database: Arc<Database>,
    files: Vec<Read>,
}

static SHELF: LazyLock<Shelf> = LazyLock::new(|| {
    let mut database = Database::new();
    let mut files = Vec::new();
    let mut add = |bytes: &'static [u8], is_bold, complete: Option<&'static Complete>| {
        let ids = database.load_font_source(Source::Binary(Arc::new(bytes)));
        let face = complete.and_then(|complete| Some((complete, Face::parse(bytes, 0).ok()?)));
        files.extend(ids.first().map(|id| Read {
            id: *id,
            bytes,
            is_bold,
            complete: face,
        }));
    };
    for complete in &COMPLETE {
        add(complete.bytes, complete.is_bold, Some(complete));
    }
    for (bytes, is_bold) in typefaces::first_files() {
        add(bytes, is_bold, None);
    }
    Shelf {
        database: Arc::new(database),
        files,
    }
});

impl Shelf {
    /// The first family that is here or like one that is, in the style wanted; the sans where there is none.
    fn select(&self, font: &Font) -> Option<ID> {
        let style = (font.weight() >= BOLD, font.style() != FontStyle::Normal);
        let mut named = font.families().iter();
        named
            .find_map(|family| self.of_family(family, style))
            .or_else(|| self.complete(Family::Sans, style))
    }

    fn of_family(&self, family: &FontFamily, style: (bool, bool)) -> Option<ID> {
        match family {
            FontFamily::Serif => self.complete(Family::Serif, style),
            FontFamily::SansSerif => self.complete(Family::Sans, style),
            FontFamily::Monospace => self.complete(Family::Mono, style),
            FontFamily::Cursive => self.typeface("Lobster", style),
            FontFamily::Fantasy => self.typeface("AbrilFatFace", style),
            FontFamily::Named(name) => {
                let letters: String = name
                    .chars()
                    .filter(char::is_ascii_alphanumeric)
                    .map(|letter| letter.to_ascii_lowercase())
                    .collect();
                match ALIASES.iter().find(|(alias, _)| *alias == letters) {
                    Some((_, family)) => self.complete(*family, style),
                    None if letters == "notosans" => self.typeface("Open Sans", style),
                    None => self.typeface(name, style),
                }
            }
        }
    }

    /// The serif and the monospaced family have no italics and stay upright.
    fn complete(&self, family: Family, (is_bold, is_italic): (bool, bool)) -> Option<ID> {
        let find = |is_italic| {
            self.files.iter().find(|file| {
                file.complete.as_ref().is_some_and(|(complete, _)| {
                    complete.family == family
                        && complete.is_bold == is_bold
                        && complete.is_italic == is_italic
                })
            })
        };
        let found = find(is_italic).or_else(|| find(false));
        found.map(|file| file.id)
    }

    /// A typeface of text layers, by the file with its Latin letters.
    fn typeface(&self, name: &str, style: (bool, bool)) -> Option<ID> {
        let mut fonts: Vec<Bundled<'static>> = Vec::new();
        typefaces::built_in(name)?.fonts(style, &mut fonts);
        let first = fonts.first()?;
        let found = self
            .files
            .iter()
            .find(|file| std::ptr::eq(file.bytes, first.bytes));
        found.map(|file| file.id)
    }

    /// A complete font that has a character, of the same weight if there is one.
    fn fall_back(&self, character: char, used: &[ID]) -> Option<ID> {
        let first = self
            .files
            .iter()
            .find(|file| Some(&file.id) == used.first());
        let is_bold = first.is_some_and(|file| file.is_bold);
        let having = || {
            self.files.iter().filter(move |file| {
                !used.contains(&file.id)
                    && file
                        .complete
                        .as_ref()
                        .is_some_and(|(_, face)| face.glyph_index(character).is_some())
            })
        };
        let found = having()
            .find(|file| file.is_bold == is_bold)
            .or_else(|| having().next());
        found.map(|file| file.id)
    }
}

/// Whether one of the complete fonts has a character.
pub(super) fn has(character: char) -> bool {
    SHELF
        .files
        .iter()
        .filter_map(|file| file.complete.as_ref())
        .any(|(_, face)| face.glyph_index(character).is_some())
}

/// All fonts.
pub(super) fn database() -> Arc<Database> {
    Arc::clone(&SHELF.database)
}

/// Chooses among them.
pub(super) fn resolver() -> FontResolver<'static> {
    FontResolver {
        select_font: Box::new(|font, _| SHELF.select(font)),
        select_fallback: Box::new(|character, used, _| SHELF.fall_back(character, used)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_of_every_family_is_here() {
        for style in [(false, false), (true, false), (false, true), (true, true)] {
            for family in [Family::Sans, Family::Serif, Family::Mono] {
                assert!(SHELF.complete(family, style).is_some(), "{family:?}");
            }
            for name in ["Lobster", "AbrilFatFace", "Open Sans", "Roboto", "PT_Serif"] {
                assert!(SHELF.typeface(name, style).is_some(), "{name}");
            }
        }
        assert_eq!(SHELF.typeface("Nobody", (false, false)), None);
    }

    #[test]
    fn what_a_font_lacks_is_found_in_one_that_has_everything() {
        let everything = ['a', 'Ł', 'ж', 'λ', 'ش', 'ש', 'न'];
        let sans = SHELF.complete(Family::Sans, (false, false)).unwrap();
        let bold = SHELF.complete(Family::Sans, (true, false)).unwrap();
        for first in &SHELF.files {
            let wanted = if first.is_bold { bold } else { sans };
            if first.id == wanted {
                continue;
            }
            for character in everything {
                assert_eq!(SHELF.fall_back(character, &[first.id]), Some(wanted));
            }
        }
        assert_eq!(SHELF.fall_back('漢', &[sans]), None);
        assert!(everything.into_iter().all(has) && !has('漢'));
    }
}
