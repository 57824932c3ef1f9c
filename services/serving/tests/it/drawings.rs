//! SVG, kinds of text and moving pictures over HTTP.

use std::io::Read;

use limpid_testkit::fake_origin::script::Script;

use crate::stack::Stack;

const SCRIPTED: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 20' onload='alert(1)'><script>alert(2)</script><rect width='40' height='20' fill='red'/></svg>";

/// Two frames of 2 x 1 px, played for ever.
const GIF: &[u8] =
    b"GIF89a\x02\0\x01\0\x80\0\0\xff\0\0\0\0\xff\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0\
    \x21\xf9\x04\0\x0a\0\0\0\x2c\0\0\0\0\x02\0\x01\0\0\x02\x02\x04\x0a\0\
    \x21\xf9\x04\0\x0a\0\0\0\x2c\0\0\0\0\x02\0\x01\0\0\x02\x02\x4c\x0a\0\x3b";

fn ungzipped(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(body)
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

fn unbrotlied(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    brotli::Decompressor::new(body, 4096)
        .read_to_end(&mut plain)
        .unwrap();
    plain
}

#[tokio::test]
async fn an_svg_arrives_as_svg_and_runs_nothing() {
    let stack = Stack::start().await;
    stack
        .origin
        .answer("/logo.svg", Script::ok("image/svg+xml", SCRIPTED));
    for target in [
        "/demo/logo.svg",
        "/demo/tr:w-100/logo.svg",
        "/demo/tr:f-auto/logo.svg",
        "/demo/logo.svg?ik-sanitizeSvg=false",
    ] {
        let accept = [("accept", "image/avif,image/webp,*/*")];
        let answer = stack.request("GET", target, &accept).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "image/svg+xml"),
            "{target}"
        );
        let body = String::from_utf8(answer.body.clone()).unwrap();
        assert!(
            body.contains("<rect") && !body.contains("alert"),
            "{target}: {body}"
        );
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let exact = stack.get("/demo/tr:orig-true/logo.svg").await;
    assert_eq!(exact.body, SCRIPTED);
    assert!(exact.header("content-security-policy").contains("sandbox"));
}

#[tokio::test]
async fn who_signs_may_have_an_svg_as_it_is_stored() {
    let stack = Stack::start().await;
    stack
        .origin
        .answer("/logo.svg", Script::ok("image/svg+xml", SCRIPTED));
    let key = stack.tenant.private_key.expose().to_owned();
    let path = "logo.svg?ik-sanitizeSvg=false";
    let signature =
        limpid_delivery_url::signature::sign(&key, path, limpid_delivery_url::signature::NEVER);
    let answer = stack.get(&format!("/demo/{path}&ik-s={signature}")).await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    assert_eq!(answer.body, SCRIPTED);
    assert!(answer.header("content-security-policy").contains("sandbox"));
    assert_ne!(
        stack.get("/demo/logo.svg?ik-sanitizeSvg=false").await.body,
        SCRIPTED
    );
}

#[tokio::test]
async fn a_raster_format_by_name_draws_an_svg() {
    let stack = Stack::start().await;
    stack
        .origin
        .answer("/logo.svg", Script::ok("image/svg+xml", SCRIPTED));
    let answer = stack.get("/demo/tr:w-80,f-png/logo.svg").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "image/png"),
        "{}",
        answer.header("ik-error")
    );
    assert_eq!(answer.body[16..24], [0, 0, 0, 80, 0, 0, 0, 40]);
    assert!(answer.header("content-security-policy").is_empty());
}

#[tokio::test]
async fn a_malformed_or_too_large_svg_says_so() {
    let stack = Stack::start_with(|config| config.limits.max_source_bytes = 4 << 20).await;
    stack.origin.answer(
        "/broken.svg",
        Script::ok(
            "image/svg+xml",
            b"<svg xmlns='http://www.w3.org/2000/svg'><g></svg>",
        ),
    );
    let answer = stack.get("/demo/broken.svg").await;
    assert_eq!(
        (answer.status, answer.header("ik-error-reason")),
        (404, "svg_rejected")
    );
    let large = format!(
        "<svg xmlns='http://www.w3.org/2000/svg'><!--{}--></svg>",
        "x".repeat(1 << 20)
    );
    stack
        .origin
        .answer("/large.svg", Script::ok("image/svg+xml", large.as_bytes()));
    assert_eq!(stack.get("/demo/large.svg").await.status, 200);
    let drawn = stack.get("/demo/tr:f-png/large.svg").await;
    assert_eq!(drawn.status, 400);
    assert!(drawn.header("ik-error").starts_with("ELIMIT - "));
}

#[tokio::test]
async fn texts_are_compressed_as_accepted_and_pictures_never() {
    let stack = Stack::start().await;
    let sheet = ".a{fill:red}\n".repeat(200);
    stack
        .origin
        .answer("/style.css", Script::ok("text/css", sheet.as_bytes()));
    let path = "<path d='M0 0L10 10'></path>".repeat(50);
    let drawing = format!("<svg xmlns='http://www.w3.org/2000/svg'>{path}</svg>");
    stack
        .origin
        .answer("/logo.svg", Script::ok("image/svg+xml", drawing.as_bytes()));
    for target in ["/demo/style.css", "/demo/logo.svg"] {
        let plain = stack.get(target).await;
        assert_eq!(
            (plain.header("content-encoding"), plain.header("vary")),
            ("", "Accept-Encoding"),
            "{target}"
        );
        let gzip = stack
            .request("GET", target, &[("accept-encoding", "gzip, deflate")])
            .await;
        assert_eq!(
            (gzip.header("content-encoding"), gzip.header("vary")),
            ("gzip", "Accept-Encoding")
        );
        assert_eq!(ungzipped(&gzip.body), plain.body);
        assert_eq!(gzip.header("content-length"), gzip.body.len().to_string());
        let brotli = stack
            .request("GET", target, &[("accept-encoding", "gzip, br")])
            .await;
        assert_eq!(brotli.header("content-encoding"), "br");
        assert_eq!(unbrotlied(&brotli.body), plain.body);
        assert!(brotli.body.len() < plain.body.len());
        let tags = [
            plain.header("etag"),
            gzip.header("etag"),
            brotli.header("etag"),
        ];
        assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
        let fresh = stack
            .request(
                "GET",
                target,
                &[("accept-encoding", "br"), ("if-none-match", tags[2])],
            )
            .await;
        assert_eq!(
            (fresh.status, fresh.header("vary")),
            (304, "Accept-Encoding")
        );
        let part = stack
            .request(
                "GET",
                target,
                &[("accept-encoding", "br"), ("range", "bytes=0-9")],
            )
            .await;
        assert_eq!((part.status, part.header("content-encoding")), (206, ""));
        assert_eq!(part.body, plain.body[..10]);
    }
    let photo = stack
        .request("GET", "/demo/photo.jpg", &[("accept-encoding", "gzip, br")])
        .await;
    assert_eq!(
        (photo.header("content-encoding"), photo.header("vary")),
        ("", "Accept")
    );
}

#[tokio::test]
async fn what_only_claims_to_be_svg_is_not_called_one() {
    let stack = Stack::start().await;
    let utf16: Vec<u8> = "\u{feff}<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    stack
        .origin
        .answer("/odd.svg", Script::ok("image/svg+xml", &utf16));
    let answer = stack.get("/demo/odd.svg").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/octet-stream")
    );
}

#[tokio::test]
async fn a_gif_moves_as_webp_and_stands_still_as_a_thumbnail() {
    let stack = Stack::start().await;
    stack.origin.answer("/a.gif", Script::ok("image/gif", GIF));
    let webp = [("accept", "image/webp")];
    let moving = stack.request("GET", "/demo/a.gif", &webp).await;
    assert_eq!(
        (moving.status, moving.header("content-type")),
        (200, "image/webp"),
        "{}",
        moving.header("ik-error")
    );
    assert!(
        moving
            .body
            .windows(4)
            .filter(|four| four == b"ANMF")
            .count()
            == 2
    );
    let kept = stack.request("GET", "/demo/tr:f-gif/a.gif", &webp).await;
    assert_eq!(kept.header("content-type"), "image/gif");
    let still = stack
        .request("GET", "/demo/a.gif/ik-thumbnail.jpg", &webp)
        .await;
    assert_eq!(still.status, 200, "{}", still.header("ik-error"));
    assert!(!still.body.windows(4).any(|four| four == b"ANMF"));
    let second = stack
        .request("GET", "/demo/a.gif/ik-thumbnail.jpg?tr=pg-2", &webp)
        .await;
    assert_eq!(second.status, 200);
    assert_ne!(second.body, still.body);
    let beyond = stack.get("/demo/tr:pg-3/a.gif").await;
    assert_eq!(beyond.status, 400);
    assert!(beyond.header("ik-error").contains("pg-3"));
    stack
        .origin
        .answer("/a.pdf", Script::ok("application/pdf", b"%PDF-1.7\n"));
    let document = stack.get("/demo/a.pdf/ik-thumbnail.jpg").await;
    assert_eq!(
        (document.status, document.header("ik-error-reason")),
        (404, "format_unsupported")
    );
}
