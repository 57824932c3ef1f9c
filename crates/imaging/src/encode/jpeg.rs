//! JPEG by libjpeg-turbo: baseline, because it is the fastest to make and everything shows it.
//!
//! Source: `turbojpeg.h` 3.1.

#![expect(unsafe_code, reason = "calls libjpeg-turbo")]

use std::ffi::{CStr, c_int};

use turbojpeg_sys as tj;

use crate::picture::Picture;

pub(super) mod planes;

/// From here on chroma keeps its full resolution; below, halving it is not seen. Source: libvips does the same.
const FULL_CHROMA_QUALITY: u8 = 90;

/// Encodes an RGB picture.
pub(super) fn encode(picture: &Picture, quality: u8) -> Result<Vec<u8>, String> {
    compress(&Compressor::new()?, picture, quality)
}

/// Encodes an RGB picture in several scans: fewer bytes and an early preview, for more time.
pub(super) fn encode_progressive(picture: &Picture, quality: u8) -> Result<Vec<u8>, String> {
    let compressor = Compressor::new()?;
    compressor.set(tj::TJPARAM_TJPARAM_PROGRESSIVE, 1)?;
    compress(&compressor, picture, quality)
}

fn compress(compressor: &Compressor, picture: &Picture, quality: u8) -> Result<Vec<u8>, String> {
    let subsampling = if keeps_full_chroma(quality) {
        tj::TJSAMP_TJSAMP_444
    } else {
        tj::TJSAMP_TJSAMP_420
    };
    compressor.set_up(quality, subsampling)?;
    compressor.compress(picture)
}

/// Whether chroma keeps its full resolution.
pub(super) fn keeps_full_chroma(quality: u8) -> bool {
    quality >= FULL_CHROMA_QUALITY
}

/// A compressor handle, destroyed with this value.
struct Compressor {
    handle: tj::tjhandle,
}

impl Compressor {
    fn new() -> Result<Self, String> {
        // SAFETY: takes no pointers; a null handle is checked for.
        let handle = unsafe { tj::tj3Init(tj::TJINIT_TJINIT_COMPRESS.cast_signed()) };
        if handle.is_null() {
            Err("cannot set up the encoder".to_owned())
        } else {
            Ok(Self { handle })
        }
    }

    fn set_up(&self, quality: u8, subsampling: tj::TJSAMP) -> Result<(), String> {
        self.set(
            tj::TJPARAM_TJPARAM_QUALITY,
            c_int::from(quality.clamp(1, 100)),
        )?;
        self.set(tj::TJPARAM_TJPARAM_SUBSAMP, subsampling)?;
        // Huffman tables made for the picture: about 1 ms per megapixel, and 1 to 12 % fewer bytes, most on small smooth ones
        self.set(tj::TJPARAM_TJPARAM_OPTIMIZE, 1)
    }

    fn set(&self, parameter: tj::TJPARAM, value: c_int) -> Result<(), String> {
        // SAFETY: the handle is live.
        let status = unsafe { tj::tj3Set(self.handle, parameter.cast_signed(), value) };
        if status == 0 {
            Ok(())
        } else {
            Err(self.message())
        }
    }

    fn compress(&self, picture: &Picture) -> Result<Vec<u8>, String> {
        let too_large = |_| "the picture is too large".to_owned();
        let width = c_int::try_from(picture.size.width).map_err(too_large)?;
        let height = c_int::try_from(picture.size.height).map_err(too_large)?;
        let pitch = c_int::try_from(picture.row_bytes()).map_err(too_large)?;
        let mut output = Output {
            data: std::ptr::null_mut(),
            length: 0,
        };
        // SAFETY: the handle is live; the picture has `height` rows of `pitch` bytes and is only read; a null output tells
        // the library to allocate, and `Output` frees what it did, also after an error.
        let status = unsafe {
            tj::tj3Compress8(
                self.handle,
                picture.pixels.as_ptr(),
                width,
                pitch,
                height,
                tj::TJPF_TJPF_RGB,
                &raw mut output.data,
                &raw mut output.length,
            )
        };
        self.finish(status, &output)
    }

    /// What the library wrote, or why it didn't.
    fn finish(&self, status: c_int, output: &Output) -> Result<Vec<u8>, String> {
        if status != 0 || output.data.is_null() {
            return Err(self.message());
        }
        let length = usize::try_from(output.length).map_err(|error| error.to_string())?;
        // SAFETY: after success the library's buffer holds `length` bytes; it is copied before `output` frees it.
        Ok(unsafe { std::slice::from_raw_parts(output.data, length) }.to_vec())
    }

    fn message(&self) -> String {
        // SAFETY: the handle is live; the text is a C string owned by it and is copied before anything else is called.
        unsafe { CStr::from_ptr(tj::tj3GetErrorStr(self.handle)) }
            .to_string_lossy()
            .into_owned()
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        // SAFETY: the handle came from `tj3Init` and is destroyed once.
        unsafe { tj::tj3Destroy(self.handle) };
    }
}

/// A buffer the library allocated.
struct Output {
    data: *mut u8,
    length: u64,
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: null or allocated by the library, and freed once; freeing null does nothing.
        unsafe { tj::tj3Free(self.data.cast()) };
    }
}
