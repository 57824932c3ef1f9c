//! The colour there is most of.

use limpid_delivery_url::transformation::Color;

use crate::picture::Picture;

/// Colours are counted in cubes of this many levels.
const CUBE_LEVELS: usize = 32;
const CUBES_PER_CHANNEL: usize = 256 / CUBE_LEVELS;
/// At most so many rows and columns are looked at; more don't change the answer.
const SIDE: usize = 256;

/// What a picture without a visible pixel is dominated by.
const BLACK: Color = Color {
    red: 0,
    green: 0,
    blue: 0,
    alpha: u8::MAX,
};

#[derive(Clone, Copy, Default)]
struct Cube {
    count: u64,
    sums: [u64; 3],
}

/// The mean of the fullest cube of colours; of several the darkest.
pub(super) fn dominant(picture: &Picture) -> Color {
    dominant_of_part(picture, Part::default())
}

/// Halves of a picture, both where `None`.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) is_right: Option<bool>,
    pub(super) is_bottom: Option<bool>,
}

/// The same for a part of the picture.
pub(super) fn dominant_of_part(picture: &Picture, part: Part) -> Color {
    let columns = range(picture.size.width, part.is_right);
    let rows = range(picture.size.height, part.is_bottom);
    let (across, down) = (columns.len().div_ceil(SIDE), rows.len().div_ceil(SIDE));
    let count = picture.channels.count();
    let wanted = picture.rows().skip(rows.start).take(rows.len());
    let sampled = wanted.step_by(down.max(1)).flat_map(|row| {
        let pixels = row.chunks_exact(count).skip(columns.start);
        pixels.take(columns.len()).step_by(across.max(1)).map(color)
    });
    dominant_of(sampled)
}

/// All of a side, or one of its halves; never nothing.
fn range(side: u32, is_second: Option<bool>) -> std::ops::Range<usize> {
    let (side, half) = (side as usize, side as usize / 2);
    match is_second {
        Some(false) => 0..half.max(1),
        Some(true) => half..side,
        None => 0..side,
    }
}

fn color(pixel: &[u8]) -> [u8; 4] {
    // without alpha, opaque
    let mut color = [u8::MAX; 4];
    let channels = color.iter_mut().zip(pixel);
    channels.for_each(|(to, from)| *to = *from);
    color
}

fn dominant_of(colors: impl Iterator<Item = [u8; 4]>) -> Color {
    let mut cubes = vec![Cube::default(); CUBES_PER_CHANNEL.pow(3)];
    for [red, green, blue, alpha] in colors {
        let index = [red, green, blue].iter().fold(0, |index, channel| {
            index * CUBES_PER_CHANNEL + usize::from(*channel) / CUBE_LEVELS
        });
        let weight = u64::from(alpha);
        if let Some(cube) = cubes.get_mut(index) {
            cube.count += weight;
            for (sum, channel) in cube.sums.iter_mut().zip([red, green, blue]) {
                *sum += u64::from(channel) * weight;
            }
        }
    }
    let mut fullest = Cube::default();
    for cube in cubes {
        if cube.count > fullest.count {
            fullest = cube;
        }
    }
    if fullest.count == 0 {
        return BLACK;
    }
    let mean =
        |sum: u64| u8::try_from((sum + fullest.count / 2) / fullest.count).unwrap_or(u8::MAX);
    let [red, green, blue] = fullest.sums.map(mean);
    Color {
        red,
        green,
        blue,
        alpha: u8::MAX,
    }
}
