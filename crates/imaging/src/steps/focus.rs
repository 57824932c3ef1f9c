//! Where a crop lies when only the pixels can tell.
//!
//! Everything is found on a sketch of the picture, so that it costs the same for small and large ones, and in the picture
//! as it is stored, so that it works on whatever a decoder has already shrunk.

use crate::{
    error::ImagingError,
    geometry::{Region, Size},
    picture::Picture,
    plan::FocusTarget,
    probe::Orientation,
    transform::FocusFallback,
};

use super::resize;

mod faces;
mod saliency;

/// Longest side of the picture in which the salient part is looked for. Units: px.
const SKETCH_SIDE: u32 = 128;
/// A face takes this part of the crop's height or width where `z` is 1.
const FACE_PART: f64 = 0.5;

/// Where a crop lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    pub(crate) region: Region,
    pub(crate) fallback: Option<FocusFallback>,
}

/// Moves a region of the stored picture to what matters; it keeps its size, except around faces, where it keeps its
/// proportions.
pub(crate) fn place(
    picture: &Picture,
    region: Region,
    target: FocusTarget,
    orientation: Orientation,
) -> Result<Place, ImagingError> {
    let fallback = match target {
        FocusTarget::Salient => None,
        FocusTarget::Objects => Some(FocusFallback::Objects),
        FocusTarget::Face { zoom } => {
            if let Some(faces) = faces::find(picture, orientation)? {
                let region = around(faces, region, picture.size, zoom);
                return Ok(Place {
                    region,
                    fallback: None,
                });
            }
            Some(FocusFallback::NoFace)
        }
    };
    if region == picture.size.region() {
        // there is nowhere to move it to
        return Ok(Place { region, fallback });
    }
    let sketch = resize::sketch(picture, SKETCH_SIDE)?;
    let (across, down) = saliency::best(&sketch, share(region, picture.size));
    Ok(Place {
        region: Region {
            left: slid(across, f64::from(picture.size.width) - region.width),
            top: slid(down, f64::from(picture.size.height) - region.height),
            ..region
        },
        fallback,
    })
}

/// What part of the picture's width and height a region takes.
fn share(region: Region, size: Size) -> (f64, f64) {
    (
        region.width / f64::from(size.width),
        region.height / f64::from(size.height),
    )
}

/// Part of the free space, in whole pixels, because what isn't scaled must not be blurred either.
fn slid(part: f64, free: f64) -> f64 {
    (part * free).round().clamp(0.0, free.max(0.0))
}

/// A region of the proportions of `region` around faces: as large as shows them in their surroundings, and no smaller than
/// is needed to hold all of them.
fn around(faces: Region, region: Region, size: Size, zoom: f64) -> Region {
    let zoom = if zoom.is_finite() {
        zoom.clamp(0.01, 100.0)
    } else {
        1.0
    };
    let fit =
        |part: f64| (faces.width / part / region.width).max(faces.height / part / region.height);
    let most = (f64::from(size.width) / region.width).min(f64::from(size.height) / region.height);
    let factor = (fit(FACE_PART) / zoom).max(fit(1.0)).min(most);
    let (width, height) = (region.width * factor, region.height * factor);
    let centred = |middle: f64, length: f64, whole: u32| {
        (middle - length / 2.0).clamp(0.0, (f64::from(whole) - length).max(0.0))
    };
    Region {
        left: centred(faces.left + faces.width / 2.0, width, size.width),
        top: centred(faces.top + faces.height / 2.0, height, size.height),
        width,
        height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        width: 1000,
        height: 500,
    };

    fn region(left: f64, top: f64, width: f64, height: f64) -> Region {
        Region {
            left,
            top,
            width,
            height,
        }
    }

    #[test]
    fn zoom_changes_how_much_is_shown_around_a_face_but_never_cuts_it_or_leaves_the_picture() {
        let face = region(700.0, 100.0, 50.0, 60.0);
        let square = region(250.0, 0.0, 500.0, 500.0);
        let near = around(face, square, SIZE, 1.0);
        assert_eq!((near.width, near.height), (120.0, 120.0));
        assert_eq!((near.left, near.top), (665.0, 70.0));
        for (zoom, side) in [(0.5, 240.0), (50.0, 60.0)] {
            let zoomed = around(face, square, SIZE, zoom);
            assert_eq!((zoomed.width, zoomed.height), (side, side), "{zoom}");
        }
        let far = around(face, square, SIZE, 0.01);
        assert_eq!((far.left, far.top, far.width), (475.0, 0.0, 500.0));
        assert_eq!(around(face, square, SIZE, f64::NAN), near);
    }
}
