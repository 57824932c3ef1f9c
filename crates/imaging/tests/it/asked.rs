//! Transformations as people write them.

use image::RgbaImage;
use limpid_delivery_url::transformation::{Step, parse};
use limpid_imaging::{
    ImagingError, Limits,
    geometry::Size,
    plan::{Plan, plan},
};

use crate::pictures::{pixels, run};

#[track_caller]
pub(crate) fn steps(text: &str) -> Vec<Step> {
    parse(text).unwrap().steps
}

/// The pixels `text` makes of a source, exactly.
#[track_caller]
pub(crate) fn made(source: &[u8], text: &str) -> RgbaImage {
    pixels(source, &steps(text))
}

/// Why `text` can't be done, in the words the client gets.
#[track_caller]
pub(crate) fn refusal(source: &[u8], text: &str) -> String {
    let error = run(source, &steps(text)).unwrap_err();
    assert!(
        matches!(error, ImagingError::InvalidTransformation { .. }),
        "{text}: {error:?}"
    );
    error.to_string()
}

/// The plan for a source of this size.
pub(crate) fn planned(size: (u32, u32), text: &str) -> Result<Plan, ImagingError> {
    let source = Size {
        width: size.0,
        height: size.1,
    };
    plan(&parse(text).unwrap(), source, &Limits::default())
}

/// Width and height of the result for a source of this size.
#[track_caller]
pub(crate) fn planned_size(size: (u32, u32), text: &str) -> (u32, u32) {
    let Size { width, height } = planned(size, text).unwrap().size;
    (width, height)
}
