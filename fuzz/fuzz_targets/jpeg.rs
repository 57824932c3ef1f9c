//! JPEG files through the scaled decoder at each of its scales, and from planes to planes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use limpid_delivery_url::{
    Transformation,
    transformation::{Format, Length, Step},
};
use limpid_imaging::{AcceptedFormats, ImageSettings, Inputs, Limits, TransformRequest, transform};

fuzz_target!(|input: &[u8]| {
    // the first byte says how small the result is, and whether it goes through RGB
    let Some((choice, source)) = input.split_first() else {
        return;
    };
    if !source.starts_with(&[0xff, 0xd8]) {
        return;
    }
    let format = if choice % 2 == 0 { Format::Jpeg } else { Format::Png };
    let step = Step {
        width: Some(Length::Pixels(u32::from(*choice))),
        format: Some(format),
        ..Step::default()
    };
    let transformation = Transformation { steps: vec![step] };
    let limits = Limits::default();
    let outcome = transform(&TransformRequest {
        source,
        transformation: &transformation,
        inputs: &Inputs::default(),
        accept: AcceptedFormats::default(),
        settings: ImageSettings::default(),
        limits: &limits,
        deadline: None,
    });
    drop(outcome);
});
