//! A bound on what a glyph may consist of. Composite glyphs name others, and a font made to harm names them so that a few
//! hundred bytes stand for billions of outlines; they are counted before anybody draws them.
//!
//! Source: OpenType 1.9, `glyf` and `loca`.

use rustybuzz::ttf_parser::{Face, Tag};

/// Glyphs one glyph may consist of, its parts' parts included. The bundled fonts need at most a handful.
const MAX_COMPONENTS: u32 = 256;
/// Nesting a reader follows.
const MAX_DEPTH: u32 = 8;

const ARGUMENTS_ARE_WORDS: u16 = 0x0001;
const HAS_SCALE: u16 = 0x0008;
const MORE_COMPONENTS: u16 = 0x0020;
const HAS_TWO_SCALES: u16 = 0x0040;
const HAS_MATRIX: u16 = 0x0080;

/// Whether the glyph of a TrueType font is worth drawing.
pub(super) fn is_bounded(face: &Face<'_>, glyph: u16) -> bool {
    let raw = face.raw_face();
    let (Some(glyf), Some(loca), Some(head)) = (
        raw.table(Tag::from_bytes(b"glyf")),
        raw.table(Tag::from_bytes(b"loca")),
        raw.table(Tag::from_bytes(b"head")),
    ) else {
        return false;
    };
    let tables = Tables {
        glyf,
        loca,
        has_long_offsets: word(head, 50) == Some(1),
    };
    let mut left = MAX_COMPONENTS;
    tables.count(glyph, 0, &mut left).is_some()
}

struct Tables<'a> {
    glyf: &'a [u8],
    loca: &'a [u8],
    has_long_offsets: bool,
}

impl Tables<'_> {
    /// `None` when there are too many.
    fn count(&self, glyph: u16, depth: u32, left: &mut u32) -> Option<()> {
        *left = left.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let Some(data) = self.data(glyph) else {
            return Some(());
        };
        // contours are counted below 0 in composite glyphs
        if word(data, 0).is_none_or(|contours| contours < 0x8000) {
            return Some(());
        }
        let mut at = 10;
        loop {
            let (Some(flags), Some(part)) = (word(data, at), word(data, at + 2)) else {
                return Some(());
            };
            self.count(part, depth + 1, left)?;
            if flags & MORE_COMPONENTS == 0 {
                return Some(());
            }
            at += 4 + arguments(flags);
        }
    }

    fn data(&self, glyph: u16) -> Option<&[u8]> {
        let index = usize::from(glyph);
        let offset = |index: usize| {
            if self.has_long_offsets {
                let high = usize::from(word(self.loca, index * 4)?);
                Some(high << 16 | usize::from(word(self.loca, index * 4 + 2)?))
            } else {
                Some(usize::from(word(self.loca, index * 2)?) * 2)
            }
        };
        self.glyf.get(offset(index)?..offset(index + 1)?)
    }
}

/// Bytes behind a component's flags and index.
fn arguments(flags: u16) -> usize {
    let place = if flags & ARGUMENTS_ARE_WORDS == 0 {
        2
    } else {
        4
    };
    let scale = if flags & HAS_SCALE != 0 {
        2
    } else if flags & HAS_TWO_SCALES != 0 {
        4
    } else if flags & HAS_MATRIX != 0 {
        8
    } else {
        0
    };
    place + scale
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let (pair, _) = bytes.get(at..)?.split_first_chunk::<2>()?;
    Some(u16::from_be_bytes(*pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Glyph `n` names glyph `n + 1` twice; the last one is simple.
    fn doubling(glyphs: u16) -> (Vec<u8>, Vec<u8>) {
        let (mut glyf, mut loca) = (Vec::new(), Vec::new());
        for glyph in 0..=glyphs {
            loca.extend(u16::try_from(glyf.len() / 2).unwrap().to_be_bytes());
            let is_last = glyph == glyphs;
            glyf.extend(if is_last { [0; 2] } else { [0xff; 2] });
            glyf.extend([0; 8]);
            if !is_last {
                for flags in [MORE_COMPONENTS, 0] {
                    glyf.extend(flags.to_be_bytes());
                    glyf.extend((glyph + 1).to_be_bytes());
                    glyf.extend([0; 2]);
                }
            }
        }
        loca.extend(u16::try_from(glyf.len() / 2).unwrap().to_be_bytes());
        (glyf, loca)
    }

    #[test]
    fn parts_that_double_at_every_level_are_refused_before_they_are_drawn() {
        let is_drawn = |glyphs| {
            let (glyf, loca) = doubling(glyphs);
            let tables = Tables {
                glyf: &glyf,
                loca: &loca,
                has_long_offsets: false,
            };
            tables.count(0, 0, &mut MAX_COMPONENTS.clone()).is_some()
        };
        assert!(is_drawn(6));
        assert!(!is_drawn(8));
        assert!(!is_drawn(30));
    }

    #[test]
    fn a_glyph_that_names_itself_is_refused() {
        let mut glyf = vec![0xff; 2];
        glyf.extend([0; 14]);
        let loca = [0, 0, 0, 8];
        let tables = Tables {
            glyf: &glyf,
            loca: &loca,
            has_long_offsets: false,
        };
        assert!(tables.count(0, 0, &mut MAX_COMPONENTS.clone()).is_none());
    }
}
