//! A real S3-compatible server that verifies signatures and policies: moto, a Python program.
//!
//! Found by `LIMPID_TEST_MOTO` (path of `moto_server`) or under `.dev/python/bin` of the repository; `./dev` puts it there.

use std::net::SocketAddr;
use std::sync::OnceLock;

use crate::emulator::{self, Emulator, encode};

/// A key pair of the server.
#[derive(Debug, Clone)]
pub struct S3Keys {
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: String,
}

/// The server, set up: bucket [`S3Server::BUCKET`] with [`S3Server::OBJECTS`]. One per test process; it ends with it.
#[derive(Debug)]
pub struct S3Server {
    emulator: Emulator,
    /// May list the bucket and read its objects.
    pub reader: S3Keys,
    /// May read objects but not list, so missing ones look forbidden.
    pub reader_without_list: S3Keys,
    /// May do nothing.
    pub powerless: S3Keys,
    /// Ids of the two versions of [`S3Server::VERSIONED`], oldest first.
    pub versions: [String; 2],
}

impl S3Server {
    /// The bucket.
    pub const BUCKET: &str = "zoo-pictures";

    /// Keys in the bucket; each holds [`crate::fake_origin::script::PHOTO_JPEG`].
    pub const OBJECTS: [&str; 7] = [
        "photo.jpg",
        "folder/photo.jpg",
        "folder/a b+c/ä%2Fö.jpg",
        "a b.jpg",
        "stored%20encoded.jpg",
        "plus plus.jpg",
        "empty/",
    ];

    /// A bucket that keeps versions, with one object, [`S3Server::VERSIONED`].
    pub const VERSIONS: &str = "zoo-versions";

    /// The object: its newest version is [`crate::fake_origin::script::GRAPHIC_PNG`], the one before
    /// [`crate::fake_origin::script::PHOTO_JPEG`].
    pub const VERSIONED: &str = "album/cover";

    /// The server of this test process; started with the first call.
    ///
    /// # Panics
    ///
    /// When moto is not installed.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<S3Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Its address; path style.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.emulator.addr()
    }

    fn start() -> Self {
        let moto = emulator::find("LIMPID_TEST_MOTO", ".dev/python/bin/moto_server");
        let emulator = Emulator::start(&moto, |addr| {
            let port = addr.port().to_string();
            ["-H", "127.0.0.1", "-p", &port].map(str::to_owned).to_vec()
        });
        let addr = emulator.addr();
        let bucket = Self::BUCKET;
        call(addr, "PUT", &format!("/{bucket}"), "s3", b"");
        for key in Self::OBJECTS {
            let body: &[u8] = if key.ends_with('/') {
                b""
            } else {
                crate::fake_origin::script::PHOTO_JPEG
            };
            call(
                addr,
                "PUT",
                &format!("/{bucket}/{}", encode(key)),
                "s3",
                body,
            );
        }
        // Any bucket, so that a missing one is reported as missing and not as forbidden.
        let objects = "arn:aws:s3:::*";
        let listing = format!("arn:aws:s3:::{bucket}");
        let read = format!(
            "{{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:GetObjectVersion\"],\"Resource\":\"{objects}\"}}"
        );
        let list = format!(
            "{{\"Effect\":\"Allow\",\"Action\":\"s3:ListBucket\",\"Resource\":\"{listing}\"}}"
        );
        let server = Self {
            emulator,
            reader: create_user(addr, "reader", &format!("{read},{list}")),
            reader_without_list: create_user(addr, "reader-without-list", &read),
            powerless: create_user(addr, "powerless", ""),
            versions: store_versions(addr),
        };
        // From here on every request needs a signature and a policy.
        call(addr, "POST", "/moto-api/reset-auth", "s3", b"0");
        server
    }
}

/// Makes the bucket of versions and gives the ids, oldest first.
fn store_versions(addr: SocketAddr) -> [String; 2] {
    use crate::fake_origin::script::{GRAPHIC_PNG, PHOTO_JPEG};

    let bucket = format!("/{}", S3Server::VERSIONS);
    call(addr, "PUT", &bucket, "s3", b"");
    let enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    call(addr, "PUT", &format!("{bucket}?versioning"), "s3", enabled);
    let object = format!("{bucket}/{}", S3Server::VERSIONED);
    let mut ids: Vec<String> = Vec::new();
    for bytes in [PHOTO_JPEG, GRAPHIC_PNG] {
        call(addr, "PUT", &object, "s3", bytes);
        let listed = call(addr, "GET", &format!("{bucket}?versions"), "s3", b"");
        let new = elements(&listed, "VersionId").find(|id| !ids.contains(id));
        ids.push(new.expect("the new version is listed"));
    }
    ids.try_into().expect("there are two versions")
}

/// The texts of all elements with this name.
fn elements(document: &str, name: &str) -> impl Iterator<Item = String> {
    let start = format!("<{name}>");
    let parts: Vec<String> = document.split(&start).skip(1).map(str::to_owned).collect();
    parts
        .into_iter()
        .filter_map(|part| Some(part.split_once('<')?.0.to_owned()))
}

fn create_user(addr: SocketAddr, name: &str, statements: &str) -> S3Keys {
    let iam = |parameters: &str| {
        let form = format!("Version=2010-05-08&UserName={name}&{parameters}");
        call(addr, "POST", "/", "iam", form.as_bytes())
    };
    iam("Action=CreateUser");
    if !statements.is_empty() {
        let policy = format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{statements}]}}");
        iam(&format!(
            "Action=PutUserPolicy&PolicyName=policy&PolicyDocument={}",
            encode(&policy)
        ));
    }
    let answer = iam("Action=CreateAccessKey");
    let element = |name: &str| {
        elements(&answer, name)
            .next()
            .expect("the answer has the key")
    };
    S3Keys {
        access_key: element("AccessKeyId"),
        secret_key: element("SecretAccessKey"),
    }
}

/// A request while the server still lets everything pass; the header only says which service is meant.
fn call(addr: SocketAddr, method: &str, target: &str, service: &str, body: &[u8]) -> String {
    // The server reads forms as parameters and leaves every other body as it is.
    let content_type = match service {
        "iam" => "application/x-www-form-urlencoded",
        _ => "application/octet-stream",
    };
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=setup/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=none"
    );
    let headers = [
        ("content-type", content_type),
        ("authorization", authorization.as_str()),
    ];
    emulator::call(addr, method, target, &headers, body)
}
