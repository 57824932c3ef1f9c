//! Our own decoder: to planes, and to colours where those are wanted.

use std::{cell::RefCell, time::Instant};

use super::{
    baseline,
    bits::Window,
    frame::{Headers, Next},
    points::{Points, Shape},
    progressive,
};
use crate::{
    decode::DecodeRequest,
    geometry::Size,
    picture::Picture,
    planes::{Plane, Planes},
};

thread_local! {
    static WINDOWS: RefCell<[Window; 2]> = RefCell::default();
}

/// Decodes luma and differences at the sizes `choose` names for the shape. `None` for what libjpeg-turbo has to decode, or
/// has to say what is wrong with, and when the deadline has passed.
pub(crate) fn planes(
    source: &[u8],
    size: Size,
    deadline: Option<Instant>,
    choose: impl FnOnce(&Shape) -> Option<(Points, Points)>,
) -> Option<Planes> {
    let mut headers = Headers::of(source)?;
    let Next::Scan(scan) = headers.next_scan()? else {
        return None;
    };
    if headers.size != size || !headers.is_luma_and_differences() {
        return None;
    }
    let (luma, chroma) = choose(&headers.shape())?;
    let points: Vec<Points> = [luma, chroma, chroma]
        .into_iter()
        .take(headers.components.len())
        .collect();
    let mut planes = WINDOWS.with_borrow_mut(|windows| {
        for window in windows.iter_mut() {
            window.deadline = deadline;
        }
        if headers.is_progressive {
            let [window, _] = windows;
            progressive::decode(source, &mut headers, scan, &points, window)
        } else {
            baseline::decode(source, &headers, &scan, &points, windows)
        }
    })?;
    let differences = planes.split_off(1);
    Some(Planes {
        luma: planes.pop()?,
        chroma: <[Plane; 2]>::try_from(differences).ok(),
    })
}

/// Decodes colours at N/8 of their size, N at least 8/`shrink`, where that is less than all of it. `None` as [`planes`].
pub(super) fn picture(request: &DecodeRequest<'_>) -> Option<(Picture, f64)> {
    let luma = Points::at_least(8.0 / f64::from(request.shrink.max(1)));
    if luma == Points::Eight {
        // differences enlarged as everybody else does it
        return None;
    }
    let mut chroma_per_luma = (1.0, 1.0);
    let size = request.info.stored_size;
    let mut planes = planes(request.source, size, request.deadline, |shape| {
        let (across, down) = shape.chroma.unwrap_or((1.0, 1.0));
        let chroma = Points::at_least(8.0 * luma.scale() / across.min(down));
        let scale = chroma.scale() / luma.scale();
        chroma_per_luma = (across * scale, down * scale);
        Some((luma, chroma))
    })?;
    let to = planes.luma.size;
    if let Some(differences) = &mut planes.chroma {
        for plane in differences.iter_mut().filter(|plane| plane.size != to) {
            let region = to.region().scaled_by(chroma_per_luma);
            *plane = plane.resized(region, to).ok()?;
        }
    }
    Some((planes.into_rgb(), luma.scale()))
}
