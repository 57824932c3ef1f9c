//! Faces, by `SeetaFace`'s frontal detector (see `models/PROVENANCE.md`).

use std::sync::OnceLock;

use rustface::{FaceInfo, ImageData, Model, create_detector_with_model, read_model};

use crate::{
    error::ImagingError,
    geometry::{Region, Size},
    picture::{Channels, Picture},
    probe::Orientation,
    steps::{channel::luma, orient, resize},
};

/// The detector always sees a square of this side, whatever the picture: what it computes addresses from never depends on
/// a stranger's numbers. The smallest face it knows is 40 px, an eighth of this. Units: px.
const SIDE: u32 = 320;
/// Above this a detection counts; found on portraits and on pictures without people. The model's own default is 3.85.
const SURE: f64 = 6.0;
/// Neighbouring sizes of faces that are looked for.
const SCALE_STEP: f32 = 0.8;
/// Faces much smaller than the largest are passers-by.
const PASSER_BY: f64 = 0.4;

static MODEL: &[u8] = include_bytes!("../../../models/seeta_fd_frontal_v1.0.bin");

/// The box around the faces that matter, in the stored picture; none where there is no face.
pub(super) fn find(
    picture: &Picture,
    orientation: Orientation,
) -> Result<Option<Region>, ImagingError> {
    let Some(model) = model() else {
        return Ok(None);
    };
    let sketch = orient(resize::fitted(picture, SIDE)?, orientation, None)?;
    let square = gray_square(&sketch);
    let mut detector = create_detector_with_model(model.clone());
    detector.set_score_thresh(SURE);
    detector.set_pyramid_scale_factor(SCALE_STEP);
    let faces = detector.detect(&ImageData::new(&square, SIDE, SIDE));
    let Some(found) = around(&faces, sketch.size) else {
        return Ok(None);
    };
    let back = |side: u32, sketched: u32| f64::from(side) / f64::from(sketched.max(1));
    let stored_sketch = if orientation.swaps_sides() {
        sketch.size.transposed()
    } else {
        sketch.size
    };
    let region = orientation.stored_region(found, stored_sketch);
    Ok(Some(region.scaled_by((
        back(picture.size.width, stored_sketch.width),
        back(picture.size.height, stored_sketch.height),
    ))))
}

fn model() -> Option<&'static Model> {
    static PARSED: OnceLock<Option<Model>> = OnceLock::new();
    PARSED.get_or_init(|| read_model(MODEL).ok()).as_ref()
}

/// The picture in grey in the top left corner, medium grey beside it.
fn gray_square(sketch: &Picture) -> Vec<u8> {
    let mut square = vec![128; (SIDE * SIDE) as usize];
    let lines = square.chunks_exact_mut(SIDE as usize);
    for (line, row) in lines.zip(sketch.rows()) {
        match sketch.channels {
            Channels::Rgb => {
                for (gray, color) in line.iter_mut().zip(row.as_chunks::<3>().0) {
                    *gray = luma(*color);
                }
            }
            Channels::Rgba => {
                for (gray, [red, green, blue, _]) in line.iter_mut().zip(row.as_chunks::<4>().0) {
                    *gray = luma([*red, *green, *blue]);
                }
            }
        }
    }
    square
}

/// Around all faces but those of passers-by, inside the picture.
fn around(faces: &[FaceInfo], size: Size) -> Option<Region> {
    let largest = faces.iter().map(|face| face.bbox().width()).max()?;
    let mut left = f64::from(size.width);
    let mut top = f64::from(size.height);
    let (mut right, mut bottom) = (0.0_f64, 0.0_f64);
    for face in faces {
        let found = face.bbox();
        if f64::from(found.width()) < f64::from(largest) * PASSER_BY {
            continue;
        }
        let (x, y) = (f64::from(found.x()), f64::from(found.y()));
        left = left.min(x.max(0.0));
        top = top.min(y.max(0.0));
        right = right.max((x + f64::from(found.width())).min(f64::from(size.width)));
        bottom = bottom.max((y + f64::from(found.height())).min(f64::from(size.height)));
    }
    (right > left && bottom > top).then_some(Region {
        left,
        top,
        width: right - left,
        height: bottom - top,
    })
}
