//! Text as a picture: the bundled fonts, shaping, lines, ink. Nothing of the machine it runs on is looked at, so the same
//! request gives the same pixels everywhere.
//!
//! | module | holds |
//! |---|---|
//! | `typefaces` | the fonts that ship with the engine, by their names in URLs |
//! | `faces` | the fonts of one text in the order they are asked for a character |
//! | `itemize` | stretches of one direction, script and font |
//! | `shape` | characters to glyphs |
//! | `wrap` | where lines end |
//! | `layout` | every glyph in its place |
//! | `outline` | glyphs as straight lines |
//! | `components` | a bound on what a glyph of a stranger's font may consist of |
//! | `ink` | lines to coverage |

mod components;
mod faces;
mod ink;
mod itemize;
mod layout;
mod outline;
mod shape;
pub(crate) mod typefaces;
mod wrap;

use std::time::Instant;

use limpid_delivery_url::transformation::{Color, TextLayer};

use crate::{
    error::ImagingError,
    picture::{Channels, Picture},
    steps::check_deadline,
};
pub(crate) use faces::Faces;
pub(crate) use layout::Layout;
pub use typefaces::is_built_in_font;

/// `co` without a value. Source: `ImageKit`'s retired `otc`.
const BLACK: Color = Color {
    red: 0,
    green: 0,
    blue: 0,
    alpha: u8::MAX,
};
const CLEAR: Color = Color { alpha: 0, ..BLACK };

/// Places every glyph; no pixel exists yet. `font_file` is the file `ff` names, where that is no built-in font.
///
/// Errors: `OutputTooLarge`, `Corrupt` for the font.
pub(crate) fn lay_out<'a>(
    text: &TextLayer,
    font_file: Option<&'a [u8]>,
) -> Result<(Layout, Faces<'a>), ImagingError> {
    let faces = Faces::of(text, font_file)?;
    let layout = Layout::of(text, &faces)?;
    Ok((layout, faces))
}

/// Draws text on its background; `al` fades both.
///
/// Errors: `Timeout`.
pub(crate) fn draw(
    text: &TextLayer,
    layout: &Layout,
    faces: &Faces<'_>,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let mut coverage = ink::Coverage::of(layout.size);
    for glyph in &layout.glyphs {
        check_deadline(deadline)?;
        if let Some(outline) = faces.outline(glyph.face, glyph.id, layout.font_size) {
            coverage.fill(&outline, (glyph.x, glyph.baseline));
        }
    }
    for bar in &layout.bars {
        coverage.fill_box(*bar);
    }
    check_deadline(deadline)?;
    let color = text.color.unwrap_or(BLACK);
    let background = text.background.unwrap_or(CLEAR);
    let tenths = u32::from(text.alpha.unwrap_or(10));
    let mut picture = Picture::filled(layout.size, Channels::Rgba, [0; 4]);
    let pixels = picture.pixels.as_chunks_mut::<4>().0;
    for (pixel, covered) in pixels.iter_mut().zip(coverage.levels()) {
        *pixel = crate::steps::over(inked(color, covered), background);
        let [_, _, _, alpha] = pixel;
        *alpha = u8::try_from((u32::from(*alpha) * tenths + 5) / 10).unwrap_or(u8::MAX);
    }
    Ok(picture)
}

/// The colour of ink that covers part of a pixel.
fn inked(color: Color, covered: u8) -> [u8; 4] {
    let alpha = (u32::from(color.alpha) * u32::from(covered) + 127) / 255;
    [
        color.red,
        color.green,
        color.blue,
        u8::try_from(alpha).unwrap_or(u8::MAX),
    ]
}
