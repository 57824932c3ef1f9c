//! Interlaced PNG by rows, beside the whole.

use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};

use super::*;

/// First column and row of the pixels of each pass, and how far they are apart. Source: PNG third edition section 8.1.
const PASSES: [(u32, u32, usize, usize); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

const GRAY: u8 = 0;
const RGB: u8 = 2;
const INDEXED: u8 = 3;
const GRAY_ALPHA: u8 = 4;
const RGBA: u8 = 6;

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut checked = kind.to_vec();
    checked.extend(data);
    let sum = crc32fast::hash(&checked);
    let mut chunk = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    chunk.extend(checked);
    chunk.extend(sum.to_be_bytes());
    chunk
}

/// Noise; every third row of a pass as differences from the pixel on the left.
fn interlaced(size: Size, color: u8, depth: u8) -> Vec<u8> {
    let samples = match color {
        RGB => 3,
        GRAY_ALPHA => 2,
        RGBA => 4,
        _ => 1,
    };
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    let mut noise = noise(size.width as usize * size.height as usize * 8 + 4096).into_iter();
    for (left, top, column_step, row_step) in PASSES {
        let columns = (left..size.width).step_by(column_step).len();
        let rows = (top..size.height).step_by(row_step).len();
        for row in 0..if columns == 0 { 0 } else { rows } {
            let bytes = (columns * samples * usize::from(depth)).div_ceil(8);
            packed.write_all(&[u8::from(row % 3 == 1)]).unwrap();
            let line: Vec<u8> = noise.by_ref().take(bytes).collect();
            packed.write_all(&line).unwrap();
        }
    }
    let mut header = Vec::new();
    header.extend(size.width.to_be_bytes());
    header.extend(size.height.to_be_bytes());
    header.extend([depth, color, 0, 0, 1]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(*b"IHDR", &header));
    if color == INDEXED {
        file.extend(chunk(*b"PLTE", &super::noise(3 << depth)));
        file.extend(chunk(*b"tRNS", &[9, 99]));
    }
    file.extend(chunk(*b"IDAT", &packed.finish().unwrap()));
    file.extend(chunk(*b"IEND", &[]));
    file
}

fn holding(source: &[u8], cut: Option<Cut>, most: usize) -> Result<Decoded, ImagingError> {
    let info = probe(source)?;
    let request = DecodeRequest {
        source,
        info: &info,
        limits: &Limits::default(),
        shrink: 1,
        cut,
        deadline: None,
    };
    png::decode_holding(&request, most)
}

#[test]
fn every_kind_of_interlaced_png_cut_by_rows_is_the_whole_cut_afterwards() {
    for (color, depths) in [
        (GRAY, &[1, 2, 4, 8, 16][..]),
        (RGB, &[8, 16]),
        (INDEXED, &[1, 2, 4, 8]),
        (GRAY_ALPHA, &[8, 16]),
        (RGBA, &[8, 16]),
    ] {
        for depth in depths {
            let source = interlaced(SIZE, color, *depth);
            let whole = holding(&source, None, 0).unwrap();
            assert!(!whole.is_cut);
            for cut in cuts() {
                let by_rows = holding(&source, Some(cut), 0).unwrap();
                let expected = resize(whole.picture.clone(), cut.region, cut.to, None).unwrap();
                assert!(by_rows.is_cut);
                assert!(by_rows.picture == expected, "{color} {depth} {cut:?}");
                assert!(!holding(&source, Some(cut), 1 << 20).unwrap().is_cut);
            }
        }
    }
}

#[test]
fn pictures_too_small_for_some_passes_have_all_their_pixels() {
    for (width, height) in [
        (1, 1),
        (4, 4),
        (5, 1),
        (1, 5),
        (2, 3),
        (8, 8),
        (9, 2),
        (3, 17),
    ] {
        let size = Size { width, height };
        let source = interlaced(size, RGBA, 8);
        let all = (0.0, 0.0, f64::from(width), f64::from(height));
        let by_rows = holding(&source, Some(cut(all, (width, height))), 0).unwrap();
        let whole = holding(&source, None, 0).unwrap();
        assert!(by_rows.is_cut);
        assert!(by_rows.picture == whole.picture, "{size:?}");
    }
}

#[test]
fn a_cut_or_scribbled_on_interlaced_png_is_refused_for_the_same_reason_by_rows_and_whole() {
    let source = interlaced(SIZE, RGBA, 8);
    let all = cut((0.0, 0.0, 97.0, 71.0), (31, 23));
    let assert_same = |name: usize, bytes: &[u8]| {
        let whole = holding(bytes, Some(all), usize::MAX).map(|_| ());
        for cut in [all, at_the_top()] {
            let by_rows = holding(bytes, Some(cut), 0).map(|_| ());
            assert_eq!(by_rows, whole, "{name} {cut:?}");
        }
    };
    for length in (0..source.len() - 12).step_by(211) {
        assert_same(length, &source[..length]);
    }
    for place in (0..source.len()).step_by(97) {
        let mut scribbled = source.clone();
        scribbled[place] ^= 0x55;
        // another size is cut at other places
        if probe(&scribbled).is_ok_and(|info| info.stored_size == SIZE) {
            assert_same(place, &scribbled);
        }
    }
}
