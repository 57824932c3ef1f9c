//! WebP by libwebp.
//!
//! Source: `webp/encode.h` 1.6.

#![expect(unsafe_code, reason = "calls libwebp")]

use std::{ffi::c_int, time::Instant};

use libwebp_sys as webp;

use crate::{
    deadline::check_deadline,
    picture::{Channels, Picture},
};

pub(super) mod planes;

/// Of 0 (fastest) to 6 (smallest). 2 takes half the time of the usual 4 for 1 to 2 % more bytes.
const METHOD: c_int = 2;
/// How much more bits go to flat parts. Source: with the filter below, 1 to 2 % fewer bytes than with the library's 50 and 60 at
/// equal SSIMULACRA2 near quality 80, which brings method 2 within 3 % of method 4.
const FLAT_PARTS_STRENGTH: c_int = 60;
/// Strength of the deblocking filter at quality 80 and above, and the library's own at 40 and below, where blocks show.
const FILTER_STRENGTH: (c_int, c_int) = (10, 60);
/// Of 0 to 100: what a quality means where nothing is lost.
const LOSSLESS_EFFORT: u8 = 50;
/// Of 0 to 100: how much quality may go where the first partition would overflow, which only huge pictures do.
const PARTITION_LIMITS: [c_int; 2] = [0, 100];

/// What is said of a picture with more blocks than the first partition can describe at all. Only accounts that are allowed far more
/// pixels than usual get that far.
pub(super) const TOO_MANY_BLOCKS: &str = "too many blocks for the first partition";
/// Up to here every picture fits into the first partition. Units: px. Source: at the last of the limits a block of 16 x 16 takes at
/// most 10.4 bits of its 512 KiB (RFC 6386 sections 9.3, 9.11 and 11.2).
pub(super) const ALWAYS_FITS: u64 = 100_000_000;

pub(super) fn encode(
    picture: &Picture,
    quality: u8,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, String> {
    let mut outcome = Err(String::new());
    for partition_limit in PARTITION_LIMITS {
        let mut config = settings(quality)?;
        config.partition_limit = partition_limit;
        outcome = encode_with(picture, &config, deadline);
        if outcome.is_ok() || check_deadline(deadline).is_err() {
            break;
        }
    }
    outcome
}

/// Encodes without losing anything that can be seen: colours of clear pixels are free.
pub(super) fn encode_lossless(
    picture: &Picture,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, String> {
    let mut config = settings(LOSSLESS_EFFORT)?;
    config.lossless = 1;
    encode_with(picture, &config, deadline)
}

/// The encoder's settings for a quality of 1 to 100.
pub(super) fn settings(quality: u8) -> Result<webp::WebPConfig, String> {
    let mut config =
        webp::WebPConfig::new().map_err(|()| "cannot set up the encoder".to_owned())?;
    config.quality = f32::from(quality.clamp(1, 100));
    config.method = METHOD;
    config.sns_strength = FLAT_PARTS_STRENGTH;
    config.filter_strength = filter_strength(quality);
    Ok(config)
}

/// A straight line between the two.
fn filter_strength(quality: u8) -> c_int {
    let (least, most) = FILTER_STRENGTH;
    let below_eighty = c_int::from(80_u8.saturating_sub(quality).min(40));
    least + (most - least) * below_eighty / 40
}

fn encode_with(
    picture: &Picture,
    config: &webp::WebPConfig,
    deadline: Option<Instant>,
) -> Result<Vec<u8>, String> {
    let source = if config.lossless == 0 {
        EncoderPicture::of_planes(picture)?
    } else {
        EncoderPicture::of_rgb(picture)?
    };
    written(source, config, deadline)
}

/// What the library writes; it gives up when the deadline has passed.
fn written(
    mut source: EncoderPicture,
    config: &webp::WebPConfig,
    mut deadline: Option<Instant>,
) -> Result<Vec<u8>, String> {
    let mut output = Output::new();
    source.0.writer = Some(webp::WebPMemoryWrite);
    source.0.custom_ptr = (&raw mut output.0).cast();
    source.0.progress_hook = Some(goes_on);
    source.0.user_data = (&raw mut deadline).cast();
    // SAFETY: config and picture are initialised; the writer gets `custom_ptr`, which points to `output`, and the hook
    // `user_data`, which points to `deadline`, both live and unmoved until the call returns.
    if unsafe { webp::WebPEncode(std::ptr::from_ref(config), &raw mut *source.0) } == 0 {
        let code = source.0.error_code;
        return Err(
            if code == webp::WebPEncodingError::VP8_ENC_ERROR_PARTITION0_OVERFLOW {
                TOO_MANY_BLOCKS.to_owned()
            } else {
                format!("{code:?}")
            },
        );
    }
    if output.0.mem.is_null() {
        return Err("the encoder wrote nothing".to_owned());
    }
    // SAFETY: the writer holds `size` bytes at `mem`; they are copied before `output` frees them.
    Ok(unsafe { std::slice::from_raw_parts(output.0.mem, output.0.size) }.to_vec())
}

/// Asked by the library at every percent of its work: whether to go on.
///
/// # Safety
///
/// The picture's `user_data` points to an `Option<Instant>`.
pub(super) unsafe extern "C" fn goes_on(
    _percent: c_int,
    picture: *const webp::WebPPicture,
) -> c_int {
    // SAFETY: the library hands on the picture it was given or a copy of it, and the caller has set `user_data`.
    let deadline = unsafe { *(*picture).user_data.cast::<Option<Instant>>() };
    c_int::from(check_deadline(deadline).is_ok())
}

/// The encoder's copy of a picture, freed with this value.
pub(super) struct EncoderPicture(pub(super) Box<webp::WebPPicture>);

impl EncoderPicture {
    /// As the lossy coder wants it: luma and chroma.
    fn of_planes(picture: &Picture) -> Result<Self, String> {
        Self::of(picture, 0)
    }

    /// As the lossless coder and animations want it.
    pub(super) fn of_rgb(picture: &Picture) -> Result<Self, String> {
        Self::of(picture, 1)
    }

    fn of(picture: &Picture, use_argb: c_int) -> Result<Self, String> {
        let too_large = |_| "the picture is too large".to_owned();
        let mut source = webp::WebPPicture::new()
            .map(|picture| Self(Box::new(picture)))
            .map_err(|()| "cannot set up the encoder".to_owned())?;
        source.0.use_argb = use_argb;
        source.0.width = c_int::try_from(picture.size.width).map_err(too_large)?;
        source.0.height = c_int::try_from(picture.size.height).map_err(too_large)?;
        let stride = c_int::try_from(picture.row_bytes()).map_err(too_large)?;
        let import = match picture.channels {
            Channels::Rgb => webp::WebPPictureImportRGB,
            Channels::Rgba => webp::WebPPictureImportRGBA,
        };
        // SAFETY: the structure is initialised and has the size set; the pixels are `height` rows of `stride` bytes, copied
        // during the call.
        if unsafe { import(&raw mut *source.0, picture.pixels.as_ptr(), stride) } == 0 {
            return Err("cannot import the pixels".to_owned());
        }
        Ok(source)
    }
}

impl Drop for EncoderPicture {
    fn drop(&mut self) {
        // SAFETY: initialised by the library and freed once.
        unsafe { webp::WebPPictureFree(&raw mut *self.0) };
    }
}

/// The bytes the encoder wrote, freed with this value.
struct Output(webp::WebPMemoryWriter);

impl Output {
    fn new() -> Self {
        // SAFETY: pointers and numbers, for which zeroes are valid; the call below initialises them.
        let mut writer: webp::WebPMemoryWriter = unsafe { std::mem::zeroed() };
        // SAFETY: `writer` is live.
        unsafe { webp::WebPMemoryWriterInit(&raw mut writer) };
        Self(writer)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: initialised by the library and cleared once.
        unsafe { webp::WebPMemoryWriterClear(&raw mut self.0) };
    }
}
