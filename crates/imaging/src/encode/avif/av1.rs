//! One AV1 still picture by libaom.
//!
//! Source: `aom/aom_encoder.h`, `aom/aomcx.h` 3.11.

#![expect(unsafe_code, reason = "calls libaom")]

use std::{ffi::c_int, mem::MaybeUninit};

use libaom_sys as aom;

use super::yuv::Planes;

/// Of 0 (smallest) to 9 (fastest). 9 takes a tenth of the time of 6 for 8 to 10 % more bytes.
const SPEED: c_int = 9;
/// Of 0 to 7: how little edges are smoothed; 7 saves 1 to 2 % at equal SSIMULACRA2.
const SHARPNESS: c_int = 7;
/// Rows of libaom's pictures begin at multiples of this.
const ROW_ALIGNMENT_BYTES: u32 = 32;
/// Code points of sRGB. Source: ITU-T H.273.
const PRIMARIES_BT709: c_int = 1;
const TRANSFER_SRGB: c_int = 13;
const MATRIX_BT601: c_int = 6;

/// Encodes planes at a quantiser level of 0 (finest) to 63.
pub(super) fn encode(planes: &Planes, level: u32) -> Result<Vec<u8>, String> {
    let mut image = Image::of(planes)?;
    let mut encoder = Encoder::new(planes)?;
    encoder.control(aom::AOME_SET_CPUUSED, SPEED)?;
    encoder.control(
        aom::AOME_SET_CQ_LEVEL,
        c_int::try_from(level).unwrap_or(c_int::MAX),
    )?;
    encoder.control(aom::AV1E_SET_COLOR_RANGE, 1)?;
    // coarser steps for detail the eye resolves least: a quarter fewer bytes at SSIMULACRA2 60, a tenth at 75, for no time
    let matrix = quantiser_matrix(level);
    encoder.control(aom::AV1E_SET_ENABLE_QM, 1)?;
    encoder.control(aom::AV1E_SET_QM_MIN, matrix)?;
    encoder.control(aom::AV1E_SET_QM_MAX, matrix)?;
    if planes.chroma.is_some() {
        encoder.control(aom::AOME_SET_SHARPNESS, SHARPNESS)?;
        encoder.control(aom::AOME_SET_TUNING, 1)?;
        encoder.control(aom::AV1E_SET_COLOR_PRIMARIES, PRIMARIES_BT709)?;
        encoder.control(aom::AV1E_SET_TRANSFER_CHARACTERISTICS, TRANSFER_SRGB)?;
        encoder.control(aom::AV1E_SET_MATRIX_COEFFICIENTS, MATRIX_BT601)?;
    }
    let mut bytes = Vec::new();
    encoder.push(image.pointer())?;
    encoder.drain(&mut bytes);
    encoder.push(std::ptr::null_mut())?;
    encoder.drain(&mut bytes);
    if bytes.is_empty() {
        Err("libaom wrote nothing".to_owned())
    } else {
        Ok(bytes)
    }
}

/// Of 0 (steepest) to 15 (all detail alike). Source: SSIMULACRA2 of two photographs; from level 24 on 2 was best, towards
/// level 0 a flatter one, and two steps off cost 1 to 2 % of the bytes.
fn quantiser_matrix(level: u32) -> c_int {
    let flatness = 10_u32.saturating_sub(level / 3).max(2);
    c_int::try_from(flatness).unwrap_or(2)
}

/// An encoder context, destroyed with this value. Boxed, so that its address never changes.
struct Encoder(Box<aom::aom_codec_ctx_t>);

impl Encoder {
    fn new(planes: &Planes) -> Result<Self, String> {
        let mut config = MaybeUninit::<aom::aom_codec_enc_cfg_t>::zeroed();
        // SAFETY: the interface is a static of the library; the configuration is writable memory of the right size.
        let status = unsafe {
            aom::aom_codec_enc_config_default(
                aom::aom_codec_av1_cx(),
                config.as_mut_ptr(),
                aom::AOM_USAGE_ALL_INTRA,
            )
        };
        check(status)?;
        // SAFETY: initialised by the call above.
        let mut config = unsafe { config.assume_init() };
        config.g_w = planes.size.width;
        config.g_h = planes.size.height;
        config.g_threads = 1;
        config.g_limit = 1;
        config.g_lag_in_frames = 0;
        config.g_pass = aom::AOM_RC_ONE_PASS;
        config.rc_end_usage = aom::AOM_Q;
        config.rc_min_quantizer = 0;
        config.rc_max_quantizer = 63;
        config.monochrome = u32::from(planes.chroma.is_none());
        let mut context: Box<MaybeUninit<aom::aom_codec_ctx_t>> = Box::new(MaybeUninit::zeroed());
        let version = c_int::try_from(aom::AOM_ENCODER_ABI_VERSION).unwrap_or_default();
        // SAFETY: the context is writable memory of the right size; the call initialises it and copies the configuration.
        let status = unsafe {
            aom::aom_codec_enc_init_ver(
                context.as_mut_ptr(),
                aom::aom_codec_av1_cx(),
                &raw const config,
                0,
                version,
            )
        };
        check(status)?;
        // SAFETY: initialised by the call above.
        Ok(Self(unsafe { context.assume_init() }))
    }

    fn context(&mut self) -> *mut aom::aom_codec_ctx_t {
        &raw mut *self.0
    }

    /// Sets one of the controls that take an `int` or an `unsigned int`, which are passed alike.
    fn control(&mut self, name: aom::aome_enc_control_id, value: c_int) -> Result<(), String> {
        let name = c_int::try_from(name).map_err(|error| error.to_string())?;
        // SAFETY: the context is initialised, and every control used here reads exactly one int-sized argument.
        check(unsafe { aom::aom_codec_control(self.context(), name, value) })
    }

    /// Gives a picture to the encoder, or null to say that there are no more.
    fn push(&mut self, image: *mut aom::aom_image_t) -> Result<(), String> {
        // SAFETY: the context is initialised; the image is null or live for the call, and is only read.
        check(unsafe { aom::aom_codec_encode(self.context(), image, 0, 1, 0) })
    }

    fn drain(&mut self, bytes: &mut Vec<u8>) {
        let mut iterator = std::ptr::null();
        loop {
            // SAFETY: the context is initialised and the iterator started as null.
            let packet = unsafe { aom::aom_codec_get_cx_data(self.context(), &raw mut iterator) };
            // SAFETY: null, or a packet that is valid until the next call on the context.
            let Some(packet) = (unsafe { packet.as_ref() }) else {
                return;
            };
            if packet.kind == aom::AOM_CODEC_CX_FRAME_PKT {
                // SAFETY: the kind says that `frame` is the live member, with `sz` bytes at `buf`.
                let data = unsafe {
                    let frame = packet.data.frame;
                    std::slice::from_raw_parts(frame.buf.cast::<u8>().cast_const(), frame.sz)
                };
                bytes.extend_from_slice(data);
            }
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the context was initialised and is destroyed once. The result only says whether it was.
        unsafe { aom::aom_codec_destroy(self.context()) };
    }
}

fn check(status: aom::aom_codec_err_t) -> Result<(), String> {
    if status == aom::AOM_CODEC_OK {
        return Ok(());
    }
    // SAFETY: the function maps numbers to static texts.
    let text = unsafe { std::ffi::CStr::from_ptr(aom::aom_codec_err_to_string(status)) };
    Err(text.to_string_lossy().into_owned())
}

/// A picture in libaom's own memory, freed with this value.
struct Image(*mut aom::aom_image_t);

impl Image {
    fn of(planes: &Planes) -> Result<Self, String> {
        let size = planes.size;
        // SAFETY: null asks the library to allocate; null comes back when it can't, and is checked for.
        let image = unsafe {
            let format = aom::AOM_IMG_FMT_I420;
            aom::aom_img_alloc(
                std::ptr::null_mut(),
                format,
                size.width,
                size.height,
                ROW_ALIGNMENT_BYTES,
            )
        };
        if image.is_null() {
            return Err("cannot allocate the picture".to_owned());
        }
        let mut image = Self(image);
        image.fill(planes);
        Ok(image)
    }

    fn fill(&mut self, planes: &Planes) {
        // SAFETY: not null, allocated by the library, and not shared.
        let image = unsafe { &mut *self.0 };
        image.monochrome = c_int::from(planes.chroma.is_none());
        image.range = aom::AOM_CR_FULL_RANGE;
        let (width, height) = (planes.size.width as usize, planes.size.height as usize);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        // an encoder of grey pictures still reads chroma in places
        let neutral = if planes.chroma.is_none() {
            vec![128; half_width * half_height]
        } else {
            Vec::new()
        };
        let [blues, reds] = planes
            .chroma
            .as_ref()
            .map_or([&neutral, &neutral], |[blues, reds]| [blues, reds]);
        let sources = [
            (&planes.luma, width),
            (blues, half_width),
            (reds, half_width),
        ];
        for ((source, width), (pointer, stride)) in sources
            .into_iter()
            .zip(image.planes.iter().zip(image.stride))
        {
            let stride = usize::try_from(stride).unwrap_or(0);
            for (row, samples) in source.chunks_exact(width.max(1)).enumerate() {
                // SAFETY: the library allocated as many rows of `stride` bytes as the plane has samples for, each at least
                // `width` long; source and target don't overlap.
                unsafe {
                    std::ptr::copy_nonoverlapping(
                        samples.as_ptr(),
                        pointer.add(row * stride),
                        samples.len(),
                    );
                };
            }
        }
    }

    fn pointer(&mut self) -> *mut aom::aom_image_t {
        self.0
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: allocated by the library and freed once.
        unsafe { aom::aom_img_free(self.0) };
    }
}
