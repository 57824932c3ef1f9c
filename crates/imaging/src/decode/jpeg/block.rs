//! One block of a baseline scan: the difference of its mean, the low frequencies that are wanted, and past the rest.
//!
//! Source: ITU-T T.81 section F.2.

#![expect(
    clippy::inline_always,
    reason = "these make up one loop, compiled twice: for any processor and for those with wide vectors"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "indices into the arrays of 64 are masked to 63"
)]

use super::{
    bits::Bits,
    dct::Coefficients,
    huffman::{Code, SkipTable, SymbolTable, low_half},
};

/// The place of every coefficient of the zigzag order, row by row.
pub(super) const NATURAL: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The last coefficient, in zigzag order, of the lowest `points` × `points` frequencies.
pub(super) fn last_needed(points: usize) -> usize {
    let is_needed = |place: u8| usize::from(place / 8) < points && usize::from(place % 8) < points;
    NATURAL
        .iter()
        .rposition(|place| is_needed(*place))
        .unwrap_or(0)
}

/// The tables of an AC code.
#[derive(Debug)]
pub(super) struct AcTables {
    pub(super) symbols: SymbolTable,
    pub(super) skips: SkipTable,
}

impl AcTables {
    pub(super) fn of(code: &Code) -> Self {
        Self {
            symbols: SymbolTable::of(code),
            skips: SkipTable::of(code),
        }
    }
}

/// How blocks of a component are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockReader<'a> {
    pub(super) dc: &'a SymbolTable,
    pub(super) ac: &'a AcTables,
    /// Quantisation steps in zigzag order.
    pub(super) steps: &'a [i32; 64],
    /// The last coefficient that is wanted.
    pub(super) last: usize,
}

impl BlockReader<'_> {
    /// Reads the difference of the mean to that of the block before.
    #[inline(always)]
    pub(super) fn difference(&self, bits: &mut Bits<'_>) -> Option<i32> {
        bits.refill();
        Some(self.dc.read(bits)?.value)
    }

    /// Reads the coefficients that are wanted and passes over the rest. Gives whether there was any but zeroes.
    #[inline(always)]
    pub(super) fn frequencies(
        &self,
        bits: &mut Bits<'_>,
        coefficients: &mut Coefficients,
    ) -> Option<bool> {
        let mut at = 1;
        while at <= self.last {
            bits.refill();
            for _ in 0..2 {
                let symbol = self.ac.symbols.read(bits)?;
                if symbol.size == 0 {
                    if symbol.run != 15 {
                        return Some(at > 1);
                    }
                    at += 16;
                } else {
                    at += symbol.run;
                    if at > 63 {
                        return None;
                    }
                    let place = usize::from(NATURAL[at & 63]) & 63;
                    coefficients[place] = low_half(symbol.value.wrapping_mul(self.steps[at & 63]));
                    at += 1;
                }
                if at > self.last {
                    break;
                }
            }
        }
        self.ac.skips.skip(&self.ac.symbols, bits, at)?;
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_needed_frequencies_end_with_the_diagonal_one() {
        let lasts = [1, 2, 3, 4, 8].map(last_needed);
        assert_eq!(lasts, [0, 4, 12, 24, 63]);
    }
}
