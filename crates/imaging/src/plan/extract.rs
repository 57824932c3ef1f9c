//! Regions of the unscaled picture: `cm-extract` and its padding relatives.

use limpid_delivery_url::transformation::{Anchor, Crop, Step};

use super::{framing::Framing, invalid};
use crate::{
    error::ImagingError,
    geometry::{Region, Size, anchored_offset},
};

/// Plans an extract of `frame`'s size.
pub(super) fn frame(
    step: &Step,
    crop: Crop,
    input: Size,
    frame: Size,
    anchor: Anchor,
) -> Result<Framing, ImagingError> {
    let is_padded = matches!(crop, Crop::PadExtract | Crop::PadExtractNoShrink);
    let frame = if crop == Crop::PadExtractNoShrink {
        Size {
            width: frame.width.max(input.width),
            height: frame.height.max(input.height),
        }
    } else {
        frame
    };
    let (across, down) = Axis::pair(step, input, frame);
    let (anchor_left, anchor_top) = anchored_offset(
        input.width.abs_diff(frame.width),
        input.height.abs_diff(frame.height),
        anchor,
    );
    let across = across.span(anchor_left, is_padded)?;
    let down = down.span(anchor_top, is_padded)?;
    let kept = Size {
        width: across.length,
        height: down.length,
    };
    let crop = Region {
        left: f64::from(across.start),
        top: f64::from(down.start),
        width: f64::from(kept.width),
        height: f64::from(kept.height),
    };
    let canvas = is_padded.then_some((frame, (across.before, down.before)));
    Ok(Framing {
        crop,
        scaled: kept,
        canvas,
        // a place that is named is not looked for
        is_movable: [step.x, step.y, step.x_center, step.y_center] == [None; 4],
    })
}

/// As URLs write it.
fn written(coordinate: i32) -> String {
    if coordinate < 0 {
        format!("N{}", coordinate.unsigned_abs())
    } else {
        coordinate.to_string()
    }
}

/// One direction of an extract.
struct Axis {
    name: &'static str,
    start: Option<i32>,
    center: Option<i32>,
    input: u32,
    frame: u32,
}

/// What is kept of one direction, and the padding before it.
struct Span {
    start: u32,
    length: u32,
    before: u32,
}

impl Axis {
    fn pair(step: &Step, input: Size, frame: Size) -> (Self, Self) {
        let across = Self {
            name: "x",
            start: step.x,
            center: step.x_center,
            input: input.width,
            frame: frame.width,
        };
        let down = Self {
            name: "y",
            start: step.y,
            center: step.y_center,
            input: input.height,
            frame: frame.height,
        };
        (across, down)
    }

    /// Why an extract around `center` isn't inside, and which would be.
    fn beyond(&self, center: i32, frame: i64) -> String {
        let (name, input, center) = (self.name, i64::from(self.input), written(center));
        let reason = format!(
            "{name}c-{center} moves the extract of {frame} px out of the {input} px that there are"
        );
        if frame > input {
            return format!("{reason}; ask for a smaller one");
        }
        let (least, most) = (frame / 2, input - frame + frame / 2);
        format!("{reason}; take a centre from {least} to {most}")
    }

    /// Where the region begins in the picture's own coordinates, which may be outside when it is padded.
    fn span(&self, anchored: u32, is_padded: bool) -> Result<Span, ImagingError> {
        let (input, frame) = (i64::from(self.input), i64::from(self.frame));
        let begin = match (self.center, self.start) {
            (Some(center), _) => {
                let begin = i64::from(center) - frame / 2;
                if !is_padded && (begin < 0 || begin + frame > input) {
                    return Err(invalid(self.beyond(center, frame)));
                }
                begin
            }
            (None, Some(start)) => i64::from(start),
            // anchored: the free space, or the surplus, goes to the same side
            (None, None) if frame <= input => i64::from(anchored),
            (None, None) if is_padded => -i64::from(anchored),
            // an extract larger than the picture is the picture
            (None, None) => 0,
        };
        let first = begin.clamp(0, input);
        let end = (begin + frame).clamp(0, input);
        if end <= first || (!is_padded && begin < 0) {
            return Err(invalid(format!(
                "{}-{} begins the extract outside the picture; 0 to {} is inside",
                self.name,
                written(self.start.unwrap_or_default()),
                input - 1
            )));
        }
        let whole = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        Ok(Span {
            start: whole(first),
            length: whole(end - first),
            before: if is_padded { whole((-begin).max(0)) } else { 0 },
        })
    }
}
