//! How many colours a picture has.

use std::collections::HashSet;

use crate::picture::Picture;

/// Whether there are at most `most` different colours. Photographs have more in their first rows, where counting stops.
pub(super) fn are_few(picture: &Picture, most: usize) -> bool {
    let mut seen = HashSet::with_capacity(most + 1);
    let mut last: &[u8] = &[];
    for pixel in picture.pixels.chunks_exact(picture.channels.count()) {
        if pixel == last {
            continue;
        }
        last = pixel;
        if seen.insert(pixel) && seen.len() > most {
            return false;
        }
    }
    true
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
        assert!(are_few(&picture, 3));
        assert!(!are_few(&picture, 2));
    }
}
