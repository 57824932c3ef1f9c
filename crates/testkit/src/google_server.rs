//! An emulator of Google Cloud Storage, without any authorisation: gcp-storage-emulator, a Python program.
//!
//! Found by `LIMPID_TEST_GCS` (path of `gcp-storage-emulator`) or under `.dev/python/bin`; `./dev` puts it there.

use std::sync::OnceLock;

use crate::emulator::{self, Emulator, encode};

/// The server, set up: bucket [`GoogleServer::BUCKET`] with [`GoogleServer::OBJECTS`]. One per test process; it ends with it.
#[derive(Debug)]
pub struct GoogleServer {
    emulator: Emulator,
}

impl GoogleServer {
    /// The bucket.
    pub const BUCKET: &str = "zoo-pictures";

    /// Keys in the bucket; each holds [`crate::fake_origin::script::PHOTO_JPEG`].
    pub const OBJECTS: [&str; 3] = ["photo.jpg", "folder/photo.jpg", "folder/a b+c/ä.jpg"];

    /// The server of this test process; started with the first call. Blocks.
    ///
    /// # Panics
    ///
    /// When the emulator is not installed.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<GoogleServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.emulator.addr())
    }

    fn start() -> Self {
        let program = emulator::find("LIMPID_TEST_GCS", ".dev/python/bin/gcp-storage-emulator");
        let emulator = Emulator::start(&program, |addr| {
            let port = addr.port().to_string();
            [
                "start",
                "--host",
                "127.0.0.1",
                "--port",
                &port,
                "--in-memory",
                "--quiet",
                "--default-bucket",
                Self::BUCKET,
            ]
            .map(str::to_owned)
            .to_vec()
        });
        for key in Self::OBJECTS {
            let target = format!("/{}/{}", Self::BUCKET, encode(key));
            let photo = crate::fake_origin::script::PHOTO_JPEG;
            let kind = [("content-type", "image/jpeg")];
            emulator::call(emulator.addr(), "PUT", &target, &kind, photo);
        }
        Self { emulator }
    }
}
