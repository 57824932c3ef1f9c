//! One AV1 picture by libaom.
//!
//! Source: `aom/aom_decoder.h`, `aom/aom_image.h` 3.11.

#![expect(unsafe_code, reason = "calls libaom")]

use std::mem::MaybeUninit;

use libaom_sys as aom;

use crate::{
    error::ImagingError, geometry::Size, limits::Limits, probe::avif::CodePoints, probe::corrupt,
};

/// Flag of `aom_img_fmt` for samples of two bytes.
const HIGH_BIT_DEPTH: u32 = 0x800;

/// A decoded picture, still in luma and chroma, in the memory of its decoder.
pub(super) struct Coded {
    pub(super) size: Size,
    pub(super) bit_depth: u32,
    /// Whether chroma has half the columns and half the rows.
    pub(super) is_halved: (bool, bool),
    pub(super) code_points: CodePoints,
    /// Only luma where the picture is grey.
    planes: Vec<SamplePlane>,
    is_wide: bool,
    /// The planes are its.
    _decoder: Decoder,
}

/// Where samples of one plane are.
struct SamplePlane {
    first: *const u8,
    /// Bytes from one row to the next.
    stride: usize,
    row_bytes: usize,
    rows: usize,
}

impl Coded {
    /// Whether there is luma only.
    pub(super) fn is_gray(&self) -> bool {
        self.planes.len() < 3
    }

    /// Puts the samples of a row of a plane into `samples`; none of a row that isn't there.
    pub(super) fn read_row(&self, plane: usize, row: usize, samples: &mut Vec<u16>) {
        samples.clear();
        let plane = self.planes.get(plane).filter(|plane| row < plane.rows);
        let Some(plane) = plane else {
            return;
        };
        // SAFETY: by the contract of `aom_image` the plane has `rows` rows at distances of `stride`, each of at least
        // `row_bytes` bytes, and `row` is one of them. They belong to the decoder, which lives as long as this value and is
        // not called again.
        let bytes = unsafe {
            std::slice::from_raw_parts(plane.first.add(row * plane.stride), plane.row_bytes)
        };
        if self.is_wide {
            let wide = bytes.as_chunks::<2>().0.iter();
            samples.extend(wide.map(|sample| u16::from_ne_bytes(*sample)));
        } else {
            samples.extend(bytes.iter().map(|sample| u16::from(*sample)));
        }
    }
}

/// Decodes the first picture of a sequence of AV1 units.
pub(super) fn decode(data: &[u8], limits: &Limits) -> Result<Coded, ImagingError> {
    check_size(data, limits)?;
    let mut decoder = Decoder::new()?;
    // SAFETY: the context is initialised; pointer and length are those of one slice, which is only read.
    let status = unsafe {
        aom::aom_codec_decode(
            decoder.context(),
            data.as_ptr(),
            data.len(),
            std::ptr::null_mut(),
        )
    };
    if status != aom::AOM_CODEC_OK {
        return Err(status_to_error(status));
    }
    let mut iterator = std::ptr::null();
    // SAFETY: the context is initialised and the iterator starts as null, as the header asks.
    let image = unsafe { aom::aom_codec_get_frame(decoder.context(), &raw mut iterator) };
    // SAFETY: the image is null or belongs to the decoder and stays valid until the next call on it; `decoder` lives longer.
    let image = unsafe { image.as_ref() }.ok_or(ImagingError::Truncated)?;
    let planes = planes(image, limits)?;
    Ok(Coded {
        size: Size {
            width: image.d_w,
            height: image.d_h,
        },
        bit_depth: image.bit_depth,
        is_halved: (image.x_chroma_shift == 1, image.y_chroma_shift == 1),
        code_points: code_points(image),
        planes,
        is_wide: image.fmt & HIGH_BIT_DEPTH != 0,
        _decoder: decoder,
    })
}

/// What the sequence header declares decides what libaom allocates, so it is judged first.
fn check_size(data: &[u8], limits: &Limits) -> Result<(), ImagingError> {
    // SAFETY: plain numbers, for which zeroes are valid; `is_annexb` has to be 0 and is.
    let mut info: aom::aom_codec_stream_info_t = unsafe { std::mem::zeroed() };
    // SAFETY: pointer and length are those of one slice, which is only read; `info` is live.
    let status = unsafe {
        aom::aom_codec_peek_stream_info(
            aom::aom_codec_av1_dx(),
            data.as_ptr(),
            data.len(),
            &raw mut info,
        )
    };
    if status != aom::AOM_CODEC_OK {
        return Err(status_to_error(status));
    }
    limits.check_source(
        Size {
            width: info.w,
            height: info.h,
        },
        1,
    )
}

fn status_to_error(status: aom::aom_codec_err_t) -> ImagingError {
    if status == aom::AOM_CODEC_UNSUP_FEATURE {
        return ImagingError::FormatUnsupported {
            found: "this flavour of AV1",
        };
    }
    // SAFETY: the function maps numbers to static texts.
    let text = unsafe { std::ffi::CStr::from_ptr(aom::aom_codec_err_to_string(status)) };
    corrupt(format!("AV1: {}", text.to_string_lossy()))
}

/// A decoder context, destroyed with this value. Boxed, so that its address never changes.
struct Decoder(Box<aom::aom_codec_ctx_t>);

impl Decoder {
    fn new() -> Result<Self, ImagingError> {
        let config = aom::aom_codec_dec_cfg {
            threads: 1,
            w: 0,
            h: 0,
            allow_lowbitdepth: 1,
        };
        let mut context: Box<MaybeUninit<aom::aom_codec_ctx_t>> = Box::new(MaybeUninit::zeroed());
        let version = i32::try_from(aom::AOM_DECODER_ABI_VERSION).unwrap_or_default();
        // SAFETY: the context is writable memory of the right size; the call initialises it.
        let status = unsafe {
            aom::aom_codec_dec_init_ver(
                context.as_mut_ptr(),
                aom::aom_codec_av1_dx(),
                &raw const config,
                0,
                version,
            )
        };
        if status != aom::AOM_CODEC_OK {
            return Err(status_to_error(status));
        }
        // SAFETY: initialised by the call above.
        Ok(Self(unsafe { context.assume_init() }))
    }

    fn context(&mut self) -> *mut aom::aom_codec_ctx_t {
        &raw mut *self.0
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the context was initialised and is destroyed once. The result only says whether it was.
        unsafe { aom::aom_codec_destroy(self.context()) };
    }
}

fn planes(image: &aom::aom_image, limits: &Limits) -> Result<Vec<SamplePlane>, ImagingError> {
    let size = Size {
        width: image.d_w,
        height: image.d_h,
    };
    limits.check_source(size, 1)?;
    if size.area() == 0 || image.x_chroma_shift > 1 || image.y_chroma_shift > 1 {
        return Err(corrupt("AV1: impossible sizes"));
    }
    let is_wide = image.fmt & HIGH_BIT_DEPTH != 0;
    let is_gray = image.monochrome != 0;
    let mut planes = Vec::with_capacity(3);
    let pointers_and_strides = image.planes.iter().zip(image.stride);
    for (index, (pointer, stride)) in pointers_and_strides
        .take(if is_gray { 1 } else { 3 })
        .enumerate()
    {
        let (x_shift, y_shift) = if index == 0 {
            (0, 0)
        } else {
            (image.x_chroma_shift, image.y_chroma_shift)
        };
        let width = size.width.div_ceil(1 << x_shift) as usize;
        let height = size.height.div_ceil(1 << y_shift) as usize;
        let stride = usize::try_from(stride).map_err(|_| corrupt("AV1: rows run backwards"))?;
        let row_bytes = if is_wide { width * 2 } else { width };
        if pointer.is_null() || stride < row_bytes {
            return Err(corrupt("AV1: a plane is missing"));
        }
        planes.push(SamplePlane {
            first: pointer.cast_const(),
            stride,
            row_bytes,
            rows: height,
        });
    }
    Ok(planes)
}

fn code_points(image: &aom::aom_image) -> CodePoints {
    let narrow = |value: u32| u16::try_from(value).unwrap_or_default();
    CodePoints {
        primaries: narrow(image.cp),
        transfer: narrow(image.tc),
        matrix: narrow(image.mc),
        is_full_range: image.range == aom::AOM_CR_FULL_RANGE,
    }
}
