//! How many colours a picture has.

use std::{collections::HashSet, time::Instant};

use crate::{deadline::Watch, error::ImagingError, picture::Picture};

/// Whether there are at most `most` different colours. Photographs have more in their first rows, where counting stops.
///
/// Errors: `Timeout`.
pub(super) fn are_few(
    picture: &Picture,
    most: usize,
    deadline: Option<Instant>,
) -> Result<bool, ImagingError> {
    let mut watch = Watch::new(deadline);
    let mut seen = HashSet::with_capacity(most + 1);
    let mut last: &[u8] = &[];
    for pixel in picture.pixels.chunks_exact(picture.channels.count()) {
        watch.count(1)?;
        if pixel == last {
            continue;
        }
        last = pixel;
        if seen.insert(pixel) && seen.len() > most {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::are_few;
    use crate::{
        geometry::Size,
        picture::{Channels, Picture},
    };

    #[test]
    fn colours_are_counted_not_pixels() {
        let picture = Picture {
            size: Size {
                width: 3,
                height: 2,
            },
            channels: Channels::Rgb,
            pixels: [
                [1, 2, 3],
                [1, 2, 3],
                [3, 2, 1],
                [1, 2, 3],
                [3, 2, 1],
                [0; 3],
            ]
            .concat(),
        };
        assert_eq!(are_few(&picture, 3, None), Ok(true));
        assert_eq!(are_few(&picture, 2, None), Ok(false));
    }
}
