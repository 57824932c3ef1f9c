//! Glyphs as straight lines, curves divided until nobody sees it.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts of divisions, clamped to a small range"
)]

use rustybuzz::{Face, ttf_parser::GlyphId, ttf_parser::OutlineBuilder};

/// Farthest a line may be from its curve. Units: px.
const TOLERANCE: f32 = 0.05;
const MAX_DIVISIONS: f32 = 64.0;
/// More than any glyph has; a font made to harm loses the rest.
const MAX_SEGMENTS: usize = 200_000;
/// Slope of letters that a font has no italics for: about 12°, as of most italics.
const SLANT: f32 = 0.21;

/// The sign for a missing character: left, bottom, right, top, and how thick it is. Units: em.
const MISSING: (f32, f32, f32, f32) = (0.05, 0.0, 0.5, 0.7);
const FRAME: f32 = 0.05;

/// A closed shape from a baseline's beginning, y downwards.
///
/// Units: px.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) segments: Vec<Segment>,
    /// Left, top, right, bottom.
    pub(super) bounds: Option<[f32; 4]>,
}

/// From a point to a point: x, y, x, y.
pub(super) type Segment = [f32; 4];

type Point = (f32, f32);

impl Outline {
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The sign for a missing character, where a font has none of its own: an upright frame.
    pub(super) fn of_missing(font_size: f32) -> Self {
        let mut pen = Pen {
            outline: Self::default(),
            scale: font_size,
            slant: 0.0,
            start: (0.0, 0.0),
            at: (0.0, 0.0),
        };
        let (left, bottom, right, top) = MISSING;
        let inner = (left + FRAME, bottom + FRAME, right - FRAME, top - FRAME);
        // the hole runs the other way round
        for (left, bottom, right, top) in [MISSING, (inner.2, inner.1, inner.0, inner.3)] {
            pen.move_to(left, bottom);
            pen.line_to(right, bottom);
            pen.line_to(right, top);
            pen.line_to(left, top);
            pen.close();
        }
        pen.outline
    }

    /// None for glyphs without ink.
    pub(super) fn of(
        face: &Face<'_>,
        glyph: u16,
        font_size: f32,
        is_slanted: bool,
    ) -> Option<Self> {
        let mut pen = Pen {
            outline: Self::default(),
            scale: font_size / face.units_per_em() as f32,
            slant: if is_slanted { SLANT } else { 0.0 },
            start: (0.0, 0.0),
            at: (0.0, 0.0),
        };
        face.outline_glyph(GlyphId(glyph), &mut pen)?;
        pen.close();
        Some(pen.outline)
    }
}

fn mixed<const N: usize>(weights: [f32; N], points: [Point; N]) -> Point {
    weights
        .iter()
        .zip(points)
        .fold((0.0, 0.0), |(x, y), (weight, point)| {
            (x + weight * point.0, y + weight * point.1)
        })
}

struct Pen {
    outline: Outline,
    scale: f32,
    slant: f32,
    start: Point,
    at: Point,
}

impl Pen {
    fn point(&self, x: f32, y: f32) -> Point {
        ((x + y * self.slant) * self.scale, -y * self.scale)
    }

    fn line_to_point(&mut self, to: Point) {
        if self.outline.segments.len() >= MAX_SEGMENTS {
            return;
        }
        let (from_x, from_y) = self.at;
        self.outline.segments.push([from_x, from_y, to.0, to.1]);
        for (x, y) in [self.at, to] {
            let [left, top, right, bottom] = self.outline.bounds.unwrap_or([x, y, x, y]);
            self.outline.bounds = Some([left.min(x), top.min(y), right.max(x), bottom.max(y)]);
        }
        self.at = to;
    }

    /// Divides a curve, given how far its control points are from a straight line.
    fn curve(&mut self, bend: f32, at: impl Fn(f32) -> Point) {
        let divisions = (bend / TOLERANCE).sqrt().ceil().clamp(1.0, MAX_DIVISIONS) as u32;
        for step in 1..=divisions {
            self.line_to_point(at(step as f32 / divisions as f32));
        }
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.close();
        self.start = self.point(x, y);
        self.at = self.start;
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let to = self.point(x, y);
        self.line_to_point(to);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let (from, control, to) = (self.at, self.point(x1, y1), self.point(x, y));
        let bend = (from.0 - 2.0 * control.0 + to.0).hypot(from.1 - 2.0 * control.1 + to.1) / 4.0;
        self.curve(bend, |part| {
            let rest = 1.0 - part;
            let weights = [rest * rest, 2.0 * part * rest, part * part];
            mixed(weights, [from, control, to])
        });
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let from = self.at;
        let (first, second, to) = (self.point(x1, y1), self.point(x2, y2), self.point(x, y));
        let deviation =
            |a: Point, b: Point, c: Point| (a.0 - 2.0 * b.0 + c.0).hypot(a.1 - 2.0 * b.1 + c.1);
        let bend = deviation(from, first, second).max(deviation(first, second, to)) * 0.75;
        self.curve(bend, |part| {
            let rest = 1.0 - part;
            let weights = [
                rest * rest * rest,
                3.0 * rest * rest * part,
                3.0 * rest * part * part,
                part * part * part,
            ];
            mixed(weights, [from, first, second, to])
        });
    }

    fn close(&mut self) {
        if self.at != self.start {
            self.line_to_point(self.start);
        }
    }
}
