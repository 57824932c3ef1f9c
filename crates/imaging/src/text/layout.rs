//! Every glyph in its place. Pure, and over before a pixel exists, so that a text too large is refused first.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "lengths below 2^14 px, clamped before they are rounded"
)]

use std::ops::Range;

use limpid_delivery_url::transformation::{TextAlign, TextLayer};
use unicode_bidi::ParagraphBidiInfo;

use super::{
    faces::Faces,
    itemize::{Need, items, needs},
    shape::{Glyph, shape},
    wrap::{self, Reach},
};
use crate::{error::ImagingError, geometry::Size};

/// `fs` without a value. Source: `imagekit.md` 5.9, the editor's.
const DEFAULT_FONT_SIZE: u32 = 14;
/// Longest side of a text. Units: px. Source: `imagekit.md` section 2.
pub(super) const MAX_SIDE: u32 = 16_383;
/// Where a font doesn't say, a bar through its letters is this high above the baseline and this thick. Units: em.
const BAR: (f32, f32) = (0.3, 0.06);

/// A text in exact places.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(super) glyphs: Vec<PlacedGlyph>,
    /// `tg-strikethrough`: left, top, right, bottom. Units: px.
    pub(super) bars: Vec<[f32; 4]>,
    /// Units: px.
    pub(super) font_size: f32,
    /// With its padding.
    pub(crate) size: Size,
}

/// A glyph by the place of its origin. Units: px.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlacedGlyph {
    pub(super) face: usize,
    pub(super) id: u16,
    pub(super) x: f32,
    pub(super) baseline: f32,
}

/// A line, its glyphs from its own left end and baseline.
struct Line {
    glyphs: Vec<PlacedGlyph>,
    width: f32,
}

/// What all lines share. Units: px.
struct Metrics {
    font_size: f32,
    height: u32,
    /// From the top of a line to its baseline.
    baseline: f32,
    /// Of the bar through it: upwards from the baseline to its middle; its thickness.
    bar: (f32, f32),
}

impl Layout {
    /// Errors: `OutputTooLarge`.
    pub(super) fn of(text: &TextLayer, faces: &Faces<'_>) -> Result<Self, ImagingError> {
        let metrics = Metrics::of(text, faces);
        let mut lines = Vec::new();
        for paragraph in paragraphs(&text.text) {
            let wrap_width = text.width.map(|width| width as f32);
            lines.extend(lines_of(&paragraph, faces, metrics.font_size, wrap_width));
        }
        let widest = lines.iter().map(|line| line.width).fold(0.0, f32::max);
        let width = text
            .width
            .unwrap_or_else(|| widest.ceil().clamp(1.0, u32::MAX as f32) as u32);
        let [top, right, bottom, left] = text.padding.unwrap_or_default();
        let line_count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let size = Size {
            width: left.saturating_add(width).saturating_add(right),
            height: metrics
                .height
                .saturating_mul(line_count)
                .saturating_add(top)
                .saturating_add(bottom),
        };
        if size.width.max(size.height) > MAX_SIDE {
            return Err(ImagingError::OutputTooLarge {
                what: "text layer side",
                width: size.width,
                height: size.height,
                allowed: u64::from(MAX_SIDE),
            });
        }
        let mut layout = Self {
            glyphs: Vec::new(),
            bars: Vec::new(),
            font_size: metrics.font_size,
            size,
        };
        for (line, index) in lines.into_iter().zip(0u32..) {
            let free = width as f32 - line.width;
            let x = left as f32 + free * before(text.align);
            let y = (top + index * metrics.height) as f32 + metrics.baseline;
            layout.place(
                line,
                (x, y),
                text.typography.strikethrough.then_some(metrics.bar),
            );
        }
        Ok(layout)
    }

    fn place(&mut self, line: Line, (x, y): (f32, f32), bar: Option<(f32, f32)>) {
        if let Some((above, thickness)) = bar.filter(|_| line.width > 0.0) {
            let middle = y - above;
            self.bars.push([
                x,
                (middle - thickness / 2.0).round(),
                x + line.width,
                (middle + thickness / 2.0).round(),
            ]);
        }
        self.glyphs
            .extend(line.glyphs.into_iter().map(|glyph| PlacedGlyph {
                x: glyph.x + x,
                baseline: glyph.baseline + y,
                ..glyph
            }));
    }
}

/// The part of the free space that lies left of a line. Source of the default: `imagekit.md` 5.9.
fn before(align: Option<TextAlign>) -> f32 {
    match align {
        Some(TextAlign::Left) => 0.0,
        Some(TextAlign::Right) => 1.0,
        Some(TextAlign::Center) | None => 0.5,
    }
}

impl Metrics {
    fn of(text: &TextLayer, faces: &Faces<'_>) -> Self {
        let font_size = text.font_size.unwrap_or(DEFAULT_FONT_SIZE) as f32;
        let (mut ascent, mut descent, mut gap) = (font_size, font_size * 0.25, 0.0);
        let (mut above, mut thickness) = (BAR.0 * font_size, BAR.1 * font_size);
        if let Some(face) = faces.face(0) {
            let scale = font_size / face.units_per_em() as f32;
            // a font made to harm may say anything
            let length =
                |units: i16| (f32::from(units) * scale).clamp(-4.0 * font_size, 4.0 * font_size);
            ascent = length(face.ascender());
            descent = -length(face.descender());
            gap = length(face.line_gap()).max(0.0);
            if let Some(bar) = face.strikeout_metrics() {
                above = length(bar.position);
                thickness = length(bar.thickness);
            }
        }
        let natural = ascent + descent;
        let height = text
            .line_height
            .unwrap_or_else(|| (natural + gap).round().clamp(1.0, MAX_SIDE as f32) as u32);
        Self {
            font_size,
            height,
            baseline: ((height as f32 - natural) / 2.0 + ascent).round(),
            bar: (above, thickness.max(1.0)),
        }
    }
}

/// Texts between line ends, control characters as spaces.
fn paragraphs(text: &str) -> impl Iterator<Item = String> {
    let lines = text.split("\r\n");
    let lines = lines.flat_map(|part| {
        part.split([
            '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
        ])
    });
    lines.map(|line| {
        line.chars()
            .map(|character| {
                if character.is_control() {
                    ' '
                } else {
                    character
                }
            })
            .collect()
    })
}

fn lines_of(
    paragraph: &str,
    faces: &Faces<'_>,
    font_size: f32,
    wrap_width: Option<f32>,
) -> Vec<Line> {
    let bidi = ParagraphBidiInfo::new(paragraph, None);
    let setter = Setter {
        paragraph,
        needs: needs(paragraph, faces),
        bidi,
        faces,
        font_size,
    };
    // without a width there is one line, and nothing has to be measured
    let reach = match wrap_width {
        Some(_) => setter.reach(),
        None => Reach::of(0, std::iter::empty()),
    };
    let lines = wrap::lines(paragraph, &reach, wrap_width);
    lines.into_iter().map(|range| setter.line(range)).collect()
}

/// Sets the lines of a paragraph.
struct Setter<'a, 'f> {
    paragraph: &'a str,
    needs: Vec<Need>,
    bidi: ParagraphBidiInfo<'a>,
    faces: &'a Faces<'f>,
    font_size: f32,
}

impl Setter<'_, '_> {
    fn reach(&self) -> Reach {
        let runs = self.glyphs(0..self.paragraph.len());
        let advances = runs.iter().map(|(_, glyph)| (glyph.cluster, glyph.advance));
        Reach::of(self.paragraph.len(), advances)
    }

    /// The glyphs of a line from left to right, each with its font.
    fn glyphs(&self, range: Range<usize>) -> Vec<(usize, Glyph)> {
        if range.is_empty() {
            return Vec::new();
        }
        let (levels, runs) = self.bidi.visual_runs(range);
        let mut glyphs = Vec::new();
        for run in runs {
            let Some(level) = levels.get(run.start).copied() else {
                continue;
            };
            let mut items = items(&self.needs, run, level);
            if level.is_rtl() {
                items.reverse();
            }
            for item in &items {
                let shaped = shape(self.faces, self.paragraph, item, self.font_size);
                glyphs.extend(shaped.into_iter().map(|glyph| (item.face, glyph)));
            }
        }
        glyphs
    }

    fn line(&self, range: Range<usize>) -> Line {
        let mut pen = 0.0;
        let mut glyphs = Vec::new();
        for (face, glyph) in self.glyphs(range) {
            glyphs.push(PlacedGlyph {
                face,
                id: glyph.id,
                x: pen + glyph.x_offset,
                baseline: -glyph.y_offset,
            });
            pen += glyph.advance;
        }
        Line { glyphs, width: pen }
    }
}
