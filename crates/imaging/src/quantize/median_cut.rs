//! A first palette: the box of colours that spreads most is halved until there are as many boxes as colours wanted.

use super::{
    histogram::Cell,
    point::{Center, WEIGHTS},
};

/// Centres, and the cells in the order of the boxes they were in.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) cells: Vec<Cell>,
    pub(super) centers: Vec<Center>,
}

/// Cells `start..end`.
#[derive(Debug, Clone, Copy)]
struct Spread {
    start: usize,
    end: usize,
    mean: [f32; 4],
    /// The channel that spreads most, and how much, in squared distance times pixels.
    axis: usize,
    error: f32,
}

/// At most `wanted` centres; fewer where there are fewer cells.
pub(super) fn choose(mut cells: Vec<Cell>, wanted: usize) -> Chosen {
    let mut boxes = Vec::with_capacity(wanted);
    if !cells.is_empty() {
        boxes.push(Spread::of(&cells, 0, cells.len()));
    }
    while boxes.len() < wanted {
        // the first of equals, whatever the order of the rest
        let widest = boxes
            .iter()
            .enumerate()
            .filter(|(_, one)| one.end - one.start > 1);
        let Some((index, _)) = widest.reduce(|a, b| if b.1.error > a.1.error { b } else { a })
        else {
            break;
        };
        let old = boxes.swap_remove(index);
        let middle = split(&mut cells, &old);
        boxes.push(Spread::of(&cells, old.start, middle));
        boxes.push(Spread::of(&cells, middle, old.end));
    }
    let centers = boxes.iter().map(|one| Center(one.mean)).collect();
    Chosen { cells, centers }
}

/// Puts the cells below the mean first; where the upper ones begin.
fn split(cells: &mut [Cell], old: &Spread) -> usize {
    let Some(inside) = cells.get_mut(old.start..old.end) else {
        return old.end;
    };
    let at = |cell: &Cell| cell.mean.get(old.axis).copied().unwrap_or_default();
    let mean = old.mean.get(old.axis).copied().unwrap_or_default();
    let mut below = 0;
    for index in 0..inside.len() {
        if inside.get(index).is_some_and(|cell| at(cell) < mean) {
            inside.swap(below, index);
            below += 1;
        }
    }
    // rounding may leave all on one side; a box is never empty
    old.start + below.clamp(1, inside.len() - 1)
}

impl Spread {
    fn of(cells: &[Cell], start: usize, end: usize) -> Self {
        let inside = cells.get(start..end).unwrap_or_default();
        let mut weight = 0.0;
        let mut sums = [0.0_f32; 4];
        for cell in inside {
            weight += cell.weight;
            for (sum, channel) in sums.iter_mut().zip(cell.mean) {
                *sum += channel * cell.weight;
            }
        }
        let mean = sums.map(|sum| sum / f32::max(weight, 1.0));
        let mut errors = [0.0_f32; 4];
        for cell in inside {
            for ((error, channel), mean) in errors.iter_mut().zip(cell.mean).zip(mean) {
                *error += (channel - mean) * (channel - mean) * cell.weight;
            }
        }
        let (mut axis, mut largest) = (0, -1.0);
        for (index, (error, weight)) in errors.into_iter().zip(WEIGHTS).enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a one-digit number")]
            let error = error * weight as f32;
            if error > largest {
                (axis, largest) = (index, error);
            }
        }
        Self {
            start,
            end,
            mean,
            axis,
            error: largest,
        }
    }
}
