//! How much every row of a source counts for every row of the result.
//!
//! The same weights as those of the whole-picture convolution, rounded to as many bits, so that both make the same bytes.

use std::{f64::consts::PI, ops::Range};

use crate::Filter;

/// Weights are kept in 16 bits with sign.
const LARGEST_WEIGHT: f64 = 32_768.0;
/// Of a sum of 32 bits, 8 are the sample and 2 what weights below zero and above one may add.
const MOST_PRECISION_BITS: u32 = 32 - 8 - 2;

/// Weights of all rows of a result.
#[derive(Debug)]
pub(crate) struct Weights {
    /// Bits behind the point.
    pub(crate) precision: u32,
    rows: Vec<RowWeights>,
}

/// Weights of one row of a result.
#[derive(Debug)]
pub(crate) struct RowWeights {
    /// The first row of the source that counts.
    first: u32,
    /// Of that row and those below.
    values: Vec<i16>,
}

impl Weights {
    /// `part` is where the result lies in `source` rows.
    pub(crate) fn new(source: u32, part: Range<f64>, result: u32, filter: Filter) -> Self {
        let scale = (part.end - part.start) / f64::from(result);
        let rows: Vec<(u32, Vec<f64>)> = (0..result)
            .map(|row| {
                let centre = part.start + (f64::from(row) + 0.5) * scale;
                around(centre, scale, source, filter)
            })
            .collect();
        let largest = rows
            .iter()
            .flat_map(|(_, values)| values)
            .fold(0.0_f64, |largest, value| largest.max(*value));
        let precision = precision(largest);
        let unit = f64::from(1_u32 << precision);
        let rows = rows
            .into_iter()
            .map(|(first, values)| RowWeights {
                first,
                values: values
                    .into_iter()
                    .map(|value| to_fixed(value * unit))
                    .collect(),
            })
            .collect();
        Self { precision, rows }
    }

    /// Of a row of the result.
    pub(crate) fn of(&self, row: usize) -> Option<&RowWeights> {
        self.rows.get(row)
    }

    /// Rows of the source that count for any.
    pub(crate) fn span(&self) -> Range<u32> {
        let first = self.rows.first().map_or(0, |row| row.first);
        first..self.rows.last().map_or(first, RowWeights::end)
    }

    /// Rows of the result that are begun and not finished at a time, at most, where the source comes two rows at a time.
    pub(crate) fn most_open(&self) -> usize {
        let mut begun = 0;
        let open = self.rows.iter().enumerate().map(|(row, weights)| {
            while self
                .of(begun)
                .is_some_and(|next| next.first <= weights.end())
            {
                begun += 1;
            }
            begun - row
        });
        open.max().unwrap_or(0)
    }
}

impl RowWeights {
    /// The first row of the source that no longer counts.
    pub(crate) fn end(&self) -> u32 {
        self.first + u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }

    /// Whether this row or one below it counts.
    pub(crate) fn has_begun(&self, row: u32) -> bool {
        self.first <= row
    }

    /// Of a row of the source.
    pub(crate) fn at(&self, row: u32) -> i16 {
        let place = row.checked_sub(self.first);
        let weight = place.and_then(|place| self.values.get(place as usize));
        weight.copied().unwrap_or(0)
    }
}

impl Filter {
    /// How far from the centre a sample counts, where nothing is made smaller. Units: samples.
    pub(crate) fn support(self) -> f64 {
        match self {
            Self::Box => 0.5,
            Self::Bilinear => 1.0,
            Self::Lanczos3 => 3.0,
        }
    }

    fn weight(self, distance: f64) -> f64 {
        match self {
            Self::Box => f64::from(u8::from(distance > -0.5 && distance <= 0.5)),
            Self::Bilinear => (1.0 - distance.abs()).max(0.0),
            Self::Lanczos3 if (-3.0..3.0).contains(&distance) => {
                sinc(distance) * sinc(distance / 3.0)
            }
            Self::Lanczos3 => 0.0,
        }
    }
}

fn sinc(distance: f64) -> f64 {
    if distance == 0.0 {
        return 1.0;
    }
    let angle = distance * PI;
    angle.sin() / angle
}

/// Weights of what lies around a place, which together are 1, and where they begin.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the rows of the source first"
)]
fn around(centre: f64, scale: f64, source: u32, filter: Filter) -> (u32, Vec<f64>) {
    let stretch = scale.max(1.0);
    let radius = filter.support() * stretch;
    let first = (centre - radius).floor().max(0.0) as u32;
    let end = (centre + radius).ceil().min(f64::from(source)) as u32;
    // multiplied rather than divided, and from half a sample up: so the other convolution rounds
    let (shrink, centre) = (1.0 / stretch, centre - 0.5);
    let mut values: Vec<f64> = (first..end)
        .map(|row| filter.weight((f64::from(row) - centre) * shrink))
        .collect();
    let sum: f64 = values.iter().sum();
    if sum != 0.0 {
        for value in &mut values {
            *value /= sum;
        }
    }
    (first, values)
}

/// As many bits as the largest weight leaves room for.
fn precision(largest: f64) -> u32 {
    let fits = |bits: &u32| (largest * f64::from(1_u32 << bits)).round() < LARGEST_WEIGHT;
    (1..MOST_PRECISION_BITS)
        .take_while(fits)
        .last()
        .unwrap_or(0)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the precision was chosen so that the largest fits, and casts saturate"
)]
fn to_fixed(value: f64) -> i16 {
    value.round() as i16
}
