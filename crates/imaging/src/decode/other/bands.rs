//! Pictures whose rows lie in bands that can be decoded one at a time. To the decoder each band is a file of its own, with the
//! original's header and fewer rows: whatever it makes of a flavour, it makes of a band, to the same bytes.

use limpid_resample::Layout;

use super::{Pixels, open, spliced::Spliced};
use crate::{
    decode::DecodeRequest,
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    probe::corrupt,
    rows::RowSource,
    steps::check_deadline,
};

/// What a band is made of, decoded. Smaller ones cost more than they hold: a header is read for each.
const BAND_BYTES: u64 = 1 << 18;

/// Where a picture's rows lie.
pub(super) trait Bands<'a> {
    /// A file that holds rows from `first` on, about as many as are wanted, and how many these are; `None` where there are
    /// none.
    fn band(&self, first: u32, wanted: u32) -> Option<(u32, Spliced<'a>)>;
}

/// The rows, of which one band is held.
pub(super) struct Rows<'a, B> {
    bands: B,
    request: DecodeRequest<'a>,
    pixels: Pixels,
    wanted: u32,
    band: Picture,
    /// The row of the band that comes next.
    at: usize,
    /// The row of the picture that follows the band.
    next: u32,
}

impl<'a, B: Bands<'a>> Rows<'a, B> {
    pub(super) fn new(bands: B, request: &DecodeRequest<'a>, pixels: Pixels) -> Self {
        let size = request.info.stored_size;
        let row_bytes = u64::from(size.width) * 4;
        let wanted = u32::try_from(BAND_BYTES / row_bytes.max(1)).unwrap_or(u32::MAX);
        let none = Size {
            width: 0,
            height: 0,
        };
        Self {
            bands,
            request: *request,
            pixels,
            wanted: wanted.max(1),
            band: Picture::zeroed(none, Channels::Rgb),
            at: 0,
            next: 0,
        }
    }

    /// Decodes what follows the last row that was wanted, where the file may turn out to be damaged.
    pub(super) fn finish(&mut self) -> Result<(), ImagingError> {
        while self.next < self.size().height {
            check_deadline(self.request.deadline)?;
            self.load()?;
        }
        Ok(())
    }

    fn load(&mut self) -> Result<(), ImagingError> {
        let missing = || corrupt("a band of the picture is missing");
        let band = self.bands.band(self.next, self.wanted);
        let (rows, file) = band.ok_or_else(missing)?;
        let expected = Size {
            height: rows,
            ..self.size()
        };
        // before there are two
        self.band.pixels = Vec::new();
        let decoder = open(file, self.request.info.format, self.request.limits)?;
        self.band = self.pixels.read(decoder)?;
        if self.band.size != expected {
            return Err(missing());
        }
        self.at = 0;
        self.next += rows;
        Ok(())
    }
}

impl<'a, B: Bands<'a>> RowSource for Rows<'a, B> {
    fn size(&self) -> Size {
        self.request.info.stored_size
    }

    fn layout(&self) -> Layout {
        if self.pixels.has_alpha {
            Layout::Rgba
        } else {
            Layout::Rgb
        }
    }

    fn read(&mut self, row: &mut [u8]) -> Result<(), ImagingError> {
        if self.at >= self.band.size.height as usize {
            self.load()?;
        }
        let bytes = self.band.row_bytes();
        let start = self.at * bytes;
        let stored = self.band.pixels.get(start..start + bytes);
        row.copy_from_slice(
            stored
                .filter(|stored| stored.len() == row.len())
                .ok_or_else(|| corrupt("a band of the picture is too short"))?,
        );
        self.at += 1;
        Ok(())
    }
}
