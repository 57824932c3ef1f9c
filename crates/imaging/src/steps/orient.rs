//! Quarter turns and mirrors: pixels change places, none changes its colour.

use std::time::Instant;

use crate::{
    deadline::Watch,
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    probe::Orientation,
};

/// Columns handled together when rows become columns, so that the lines of source and result both stay in the cache.
const BLOCK_COLUMNS: usize = 32;

/// Turns a stored picture upright.
///
/// Errors: `Timeout`.
pub(crate) fn orient(
    picture: Picture,
    orientation: Orientation,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    match picture.channels {
        Channels::Rgb => oriented::<3>(picture, orientation, deadline),
        Channels::Rgba => oriented::<4>(picture, orientation, deadline),
    }
}

fn oriented<const N: usize>(
    picture: Picture,
    orientation: Orientation,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let transposed = |picture: &Picture| transpose::<N>(picture, Watch::new(deadline));
    Ok(match orientation {
        Orientation::Upright => picture,
        Orientation::MirroredAcross => mirror_across::<N>(picture),
        Orientation::MirroredDown => mirror_down(&picture),
        Orientation::Turned180 => {
            let mut picture = picture;
            picture.pixels.as_chunks_mut::<N>().0.reverse();
            picture
        }
        Orientation::Transposed => transposed(&picture)?,
        Orientation::Turned90 => mirror_across::<N>(transposed(&picture)?),
        Orientation::Turned270 => mirror_down(&transposed(&picture)?),
        Orientation::Transversed => mirror_down(&mirror_across::<N>(transposed(&picture)?)),
    })
}

fn mirror_across<const N: usize>(mut picture: Picture) -> Picture {
    picture
        .rows_mut()
        .for_each(|row| row.as_chunks_mut::<N>().0.reverse());
    picture
}

fn mirror_down(picture: &Picture) -> Picture {
    let mut pixels = Vec::with_capacity(picture.pixels.len());
    for row in picture.rows().rev() {
        pixels.extend_from_slice(row);
    }
    Picture {
        size: picture.size,
        channels: picture.channels,
        pixels,
    }
}

fn transpose<const N: usize>(picture: &Picture, mut watch: Watch) -> Result<Picture, ImagingError> {
    let Size { width, height } = picture.size;
    let mut result = Picture::zeroed(picture.size.transposed(), picture.channels);
    let height = height as usize;
    // each block of result rows is filled from the same few columns of every source row
    for (block, rows) in result
        .pixels
        .chunks_mut((BLOCK_COLUMNS * height * N).max(1))
        .enumerate()
    {
        let first = block * BLOCK_COLUMNS;
        let count = BLOCK_COLUMNS.min((width as usize).saturating_sub(first));
        let rows = rows.as_chunks_mut::<N>().0;
        for (y, source) in picture.rows().enumerate() {
            let columns = source
                .as_chunks::<N>()
                .0
                .get(first..first + count)
                .unwrap_or_default();
            watch.count(columns.len())?;
            for (row, pixel) in columns.iter().enumerate() {
                if let Some(target) = rows.get_mut(row * height + y) {
                    *target = *pixel;
                }
            }
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3 × 2 pixels, numbered from 1 by their red value.
    fn numbered() -> Picture {
        let pixels = (1..=6).flat_map(|number| [number, 0, 0]).collect();
        Picture {
            size: Size {
                width: 3,
                height: 2,
            },
            channels: Channels::Rgb,
            pixels,
        }
    }

    fn numbers(orientation: Orientation) -> (u32, Vec<u8>) {
        let picture = orient(numbered(), orientation, None).expect("in time");
        (
            picture.size.width,
            picture.pixels.into_iter().step_by(3).collect(),
        )
    }

    #[test]
    fn each_orientation_moves_every_pixel_to_its_place() {
        assert_eq!(numbers(Orientation::Upright), (3, vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(
            numbers(Orientation::MirroredAcross),
            (3, vec![3, 2, 1, 6, 5, 4])
        );
        assert_eq!(numbers(Orientation::Turned180), (3, vec![6, 5, 4, 3, 2, 1]));
        assert_eq!(
            numbers(Orientation::MirroredDown),
            (3, vec![4, 5, 6, 1, 2, 3])
        );
        assert_eq!(
            numbers(Orientation::Transposed),
            (2, vec![1, 4, 2, 5, 3, 6])
        );
        assert_eq!(numbers(Orientation::Turned90), (2, vec![4, 1, 5, 2, 6, 3]));
        assert_eq!(
            numbers(Orientation::Transversed),
            (2, vec![6, 3, 5, 2, 4, 1])
        );
        assert_eq!(numbers(Orientation::Turned270), (2, vec![3, 6, 2, 5, 1, 4]));
    }

    #[test]
    fn transposing_more_columns_than_a_block_loses_none() {
        let size = Size {
            width: 70,
            height: 3,
        };
        let pixels = (0..size.area())
            .flat_map(|index| [index.to_le_bytes()[0], 1, 2, 3])
            .collect();
        let picture = Picture {
            size,
            channels: Channels::Rgba,
            pixels,
        };
        let transposed = |picture| orient(picture, Orientation::Transposed, None).expect("in time");
        assert_eq!(transposed(transposed(picture.clone())), picture);
    }
}
