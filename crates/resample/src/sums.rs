//! Weighed sums of rows, for several rows of a result at once: two rows of the source are read, and added to every row they
//! count for. Integers, so the order doesn't matter and wide vectors give the same as the plain form.

#![expect(
    unsafe_code,
    reason = "the call of what is compiled for wide vectors, and their loads and stores"
)]

/// Samples taken at a time.
pub(crate) const BLOCK: usize = 32;
/// Samples of a row.
pub(crate) type Block = [u8; BLOCK];
/// Their sums; in an order of their own where vectors are wide.
type BlockSums = [i32; BLOCK];

/// Sums of the rows that are begun.
#[derive(Debug)]
pub(crate) struct Sums {
    /// For every block of a row, a sum for each place.
    blocks: Vec<BlockSums>,
    places: usize,
    precision: u32,
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "there is one form")
    )]
    is_wide: bool,
}

/// Where two rows count, and how much each.
pub(crate) type Share = (usize, [i16; 2]);

impl Sums {
    /// Room for `places` rows of `blocks` at a time; `precision` is that of the weights.
    pub(crate) fn new(blocks: usize, places: usize, precision: u32) -> Self {
        #[cfg(target_arch = "x86_64")]
        let is_wide = is_x86_feature_detected!("avx2");
        #[cfg(not(target_arch = "x86_64"))]
        let is_wide = false;
        Self {
            blocks: vec![[half(precision); BLOCK]; blocks * places],
            places: places.max(1),
            precision,
            is_wide,
        }
    }

    #[cfg(test)]
    pub(crate) fn set_wide(&mut self, is_wide: bool) {
        self.is_wide &= is_wide;
    }

    /// Adds two rows where they count.
    pub(crate) fn add(&mut self, rows: [&[Block]; 2], shares: &[Share]) {
        #[cfg(target_arch = "x86_64")]
        if self.is_wide {
            // SAFETY: the processor was asked for AVX2.
            unsafe { wide::add(&mut self.blocks, self.places, rows, shares) };
            return;
        }
        for (sums, (first, second)) in self
            .blocks
            .chunks_exact_mut(self.places)
            .zip(rows[0].iter().zip(rows[1]))
        {
            for (place, [above, below]) in shares {
                let (above, below) = (i32::from(*above), i32::from(*below));
                let samples = first.iter().zip(second);
                let sums = sums.get_mut(*place).into_iter().flatten();
                for (sum, (first, second)) in sums.zip(samples) {
                    let both = i32::from(*first) * above + i32::from(*second) * below;
                    *sum = sum.wrapping_add(both);
                }
            }
        }
    }

    /// Rounds the sums of a place to samples, and makes the place free.
    pub(crate) fn take(&mut self, place: usize, row: &mut [Block]) {
        let blocks = self.blocks.iter_mut().skip(place).step_by(self.places);
        #[cfg(target_arch = "x86_64")]
        if self.is_wide {
            // SAFETY: the processor was asked for AVX2.
            unsafe { wide::take(blocks.zip(row), self.precision) };
            return;
        }
        for (sums, samples) in blocks.zip(row) {
            for (sample, sum) in samples.iter_mut().zip(sums) {
                *sample = to_sample(*sum >> self.precision);
                *sum = half(self.precision);
            }
        }
    }
}

/// What makes cutting off round.
fn half(precision: u32) -> i32 {
    (1 << precision) >> 1
}

#[expect(
    clippy::cast_sign_loss,
    reason = "clamped to the range of a byte first"
)]
fn to_sample(sum: i32) -> u8 {
    sum.clamp(0, 255) as u8
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi32_si128, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_packs_epi32, _mm256_packus_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
        _mm256_sra_epi32, _mm256_storeu_si256, _mm256_unpackhi_epi8, _mm256_unpacklo_epi8,
    };

    use super::{Block, BlockSums, Share, half};

    /// See [`super::Sums::add`].
    #[target_feature(enable = "avx2")]
    pub(super) fn add(
        blocks: &mut [BlockSums],
        places: usize,
        rows: [&[Block]; 2],
        shares: &[Share],
    ) {
        let zero = _mm256_setzero_si256();
        for (sums, (first, second)) in blocks
            .chunks_exact_mut(places)
            .zip(rows[0].iter().zip(rows[1]))
        {
            let (first, second) = (samples(first), samples(second));
            let low = _mm256_unpacklo_epi8(first, second);
            let high = _mm256_unpackhi_epi8(first, second);
            // a sample of each row beside each other
            let pairs = [
                _mm256_unpacklo_epi8(low, zero),
                _mm256_unpackhi_epi8(low, zero),
                _mm256_unpacklo_epi8(high, zero),
                _mm256_unpackhi_epi8(high, zero),
            ];
            for (place, weights) in shares {
                let Some(sums) = sums.get_mut(*place) else {
                    continue;
                };
                let weights = both(*weights);
                for (sums, pairs) in sums.as_chunks_mut::<8>().0.iter_mut().zip(pairs) {
                    let sum = _mm256_add_epi32(eight(sums), _mm256_madd_epi16(pairs, weights));
                    put(sums, sum);
                }
            }
        }
    }

    /// See [`super::Sums::take`].
    #[target_feature(enable = "avx2")]
    pub(super) fn take<'a>(
        blocks: impl Iterator<Item = (&'a mut BlockSums, &'a mut Block)>,
        precision: u32,
    ) {
        let shift = _mm_cvtsi32_si128(precision.cast_signed());
        let start = _mm256_set1_epi32(half(precision));
        for (sums, row) in blocks {
            let mut shifted = [start; 4];
            for (sums, shifted) in sums.as_chunks_mut::<8>().0.iter_mut().zip(&mut shifted) {
                *shifted = _mm256_sra_epi32(eight(sums), shift);
                put(sums, start);
            }
            let [first, second, third, fourth] = shifted;
            let low = _mm256_packs_epi32(first, second);
            let high = _mm256_packs_epi32(third, fourth);
            let packed = _mm256_packus_epi16(low, high);
            // SAFETY: a block is as many bytes as are stored; the store asks for no alignment.
            unsafe { _mm256_storeu_si256(row.as_mut_ptr().cast(), packed) };
        }
    }

    #[target_feature(enable = "avx2")]
    fn both([above, below]: [i16; 2]) -> __m256i {
        let (above, below) = (above.cast_unsigned(), below.cast_unsigned());
        let pair = u32::from(above) | (u32::from(below) << 16);
        _mm256_set1_epi32(pair.cast_signed())
    }

    #[target_feature(enable = "avx2")]
    fn samples(block: &Block) -> __m256i {
        // SAFETY: a block is as many bytes as are loaded; the load asks for no alignment.
        unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn eight(sums: &[i32; 8]) -> __m256i {
        // SAFETY: eight numbers are as many bytes as are loaded; the load asks for no alignment.
        unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx2")]
    fn put(sums: &mut [i32; 8], values: __m256i) {
        // SAFETY: eight numbers are as many bytes as are stored; the store asks for no alignment.
        unsafe { _mm256_storeu_si256(sums.as_mut_ptr().cast(), values) }
    }
}
