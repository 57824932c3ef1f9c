//! JPEG XL under small limits: the picture, or a refusal with a reason. The decoder is somebody else's and panics on some
//! damaged files; that is a refusal too, so its panics alone don't end the run. Everybody else's do.

#![no_main]

use std::{
    panic::{set_hook, take_hook},
    sync::Once,
    time::{Duration, Instant},
};

use libfuzzer_sys::fuzz_target;
use limpid_delivery_url::transformation;
use limpid_imaging::{AcceptedFormats, ImageSettings, Inputs, Limits, TransformRequest, transform};

const LIMITS: Limits = Limits {
    max_source_bytes: 64 * 1024,
    max_pixels: 64 * 1024,
    max_frame_pixels: 256 * 1024,
};

static HOOK: Once = Once::new();

fuzz_target!(|source: &[u8]| {
    HOOK.call_once(let_the_decoder_panic);
    let transformation = transformation::parse("w-24,f-png").expect("ours");
    let done = transform(&TransformRequest {
        source,
        transformation: &transformation,
        inputs: &Inputs::default(),
        accept: AcceptedFormats::default(),
        settings: ImageSettings::default(),
        limits: &LIMITS,
        deadline: Some(Instant::now() + Duration::from_secs(5)),
    });
    if let Ok(done) = done {
        assert!(u64::from(done.width) * u64::from(done.height) <= LIMITS.max_pixels);
    }
});

/// libFuzzer ends the process at any panic, caught or not.
fn let_the_decoder_panic() {
    let end = take_hook();
    set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |place| place.file());
        if !file.contains("/jxl-") {
            end(panic);
        }
    }));
}
