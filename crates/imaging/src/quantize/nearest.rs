//! Which of up to 256 places is nearest, without looking at all of them.

use super::point::{Point, WEIGHT_SUM};

/// Places in the order of their keys. By Cauchy and Schwarz, a key that differs by `d` means a distance of at least
/// `d² / WEIGHT_SUM`, so the search goes outward from the wanted key until that exceeds the best distance found.
#[derive(Debug)]
pub(super) struct Nearest {
    sorted: Vec<Place>,
    /// Where an index of the palette is in `sorted`.
    position_of: Vec<usize>,
    /// The first place for each key, in steps of `1 << KEY_SHIFT`.
    starts: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    key: i32,
    index: u8,
    point: Point,
}

const KEY_SHIFT: u32 = 4;
const MAX_KEY: i32 = 255 * WEIGHT_SUM;

impl Nearest {
    /// Looks among the points from `first` on; those before are never found. Indices are those of `points`, at most 256.
    pub(super) fn new(points: &[Point], first: usize) -> Self {
        let mut sorted: Vec<Place> = points
            .iter()
            .zip(0..=u8::MAX)
            .skip(first)
            .map(|(point, index)| Place {
                key: point.key(),
                index,
                point: *point,
            })
            .collect();
        sorted.sort_by_key(|place| (place.key, place.index));
        let mut position_of = vec![0; points.len()];
        for (position, place) in sorted.iter().enumerate() {
            if let Some(slot) = position_of.get_mut(usize::from(place.index)) {
                *slot = position;
            }
        }
        let starts = (0..=MAX_KEY >> KEY_SHIFT)
            .map(|step| sorted.partition_point(|place| place.key < step << KEY_SHIFT))
            .collect();
        Self {
            sorted,
            position_of,
            starts,
        }
    }

    /// The index of the nearest place; of equals, that of `hint`, else the first seen, always the same.
    pub(super) fn find(&self, wanted: Point, hint: u8) -> u8 {
        let key = wanted.key();
        let step = usize::try_from(key.clamp(0, MAX_KEY) >> KEY_SHIFT).unwrap_or(0);
        let start = self.starts.get(step).copied().unwrap_or(0);
        let hinted = self
            .position_of
            .get(usize::from(hint))
            .and_then(|position| self.sorted.get(*position));
        let mut best = hinted.map_or((i32::MAX, 0), |place| {
            (wanted.distance(place.point), place.index)
        });
        let (below, above) = self
            .sorted
            .split_at_checked(start)
            .unwrap_or((&self.sorted, &[]));
        search(above.iter(), wanted, key, &mut best);
        search(below.iter().rev(), wanted, key, &mut best);
        best.1
    }

    /// The place of an index.
    pub(super) fn point(&self, index: u8) -> Point {
        let position = self
            .position_of
            .get(usize::from(index))
            .copied()
            .unwrap_or(0);
        self.sorted
            .get(position)
            .map_or(Point([0; 4]), |place| place.point)
    }
}

fn search<'a>(
    places: impl Iterator<Item = &'a Place>,
    wanted: Point,
    key: i32,
    best: &mut (i32, u8),
) {
    for place in places {
        let apart = place.key - key;
        // within one step the places are not yet on their own side of `key`
        if apart.abs() >= 1 << KEY_SHIFT && apart * apart >= best.0.saturating_mul(WEIGHT_SUM) {
            return;
        }
        let distance = wanted.distance(place.point);
        if distance < best.0 {
            *best = (distance, place.index);
        }
    }
}
