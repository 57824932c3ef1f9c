//! The header of a picture: read, or refused with a reason.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(info) = limpid_imaging::probe(bytes) {
        assert!(info.stored_size.width > 0 && info.stored_size.height > 0);
    }
});
