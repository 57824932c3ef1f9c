//! PNG by the `png` crate: pictures of at most 256 colours by a palette, which loses nothing; others at the crate's fast
//! setting, on photographs smaller than libvips' default and several times as fast.

use std::{io::Write, time::Instant};

use png::{BitDepth, ColorType, Compression, DeflateCompression, Encoder, Filter};

use crate::{
    deadline::Watch,
    error::ImagingError,
    picture::{Channels, Picture},
    quantize::{self, Dithering, Indexed, MAX_COLORS},
};

/// Of 1 to 9, for palette indices: there are few bytes, so it may take longer over each.
const PALETTE_DEFLATE_LEVEL: u8 = 6;

/// From here on a quality means "without loss".
const LOSSLESS_QUALITY: u8 = 100;
/// From here on all 256 colours are used, and mixed where that looks better; below, a share of them and no mixing.
const ALL_COLORS_QUALITY: u8 = 60;
/// However low the quality.
const FEWEST_COLORS: usize = 8;
/// Larger pictures are written row by row, so that the deadline can be looked at; smaller ones at once, for which the crate has
/// a way to store what can't be compressed. Units: px.
const AT_ONCE_PIXELS: u64 = 1 << 20;
/// Bytes of a chunk of a picture that is written row by row.
const CHUNK_BYTES: usize = 1 << 20;

/// Encodes a picture. `quality` is that of the URL: without one nothing is lost, and below 100 a palette takes the place of
/// more than 256 colours.
pub(super) fn encode(
    picture: &Picture,
    quality: Option<u8>,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, String> {
    if let Some(indexed) = quantize::exact(picture, deadline).map_err(over)? {
        return encode_indexed(picture, &indexed, deadline);
    }
    match quality {
        Some(quality) if quality < LOSSLESS_QUALITY => {
            let (max_colors, dithering) = colors_for(quality);
            let indexed = quantize::reduce(picture, max_colors, dithering, deadline);
            encode_indexed(picture, &indexed.map_err(over)?, deadline)
        }
        _ => encode_colors(picture, deadline),
    }
}

fn colors_for(quality: u8) -> (usize, Dithering) {
    if quality >= ALL_COLORS_QUALITY {
        return (MAX_COLORS, Dithering::ErrorDiffusion);
    }
    let share = MAX_COLORS * usize::from(quality) / usize::from(ALL_COLORS_QUALITY);
    (share.max(FEWEST_COLORS), Dithering::Off)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` wants")]
fn over(error: ImagingError) -> String {
    error.to_string()
}

fn encode_colors(picture: &Picture, deadline: Option<Instant>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, picture.size.width, picture.size.height);
    encoder.set_color(match picture.channels {
        Channels::Rgb => ColorType::Rgb,
        Channels::Rgba => ColorType::Rgba,
    });
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    write(encoder, &picture.pixels, picture, deadline)?;
    Ok(bytes)
}

fn encode_indexed(
    picture: &Picture,
    indexed: &Indexed,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, picture.size.width, picture.size.height);
    encoder.set_color(ColorType::Indexed);
    let (depth, bits) = match indexed.colors.len() {
        0..=2 => (BitDepth::One, 1),
        3..=4 => (BitDepth::Two, 2),
        5..=16 => (BitDepth::Four, 4),
        _ => (BitDepth::Eight, 8),
    };
    encoder.set_depth(depth);
    let colors = indexed.colors.iter();
    encoder.set_palette(
        colors
            .clone()
            .flat_map(|[red, green, blue, _]| [*red, *green, *blue])
            .collect::<Vec<_>>(),
    );
    let alpha: Vec<u8> = colors.map(|color| color[3]).collect();
    // the transparent ones come first, and what is not named is opaque
    let last = alpha.iter().rposition(|alpha| *alpha < u8::MAX);
    if let Some(named) = last.and_then(|last| alpha.get(..=last)) {
        encoder.set_trns(named.to_vec());
    }
    // neighbouring indices are no neighbouring colours, so differences of them tell nothing
    encoder.set_filter(Filter::NoFilter);
    encoder.set_deflate_compression(DeflateCompression::Level(PALETTE_DEFLATE_LEVEL));
    if bits == 8 {
        write(encoder, &indexed.indices, picture, deadline)?;
    } else {
        let packed = packed(&indexed.indices, picture.size.width as usize, bits);
        write(encoder, &packed, picture, deadline)?;
    }
    Ok(bytes)
}

/// Several indices to a byte, the first in the upper bits; each row begins a byte.
fn packed(indices: &[u8], width: usize, bits: usize) -> Vec<u8> {
    let each = 8 / bits;
    let mut bytes = Vec::with_capacity(indices.len().div_ceil(each));
    for row in indices.chunks(width.max(1)) {
        bytes.extend(row.chunks(each).map(|group| {
            let first = group.iter().fold(0_u8, |byte, index| byte << bits | index);
            first << (bits * (each - group.len()))
        }));
    }
    bytes
}

/// Writes the rows of a picture, as many as it has.
fn write(
    encoder: Encoder<'_, &mut Vec<u8>>,
    data: &[u8],
    picture: &Picture,
    deadline: Option<Instant>,
) -> Result<(), String> {
    let text = |error: png::EncodingError| error.to_string();
    let mut writer = encoder.write_header().map_err(text)?;
    let size = picture.size;
    if size.area() <= AT_ONCE_PIXELS {
        writer.write_image_data(data).map_err(text)?;
        return writer.finish().map_err(text);
    }
    let mut rows = writer.stream_writer_with_size(CHUNK_BYTES).map_err(text)?;
    let mut watch = Watch::new(deadline);
    for row in data.chunks((data.len() / size.height as usize).max(1)) {
        watch.count(size.width as usize).map_err(over)?;
        rows.write_all(row).map_err(|error| error.to_string())?;
    }
    rows.finish().map_err(text)?;
    writer.finish().map_err(text)
}
