//! How large a component is decoded.

use crate::geometry::Size;

/// Pixels of a block's side in the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Points {
    One = 1,
    Two = 2,
    Three = 3,
    Four = 4,
    Five = 5,
    Six = 6,
    Eight = 8,
}

impl Points {
    pub(crate) const ALL: [Self; 7] = [
        Self::One,
        Self::Two,
        Self::Three,
        Self::Four,
        Self::Five,
        Self::Six,
        Self::Eight,
    ];

    pub(crate) fn count(self) -> usize {
        self as usize
    }

    /// The fewest of at least `wanted`, or all 8.
    pub(crate) fn at_least(wanted: f64) -> Self {
        let count = |points: &Self| f64::from(*points as u8);
        Self::ALL
            .into_iter()
            .find(|points| count(points) + TOLERANCE >= wanted)
            .unwrap_or(Self::Eight)
    }

    /// Decoded samples per stored sample.
    pub(crate) fn scale(self) -> f64 {
        f64::from(self as u8) / 8.0
    }
}

const TOLERANCE: f64 = 1e-6;

/// What the components of a file look like before they are decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    /// The stored picture. Units: px.
    pub(crate) size: Size,
    /// Samples of a colour difference per pixel, across and down; none in grey pictures.
    pub(crate) chroma: Option<(f64, f64)>,
}
