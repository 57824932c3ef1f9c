//! JPEG from planes, without a detour through red, green and blue.
//!
//! Source: `turbojpeg.h` 3.1.

#![expect(unsafe_code, reason = "calls libjpeg-turbo")]

use std::ffi::c_int;

use turbojpeg_sys as tj;

use super::{Compressor, Output};
use crate::{
    geometry::Size,
    planes::{Plane, Planes, halved},
};

/// Encodes planes whose differences are halved or as large as luma.
pub(in crate::encode) fn encode(planes: &Planes, quality: u8) -> Result<Vec<u8>, String> {
    let size = planes.size();
    let (subsampling, luma_size) = match &planes.chroma {
        None => (tj::TJSAMP_TJSAMP_GRAY, size),
        Some([blue, red]) if blue.size == size && red.size == size => (tj::TJSAMP_TJSAMP_444, size),
        Some([blue, red]) if blue.size == halved(size) && red.size == halved(size) => {
            // the library reads two luma samples for every difference
            let even = Size {
                width: blue.size.width * 2,
                height: blue.size.height * 2,
            };
            (tj::TJSAMP_TJSAMP_420, even)
        }
        Some(_) => return Err("differences of another size".to_owned()),
    };
    let compressor = Compressor::new()?;
    compressor.set_up(quality, subsampling)?;
    let luma = if luma_size == size {
        None
    } else {
        Some(planes.luma.extended_to(luma_size))
    };
    let mut all = vec![luma.as_ref().unwrap_or(&planes.luma)];
    all.extend(planes.chroma.iter().flatten());
    compressor.compress_planes(size, &all)
}

impl Compressor {
    /// The caller has made the planes as large as the subsampling that was set wants them.
    fn compress_planes(&self, size: Size, planes: &[&Plane]) -> Result<Vec<u8>, String> {
        let too_large = |_| "the picture is too large".to_owned();
        let width = c_int::try_from(size.width).map_err(too_large)?;
        let height = c_int::try_from(size.height).map_err(too_large)?;
        let mut pointers = [std::ptr::null(); 3];
        let mut strides = [0; 3];
        for ((pointer, stride), plane) in pointers.iter_mut().zip(&mut strides).zip(planes) {
            if plane.samples.len() < plane.stride * plane.size.height as usize {
                return Err("a plane has fewer rows than it says".to_owned());
            }
            *pointer = plane.samples.as_ptr();
            *stride = c_int::try_from(plane.stride).map_err(too_large)?;
        }
        let mut output = Output {
            data: std::ptr::null_mut(),
            length: 0,
        };
        // SAFETY: the handle is live and has its subsampling set; every plane of that subsampling (one if grey, else three)
        // has the rows of its size, `stride` apart, in memory that is only read; a null output tells the library to allocate,
        // and `Output` frees what it did, also after an error.
        let status = unsafe {
            tj::tj3CompressFromYUVPlanes8(
                self.handle,
                pointers.as_ptr(),
                width,
                strides.as_ptr(),
                height,
                &raw mut output.data,
                &raw mut output.length,
            )
        };
        self.finish(status, &output)
    }
}
