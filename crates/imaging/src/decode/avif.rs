//! AVIF: the tiles' AV1 pictures by libaom, then to RGB, row by row. Of a picture of many tiles one row of these is held.

use limpid_resample::Layout;

use super::{DecodeRequest, Decoded};
use crate::{
    color, error::ImagingError, geometry::Size, picture::unmultiply, probe::avif::Container,
    rows::RowSource,
};
use tiles::Tiles;

mod av1;
mod tiles;
mod yuv;

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    decode_container(&Container::parse(request.source)?, request)
}

pub(super) fn decode_container(
    container: &Container<'_>,
    request: &DecodeRequest<'_>,
) -> Result<Decoded, ImagingError> {
    let mut rows = Rows::open(container, request)?;
    let stored = container.profile.map(<[u8]>::to_vec);
    let profile = stored.or_else(|| color::profile_of_code_points(rows.color.code_points()));
    let decoded = Decoded::of_rows(&mut rows, request, profile)?;
    rows.finish()?;
    Ok(decoded)
}

/// A picture whose tiles stay as they were coded; colours are made of a row when it is read.
struct Rows<'a> {
    size: Size,
    color: Tiles<'a>,
    alpha: Option<Alpha<'a>>,
}

struct Alpha<'a> {
    tiles: Tiles<'a>,
    /// Colours of a row without alpha, and alpha as a grey.
    between: [Vec<u8>; 2],
    is_premultiplied: bool,
}

impl<'a> Rows<'a> {
    fn open(
        container: &'a Container<'_>,
        request: &DecodeRequest<'a>,
    ) -> Result<Self, ImagingError> {
        let size = container.size;
        let color = Tiles::open(&container.color, size, request, container.code_points)?;
        let alpha = match &container.alpha {
            Some(alpha) => {
                let row = || vec![0; size.width as usize * 3];
                Some(Alpha {
                    tiles: Tiles::open(alpha, size, request, None)?,
                    between: [row(), row()],
                    is_premultiplied: container.is_premultiplied,
                })
            }
            None => None,
        };
        Ok(Self { size, color, alpha })
    }

    /// Decodes what follows the last row that was wanted, where the file may turn out to be damaged.
    fn finish(&mut self) -> Result<(), ImagingError> {
        self.color.finish()?;
        let alpha = self.alpha.as_mut();
        alpha.map_or(Ok(()), |alpha| alpha.tiles.finish())
    }
}

impl RowSource for Rows<'_> {
    fn size(&self) -> Size {
        self.size
    }

    fn layout(&self) -> Layout {
        if self.alpha.is_some() {
            Layout::Rgba
        } else {
            Layout::Rgb
        }
    }

    fn read(&mut self, row: &mut [u8]) -> Result<(), ImagingError> {
        let Some(alpha) = &mut self.alpha else {
            return self.color.read(row);
        };
        let [colors, grays] = &mut alpha.between;
        self.color.read(colors)?;
        alpha.tiles.read(grays)?;
        let pixels = row.as_chunks_mut::<4>().0.iter_mut();
        let (colors, grays) = (colors.as_chunks::<3>().0, grays.as_chunks::<3>().0);
        for (pixel, ([red, green, blue], [_, gray, _])) in pixels.zip(colors.iter().zip(grays)) {
            *pixel = [*red, *green, *blue, *gray];
        }
        if alpha.is_premultiplied {
            unmultiply(row);
        }
        Ok(())
    }
}
