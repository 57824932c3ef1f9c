//! Pictures of few colours, for palette PNG and GIF: colours counted exactly where there are few, else chosen by median cut
//! and refined by k-means, and pixels mapped to them with or without error diffusion. Deterministic: no random start, no
//! threads.
//!
//! Colours are compared as [`Point`]s: multiplied by alpha, so that what is hardly visible hardly counts, and weighted for the
//! eye.
//!
//! Source: Heckbert, "Color image quantization for frame buffer display" (1982); Lloyd, "Least squares quantization in PCM"
//! (1982); Floyd and Steinberg, "An adaptive algorithm for spatial greyscale" (1976).

use std::time::Instant;

use crate::{
    deadline::{Watch, check_deadline},
    error::ImagingError,
    picture::{Channels, Picture},
};

mod diffuse;
mod exact;
mod histogram;
mod median_cut;
mod nearest;
mod point;
mod refine;

use histogram::Histogram;
use nearest::Nearest;
use point::Point;

pub(crate) use exact::exact;

/// What a palette of one byte per pixel can hold.
pub(crate) const MAX_COLORS: usize = 256;
/// Nothing shows through less than this colour, so it has an entry of its own wherever it occurs.
const CLEAR: [u8; 4] = [0; 4];

/// A picture as palette and indices into it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Indexed {
    /// Colours, not multiplied by alpha; at most 256. Those with alpha come first.
    pub(crate) colors: Vec<[u8; 4]>,
    /// One byte for each pixel, row by row.
    pub(crate) indices: Vec<u8>,
}

impl Indexed {
    /// The index of the colour that clear pixels have, where there are any.
    pub(crate) fn clear_index(&self) -> Option<u8> {
        clear_index(&self.colors)
    }
}

/// Clear comes first, if at all.
pub(crate) fn clear_index(colors: &[[u8; 4]]) -> Option<u8> {
    (colors.first() == Some(&CLEAR)).then_some(0)
}

/// How pixels between two colours of the palette are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dithering {
    /// As the nearer one: flat areas, few bytes.
    Off,
    /// As a mixture of both: no bands, more bytes.
    ErrorDiffusion,
}

/// Colours that stand for those of one picture, or of all frames of an animation.
#[derive(Debug)]
pub(crate) struct Palette {
    colors: Vec<[u8; 4]>,
    nearest: Nearest,
}

impl Palette {
    /// Chooses at most `max_colors` (2 to 256) for all the pictures together.
    ///
    /// Where a pixel is clear, the palette has exactly one clear colour, its first. Pictures whose alpha is only 0 or 255 get a
    /// palette of which that is true as well.
    ///
    /// Errors: `Timeout`.
    pub(crate) fn of<'a>(
        pictures: impl IntoIterator<Item = &'a Picture>,
        max_colors: usize,
        deadline: Option<Instant>,
    ) -> Result<Self, ImagingError> {
        let histogram = Histogram::of(pictures, deadline)?;
        let has_clear = histogram.has_clear;
        let wanted = max_colors.clamp(2, MAX_COLORS) - usize::from(has_clear);
        let chosen = median_cut::choose(histogram.cells, wanted);
        check_deadline(deadline)?;
        let points = refine::refine(&chosen.cells, chosen.centers);
        let mut colors: Vec<[u8; 4]> = points.iter().map(|point| point.to_color()).collect();
        // rounding makes neighbours equal; PNG wants the transparent ones first, and equal work gives equal bytes
        colors.sort_unstable_by_key(|[red, green, blue, alpha]| (*alpha, *green, *red, *blue));
        colors.dedup();
        if has_clear {
            colors.retain(|color| color[3] != 0);
            colors.insert(0, CLEAR);
        }
        if colors.is_empty() {
            colors.push(CLEAR);
        }
        let visible = usize::from(has_clear);
        let points: Vec<Point> = colors.iter().map(|color| Point::of(*color)).collect();
        Ok(Self {
            nearest: Nearest::new(&points, visible.min(colors.len() - 1)),
            colors,
        })
    }

    /// The colours, not multiplied by alpha; a clear one is the first.
    pub(crate) fn colors(&self) -> &[[u8; 4]] {
        &self.colors
    }

    /// One index for each pixel of a picture.
    ///
    /// Errors: `Timeout`.
    pub(crate) fn indices(
        &self,
        picture: &Picture,
        dithering: Dithering,
        deadline: Option<Instant>,
    ) -> Result<Vec<u8>, ImagingError> {
        let watch = Watch::new(deadline);
        match dithering {
            Dithering::Off => self.nearest_indices(picture, watch),
            Dithering::ErrorDiffusion => {
                diffuse::indices(picture, &self.nearest, clear_index(&self.colors), watch)
            }
        }
    }

    fn nearest_indices(
        &self,
        picture: &Picture,
        mut watch: Watch,
    ) -> Result<Vec<u8>, ImagingError> {
        let mut last = (CLEAR, self.index_of(CLEAR, 0));
        let mut indices = Vec::with_capacity(picture.pixels.len() / picture.channels.count());
        for color in colors_of(picture) {
            watch.count(1)?;
            if color != last.0 {
                last = (color, self.index_of(color, last.1));
            }
            indices.push(last.1);
        }
        Ok(indices)
    }

    fn index_of(&self, color: [u8; 4], hint: u8) -> u8 {
        match (color, clear_index(&self.colors)) {
            ([_, _, _, 0], Some(clear)) => clear,
            _ => self.nearest.find(Point::of(color), hint),
        }
    }
}

/// At most `max_colors` colours for one picture.
///
/// Errors: `Timeout`.
pub(crate) fn reduce(
    picture: &Picture,
    max_colors: usize,
    dithering: Dithering,
    deadline: Option<Instant>,
) -> Result<Indexed, ImagingError> {
    let palette = Palette::of([picture], max_colors, deadline)?;
    Ok(Indexed {
        indices: palette.indices(picture, dithering, deadline)?,
        colors: palette.colors().to_vec(),
    })
}

/// The pixels as RGBA; what is clear has no colour.
fn colors_of(picture: &Picture) -> impl Iterator<Item = [u8; 4]> {
    let count = picture.channels.count();
    let (rgb, rgba) = match picture.channels {
        Channels::Rgb => (picture.pixels.as_chunks::<3>().0, [].as_slice()),
        Channels::Rgba => ([].as_slice(), picture.pixels.as_chunks::<4>().0),
    };
    debug_assert!(count == 3 || count == 4);
    let opaque = rgb
        .iter()
        .map(|[red, green, blue]| [*red, *green, *blue, u8::MAX]);
    let with_alpha = rgba.iter().map(|color| match color {
        [_, _, _, 0] => CLEAR,
        visible => *visible,
    });
    opaque.chain(with_alpha)
}

#[cfg(test)]
mod tests;
