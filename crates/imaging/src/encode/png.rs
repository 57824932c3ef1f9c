//! PNG by the `png` crate: pictures of at most 256 colours by a palette, which loses nothing; others at the crate's fast
//! setting, on photographs smaller than libvips' default and several times as fast.

use png::{BitDepth, ColorType, Compression, DeflateCompression, Encoder, Filter};

use crate::{
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

/// Encodes a picture. `quality` is that of the URL: without one nothing is lost, and below 100 a palette takes the place of
/// more than 256 colours.
pub(super) fn encode(picture: &Picture, quality: Option<u8>) -> Result<Vec<u8>, String> {
    if let Some(indexed) = quantize::exact(picture) {
        return encode_indexed(picture, &indexed);
    }
    match quality {
        Some(quality) if quality < LOSSLESS_QUALITY => {
            let (max_colors, dithering) = colors_for(quality);
            encode_indexed(picture, &quantize::reduce(picture, max_colors, dithering))
        }
        _ => encode_colors(picture),
    }
}

fn colors_for(quality: u8) -> (usize, Dithering) {
    if quality >= ALL_COLORS_QUALITY {
        return (MAX_COLORS, Dithering::ErrorDiffusion);
    }
    let share = MAX_COLORS * usize::from(quality) / usize::from(ALL_COLORS_QUALITY);
    (share.max(FEWEST_COLORS), Dithering::Off)
}

fn encode_colors(picture: &Picture) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, picture.size.width, picture.size.height);
    encoder.set_color(match picture.channels {
        Channels::Rgb => ColorType::Rgb,
        Channels::Rgba => ColorType::Rgba,
    });
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    write(encoder, &picture.pixels)?;
    Ok(bytes)
}

fn encode_indexed(picture: &Picture, indexed: &Indexed) -> Result<Vec<u8>, String> {
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
        write(encoder, &indexed.indices)?;
    } else {
        write(
            encoder,
            &packed(&indexed.indices, picture.size.width as usize, bits),
        )?;
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

fn write(encoder: Encoder<'_, &mut Vec<u8>>, data: &[u8]) -> Result<(), String> {
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer
        .write_image_data(data)
        .map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())
}
