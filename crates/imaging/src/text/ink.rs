//! Lines to coverage: how much of every pixel lies inside a closed shape, exactly.
//!
//! Every line adds, to each pixel it passes, the signed area between itself and the pixel's right edge, and to the pixels
//! right of it the whole height; the running sum along a row is how often the shape winds around the pixel.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "places inside a picture whose sides are below 2^14, clamped first"
)]

use super::outline::{Outline, Segment};
use crate::{geometry::Size, picture::pixel_count};

/// A glyph farther from its origin than this was made to harm. Units: px.
const MAX_DISTANCE: f32 = 65_536.0;

/// How much of every pixel is covered.
#[derive(Debug)]
pub(super) struct Coverage {
    size: Size,
    /// 0 to 1.
    covered: Vec<f32>,
}

/// A part of the picture on whole pixels.
struct Window {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Coverage {
    pub(super) fn of(size: Size) -> Self {
        Self {
            size,
            covered: vec![0.0; pixel_count(size)],
        }
    }

    /// 0 to 255, row by row.
    pub(super) fn levels(&self) -> impl Iterator<Item = u8> {
        self.covered
            .iter()
            .map(|covered| (covered * 255.0 + 0.5).clamp(0.0, 255.0) as u8)
    }

    /// Adds a shape whose origin is at a place.
    pub(super) fn fill(&mut self, outline: &Outline, (x, y): (f32, f32)) {
        let Some([left, top, right, bottom]) = outline.bounds else {
            return;
        };
        let Some(window) = self.window([left + x, top + y, right + x, bottom + y]) else {
            return;
        };
        let (shift_x, shift_y) = (x - window.left as f32, y - window.top as f32);
        let mut sums = Sums::of(window.width, window.height);
        for [from_x, from_y, to_x, to_y] in &outline.segments {
            sums.add([
                from_x + shift_x,
                from_y + shift_y,
                to_x + shift_x,
                to_y + shift_y,
            ]);
        }
        let rows = self
            .covered
            .chunks_exact_mut(self.size.width.max(1) as usize);
        for (row, sums) in rows.skip(window.top).zip(sums.rows()) {
            let mut winding = 0.0f32;
            for (covered, sum) in row.iter_mut().skip(window.left).zip(sums) {
                winding += sum;
                let inside = winding.abs().min(1.0);
                // shapes that overlap hide each other in proportion
                *covered += inside * (1.0 - *covered);
            }
        }
    }

    /// Adds a box: left, top, right, bottom.
    pub(super) fn fill_box(&mut self, [left, top, right, bottom]: [f32; 4]) {
        let outline = Outline {
            segments: vec![
                [right, top, right, bottom],
                [right, bottom, left, bottom],
                [left, bottom, left, top],
                [left, top, right, top],
            ],
            bounds: Some([left, top, right, bottom]),
        };
        self.fill(&outline, (0.0, 0.0));
    }

    fn window(&self, bounds: [f32; 4]) -> Option<Window> {
        if bounds
            .iter()
            .any(|bound| bound.is_nan() || bound.abs() > MAX_DISTANCE)
        {
            return None;
        }
        let [left, top, right, bottom] = bounds;
        let whole = |place: f32, side: u32| place.clamp(0.0, side as f32) as usize;
        let (left, top) = (
            whole(left.floor(), self.size.width),
            whole(top.floor(), self.size.height),
        );
        let window = Window {
            left,
            top,
            width: whole(right.ceil(), self.size.width).saturating_sub(left),
            height: whole(bottom.ceil(), self.size.height).saturating_sub(top),
        };
        (window.width > 0 && window.height > 0).then_some(window)
    }
}

/// What lines add to the pixels of a window; one more column than pixels.
struct Sums {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Sums {
    fn of(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            values: vec![0.0; (width + 1) * height],
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.width + 1)
    }

    fn add(&mut self, [from_x, from_y, to_x, to_y]: Segment) {
        // level lines add nothing; upwards and downwards cancel out
        let (sign, upper, lower) = if from_y < to_y {
            (1.0, (from_x, from_y), (to_x, to_y))
        } else {
            (-1.0, (to_x, to_y), (from_x, from_y))
        };
        if lower.1 <= upper.1 {
            return;
        }
        let slope = (lower.0 - upper.0) / (lower.1 - upper.1);
        let height = self.height as f32;
        let (begin, end) = (upper.1.clamp(0.0, height), lower.1.clamp(0.0, height));
        let (first, last) = (begin.floor() as usize, end.ceil() as usize);
        let width = self.width as f32;
        let rows = self.values.chunks_exact_mut(self.width + 1).enumerate();
        for (index, row) in rows.take(last).skip(first) {
            let (top, bottom) = (begin.max(index as f32), end.min(index as f32 + 1.0));
            if bottom <= top {
                continue;
            }
            let at = |y: f32| (upper.0 + (y - upper.1) * slope).clamp(0.0, width);
            let (a, b) = (at(top), at(bottom));
            add_to_row(row, (a.min(b), a.max(b)), sign * (bottom - top));
        }
    }
}

/// A line from one x to another adds its height to everything right of it.
fn add_to_row(row: &mut [f32], (left, right): (f32, f32), height: f32) {
    // what lies left of x, of a shape whose edge runs from `left` to `right`, summed up to x
    let covered_to = |x: f32| {
        if x <= left {
            0.0
        } else if x >= right {
            x - f32::midpoint(left, right)
        } else {
            (x - left) * (x - left) / (2.0 * (right - left))
        }
    };
    let (first, last) = (left.floor() as usize, right.ceil() as usize);
    let mut before = 0.0;
    for (index, value) in row.iter_mut().enumerate().take(last + 1).skip(first) {
        let x = index as f32;
        let here = height * (covered_to(x + 1.0) - covered_to(x));
        *value += here - before;
        before = here;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(width: u32, height: u32, draw: impl Fn(&mut Coverage)) -> Vec<u8> {
        let mut coverage = Coverage::of(Size { width, height });
        draw(&mut coverage);
        coverage.levels().collect()
    }

    #[test]
    fn a_box_covers_whole_pixels_wholly_and_others_in_part() {
        let found = levels(4, 3, |coverage| coverage.fill_box([0.5, 1.0, 3.0, 2.25]));
        let expected = [[0, 0, 0, 0], [128, 255, 255, 0], [32, 64, 64, 0]];
        assert_eq!(found, expected.concat());
    }

    #[test]
    fn a_triangle_covers_half_its_box() {
        let triangle = Outline {
            segments: vec![
                [0.0, 0.0, 8.0, 8.0],
                [8.0, 8.0, 0.0, 8.0],
                [0.0, 8.0, 0.0, 0.0],
            ],
            bounds: Some([0.0, 0.0, 8.0, 8.0]),
        };
        let found = levels(8, 8, |coverage| coverage.fill(&triangle, (0.0, 0.0)));
        let sum: u32 = found.iter().map(|level| u32::from(*level)).sum();
        assert!(sum.abs_diff(32 * 255) < 8, "{sum}");
        assert_eq!((found[0], found[7], found[7 * 8]), (128, 0, 255));
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let found = levels(2, 2, |coverage| coverage.fill_box([-5.0, -5.0, 1.0, 50.0]));
        assert_eq!(found, [255, 0, 255, 0]);
        let none = levels(2, 2, |coverage| coverage.fill_box([5.0, 0.0, 9.0, 2.0]));
        assert_eq!(none, [0; 4]);
        let wild = levels(2, 2, |coverage| {
            coverage.fill_box([f32::NEG_INFINITY, 0.0, f32::NAN, 1e30]);
        });
        assert_eq!(wild, [0; 4]);
    }

    #[test]
    fn a_hole_is_one_that_runs_the_other_way() {
        let mut ring = Outline {
            segments: Vec::new(),
            bounds: Some([0.0, 0.0, 3.0, 3.0]),
        };
        for ([left, top, right, bottom], is_hole) in
            [([0.0, 0.0, 3.0, 3.0], false), ([1.0, 1.0, 2.0, 2.0], true)]
        {
            let (left, right) = if is_hole {
                (right, left)
            } else {
                (left, right)
            };
            ring.segments.push([right, top, right, bottom]);
            ring.segments.push([left, bottom, left, top]);
        }
        let found = levels(3, 3, |coverage| coverage.fill(&ring, (0.0, 0.0)));
        assert_eq!(found, [255, 255, 255, 255, 0, 255, 255, 255, 255]);
    }
}
