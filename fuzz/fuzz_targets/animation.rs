//! GIF, WebP and APNG that move, under small limits: every frame decoded, and written again or refused with a reason. The
//! first byte chooses what is asked.

#![no_main]

use libfuzzer_sys::fuzz_target;
use limpid_delivery_url::transformation;
use limpid_imaging::{AcceptedFormats, ImageSettings, Inputs, Limits, TransformRequest, transform};

const TRANSFORMATIONS: [&str; 8] = [
    "f-gif",
    "f-webp",
    "w-7,f-webp",
    "w-9,h-5,cm-pad_resize,bg-FF000050,f-gif",
    "rt-90,fl-h,f-gif",
    "pg-2,f-png",
    "t-true,w-6,f-webp",
    "w-8,h-8,cm-extract,fo-top_left:e-grayscale,f-gif",
];

const LIMITS: Limits = Limits {
    max_source_bytes: 64 * 1024,
    max_pixels: 16 * 1024,
    max_frame_pixels: 64 * 1024,
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
    let Ok(done) = done else {
        return;
    };
    // what the engine writes, it reads
    let info = limpid_imaging::probe(&done.bytes).expect("our own file");
    assert_eq!(info.size().width, done.width);
    assert_eq!(info.size().height, done.height);
    let all_frames = info.size().area() * u64::from(info.frames);
    assert!(all_frames <= LIMITS.max_frame_pixels);
});
