//! The canvas of an animation: frames are drawn on it, and disposed of before the next one is.

use crate::{
    geometry::Size,
    picture::{Channels, Picture},
};

/// What happens to a frame's area once the frame has been shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposal {
    Keep,
    /// The area becomes clear.
    Clear,
    /// The area becomes what it was before the frame.
    Restore,
}

/// How a frame's pixels meet the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blend {
    /// They replace it, clear ones too.
    Replace,
    /// They lie over it.
    Over,
}

/// Where a frame is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Area {
    left: usize,
    top: usize,
    size: Size,
}

enum Pending {
    Nothing,
    Clear(Area),
    /// The canvas before the frame, whole: frames that ask for it usually cover most of it.
    Restore(Vec<u8>),
}

pub(super) struct Canvas {
    picture: Picture,
    pending: Pending,
}

impl Canvas {
    /// A clear canvas.
    pub(super) fn new(size: Size) -> Self {
        Self {
            picture: Picture::zeroed(size, Channels::Rgba),
            pending: Pending::Nothing,
        }
    }

    /// Disposes of the last frame, draws the next one and gives the canvas as it is then. What lies outside is cut.
    pub(super) fn show(
        &mut self,
        frame: &Picture,
        (left, top): (usize, usize),
        blend: Blend,
        disposal: Disposal,
    ) -> Picture {
        self.dispose();
        let area = Area {
            left,
            top,
            size: frame.size,
        };
        self.pending = match disposal {
            Disposal::Keep => Pending::Nothing,
            Disposal::Clear => Pending::Clear(area),
            Disposal::Restore => Pending::Restore(self.picture.pixels.clone()),
        };
        for (row, source) in self.rows_of(area).zip(frame.rows()) {
            let pixels = row.as_chunks_mut::<4>().0.iter_mut();
            for (pixel, above) in pixels.zip(source.as_chunks::<4>().0) {
                *pixel = match blend {
                    Blend::Replace => *above,
                    Blend::Over => over(*pixel, *above),
                };
            }
        }
        self.picture.clone()
    }

    fn dispose(&mut self) {
        match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Clear(area) => self.rows_of(area).for_each(|row| row.fill(0)),
            Pending::Restore(pixels) => self.picture.pixels = pixels,
        }
    }

    /// The visible part of each row of an area.
    fn rows_of(&mut self, area: Area) -> impl Iterator<Item = &mut [u8]> {
        let rows = self.picture.rows_mut();
        let visible = rows.skip(area.top).take(area.size.height as usize);
        visible.map(move |row| {
            let begin = (area.left * 4).min(row.len());
            let end = (begin + area.size.width as usize * 4).min(row.len());
            row.get_mut(begin..end).unwrap_or_default()
        })
    }
}

/// One pixel over another, neither multiplied by its alpha. Source: PNG specification, third edition, 13.16.
fn over(below: [u8; 4], above: [u8; 4]) -> [u8; 4] {
    let [.., below_alpha] = below;
    let [.., above_alpha] = above;
    match (below_alpha, above_alpha) {
        (_, 0) => return below,
        (_, u8::MAX) | (0, _) => return above,
        _ => {}
    }
    let front = u32::from(above_alpha) * 255;
    let back = u32::from(below_alpha) * u32::from(u8::MAX - above_alpha);
    let whole = front + back;
    let mut mixed = [0; 4];
    for ((mixed, above), below) in mixed.iter_mut().zip(above).zip(below) {
        let sum = u32::from(above) * front + u32::from(below) * back;
        *mixed = u8::try_from((sum + whole / 2) / whole).unwrap_or(u8::MAX);
    }
    let [red, green, blue, _] = mixed;
    let alpha = u8::try_from((whole + 127) / 255).unwrap_or(u8::MAX);
    [red, green, blue, alpha]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_over_half_mixes_by_what_each_lets_through() {
        assert_eq!(over([10, 20, 30, 255], [1, 2, 3, 0]), [10, 20, 30, 255]);
        assert_eq!(over([0, 0, 0, 0], [1, 2, 3, 7]), [1, 2, 3, 7]);
        assert_eq!(
            over([0, 0, 0, 255], [255, 255, 255, 128]),
            [128, 128, 128, 255]
        );
        // alpha: 128 + 128 × 127 / 255
        assert_eq!(over([255, 0, 0, 128], [0, 0, 255, 128])[3], 192);
    }

    #[test]
    fn a_frame_outside_the_canvas_is_cut_and_disposed_of_without_harm() {
        let one = |width, height| Size { width, height };
        let mut canvas = Canvas::new(one(2, 2));
        let frame = Picture::filled(one(3, 3), Channels::Rgba, [9, 9, 9, 255]);
        let shown = canvas.show(&frame, (1, 1), Blend::Over, Disposal::Clear);
        assert_eq!(shown.pixels[12..], [9, 9, 9, 255]);
        let nothing = Picture::zeroed(one(1, 1), Channels::Rgba);
        let shown = canvas.show(&nothing, (7, 7), Blend::Replace, Disposal::Restore);
        assert!(shown.pixels.iter().all(|byte| *byte == 0));
    }
}
