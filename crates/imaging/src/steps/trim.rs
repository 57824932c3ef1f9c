//! Edges of one colour, found and cut off.

use std::time::Instant;

use crate::{
    deadline::Watch,
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
};

use super::resize::cut;

/// What trimming leaves of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    left: usize,
    top: usize,
    size: Size,
}

impl Kept {
    /// All but rows and columns at the edges in which no pixel is farther than `levels` from the colour of the edge. A
    /// picture that is all edge stays as it is.
    ///
    /// Errors: `Timeout`.
    pub(crate) fn of(
        picture: &Picture,
        levels: u8,
        deadline: Option<Instant>,
    ) -> Result<Self, ImagingError> {
        let watch = Watch::new(deadline);
        let kept = match picture.channels {
            Channels::Rgb => kept::<3>(picture, levels, watch)?,
            Channels::Rgba => kept::<4>(picture, levels, watch)?,
        };
        Ok(kept.unwrap_or(Self {
            left: 0,
            top: 0,
            size: picture.size,
        }))
    }

    /// Cuts off the rest.
    pub(crate) fn cut(self, picture: Picture) -> Picture {
        if self.size == picture.size {
            return picture;
        }
        cut(&picture, self.left, self.top, self.size)
    }
}

fn kept<const N: usize>(
    picture: &Picture,
    levels: u8,
    mut watch: Watch,
) -> Result<Option<Kept>, ImagingError> {
    let Some(color) = edge_color::<N>(picture, levels) else {
        return Ok(None);
    };
    let edge = Edge { color, levels };
    let width = picture.size.width as usize;
    let mut first_of = |rows: &mut dyn Iterator<Item = &[u8]>| {
        for (number, row) in rows.enumerate() {
            watch.count(width)?;
            if edge.ends_in::<N>(row) {
                return Ok(Some(number));
            }
        }
        Ok::<_, ImagingError>(None)
    };
    let mut rows = picture.rows();
    let Some(top) = first_of(&mut rows)? else {
        return Ok(None);
    };
    // the row just found is the last one where no other follows
    let below = rows.len();
    let behind = first_of(&mut rows.rev())?;
    let bottom = behind.map_or(top, |behind| top + below - behind);
    let (mut left, mut right) = (width, 0);
    for row in picture.rows().skip(top).take(bottom + 1 - top) {
        watch.count(width)?;
        let pixels = row.as_chunks::<N>().0;
        let before = pixels
            .iter()
            .take(left)
            .position(|pixel| edge.ends_at(*pixel));
        left = before.unwrap_or(left);
        let behind = pixels
            .iter()
            .skip(right)
            .rposition(|pixel| edge.ends_at(*pixel));
        right = behind.map_or(right, |column| right + column + 1);
    }
    let size = right.checked_sub(left).map(|columns| Size {
        width: u32::try_from(columns).unwrap_or(0),
        height: u32::try_from(bottom + 1 - top).unwrap_or(0),
    });
    let size = size.filter(|size| size.area() > 0);
    Ok(size.map(|size| Kept { left, top, size }))
}

/// The corner most of the others agree with; of several the first, clockwise from the top left.
fn edge_color<const N: usize>(picture: &Picture, levels: u8) -> Option<[u8; 4]> {
    let mut rows = picture.rows();
    let first = rows.next()?.as_chunks::<N>().0;
    let last = rows.next_back().map_or(first, |row| row.as_chunks::<N>().0);
    let corners = [first.first()?, first.last()?, last.last()?, last.first()?];
    let corners = corners.map(|pixel| weighted(*pixel));
    let agreeing = |corner: [u8; 4]| {
        corners
            .iter()
            .filter(|other| distance(corner, **other) <= levels)
            .count()
    };
    // `max_by_key` gives the last of several
    corners
        .into_iter()
        .rev()
        .max_by_key(|corner| agreeing(*corner))
}

struct Edge {
    color: [u8; 4],
    levels: u8,
}

impl Edge {
    fn ends_at<const N: usize>(&self, pixel: [u8; N]) -> bool {
        distance(weighted(pixel), self.color) > self.levels
    }

    /// Whether a row holds anything but edge.
    fn ends_in<const N: usize>(&self, row: &[u8]) -> bool {
        row.as_chunks::<N>()
            .0
            .iter()
            .any(|pixel| self.ends_at(*pixel))
    }
}

/// Colour times alpha, so that all that can't be seen is alike.
fn weighted<const N: usize>(pixel: [u8; N]) -> [u8; 4] {
    let mut channels = pixel.into_iter();
    let mut next = || channels.next().unwrap_or(u8::MAX);
    let (red, green, blue, alpha) = (next(), next(), next(), next());
    let seen = |channel| super::channel::scaled(channel, alpha);
    [seen(red), seen(green), seen(blue), alpha]
}

fn distance(left: [u8; 4], right: [u8; 4]) -> u8 {
    let pairs = left.iter().zip(right);
    pairs.fold(0, |worst, (left, right)| worst.max(left.abs_diff(right)))
}
