//! BMP in bands and GIF by rows, beside the whole.

use ::gif::{Encoder, Frame};

use super::*;

/// A BMP of noise; the masks of red, green, blue and alpha where its compression is 3.
struct Bitmap {
    header_bytes: u32,
    bits: u16,
    masks: Option<[u32; 4]>,
    is_top_down: bool,
}

impl Bitmap {
    fn bytes(&self) -> Vec<u8> {
        let (width, height) = (SIZE.width, SIZE.height);
        let stride = (usize::from(self.bits) * width as usize).div_ceil(32) * 4;
        let mut header = self.header_bytes.to_le_bytes().to_vec();
        if self.header_bytes == 12 {
            header.extend(u16::try_from(width).unwrap().to_le_bytes());
            header.extend(u16::try_from(height).unwrap().to_le_bytes());
        } else {
            let height = height.cast_signed();
            let height = if self.is_top_down { -height } else { height };
            header.extend(width.to_le_bytes());
            header.extend(height.to_le_bytes());
        }
        header.extend(1_u16.to_le_bytes());
        header.extend(self.bits.to_le_bytes());
        if self.header_bytes > 12 {
            let compression = if self.masks.is_some() { 3_u32 } else { 0 };
            header.extend(compression.to_le_bytes());
            header.extend([0; 20]);
            for mask in self.masks.unwrap_or_default() {
                header.extend(mask.to_le_bytes());
            }
            let fields = self.header_bytes as usize;
            // behind the oldest header stand three masks
            header.resize(
                if self.masks.is_some() && fields == 40 {
                    52
                } else {
                    fields
                },
                0,
            );
        }
        let color_bytes = if self.header_bytes == 12 { 3 } else { 4 };
        if self.bits <= 8 {
            header.extend(noise(color_bytes << self.bits));
        }
        let offset = u32::try_from(14 + header.len()).unwrap();
        let mut bytes = b"BM\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend(offset.to_le_bytes());
        bytes.extend(header);
        bytes.extend(noise(stride * height as usize));
        bytes
    }
}

fn every_bitmap() -> Vec<(String, Vec<u8>)> {
    let five_six_five = [0xf800, 0x07e0, 0x001f, 0];
    let plain = [0x00ff_0000, 0x0000_ff00, 0x0000_00ff, 0];
    let opaque = [0xff00_0000, 0x00ff_0000, 0x0000_ff00, 0];
    let alpha = [0x00ff_0000, 0x0000_ff00, 0x0000_00ff, 0xff00_0000];
    let odd = [0x0000_03ff, 0x000f_fc00, 0x3ff0_0000, 0xc000_0000];
    let kinds = [
        (12, 1, None),
        (12, 4, None),
        (12, 8, None),
        (12, 24, None),
        (40, 1, None),
        (40, 2, None),
        (40, 4, None),
        (40, 8, None),
        (40, 16, None),
        (40, 24, None),
        (40, 32, None),
        (40, 16, Some(five_six_five)),
        (40, 32, Some(plain)),
        (56, 32, Some(alpha)),
        (108, 32, Some(opaque)),
        (124, 32, Some(odd)),
    ];
    let mut files = Vec::new();
    for (header_bytes, bits, masks) in kinds {
        for is_top_down in [false, true] {
            if header_bytes == 12 && is_top_down {
                continue;
            }
            let bitmap = Bitmap {
                header_bytes,
                bits,
                masks,
                is_top_down,
            };
            let name = format!("bmp {header_bytes} {bits} {masks:?} {is_top_down}");
            files.push((name, bitmap.bytes()));
        }
    }
    files
}

#[test]
fn every_kind_of_bmp_cut_in_bands_is_the_whole_cut_afterwards() {
    for (name, source) in every_bitmap() {
        for cut in cuts() {
            assert_rows_are_the_whole(&name, &source, cut);
        }
    }
}

fn reason(bytes: &[u8], cut: Option<Cut>) -> Result<(), ImagingError> {
    cut_while_decoding(bytes, cut).map(|_| ())
}

#[track_caller]
pub(super) fn assert_reasons_are_the_same(name: &str, bytes: &[u8]) {
    // what is cut out of another size lies elsewhere
    if probe(bytes).is_ok_and(|info| info.stored_size != SIZE) {
        return;
    }
    let whole = reason(bytes, None);
    for cut in [cut((0.0, 0.0, 97.0, 71.0), (31, 23)), at_the_top()] {
        assert_eq!(reason(bytes, Some(cut)), whole, "{name} {cut:?}");
    }
}

#[test]
fn a_cut_or_lying_bmp_is_refused_for_the_same_reason_in_bands_and_whole() {
    for (name, source) in every_bitmap() {
        assert_eq!(reason(&source, Some(at_the_top())), Ok(()), "{name}");
        for length in [20, 60, 400, source.len() / 2, source.len() - 1] {
            assert_reasons_are_the_same(&name, &source[..length.min(source.len())]);
        }
        for place in 2..60 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut lying = source.clone();
                lying[place] = value;
                assert_reasons_are_the_same(&format!("{name} {place} {value}"), &lying);
            }
        }
    }
}

fn gif(is_interlaced: bool, (left, top): (u16, u16), palette_colors: usize) -> Vec<u8> {
    let (width, height) = (
        u16::try_from(SIZE.width).unwrap(),
        u16::try_from(SIZE.height).unwrap(),
    );
    let palette = noise(3 * palette_colors);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height, &palette).unwrap();
    encoder
        .write_frame(&Frame {
            left,
            top,
            width: width - left,
            height: height - top,
            interlaced: is_interlaced,
            transparent: Some(3),
            buffer: noise(usize::from(width - left) * usize::from(height - top)).into(),
            ..Frame::default()
        })
        .unwrap();
    drop(encoder);
    bytes
}

#[test]
fn a_gif_cut_by_rows_is_the_whole_cut_afterwards() {
    for colors in [256, 16] {
        let source = gif(false, (0, 0), colors);
        for cut in cuts() {
            assert_rows_are_the_whole("gif", &source, cut);
        }
    }
    // these are decoded whole
    for source in [gif(true, (0, 0), 256), gif(false, (3, 2), 256)] {
        let decoded = cut_while_decoding(&source, Some(at_the_top())).unwrap();
        assert!(!decoded.is_cut);
    }
}

#[test]
fn a_cut_or_scribbled_on_gif_is_refused_for_the_same_reason_by_rows_and_whole() {
    let source = gif(false, (0, 0), 256);
    for length in (0..source.len()).step_by(97) {
        assert_reasons_are_the_same(&length.to_string(), &source[..length]);
    }
    for place in (0..source.len()).step_by(13) {
        let mut scribbled = source.clone();
        scribbled[place] ^= 0x55;
        assert_reasons_are_the_same(&place.to_string(), &scribbled);
    }
}
