//! JPEG, shrunk inside the inverse DCT where the result is smaller anyway: by our own decoder where that knows the kind of
//! file, else by libjpeg-turbo, which also says what is wrong with a file.
//!
//! Source: `turbojpeg.h` 3.1.

#![expect(unsafe_code, reason = "calls libjpeg-turbo")]

use std::{
    borrow::Cow,
    ffi::{CStr, c_int},
};

use turbojpeg_sys as tj;

use super::{DecodeRequest, Decoded};
use crate::{
    color,
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    probe::{corrupt, jpeg as header},
    steps::check_deadline,
};

mod baseline;
mod bits;
mod block;
mod dct;
mod frame;
mod huffman;
mod lanes;
mod means;
mod own;
mod points;
mod progressive;
mod scans;

pub(crate) use own::planes;
pub(crate) use points::{Points, Shape};

/// The scales libjpeg-turbo has fast code for; the others (3/8, 5/8, …) are slower than the next larger one of these.
const SHRINK_FACTORS: [u32; 3] = [8, 4, 2];
/// Scans of a progressive file; the header reader has refused more.
const MAX_SCANS: c_int = 100;
/// Memory for the coefficients of progressive files: 2 bytes each, up to 4 components, and half as much again.
const COEFFICIENT_BYTES_PER_PIXEL: u64 = 12;
const SMALLEST_MEMORY_MEGABYTES: u64 = 64;

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    let info = request.info;
    let profile = if info.has_profile {
        header::profile(request.source)
    } else {
        None
    };
    if let Some((picture, scale)) = own::picture(request) {
        return Ok(Decoded {
            picture,
            scale: (scale, scale),
            profile,
            is_cut: false,
        });
    }
    // libjpeg-turbo can't be stopped once it has begun
    check_deadline(request.deadline)?;
    let shrink = SHRINK_FACTORS
        .into_iter()
        .find(|factor| *factor <= request.shrink)
        .unwrap_or(1);
    let is_reduced =
        shrink >= scans::MIN_SHRINK && header::Header::parse(request.source)?.is_progressive;
    let reduced = if is_reduced {
        scans::without_refinements(request.source)?
    } else {
        Cow::Borrowed(request.source)
    };

    let mut decompressor = Decompressor::new()?;
    decompressor.set(tj::TJPARAM_TJPARAM_SCANLIMIT, MAX_SCANS)?;
    let megabytes = info.stored_size.area() * COEFFICIENT_BYTES_PER_PIXEL / 1_000_000;
    let megabytes = c_int::try_from(megabytes.max(SMALLEST_MEMORY_MEGABYTES)).unwrap_or(c_int::MAX);
    decompressor.set(tj::TJPARAM_TJPARAM_MAXMEMORY, megabytes)?;
    let color_space = decompressor.read_header(&reduced, info.stored_size)?;
    let size = decompressor.scale_by(info.stored_size, shrink)?;
    let has_inks = color_space == tj::TJCS_TJCS_CMYK || color_space == tj::TJCS_TJCS_YCCK;
    let (channels, format) = if has_inks {
        (Channels::Rgba, tj::TJPF_TJPF_CMYK)
    } else {
        (Channels::Rgb, tj::TJPF_TJPF_RGB)
    };
    let mut picture = Picture::zeroed(size, channels);
    decompressor.decompress(&reduced, &mut picture, format)?;
    let scale = (1.0 / f64::from(shrink), 1.0 / f64::from(shrink));
    if !has_inks {
        return Ok(Decoded {
            picture,
            scale,
            profile,
            is_cut: false,
        });
    }
    if header::stores_inverted_inks(request.source) {
        picture.pixels.iter_mut().for_each(|ink| *ink = !*ink);
    }
    Ok(Decoded {
        picture: color::inks_to_srgb(&picture, profile.as_deref()),
        scale,
        profile: None,
        is_cut: false,
    })
}

/// A decompressor handle, destroyed with this value.
struct Decompressor {
    handle: tj::tjhandle,
}

impl Decompressor {
    fn new() -> Result<Self, ImagingError> {
        // SAFETY: takes no pointers; a null handle is checked for.
        let handle = unsafe { tj::tj3Init(tj::TJINIT_TJINIT_DECOMPRESS.cast_signed()) };
        if handle.is_null() {
            return Err(corrupt("cannot set up the JPEG decoder"));
        }
        Ok(Self { handle })
    }

    fn set(&mut self, parameter: tj::TJPARAM, value: c_int) -> Result<(), ImagingError> {
        // SAFETY: the handle is live.
        let status = unsafe { tj::tj3Set(self.handle, parameter.cast_signed(), value) };
        if status == 0 {
            Ok(())
        } else {
            Err(corrupt(self.message()))
        }
    }

    /// Reads the header and gives the colour space.
    fn read_header(&mut self, source: &[u8], expected: Size) -> Result<tj::TJCS, ImagingError> {
        // SAFETY: the handle is live; pointer and length are those of one slice, which is only read.
        let status =
            unsafe { tj::tj3DecompressHeader(self.handle, source.as_ptr(), source.len() as u64) };
        if status != 0 && !self.has_only_warned() {
            return Err(self.error());
        }
        // SAFETY: the handle is live.
        let parameter = |name: tj::TJPARAM| unsafe { tj::tj3Get(self.handle, name.cast_signed()) };
        let (width, height) = (
            parameter(tj::TJPARAM_TJPARAM_JPEGWIDTH),
            parameter(tj::TJPARAM_TJPARAM_JPEGHEIGHT),
        );
        // limits were checked on what our own reader saw
        if u32::try_from(width) != Ok(expected.width)
            || u32::try_from(height) != Ok(expected.height)
        {
            return Err(corrupt("more than one frame header"));
        }
        tj::TJCS::try_from(parameter(tj::TJPARAM_TJPARAM_COLORSPACE))
            .map_err(|_| corrupt("unknown colour space"))
    }

    /// Sets the factor and gives the size pictures will have.
    fn scale_by(&mut self, size: Size, shrink: u32) -> Result<Size, ImagingError> {
        let factor = tj::tjscalingfactor {
            num: 1,
            denom: c_int::try_from(shrink).unwrap_or(1),
        };
        // SAFETY: the handle is live and has read a header.
        let status = unsafe { tj::tj3SetScalingFactor(self.handle, factor) };
        if status != 0 {
            return Err(corrupt(self.message()));
        }
        Ok(Size {
            width: size.width.div_ceil(shrink),
            height: size.height.div_ceil(shrink),
        })
    }

    /// Decompresses strictly; if the only complaint is one that leaves every pixel intact, once more without that strictness.
    fn decompress(
        &mut self,
        source: &[u8],
        into: &mut Picture,
        format: tj::TJPF,
    ) -> Result<(), ImagingError> {
        self.set(tj::TJPARAM_TJPARAM_STOPONWARNING, 1)?;
        if self.run(source, into, format)? {
            return Ok(());
        }
        let first = self.message();
        if !is_harmless(&first) {
            return Err(self.error());
        }
        self.set(tj::TJPARAM_TJPARAM_STOPONWARNING, 0)?;
        let is_clean = self.run(source, into, format)?;
        if is_clean
            || (self.has_only_warned() && is_harmless(&self.message()) && header::has_end(source))
        {
            return Ok(());
        }
        Err(self.error())
    }

    fn run(
        &mut self,
        source: &[u8],
        into: &mut Picture,
        format: tj::TJPF,
    ) -> Result<bool, ImagingError> {
        let pitch = c_int::try_from(into.row_bytes()).map_err(|_| corrupt("a row is too long"))?;
        // SAFETY: the handle is live and has its scaling factor set; `into` has exactly the scaled size, so the decoder's
        // `pitch * height` bytes are the vector's length; the source is only read.
        let status = unsafe {
            tj::tj3Decompress8(
                self.handle,
                source.as_ptr(),
                source.len() as u64,
                into.pixels.as_mut_ptr(),
                pitch,
                format,
            )
        };
        Ok(status == 0)
    }

    fn has_only_warned(&self) -> bool {
        // SAFETY: the handle is live.
        unsafe { tj::tj3GetErrorCode(self.handle) == tj::TJERR_TJERR_WARNING.cast_signed() }
    }

    fn message(&self) -> String {
        // SAFETY: the handle is live; the text is a C string owned by it and is copied before anything else is called.
        unsafe { CStr::from_ptr(tj::tj3GetErrorStr(self.handle)) }
            .to_string_lossy()
            .into_owned()
    }

    fn error(&self) -> ImagingError {
        let message = self.message();
        // both "Premature end of JPEG file" and "Corrupt JPEG data: premature end of data segment"
        if message.contains("remature end") {
            ImagingError::Truncated
        } else {
            corrupt(message)
        }
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: the handle came from `tj3Init` and is destroyed once.
        unsafe { tj::tj3Destroy(self.handle) };
    }
}

/// Complaints about bytes between segments and about headers nobody needs. Source: libjpeg-turbo's `jerror.h`.
fn is_harmless(message: &str) -> bool {
    const HARMLESS: [&str; 4] = [
        "extraneous bytes before marker",
        "unknown JFIF revision",
        "Unknown Adobe color transform",
        "Invalid SOS parameters",
    ];
    HARMLESS.iter().any(|text| message.contains(text))
}

#[cfg(test)]
mod tests;
