//! RGB to luma and halved chroma, full range.
//!
//! Source: ITU-T H.273 section 8.3, matrix coefficients 6 (BT.601).

use std::time::Instant;

use crate::{deadline::Watch, error::ImagingError, geometry::Size, picture::Picture};

/// 8-bit planes without padding; luma only where the picture is grey.
#[derive(Debug)]
pub(super) struct Planes {
    pub(super) size: Size,
    pub(super) luma: Vec<u8>,
    /// Blue and red differences, each half as wide and high, rounded up.
    pub(super) chroma: Option<[Vec<u8>; 2]>,
}

const RED_WEIGHT: f32 = 0.299;
const GREEN_WEIGHT: f32 = 0.587;
const BLUE_WEIGHT: f32 = 0.114;
/// Colours of pixels this clear aren't seen; grey costs the fewest bits.
const UNSEEN_ALPHA: u8 = 0;

/// Colours of a picture.
///
/// Errors: `Timeout`.
pub(super) fn from_picture(
    picture: &Picture,
    deadline: Option<Instant>,
) -> Result<Planes, ImagingError> {
    let mut watch = Watch::new(deadline);
    let channels = picture.channels.count();
    let colors = |row: &[u8]| -> Vec<[f32; 3]> {
        let pixels = row.chunks_exact(channels).map(|pixel| match pixel {
            [_, _, _, UNSEEN_ALPHA] => [0.0; 3],
            [red, green, blue, ..] => [f32::from(*red), f32::from(*green), f32::from(*blue)],
            _ => [0.0; 3],
        });
        pixels.collect()
    };
    let chroma_length =
        (picture.size.width.div_ceil(2) as usize) * (picture.size.height.div_ceil(2) as usize);
    let mut luma = Vec::with_capacity(picture.pixels.len() / channels);
    let (mut blues, mut reds) = (
        Vec::with_capacity(chroma_length),
        Vec::with_capacity(chroma_length),
    );
    let mut rows = picture.rows();
    while let Some(row) = rows.next() {
        watch.count(picture.size.width as usize * 2)?;
        let upper = colors(row);
        // the last row of an odd height is its own neighbour
        let lower = rows.next().map(colors);
        luma.extend(upper.iter().map(|color| to_byte(luma_of(*color))));
        if let Some(lower) = &lower {
            luma.extend(lower.iter().map(|color| to_byte(luma_of(*color))));
        }
        let lower = lower.as_ref().unwrap_or(&upper);
        for (upper, lower) in upper.chunks(2).zip(lower.chunks(2)) {
            let [red, green, blue] = mean(upper, lower);
            let luma = luma_of([red, green, blue]);
            blues.push(to_byte(128.0 + (blue - luma) / (2.0 * (1.0 - BLUE_WEIGHT))));
            reds.push(to_byte(128.0 + (red - luma) / (2.0 * (1.0 - RED_WEIGHT))));
        }
    }
    Ok(Planes {
        size: picture.size,
        luma,
        chroma: Some([blues, reds]),
    })
}

/// Alpha of an RGBA picture as luma.
pub(super) fn alpha_of(picture: &Picture) -> Planes {
    let luma = picture
        .pixels
        .as_chunks::<4>()
        .0
        .iter()
        .map(|[_, _, _, alpha]| *alpha)
        .collect();
    Planes {
        size: picture.size,
        luma,
        chroma: None,
    }
}

fn mean(upper: &[[f32; 3]], lower: &[[f32; 3]]) -> [f32; 3] {
    let mut sums = [0.0; 3];
    let mut count = 0.0;
    for color in upper.iter().chain(lower) {
        count += 1.0;
        sums.iter_mut()
            .zip(color)
            .for_each(|(sum, channel)| *sum += channel);
    }
    sums.map(|sum| sum / count)
}

fn luma_of([red, green, blue]: [f32; 3]) -> f32 {
    RED_WEIGHT * red + GREEN_WEIGHT * green + BLUE_WEIGHT * blue
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of a byte first"
)]
fn to_byte(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}
