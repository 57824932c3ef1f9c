//! Characters to glyphs: ligatures, joining letters, marks above their letters.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "font units, far below 2^24; the shaper works on 16-bit glyph ids"
)]

use rustybuzz::{Direction, UnicodeBuffer};

use super::{faces::Faces, itemize::Item};

/// A glyph in the order it is seen, from left to right.
///
/// Units: px.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glyph {
    pub(super) id: u16,
    /// First byte, in the paragraph, of the characters it shows.
    pub(super) cluster: usize,
    pub(super) advance: f32,
    /// To the right.
    pub(super) x_offset: f32,
    /// Upwards.
    pub(super) y_offset: f32,
}

/// Shapes one stretch, knowing what stands around it.
pub(super) fn shape(faces: &Faces<'_>, paragraph: &str, item: &Item, font_size: f32) -> Vec<Glyph> {
    let Some(face) = faces.face(item.face) else {
        return Vec::new();
    };
    let part = |range: std::ops::Range<usize>| paragraph.get(range).unwrap_or_default();
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(part(item.range.clone()));
    buffer.set_pre_context(part(0..item.range.start));
    buffer.set_post_context(part(item.range.end..paragraph.len()));
    buffer.set_direction(if item.is_right_to_left {
        Direction::RightToLeft
    } else {
        Direction::LeftToRight
    });
    if let Some(script) = item.script {
        buffer.set_script(script);
    }
    let shaped = rustybuzz::shape(face, &[], buffer);
    let scale = font_size / face.units_per_em() as f32;
    let infos = shaped.glyph_infos().iter();
    infos
        .zip(shaped.glyph_positions())
        .map(|(info, position)| Glyph {
            id: info.glyph_id as u16,
            cluster: item.range.start + info.cluster as usize,
            advance: position.x_advance as f32 * scale,
            x_offset: position.x_offset as f32 * scale,
            y_offset: position.y_offset as f32 * scale,
        })
        .collect()
}
