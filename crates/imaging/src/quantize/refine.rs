//! Moves the centres of a palette to where the colours are that they stand for.

use super::{
    histogram::Cell,
    nearest::Nearest,
    point::{Center, Point},
};

/// Rounds of Lloyd's algorithm; a judgement between palette and time.
const ROUNDS: u32 = 3;

/// Centres after k-means.
pub(super) fn refine(cells: &[Cell], mut centers: Vec<Center>) -> Vec<Center> {
    let points: Vec<Point> = cells
        .iter()
        .map(|cell| Center(cell.mean).to_point())
        .collect();
    let mut assigned = vec![0_u8; cells.len()];
    for _ in 0..ROUNDS {
        let places: Vec<Point> = centers.iter().map(|center| center.to_point()).collect();
        let nearest = Nearest::new(&places, 0);
        let mut sums = vec![([0.0_f32; 4], 0.0_f32); centers.len()];
        let mut has_changed = false;
        for ((cell, point), assigned) in cells.iter().zip(&points).zip(&mut assigned) {
            let index = nearest.find(*point, *assigned);
            has_changed |= index != *assigned;
            *assigned = index;
            if let Some((sums, weight)) = sums.get_mut(usize::from(index)) {
                *weight += cell.weight;
                for (sum, channel) in sums.iter_mut().zip(cell.mean) {
                    *sum += channel * cell.weight;
                }
            }
        }
        for (center, (sums, weight)) in centers.iter_mut().zip(sums) {
            // a centre that nothing is near stays where it is
            if weight > 0.0 {
                *center = Center(sums.map(|sum| sum / weight));
            }
        }
        if !has_changed {
            break;
        }
    }
    centers
}
