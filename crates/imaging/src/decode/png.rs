//! PNG by the `png` crate, always as 8 bits per channel and row by row; an interlaced one that is small is decoded whole.

use std::io::{Cursor, ErrorKind};

use limpid_resample::Layout;
use png::{ColorType, Decoder, DecodingError, Limits, Transformations};

use interlaced::Passes;

use super::{DecodeRequest, Decoded};
use crate::{
    error::ImagingError,
    geometry::Size,
    picture::Picture,
    probe::{corrupt, jpeg::MAX_PROFILE_BYTES, png as header},
    rows::{RowSource, picture_of, widen_gray_alpha},
};

mod interlaced;

type Reader<'a> = png::Reader<Cursor<&'a [u8]>>;

/// Pixels of an interlaced picture above which the time to read its passes side by side is spent to save the memory.
/// Units: bytes.
const MOST_HELD: usize = 16 << 20;

/// What chunks other than the picture may unpack to; a profile beyond it is dropped and the picture kept.
pub(super) const MAX_CHUNK_BYTES: usize = 4 * MAX_PROFILE_BYTES;

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    decode_holding(request, MOST_HELD)
}

/// Holds no more of an interlaced picture that something is cut out of. Units: bytes.
pub(super) fn decode_holding(
    request: &DecodeRequest<'_>,
    most: usize,
) -> Result<Decoded, ImagingError> {
    let is_whole = header::Header::parse(request.source)?.has_end;
    let failed = |error| to_error(error, is_whole);
    let mut reader = open(request).map_err(failed)?;
    let info = reader.info();
    let profile = info.icc_profile.as_ref().map(|profile| profile.to_vec());
    let (color_type, _) = reader.output_color_type();
    let size = Size {
        width: info.width,
        height: info.height,
    };
    let (is_interlaced, is_frame) = (info.interlaced, info.frame_control.is_some());
    let bytes = reader
        .output_buffer_size()
        .ok_or_else(|| failed(DecodingError::LimitsExceeded))?;
    let is_large = request.cut.is_some() && bytes > most;
    if !is_frame && (!is_interlaced || is_large) {
        let stored = if is_interlaced {
            drop(reader);
            Stored::Interlaced(Passes::open(request, size, color_type, failed)?)
        } else {
            Stored::InOrder(Box::new(reader))
        };
        let mut rows = Rows::new(stored, size, color_type, is_whole);
        let decoded = Decoded::of_rows(&mut rows, request, profile)?;
        rows.finish(request.source)?;
        return Ok(decoded);
    }
    let mut pixels = vec![0; bytes];
    let frame = reader.next_frame(&mut pixels).map_err(failed)?;
    let size = Size {
        width: frame.width,
        height: frame.height,
    };
    Ok(Decoded::unscaled(
        to_picture(size, color_type, pixels),
        profile,
    ))
}

/// A cut inside the compressed stream surfaces as a complaint about that stream, so a file without its end counts as cut.
pub(super) fn to_error(error: DecodingError, is_whole: bool) -> ImagingError {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            ImagingError::Truncated
        }
        _ if !is_whole => ImagingError::Truncated,
        error => corrupt(error.to_string()),
    }
}

fn open<'a>(request: &DecodeRequest<'a>) -> Result<Reader<'a>, DecodingError> {
    let mut decoder = Decoder::new_with_limits(
        Cursor::new(request.source),
        Limits {
            bytes: MAX_CHUNK_BYTES,
        },
    );
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.read_info()
}

/// Where rows come from.
enum Stored<'a> {
    InOrder(Box<Reader<'a>>),
    Interlaced(Passes<'a>),
}

impl Stored<'_> {
    fn read_row(&mut self, row: &mut [u8]) -> Result<(), DecodingError> {
        match self {
            Self::InOrder(reader) => reader.read_row(row).map(drop),
            Self::Interlaced(passes) => passes.read_row(row),
        }
    }

    fn finish(&mut self) -> Result<(), DecodingError> {
        match self {
            Self::InOrder(reader) => reader.read_row(&mut []).map(drop),
            Self::Interlaced(passes) => passes.finish(),
        }
    }
}

/// The rows of a picture.
struct Rows<'a> {
    stored: Stored<'a>,
    size: Size,
    layout: Layout,
    /// Room for a row of grey and alpha, which are widened.
    gray_alpha: Option<Vec<u8>>,
    is_whole: bool,
    remaining: u32,
}

impl<'a> Rows<'a> {
    fn new(stored: Stored<'a>, size: Size, color_type: ColorType, is_whole: bool) -> Self {
        let gray_alpha = (color_type == ColorType::GrayscaleAlpha)
            .then(|| vec![0; size.width as usize * color_type.samples()]);
        Self {
            stored,
            size,
            layout: layout(color_type),
            gray_alpha,
            is_whole,
            remaining: size.height,
        }
    }

    /// Reads what follows the last row that was wanted, where the file may say there that it is damaged: what lies below a cut
    /// is left alone if the check sums of all of it are right.
    fn finish(&mut self, source: &[u8]) -> Result<(), ImagingError> {
        if self.remaining > 0 && self.is_whole && header::has_intact_data(source) {
            return Ok(());
        }
        let mut row = vec![0; self.size.width as usize * self.layout.channels()];
        while self.remaining > 0 {
            self.read(&mut row)?;
        }
        let rest = self.stored.finish();
        rest.map_err(|error| to_error(error, self.is_whole))
    }
}

impl RowSource for Rows<'_> {
    fn size(&self) -> Size {
        self.size
    }

    fn layout(&self) -> Layout {
        self.layout
    }

    fn read(&mut self, row: &mut [u8]) -> Result<(), ImagingError> {
        let into = self.gray_alpha.as_deref_mut();
        let failed = |error| to_error(error, self.is_whole);
        match into {
            Some(samples) => {
                self.stored.read_row(samples).map_err(failed)?;
                widen_gray_alpha(samples, row);
            }
            None => self.stored.read_row(row).map_err(failed)?,
        }
        self.remaining = self.remaining.saturating_sub(1);
        Ok(())
    }
}

fn layout(color_type: ColorType) -> Layout {
    match color_type {
        // the decoder expands palettes
        ColorType::Grayscale | ColorType::Indexed => Layout::Grey,
        ColorType::Rgb => Layout::Rgb,
        // grey is widened where there is alpha
        ColorType::GrayscaleAlpha | ColorType::Rgba => Layout::Rgba,
    }
}

pub(super) fn to_picture(size: Size, color_type: ColorType, pixels: Vec<u8>) -> Picture {
    if color_type != ColorType::GrayscaleAlpha {
        return picture_of(size, layout(color_type), pixels);
    }
    let mut widened = vec![0; pixels.len() * 2];
    widen_gray_alpha(&pixels, &mut widened);
    picture_of(size, Layout::Rgba, widened)
}
