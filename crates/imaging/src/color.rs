//! Everything to sRGB. Runs after the resize, on the few pixels that are left; transforms are cached by profile, because
//! a tenant's pictures come from few cameras.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, DataColorSpace, Layout, MatrixCoefficients,
    TransferCharacteristics, Transform8BitExecutor, TransformOptions,
};

use crate::{
    deadline::{PIXELS_PER_LOOK, check_deadline},
    error::ImagingError,
    picture::{Channels, Picture, pixel_count},
    probe::avif::CodePoints,
};

/// Transforms kept; each holds tables of some 100 KB.
const MAX_CACHED: usize = 32;
/// Differences up to this many levels are rounding, not colour.
const ROUNDING_LEVELS: u8 = 2;

/// Converts from an embedded profile. A profile that can't be used is dropped and the picture kept as it is: so do browsers.
///
/// Errors: `Timeout`.
pub(crate) fn to_srgb(
    picture: Picture,
    profile: &[u8],
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let source = match picture.channels {
        Channels::Rgb => Layout::Rgb,
        Channels::Rgba => Layout::Rgba,
    };
    match conversion(profile, source) {
        Conversion::None => Ok(picture),
        Conversion::Color(transform) => {
            let mut converted = Picture::zeroed(picture.size, picture.channels);
            // in whole pixels, and many at a time, because the library's fast loops have slow ends
            let band = PIXELS_PER_LOOK * picture.channels.count();
            let bands = picture.pixels.chunks(band);
            for (from, to) in bands.zip(converted.pixels.chunks_mut(band)) {
                check_deadline(deadline)?;
                if transform.transform(from, to).is_err() {
                    return Ok(picture);
                }
            }
            Ok(converted)
        }
        Conversion::Gray(transform) => Ok(from_gray(picture, &*transform)),
    }
}

/// Whether colours in a profile are those of sRGB, or are shown as if they were because the profile can't be used.
pub(crate) fn is_srgb(profile: &[u8]) -> bool {
    matches!(conversion(profile, Layout::Rgb), Conversion::None)
}

/// Converts four inks, 255 meaning full ink, by the embedded profile or else by the textbook formula.
pub(crate) fn inks_to_srgb(inks: &Picture, profile: Option<&[u8]>) -> Picture {
    let mut converted = Picture::zeroed(inks.size, Channels::Rgb);
    if let Some(Conversion::Color(transform)) = profile.map(ink_conversion)
        && transform
            .transform(&inks.pixels, &mut converted.pixels)
            .is_ok()
    {
        return converted;
    }
    for (pixel, [cyan, magenta, yellow, black]) in converted
        .pixels
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .zip(inks.pixels.as_chunks::<4>().0)
    {
        let light = |ink: &u8| {
            let product = u16::from(!*ink) * u16::from(!*black);
            u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
        };
        *pixel = [light(cyan), light(magenta), light(yellow)];
    }
    converted
}

/// A profile for a description by code points; `None` where that is sRGB anyway or isn't known.
pub(crate) fn profile_of_code_points(code_points: CodePoints) -> Option<Vec<u8>> {
    const BT709: u16 = 1;
    const UNSPECIFIED: u16 = 2;
    // BT.709, BT.601 and sRGB curves are all shown as sRGB
    let has_srgb_curve = matches!(code_points.transfer, 0 | 1 | UNSPECIFIED | 6 | 13);
    if matches!(code_points.primaries, 0 | BT709 | UNSPECIFIED) && has_srgb_curve {
        return None;
    }
    let primaries = u8::try_from(code_points.primaries).ok()?;
    let transfer = if has_srgb_curve {
        13
    } else {
        u8::try_from(code_points.transfer).ok()?
    };
    let cicp = CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    };
    ColorProfile::new_from_cicp(cicp).encode().ok()
}

#[derive(Clone)]
enum Conversion {
    /// Not needed, or not possible.
    None,
    Color(Arc<Transform8BitExecutor>),
    /// From one channel to three.
    Gray(Arc<Transform8BitExecutor>),
}

struct Cached {
    profile: Vec<u8>,
    layout: Layout,
    conversion: Conversion,
}

/// Newest last. A plain mutex: held for a comparison of a few profiles, never while one is read.
static CACHE: Mutex<Vec<Cached>> = Mutex::new(Vec::new());

fn conversion(profile: &[u8], layout: Layout) -> Conversion {
    cached(profile, layout, || {
        let Ok(source) = ColorProfile::new_from_slice(profile) else {
            return Conversion::None;
        };
        let options = TransformOptions::default();
        let target = ColorProfile::new_srgb();
        match source.color_space {
            DataColorSpace::Rgb => match source
                .create_transform_8bit(layout, &target, layout, options)
            {
                Ok(transform) if !is_identity(&*transform, layout) => Conversion::Color(transform),
                Ok(_) | Err(_) => Conversion::None,
            },
            DataColorSpace::Gray => source
                .create_transform_8bit(Layout::Gray, &target, Layout::Rgb, options)
                .map_or(Conversion::None, Conversion::Gray),
            _ => Conversion::None,
        }
    })
}

fn ink_conversion(profile: &[u8]) -> Conversion {
    // four channels without meaning are `Rgba` to the library
    cached(profile, Layout::Cmyka, || {
        let Ok(source) = ColorProfile::new_from_slice(profile) else {
            return Conversion::None;
        };
        if source.color_space != DataColorSpace::Cmyk {
            return Conversion::None;
        }
        source
            .create_transform_8bit(
                Layout::Rgba,
                &ColorProfile::new_srgb(),
                Layout::Rgb,
                TransformOptions::default(),
            )
            .map_or(Conversion::None, Conversion::Color)
    })
}

fn cached(profile: &[u8], layout: Layout, make: impl FnOnce() -> Conversion) -> Conversion {
    let find = |cache: &Vec<Cached>| {
        let found = cache
            .iter()
            .find(|entry| entry.layout == layout && entry.profile == profile);
        found.map(|entry| entry.conversion.clone())
    };
    if let Some(conversion) = find(&CACHE.lock().unwrap_or_else(PoisonError::into_inner)) {
        return conversion;
    }
    let conversion = make();
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= MAX_CACHED {
        cache.remove(0);
    }
    cache.push(Cached {
        profile: profile.to_vec(),
        layout,
        conversion: conversion.clone(),
    });
    conversion
}

/// Whether a transform leaves colours all over the cube where they are, as most embedded profiles do, being sRGB.
fn is_identity(transform: &Transform8BitExecutor, layout: Layout) -> bool {
    const LEVELS: [u8; 6] = [0, 51, 102, 153, 204, 255];
    let colors = LEVELS.iter().flat_map(|red| {
        LEVELS
            .iter()
            .flat_map(move |green| LEVELS.map(move |blue| [*red, *green, blue]))
    });
    let samples: Vec<u8> = match layout {
        Layout::Rgba => colors
            .flat_map(|[red, green, blue]| [red, green, blue, u8::MAX])
            .collect(),
        _ => colors.flatten().collect(),
    };
    let mut converted = vec![0; samples.len()];
    transform.transform(&samples, &mut converted).is_ok()
        && samples
            .iter()
            .zip(&converted)
            .all(|(before, after)| before.abs_diff(*after) <= ROUNDING_LEVELS)
}

/// Grey pictures are decoded to three equal channels; one of them is the grey value.
fn from_gray(picture: Picture, transform: &Transform8BitExecutor) -> Picture {
    let grays: Vec<u8> = picture
        .pixels
        .iter()
        .step_by(picture.channels.count())
        .copied()
        .collect();
    let mut colors = vec![0; pixel_count(picture.size) * 3];
    if transform.transform(&grays, &mut colors).is_err() {
        return picture;
    }
    let mut converted = picture;
    let pixels = converted
        .pixels
        .chunks_exact_mut(converted.channels.count());
    for (pixel, color) in pixels.zip(colors.chunks_exact(3)) {
        pixel
            .iter_mut()
            .zip(color)
            .for_each(|(channel, value)| *channel = *value);
    }
    converted
}
