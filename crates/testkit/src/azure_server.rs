//! An emulator of Azure Blob Storage that verifies shared access signatures: Azurite, a Node program.
//!
//! Found by `LIMPID_TEST_AZURITE` (path of `azurite-blob`) or under `e2e/azurite/node_modules`; `./dev` puts it there.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::emulator::{self, Emulator, encode};

/// The server, set up: container [`AzureServer::CONTAINER`] with [`AzureServer::BLOBS`] and one archived blob. One per test
/// process; it ends with it.
#[derive(Debug)]
pub struct AzureServer {
    emulator: Emulator,
}

/// Far enough away for every test.
const NEVER: &str = "2099-01-01T00:00:00Z";

/// A version whose strings to sign are short. Source: "Create an account SAS" and "Create a service SAS".
const VERSION: &str = "2019-12-12";

impl AzureServer {
    /// The account every Azurite has.
    pub const ACCOUNT: &str = "devstoreaccount1";

    /// The container.
    pub const CONTAINER: &str = "zoo-pictures";

    /// Names in the container; each holds [`crate::fake_origin::script::PHOTO_JPEG`].
    pub const BLOBS: [&str; 5] = [
        "photo.jpg",
        "folder/photo.jpg",
        "folder/a b+c/ä%2Fö.jpg",
        "stored%20encoded.jpg",
        Self::ARCHIVED,
    ];

    /// The blob that lies in the archive tier.
    pub const ARCHIVED: &str = "archived.jpg";

    /// The server of this test process; started with the first call. Blocks.
    ///
    /// # Panics
    ///
    /// When Azurite is not installed.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<AzureServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Its address; the account is the first folder.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.emulator.addr())
    }

    /// A token for the whole account with these permissions (`r` reads), until `end` (`2030-01-01T00:00:00Z`).
    pub fn account_token(permissions: &str, end: &str) -> String {
        let signed = [
            Self::ACCOUNT,
            permissions,
            "b",
            "sco",
            "",
            end,
            "",
            "https,http",
            VERSION,
            "",
        ];
        let signature = sign(&signed.join("\n"));
        format!(
            "?sv={VERSION}&ss=b&srt=sco&sp={permissions}&se={}&spr=https,http&sig={}",
            encode(end),
            encode(&signature)
        )
    }

    /// A token that reads one container.
    pub fn container_token(container: &str) -> String {
        let resource = format!("/blob/{}/{container}", Self::ACCOUNT);
        // permissions, start, end, resource, policy, address, protocol, version, resource kind, snapshot, and five
        // header fields of the answer
        let signed = [
            "r", "", NEVER, &resource, "", "", "", VERSION, "c", "", "", "", "", "", "",
        ];
        let signature = sign(&signed.join("\n"));
        format!(
            "?sv={VERSION}&sr=c&sp=r&se={}&sig={}",
            encode(NEVER),
            encode(&signature)
        )
    }

    fn start() -> Self {
        let azurite = emulator::find(
            "LIMPID_TEST_AZURITE",
            "e2e/azurite/node_modules/.bin/azurite-blob",
        );
        let emulator = Emulator::start(&azurite, |addr| {
            let port = addr.port().to_string();
            [
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                &port,
                "--inMemoryPersistence",
                "--silent",
                "--disableTelemetry",
            ]
            .map(str::to_owned)
            .to_vec()
        });
        let token = Self::account_token("rwdlac", NEVER);
        let put = |path: &str, query: &str, headers: &[(&str, &str)], body: &[u8]| {
            let token = token.trim_start_matches('?');
            let target = format!("/{}/{}?{query}{token}", Self::ACCOUNT, encode(path));
            emulator::call(emulator.addr(), "PUT", &target, headers, body);
        };
        let container = Self::CONTAINER;
        put(container, "restype=container&", &[], b"");
        let photo = crate::fake_origin::script::PHOTO_JPEG;
        let headers = [
            ("x-ms-blob-type", "BlockBlob"),
            ("x-ms-blob-content-type", "image/jpeg"),
        ];
        for name in Self::BLOBS {
            put(&format!("{container}/{name}"), "", &headers, photo);
        }
        let archived = format!("{container}/{}", Self::ARCHIVED);
        put(
            &archived,
            "comp=tier&",
            &[("x-ms-access-tier", "Archive")],
            b"",
        );
        Self { emulator }
    }
}

/// The account's key is the same in every Azurite and published in its manual.
fn sign(text: &str) -> String {
    const KEY: &str =
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    let key = STANDARD.decode(KEY).expect("the key is base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}
