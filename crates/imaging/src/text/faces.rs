//! The fonts of one text, in the order they are asked for a character: the one wanted, the same in other styles, and those
//! that know other scripts.

use std::cell::OnceCell;

use limpid_delivery_url::transformation::TextLayer;
use rustybuzz::{Face, ttf_parser};

use super::{
    components,
    outline::Outline,
    typefaces::{DEFAULT, FALLBACK, Font, SCRIPTS, Typeface, built_in},
};
use crate::{error::ImagingError, probe::corrupt};

/// Largest font file. Units: bytes. The largest font of one style in use, for Chinese, has about 10 MB.
const MAX_FONT_BYTES: usize = 16 * 1024 * 1024;

/// Shown for characters a font doesn't have. Source: OpenType 1.9, "Recommendations for OpenType Fonts".
const MISSING_GLYPH: u16 = 0;

/// The fonts of one text.
#[derive(Debug)]
pub(crate) struct Faces<'a> {
    candidates: Vec<Candidate<'a>>,
    /// Whether a stranger has made the first one.
    is_custom: bool,
}

struct Candidate<'a> {
    font: Font<'a>,
    /// Read when a character asks for it.
    face: OnceCell<Option<Face<'a>>>,
}

impl std::fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Candidate").finish_non_exhaustive()
    }
}

impl<'a> Faces<'a> {
    /// Errors: `Corrupt`, `SourceTooLarge`, `FormatUnsupported` for a font file.
    pub(super) fn of(text: &TextLayer, font_file: Option<&'a [u8]>) -> Result<Self, ImagingError> {
        let style = (text.typography.bold, text.typography.italic);
        let mut fonts: Vec<Font<'a>> = Vec::new();
        let is_custom = font_file.is_some();
        if let Some(bytes) = font_file {
            check(bytes)?;
            fonts.push(Font {
                bytes,
                is_slanted: false,
            });
        } else {
            let name = text.font.as_deref();
            let typeface: &'static Typeface = name.and_then(built_in).unwrap_or(DEFAULT);
            typeface.fonts(style, &mut fonts);
        }
        FALLBACK.fonts(style, &mut fonts);
        fonts.extend(SCRIPTS.iter().map(|bytes| Font {
            bytes,
            is_slanted: false,
        }));
        let candidates = fonts.into_iter().map(|font| Candidate {
            font,
            face: OnceCell::new(),
        });
        Ok(Self {
            candidates: candidates.collect(),
            is_custom,
        })
    }

    pub(super) fn face(&self, index: usize) -> Option<&Face<'a>> {
        let candidate = self.candidates.get(index)?;
        let read = || Face::from_slice(candidate.font.bytes, 0);
        candidate.face.get_or_init(read).as_ref()
    }

    /// The first font that has the character; the first of all where none does, which then shows its sign for that.
    pub(super) fn index_for(&self, character: char) -> usize {
        (0..self.candidates.len())
            .find(|index| self.has(*index, character))
            .unwrap_or(0)
    }

    pub(super) fn has(&self, index: usize, character: char) -> bool {
        self.face(index)
            .is_some_and(|face| face.glyph_index(character).is_some())
    }

    /// The lines around a glyph. Units: px.
    pub(super) fn outline(&self, face: usize, glyph: u16, font_size: f32) -> Option<Outline> {
        let candidate = self.candidates.get(face)?;
        let is_strange = self.is_custom && face == 0;
        let font = self.face(face)?;
        if is_strange && !components::is_bounded(font, glyph) {
            return None;
        }
        let outline = Outline::of(font, glyph, font_size, candidate.font.is_slanted);
        if glyph == MISSING_GLYPH && outline.as_ref().is_none_or(Outline::is_empty) {
            return Some(Outline::of_missing(font_size));
        }
        outline
    }
}

fn check(bytes: &[u8]) -> Result<(), ImagingError> {
    if bytes.len() > MAX_FONT_BYTES {
        return Err(ImagingError::SourceTooLarge {
            found: bytes.len() as u64,
            allowed: MAX_FONT_BYTES as u64,
        });
    }
    if bytes.starts_with(b"wOF") {
        return Err(ImagingError::FormatUnsupported {
            found: "a compressed web font (WOFF)",
        });
    }
    let face = ttf_parser::Face::parse(bytes, 0)
        .map_err(|error| corrupt(format!("not a font that can be read: {error}")))?;
    let has_outlines = face
        .raw_face()
        .table(ttf_parser::Tag::from_bytes(b"glyf"))
        .is_some();
    // programs in CFF outlines can be written to run for hours, and no reader bounds them
    if !has_outlines {
        return Err(ImagingError::FormatUnsupported {
            found: "a font without TrueType outlines",
        });
    }
    Ok(())
}
