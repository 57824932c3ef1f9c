//! JPEG headers: the segments in front of the first scan, and how many scans follow.

use super::{ImageInfo, Orientation, corrupt, exif, fields::be16, fields::required};
use crate::{error::ImagingError, format::ImageFormat, geometry::Size};

/// A profile in more than this is refused with its picture kept. Source: the largest press profiles are about 3 MB.
pub(crate) const MAX_PROFILE_BYTES: usize = 4 << 20;
/// Progressive files of real encoders have about 10 scans; each one costs a pass over all coefficients.
const MAX_SCANS: usize = 100;

mod marker {
    pub(super) const START_OF_IMAGE: u8 = 0xd8;
    pub(super) const END_OF_IMAGE: u8 = 0xd9;
    pub(super) const START_OF_SCAN: u8 = 0xda;
    pub(super) const QUANTISATION: u8 = 0xdb;
    pub(super) const APP1: u8 = 0xe1;
    pub(super) const APP2: u8 = 0xe2;
    pub(super) const APP14: u8 = 0xee;
}

/// What the segments in front of the first scan say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) size: Size,
    pub(crate) orientation: Orientation,
    pub(crate) is_progressive: bool,
    has_profile: bool,
    quality: Option<u8>,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ImagingError> {
        let mut frame = None;
        let mut orientation = Orientation::Upright;
        let mut has_profile = false;
        let mut quality = None;
        for segment in Segments::of(bytes) {
            let (marker, payload) = segment?;
            match marker {
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    frame = Some(Frame::parse(marker, payload)?);
                }
                0xf7 => return Err(ImagingError::FormatUnsupported { found: "JPEG-LS" }),
                marker::APP1 if payload.starts_with(b"Exif\0\0") => {
                    orientation = exif::orientation(payload);
                }
                marker::QUANTISATION => quality = quality.or_else(|| luma_quality(payload)),
                marker::APP2 if payload.starts_with(PROFILE_NAME) => has_profile = true,
                marker::END_OF_IMAGE => return Err(corrupt("no scan before the end of the image")),
                _ => {}
            }
        }
        let frame = frame.ok_or_else(|| corrupt("no frame header before the first scan"))?;
        if frame.is_progressive && has_more_scans_than(MAX_SCANS, bytes) {
            return Err(corrupt(format!("more than {MAX_SCANS} scans")));
        }
        Ok(Self {
            size: frame.size,
            orientation,
            is_progressive: frame.is_progressive,
            has_profile,
            quality,
        })
    }

    pub(crate) fn info(&self) -> ImageInfo {
        ImageInfo {
            format: ImageFormat::Jpeg,
            stored_size: self.size,
            orientation: self.orientation,
            has_alpha: false,
            frames: 1,
            has_profile: self.has_profile,
            quality: self.quality,
        }
    }
}

/// Sum of the luma table that encoders scale by quality. Source: ITU-T T.81, table K.1.
const LUMA_SUM: u32 = 3_689;

/// The quality that the first table stands for, as if it were that one scaled: by (200 - 2 q) per cent from 50 on, by 5000/q below. Other
/// tables come out as what is about as coarse. `None` where the first table is not the one for luma.
fn luma_quality(payload: &[u8]) -> Option<u8> {
    let (header, steps) = payload.split_first()?;
    let sum: u32 = match header {
        0x00 => steps
            .first_chunk::<64>()?
            .iter()
            .map(|step| u32::from(*step))
            .sum(),
        0x10 => steps
            .first_chunk::<128>()?
            .as_chunks::<2>()
            .0
            .iter()
            .map(|pair| u32::from(u16::from_be_bytes(*pair)))
            .sum(),
        _ => return None,
    };
    let percent = f64::from(sum) * 100.0 / f64::from(LUMA_SUM);
    let quality = if percent <= 100.0 {
        (200.0 - percent) / 2.0
    } else {
        5_000.0 / percent
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "1 to 100"
    )]
    let quality = quality.round().clamp(1.0, 100.0) as u8;
    Some(quality)
}

const PROFILE_NAME: &[u8] = b"ICC_PROFILE\0";

/// Joins the parts of the colour profile; `None` without one, or with one that lacks parts or is far too large.
///
/// Source: ICC.1:2010 annex B.4.
pub(crate) fn profile(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<(u8, &[u8])> = Vec::new();
    let mut expected = 0;
    for (marker, payload) in Segments::of(bytes).map_while(Result::ok) {
        let Some([number, count, part @ ..]) = payload.strip_prefix(PROFILE_NAME) else {
            continue;
        };
        if marker == marker::APP2 {
            expected = usize::from(*count);
            parts.push((*number, part));
        }
    }
    parts.sort_by_key(|(number, _)| *number);
    let is_complete = parts.len() == expected
        && parts
            .iter()
            .zip(1..)
            .all(|((number, _), index)| u32::from(*number) == index);
    let length: usize = parts.iter().map(|(_, part)| part.len()).sum();
    (is_complete && length > 0 && length <= MAX_PROFILE_BYTES)
        .then(|| parts.iter().flat_map(|(_, part)| *part).copied().collect())
}

/// Whether an end-of-image marker follows the last scan's data. Slow path: asked only when the decoder complained.
pub(crate) fn has_end(bytes: &[u8]) -> bool {
    memchr::memmem::rfind(bytes, &[0xff, marker::END_OF_IMAGE]).is_some()
}

/// Whether four-ink pictures are stored as Adobe does it, 255 meaning no ink. Source: Adobe technical note 5116.
pub(crate) fn stores_inverted_inks(bytes: &[u8]) -> bool {
    let mut segments = Segments::of(bytes).map_while(Result::ok);
    segments.any(|(marker, payload)| marker == marker::APP14 && payload.starts_with(b"Adobe"))
}

struct Frame {
    size: Size,
    is_progressive: bool,
}

impl Frame {
    fn parse(marker: u8, payload: &[u8]) -> Result<Self, ImagingError> {
        let precision = *required(payload.first())?;
        let height = u32::from(required(be16(payload, 1))?);
        let width = u32::from(required(be16(payload, 3))?);
        let unsupported = |found| Err(ImagingError::FormatUnsupported { found });
        match marker {
            0xc3 => return unsupported("lossless JPEG"),
            0xc5..=0xc7 | 0xcd..=0xcf => return unsupported("hierarchical JPEG"),
            0xcb => return unsupported("lossless arithmetic JPEG"),
            _ if precision != 8 => return unsupported("JPEG with more than 8 bits per sample"),
            _ => {}
        }
        let is_progressive = matches!(marker, 0xc2 | 0xca);
        Ok(Self {
            size: Size { width, height },
            is_progressive,
        })
    }
}

fn has_more_scans_than(limit: usize, bytes: &[u8]) -> bool {
    // inside entropy-coded data ff is always followed by 00 or a restart marker, so every ff da begins a scan (or lies in
    // a segment between scans, which only makes the count err towards refusing a file with a hundred of them)
    memchr::memmem::find_iter(bytes, &[0xff, marker::START_OF_SCAN])
        .nth(limit)
        .is_some()
}

/// The segments from the start of the image to the first scan, both excluded.
pub(crate) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
    is_over: bool,
}

impl<'a> Segments<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            is_over: false,
        }
    }

    fn read(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            // decoders skip rubbish in front of a marker, and any number of fill bytes
            let start = memchr::memchr(0xff, rest)?;
            let fill = rest
                .get(start..)?
                .iter()
                .take_while(|byte| **byte == 0xff)
                .count();
            let marker = *rest.get(start + fill)?;
            let after = self.at + start + fill + 1;
            match marker {
                0 | 1 | 0xd0..=0xd7 | marker::START_OF_IMAGE => self.at = after,
                marker::START_OF_SCAN | marker::END_OF_IMAGE => {
                    self.is_over = true;
                    return Some((marker, &[]));
                }
                _ => {
                    let length = usize::from(be16(self.bytes, after)?);
                    let payload = self.bytes.get(after + 2..after + length.max(2))?;
                    self.at = after + length.max(2);
                    return Some((marker, payload));
                }
            }
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<(u8, &'a [u8]), ImagingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let segment = self.read();
        match segment {
            Some((marker::START_OF_SCAN, _)) => None,
            Some(segment) => Some(Ok(segment)),
            None => {
                self.is_over = true;
                Some(Err(ImagingError::Truncated))
            }
        }
    }
}
