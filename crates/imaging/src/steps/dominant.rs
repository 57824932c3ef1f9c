//! The colour there is most of.

use limpid_delivery_url::transformation::Color;

use crate::picture::Picture;

/// Colours are counted in cubes of this many levels.
const CUBE_LEVELS: usize = 32;
const CUBES_PER_CHANNEL: usize = 256 / CUBE_LEVELS;
/// About as many pixels are looked at; more don't change the answer.
const SAMPLES: usize = 65_536;

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
    dominant_of(colors(picture).step_by(step(picture)))
}

/// Halves of a picture, both where `None`.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) is_right: Option<bool>,
    pub(super) is_bottom: Option<bool>,
}

/// The same for a part of the picture.
pub(super) fn dominant_of_part(picture: &Picture, part: Part) -> Color {
    let width = (picture.size.width as usize).max(1);
    let height = picture.size.height as usize;
    let is_inside = |position: usize, whole: usize, wanted: Option<bool>| {
        wanted.is_none_or(|second| (position >= whole / 2) == second)
    };
    let inside = colors(picture).enumerate().filter(|(index, _)| {
        is_inside(index % width, width, part.is_right)
            && is_inside(index / width, height, part.is_bottom)
    });
    dominant_of(inside.map(|(_, color)| color).step_by(step(picture)))
}

fn step(picture: &Picture) -> usize {
    (picture.pixels.len() / picture.channels.count() / SAMPLES).max(1)
}

fn colors(picture: &Picture) -> impl Iterator<Item = [u8; 4]> {
    let pixels = picture.pixels.chunks_exact(picture.channels.count());
    pixels.map(|pixel| {
        // without alpha, opaque
        let mut color = [u8::MAX; 4];
        color
            .iter_mut()
            .zip(pixel)
            .for_each(|(to, from)| *to = *from);
        color
    })
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
