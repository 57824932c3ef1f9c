//! AVIF: the tiles' AV1 pictures by libaom, then to RGB.

use limpid_resample::Layout;

use super::{DecodeRequest, Decoded};
use crate::{
    color,
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture, unmultiply},
    probe::{
        avif::{CodePoints, Container, Plane},
        corrupt,
    },
    rows::RowSource,
    steps::check_deadline,
};

mod av1;
mod yuv;

/// What colours mean where neither file nor picture says it.
const USUAL_CODE_POINTS: CodePoints = CodePoints {
    primaries: 1,
    transfer: 13,
    matrix: 6,
    is_full_range: true,
};

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    let container = Container::parse(request.source)?;
    let profile = |code_points| {
        let stored = container.profile.map(<[u8]>::to_vec);
        stored.or_else(|| color::profile_of_code_points(code_points))
    };
    let is_whole = |plane: &Plane<'_>| plane.tiles.len() == 1;
    if is_whole(&container.color) && container.alpha.as_ref().is_none_or(is_whole) {
        let (mut rows, code_points) = Rows::open(&container, request)?;
        return Decoded::of_rows(&mut rows, request, profile(code_points));
    }
    let (mut picture, code_points) = assemble(
        &container.color,
        container.size,
        request,
        container.code_points,
    )?;
    if let Some(alpha) = &container.alpha {
        let (alpha, _) = assemble(alpha, container.size, request, None)?;
        picture = with_alpha(picture, &alpha);
        if container.is_premultiplied {
            picture.unmultiply();
        }
    }
    Ok(Decoded::unscaled(picture, profile(code_points)))
}

/// A picture of one tile, which stays as it was coded; colours are made of a row when it is read.
struct Rows {
    size: Size,
    color: yuv::Rows,
    alpha: Option<Alpha>,
}

struct Alpha {
    rows: yuv::Rows,
    /// Colours of a row without alpha, and alpha as a grey.
    between: [Vec<u8>; 2],
    is_premultiplied: bool,
}

impl Rows {
    /// Also gives the colour description that is used.
    fn open(
        container: &Container<'_>,
        request: &DecodeRequest<'_>,
    ) -> Result<(Self, CodePoints), ImagingError> {
        let size = container.size;
        let (color, code_points) =
            only_tile(&container.color, size, request, container.code_points)?;
        let alpha = match &container.alpha {
            Some(alpha) => {
                let (rows, _) = only_tile(alpha, size, request, None)?;
                let row = || vec![0; size.width as usize * 3];
                Some(Alpha {
                    rows,
                    between: [row(), row()],
                    is_premultiplied: container.is_premultiplied,
                })
            }
            None => None,
        };
        Ok((Self { size, color, alpha }, code_points))
    }
}

impl RowSource for Rows {
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
            self.color.read(row);
            return Ok(());
        };
        let [colors, grays] = &mut alpha.between;
        self.color.read(colors);
        alpha.rows.read(grays);
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

fn only_tile(
    plane: &Plane<'_>,
    size: Size,
    request: &DecodeRequest<'_>,
    declared: Option<CodePoints>,
) -> Result<(yuv::Rows, CodePoints), ImagingError> {
    check_deadline(request.deadline)?;
    let tile = plane.tiles.first().ok_or(ImagingError::Truncated)?;
    let coded = av1::decode(tile, request.limits)?;
    if coded.size != size {
        return Err(corrupt(
            "the coded picture has another size than the file declares",
        ));
    }
    let used = declared.unwrap_or(coded.code_points);
    Ok((yuv::Rows::new(coded, used)?, used))
}

/// Decodes several tiles onto one canvas; also gives the colour description that was used.
fn assemble(
    plane: &Plane<'_>,
    size: Size,
    request: &DecodeRequest<'_>,
    declared: Option<CodePoints>,
) -> Result<(Picture, CodePoints), ImagingError> {
    let mut canvas = Picture::zeroed(size, Channels::Rgb);
    let mut used = USUAL_CODE_POINTS;
    let (mut left, mut top) = (0, 0);
    for (index, tile) in plane.tiles.iter().enumerate() {
        check_deadline(request.deadline)?;
        let coded = av1::decode(tile, request.limits)?;
        used = declared.unwrap_or(coded.code_points);
        let mut rows = yuv::Rows::new(coded, used)?;
        let mut tile = Picture::zeroed(rows.size(), Channels::Rgb);
        tile.rows_mut().for_each(|row| rows.read(row));
        if plane.tiles.len() == 1 {
            if tile.size != canvas.size {
                return Err(corrupt(
                    "the coded picture has another size than the file declares",
                ));
            }
            return Ok((tile, used));
        }
        canvas.paste(&tile, left, top);
        left += tile.size.width as usize;
        if (index + 1) % plane.columns == 0 {
            left = 0;
            top += tile.size.height as usize;
        }
    }
    let covered = Size {
        width: canvas.size.width,
        height: u32::try_from(top).unwrap_or(u32::MAX),
    };
    if !canvas.size.fits_inside(covered) {
        return Err(corrupt("the tiles don't cover the picture"));
    }
    Ok((canvas, used))
}

/// Joins colours and the picture whose grey is alpha.
fn with_alpha(colors: Picture, alpha: &Picture) -> Picture {
    let mut joined = colors.into_rgba();
    for ([_, _, _, opacity], gray) in joined
        .pixels
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .zip(alpha.pixels.as_chunks::<3>().0)
    {
        *opacity = gray[1];
    }
    joined
}
