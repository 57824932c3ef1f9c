//! AVIF: the tiles' AV1 pictures by libaom, then to RGB.

use super::{DecodeRequest, Decoded};
use crate::{
    color,
    error::ImagingError,
    geometry::Size,
    picture::{Channels, Picture},
    probe::{
        avif::{CodePoints, Container, Plane},
        corrupt,
    },
    steps::check_deadline,
};

mod av1;
mod yuv;

pub(super) fn decode(request: &DecodeRequest<'_>) -> Result<Decoded, ImagingError> {
    let container = Container::parse(request.source)?;
    let size = container.size;
    let color = Picture::zeroed(size, Channels::Rgb);
    let (mut picture, code_points) =
        assemble(&container.color, color, request, container.code_points)?;
    if let Some(alpha) = &container.alpha {
        let (alpha, _) = assemble(alpha, Picture::zeroed(size, Channels::Rgb), request, None)?;
        picture = with_alpha(picture, &alpha);
        if container.is_premultiplied {
            picture.unmultiply();
        }
    }
    let profile = container
        .profile
        .map(<[u8]>::to_vec)
        .or_else(|| color::profile_of_code_points(code_points));
    Ok(Decoded::unscaled(picture, profile))
}

/// Decodes the tiles onto `canvas`; also gives the colour description that was used.
fn assemble(
    plane: &Plane<'_>,
    mut canvas: Picture,
    request: &DecodeRequest<'_>,
    declared: Option<CodePoints>,
) -> Result<(Picture, CodePoints), ImagingError> {
    let mut used = CodePoints {
        primaries: 1,
        transfer: 13,
        matrix: 6,
        is_full_range: true,
    };
    let (mut left, mut top) = (0, 0);
    for (index, tile) in plane.tiles.iter().enumerate() {
        check_deadline(request.deadline)?;
        let coded = av1::decode(tile, request.limits)?;
        used = declared.unwrap_or(coded.code_points);
        let tile = yuv::to_rgb(&coded, used)?;
        if plane.tiles.len() == 1 && tile.size != canvas.size {
            return Err(corrupt(
                "the coded picture has another size than the file declares",
            ));
        }
        if plane.tiles.len() == 1 {
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
