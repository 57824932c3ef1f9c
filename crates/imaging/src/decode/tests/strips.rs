//! TIFF in bands, beside the whole.

use super::{banded::assert_reasons_are_the_same, *};

#[derive(Debug, Clone, Copy)]
enum Chunks {
    /// Rows of each.
    Strips(u32),
    /// Width and height.
    Tiles(u32, u32),
}

/// A TIFF of noise.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent fields of the format"
)]
struct Tiff {
    chunks: Chunks,
    bits: u16,
    samples: u16,
    has_planes: bool,
    is_packed: bool,
    is_big_endian: bool,
    has_short_offsets: bool,
}

impl Tiff {
    fn u16(self, value: u32) -> [u8; 2] {
        let value = u16::try_from(value).unwrap();
        if self.is_big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self.is_big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    /// Every chunk as it is stored: one plane after the other, each from the top.
    fn stored_chunks(self) -> Vec<Vec<u8>> {
        let planes = if self.has_planes { self.samples } else { 1 };
        let row_samples = u32::from(self.samples / planes);
        let bytes_of = |width: u32, height: u32| {
            let row_bits = width * row_samples * u32::from(self.bits);
            (row_bits.div_ceil(8) * height) as usize
        };
        let mut lengths = Vec::new();
        match self.chunks {
            Chunks::Strips(rows) => {
                let firsts = (0..SIZE.height).step_by(rows as usize);
                lengths.extend(
                    firsts.map(|first| bytes_of(SIZE.width, rows.min(SIZE.height - first))),
                );
            }
            Chunks::Tiles(width, height) => {
                let count = SIZE.width.div_ceil(width) * SIZE.height.div_ceil(height);
                lengths.extend((0..count).map(|_| bytes_of(width, height)));
            }
        }
        let mut samples = noise(lengths.iter().sum::<usize>() * usize::from(planes)).into_iter();
        let mut chunks = Vec::new();
        for length in lengths.repeat(usize::from(planes)) {
            let plain: Vec<u8> = samples.by_ref().take(length).collect();
            chunks.push(if self.is_packed {
                packed(&plain)
            } else {
                plain
            });
        }
        chunks
    }

    /// Whether it is decoded whole, since nothing less can be.
    fn has_one_band(self) -> bool {
        match self.chunks {
            Chunks::Strips(rows) => rows >= SIZE.height && (self.is_packed || self.has_planes),
            Chunks::Tiles(_, height) => height >= SIZE.height,
        }
    }

    fn bytes(self) -> Vec<u8> {
        let mut file = if self.is_big_endian {
            b"MM\0*\0\0\0\0".to_vec()
        } else {
            b"II*\0\0\0\0\0".to_vec()
        };
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for chunk in self.stored_chunks() {
            offsets.push(u32::try_from(file.len()).unwrap());
            lengths.push(u32::try_from(chunk.len()).unwrap());
            file.extend(chunk);
        }
        let (offsets_tag, lengths_tag, shape) = match self.chunks {
            Chunks::Strips(rows) => (273, 279, vec![(278, vec![rows])]),
            Chunks::Tiles(width, height) => {
                (324, 325, vec![(322, vec![width]), (323, vec![height])])
            }
        };
        let mut entries = vec![
            (256, vec![SIZE.width]),
            (257, vec![SIZE.height]),
            (258, vec![u32::from(self.bits); usize::from(self.samples)]),
            (259, vec![if self.is_packed { 32_773 } else { 1 }]),
            (262, vec![if self.samples < 3 { 1 } else { 2 }]),
            (277, vec![u32::from(self.samples)]),
            (284, vec![if self.has_planes { 2 } else { 1 }]),
            (offsets_tag, offsets),
            (lengths_tag, lengths),
        ];
        if self.samples == 4 {
            entries.push((338, vec![2]));
        }
        entries.extend(shape);
        entries.sort();
        let directory_at = self.u32(u32::try_from(file.len().next_multiple_of(2)).unwrap());
        file.resize(file.len().next_multiple_of(2), 0);
        file[4..8].copy_from_slice(&directory_at);
        self.append_directory(&mut file, &entries, [offsets_tag, lengths_tag]);
        file
    }

    fn append_directory(self, file: &mut Vec<u8>, entries: &[(u32, Vec<u32>)], long: [u32; 2]) {
        let mut values_at = file.len() + 2 + entries.len() * 12 + 4;
        let mut behind = Vec::new();
        file.extend(self.u16(u32::try_from(entries.len()).unwrap()));
        for (tag, numbers) in entries {
            let is_short = !long.contains(tag) || self.has_short_offsets;
            file.extend(self.u16(*tag));
            file.extend(self.u16(if is_short { 3 } else { 4 }));
            file.extend(self.u32(u32::try_from(numbers.len()).unwrap()));
            let mut values: Vec<u8> = Vec::new();
            for number in numbers {
                if is_short {
                    values.extend(self.u16(*number));
                } else {
                    values.extend(self.u32(*number));
                }
            }
            if values.len() <= 4 {
                values.resize(4, 0);
                file.extend(values);
            } else {
                file.extend(self.u32(u32::try_from(values_at).unwrap()));
                values_at += values.len();
                behind.extend(values);
            }
        }
        file.extend([0; 4]);
        file.extend(behind);
    }
}

/// As literals of `PackBits`.
fn packed(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    for run in plain.chunks(128) {
        packed.push(u8::try_from(run.len() - 1).unwrap());
        packed.extend(run);
    }
    packed
}

const PLAIN: Tiff = Tiff {
    chunks: Chunks::Strips(8),
    bits: 8,
    samples: 3,
    has_planes: false,
    is_packed: false,
    is_big_endian: false,
    has_short_offsets: false,
};

fn every_tiff() -> Vec<Tiff> {
    let mut kinds = Vec::new();
    let chunks = [
        Chunks::Strips(1),
        Chunks::Strips(7),
        Chunks::Strips(8),
        Chunks::Strips(71),
        Chunks::Strips(1000),
        Chunks::Tiles(16, 16),
        Chunks::Tiles(112, 16),
        Chunks::Tiles(32, 80),
    ];
    for chunks in chunks {
        for (bits, samples) in [(1, 1), (8, 1), (8, 3), (8, 4), (16, 3)] {
            for (has_planes, is_packed) in [(false, false), (false, true), (true, false)] {
                // planes of tiles are refused
                if has_planes && (samples == 1 || matches!(chunks, Chunks::Tiles(..))) {
                    continue;
                }
                kinds.push(Tiff {
                    chunks,
                    bits,
                    samples,
                    has_planes,
                    is_packed,
                    is_big_endian: samples == 3,
                    ..PLAIN
                });
            }
        }
    }
    kinds.push(Tiff {
        has_short_offsets: true,
        ..PLAIN
    });
    kinds.push(Tiff {
        has_short_offsets: true,
        chunks: Chunks::Strips(64),
        ..PLAIN
    });
    kinds
}

#[test]
fn every_kind_of_tiff_cut_in_bands_is_the_whole_cut_afterwards() {
    for tiff in every_tiff() {
        let source = tiff.bytes();
        if tiff.has_one_band() {
            let decoded = cut_while_decoding(&source, Some(at_the_top())).unwrap();
            assert!(!decoded.is_cut, "{tiff:?}");
            continue;
        }
        for cut in cuts() {
            assert_rows_are_the_whole(&format!("{tiff:?}"), &source, cut);
        }
    }
}

#[test]
fn a_cut_or_lying_tiff_is_refused_for_the_same_reason_in_bands_and_whole() {
    let kinds = [
        PLAIN,
        Tiff {
            is_packed: true,
            ..PLAIN
        },
        Tiff {
            chunks: Chunks::Strips(71),
            ..PLAIN
        },
        Tiff {
            chunks: Chunks::Tiles(32, 16),
            is_big_endian: true,
            ..PLAIN
        },
    ];
    for tiff in kinds {
        let name = format!("{tiff:?}");
        let source = tiff.bytes();
        for length in (0..source.len()).step_by(211) {
            assert_reasons_are_the_same(&name, &source[..length]);
        }
        let chunk_bytes: usize = tiff.stored_chunks().iter().map(Vec::len).sum();
        let directory = 8 + chunk_bytes..source.len();
        for place in (4..16).chain(directory) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut lying = source.clone();
                lying[place] = value;
                assert_reasons_are_the_same(&format!("{name} {place} {value}"), &lying);
            }
        }
    }
}
