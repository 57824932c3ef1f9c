//! The same with 256-bit vectors, to the last bit: products of pairs are added in the order of the plain form, and integers
//! don't mind.

use std::{
    arch::x86_64::{
        __m128i, __m256i, _mm_set_epi64x, _mm_unpackhi_epi16, _mm_unpacklo_epi16, _mm256_add_epi16,
        _mm256_add_epi32, _mm256_extract_epi64, _mm256_madd_epi16, _mm256_packs_epi32,
        _mm256_packus_epi16, _mm256_permute4x64_epi64, _mm256_set_epi64x, _mm256_set_m128i,
        _mm256_set1_epi16, _mm256_set1_epi32, _mm256_shuffle_epi32, _mm256_srai_epi32,
    },
    array,
    sync::LazyLock,
};

use super::{COSINES, Coefficients, FIRST_SHIFT, SECOND_SHIFT};

/// Samples are stored around 0.
const LEVEL: i16 = 128;

/// Cosines of frequencies two by two, as one multiplication takes them.
struct Pairs {
    /// For every place: the four pairs.
    by_place: [[i32; 4]; 8],
    /// For every pair: places 0 to 3 twice, and places 4 to 7 twice.
    by_pair: [[[i64; 4]; 2]; 4],
}

static PAIRS: LazyLock<[Pairs; 9]> = LazyLock::new(|| array::from_fn(pairs));

fn pairs(points: usize) -> Pairs {
    let pair = |place: usize, pair: usize| -> i32 {
        let [low, high] = [2 * pair, 2 * pair + 1]
            .map(|frequency| COSINES[points][place][frequency].cast_unsigned());
        (u32::from(low) | (u32::from(high) << 16)).cast_signed()
    };
    let two = |place: usize, number: usize| -> i64 {
        let [low, high] = [place, place + 1].map(|place| pair(place, number).cast_unsigned());
        (u64::from(low) | (u64::from(high) << 32)).cast_signed()
    };
    Pairs {
        by_place: array::from_fn(|place| array::from_fn(|number| pair(place, number))),
        by_pair: array::from_fn(|number| {
            [0, 4].map(|place| {
                let [first, second] = [two(place, number), two(place + 2, number)];
                [first, second, first, second]
            })
        }),
    }
}

/// See [`super::inverse`].
#[target_feature(enable = "avx2")]
#[inline]
pub(in super::super) fn inverse<const N: usize>(
    coefficients: &Coefficients,
    rows: &mut [u8],
    stride: usize,
) {
    let pairs = &PAIRS[N];
    let used = N.div_ceil(2);
    let mut columns = [_mm256_set1_epi16(0); 4];
    for (column, rows) in columns
        .iter_mut()
        .zip(coefficients.as_chunks::<16>().0)
        .take(used)
    {
        let [upper, lower] = halves(rows);
        *column = _mm256_set_m128i(
            _mm_unpackhi_epi16(upper, lower),
            _mm_unpacklo_epi16(upper, lower),
        );
    }
    let mut between = [_mm256_set1_epi16(0); 8];
    for (place, between) in between.iter_mut().enumerate().take(N) {
        let mut sum = _mm256_set1_epi32(1 << (FIRST_SHIFT - 1));
        for (columns, cosines) in columns.iter().zip(pairs.by_place[place]).take(used) {
            let products = _mm256_madd_epi16(*columns, _mm256_set1_epi32(cosines));
            sum = _mm256_add_epi32(sum, products);
        }
        *between = _mm256_srai_epi32::<{ FIRST_SHIFT.cast_signed() }>(sum);
    }
    let level = _mm256_set1_epi16(LEVEL);
    for two in 0..used {
        // columns 0 to 7 of one row in the lower half and of the next in the upper
        let packed = _mm256_packs_epi32(between[2 * two], between[2 * two + 1]);
        let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
        let spread = [
            _mm256_shuffle_epi32::<0b00_00_00_00>(packed),
            _mm256_shuffle_epi32::<0b01_01_01_01>(packed),
            _mm256_shuffle_epi32::<0b10_10_10_10>(packed),
            _mm256_shuffle_epi32::<0b11_11_11_11>(packed),
        ];
        let places = |half: usize| {
            let mut sum = _mm256_set1_epi32(1 << (SECOND_SHIFT - 1));
            for (spread, cosines) in spread.iter().zip(&pairs.by_pair).take(used) {
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(*spread, load(&cosines[half])));
            }
            _mm256_srai_epi32::<{ SECOND_SHIFT.cast_signed() }>(sum)
        };
        let left = places(0);
        let right = if N > 4 { places(1) } else { left };
        let samples = _mm256_add_epi16(_mm256_packs_epi32(left, right), level);
        let samples = _mm256_packus_epi16(samples, samples);
        let both = [
            _mm256_extract_epi64::<0>(samples),
            _mm256_extract_epi64::<2>(samples),
        ];
        for (row, samples) in (2 * two..N).zip(both) {
            let samples = samples.to_le_bytes();
            if let (Some(out), Some(samples)) = (
                rows.get_mut(row * stride..row * stride + N),
                samples.get(..N),
            ) {
                out.copy_from_slice(samples);
            }
        }
    }
}

/// Two rows of a block.
#[target_feature(enable = "avx2")]
#[inline]
fn halves(rows: &[i16; 16]) -> [__m128i; 2] {
    let words = words(rows);
    [
        _mm_set_epi64x(words[1], words[0]),
        _mm_set_epi64x(words[3], words[2]),
    ]
}

#[inline]
fn words(rows: &[i16; 16]) -> [i64; 4] {
    let mut words = [0; 4];
    for (word, values) in words.iter_mut().zip(rows.as_chunks::<4>().0) {
        let bits = values.map(|value| u64::from(value.cast_unsigned()));
        *word = (bits[0] | (bits[1] << 16) | (bits[2] << 32) | (bits[3] << 48)).cast_signed();
    }
    words
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(words: &[i64; 4]) -> __m256i {
    _mm256_set_epi64x(words[3], words[2], words[1], words[0])
}
