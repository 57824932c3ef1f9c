//! URLs that fail whatever the origin does, and pictures that cannot be made.

use limpid_dashboard_api::commands::{CommandContext, create_origin};
use limpid_domain::failure::Reason;
use limpid_event_store::vault::{KeyRing, Vault};
use limpid_testkit::fake_origin::script::{GRAPHIC_PNG, Script};
use serde_json::json;

use super::Case;
use crate::stack::{Stack, origin_draft};

/// What the cases end with, in their order.
pub(super) const REASONS: [Reason; 15] = [
    Reason::NoOriginAttached,
    Reason::SourceResolutionTooLarge,
    Reason::TooManyFrames,
    Reason::OutputTooLarge,
    Reason::NotAnImage,
    Reason::FormatUnsupported,
    Reason::ImageTruncated,
    Reason::ImageCorrupt,
    Reason::SvgRejected,
    Reason::LayerInputNotFound,
    Reason::Internal,
    Reason::SchemeNotAllowed,
    Reason::HostNotAllowed,
    Reason::PortNotAllowed,
    Reason::AddressProhibited,
];

/// The cases, with everything they need at the stack's origin and in its configuration.
pub(super) async fn of_urls_and_pictures(stack: &Stack) -> Vec<Case> {
    answer_pictures(stack);
    stack.create_endpoint("bare", &[]).await;
    let proxy = json!({"type": "WEB_PROXY", "name": "proxy"});
    let proxy = stack.add_origin(proxy).await;
    stack.create_endpoint("proxy", &[proxy]).await;
    let sealed = with_credentials_nobody_can_open(stack).await;
    stack.create_endpoint("sealed", &[sealed]).await;
    stack.wait_for_version().await;
    let targets = [
        "/demo/bare/a.jpg",
        "/demo/tr:w-30/bomb.png",
        "/demo/tr:w-30/frames.gif",
        "/demo/tr:w-20000,h-20000/photo.jpg",
        "/demo/tr:w-30/html",
        "/demo/tr:w-30/a.pdf",
        "/demo/tr:w-30/truncated.jpg",
        "/demo/tr:w-30/corrupt.png",
        "/demo/broken.svg",
        "/demo/tr:w-30,l-image,i-nothing.png,l-end/photo.jpg",
        "/demo/sealed/a.jpg",
        "/demo/proxy/ftp://good.example/a.jpg",
        "/demo/proxy/http://user:password@good.example/a.jpg",
        "/demo/proxy/http://good.example:65536/a.jpg",
        "/demo/proxy/http://10.0.0.1/a.jpg",
    ];
    let cases = targets.into_iter().zip(REASONS);
    cases
        .map(|(target, reason)| Case {
            name: target.to_owned(),
            target: target.to_owned(),
            reason,
            is_of_origin: false,
        })
        .collect()
}

fn answer_pictures(stack: &Stack) {
    let answer = |target, kind, bytes: &[u8]| {
        stack.origin.answer(target, Script::ok(kind, bytes));
    };
    answer("/bomb.png", "image/png", &png_of(60_000, 60_000));
    answer("/frames.gif", "image/gif", &gif_of_500_large_frames());
    answer("/a.pdf", "application/pdf", b"%PDF-1.7\n");
    let mut corrupt = GRAPHIC_PNG.to_vec();
    let data = corrupt.windows(4).position(|four| four == b"IDAT").unwrap();
    corrupt[data + 4..data + 24].fill(0xff);
    answer("/corrupt.png", "image/png", &corrupt);
    let broken = b"<svg xmlns='http://www.w3.org/2000/svg'><g></svg>";
    answer("/broken.svg", "image/svg+xml", broken);
}

/// The good picture, which claims to be of this size.
pub(super) fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut png = GRAPHIC_PNG.to_vec();
    // Width and height of IHDR, which begins after the signature, a length and a type; its checksum follows.
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let mut checksum = flate2::Crc::new();
    checksum.update(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
    png
}

/// A GIF of 8 000 × 8 000 px and so many frames that all of them together are too many pixels.
fn gif_of_500_large_frames() -> Vec<u8> {
    let mut gif = b"GIF89a\x40\x1f\x40\x1f\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    gif.extend(b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0".repeat(500));
    gif.push(b';');
    gif
}

/// An origin whose credentials were sealed with another key ring.
async fn with_credentials_nobody_can_open(stack: &Stack) -> limpid_domain::ids::OriginId {
    let foreign = Vault::new(KeyRing::generate().unwrap());
    let context = CommandContext {
        vault: &foreign,
        ..stack.context()
    };
    let draft = origin_draft(json!({
        "type": "S3_COMPATIBLE", "name": "sealed", "bucket": "pictures", "endpoint": stack.origin.base_url(),
        "s3ForcePathStyle": true, "accessKey": "AKIA", "secretKey": "secret",
    }));
    let created = create_origin(&context, stack.tenant_id(), draft).await;
    created.unwrap().id
}
