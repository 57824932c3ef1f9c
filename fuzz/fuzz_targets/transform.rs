//! A whole picture under small limits: transformed, or refused with a reason. The first byte chooses what is asked.

#![no_main]

use libfuzzer_sys::fuzz_target;
use limpid_delivery_url::transformation;
use limpid_imaging::{AcceptedFormats, ImageSettings, Inputs, Limits, TransformRequest, transform};

const TRANSFORMATIONS: [&str; 8] = [
    "",
    "w-16",
    "w-16,h-9,c-force,f-png",
    "w-30,h-30,cm-pad_resize,bg-FF000050,f-webp",
    "rt-45,f-jpg",
    "w-8,h-8,cm-extract,fo-top_left,f-png",
    "fl-h_v:w-0.5,f-jpg,q-30",
    "orig-true",
];

const LIMITS: Limits = Limits {
    max_source_bytes: 256 * 1024,
    max_pixels: 256 * 1024,
    max_frame_pixels: 512 * 1024,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, source)) = bytes.split_first() else {
        return;
    };
    let text = TRANSFORMATIONS[usize::from(*choice) % TRANSFORMATIONS.len()];
    let transformation = transformation::parse(text).expect("ours");
    let done = transform(&TransformRequest {
        source,
        transformation: &transformation,
        inputs: &Inputs::default(),
        accept: AcceptedFormats::default(),
        settings: ImageSettings::default(),
        limits: &LIMITS,
        deadline: None,
    });
    if let Ok(done) = done {
        assert!(u64::from(done.width) * u64::from(done.height) <= LIMITS.max_pixels);
    }
});
