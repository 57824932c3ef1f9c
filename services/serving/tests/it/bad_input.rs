//! Requests nobody should send: a clear error, no panic, nothing leaked.

use crate::client::{Answer, raw};
use crate::stack::Stack;

async fn assert_alive(stack: &Stack) {
    let answer = stack.get("/demo/tr:w-20/photo.jpg").await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
}

fn assert_one_clean_line(answer: &Answer) {
    let error = answer.header("ik-error");
    assert!(!error.is_empty() && error.len() <= 256, "{error}");
    assert!(error.bytes().all(|b| (0x20..0x7f).contains(&b)), "{error}");
    assert!(answer.header("set-cookie").is_empty());
}

#[tokio::test]
async fn paths_that_no_file_can_have_are_enoent_with_an_event_and_without_contact() {
    let stack = Stack::start().await;
    for path in [
        "../secret",
        "a/../../secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "%2e%2e%2fsecret",
        "..%5csecret",
        "a%00.jpg",
        "a.jpg%00.png",
        "a%0d%0aSet-Cookie:%20x=1.jpg",
    ] {
        let answer = stack.get(&format!("/demo/{path}")).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.header("ik-error"));
        assert_eq!(
            answer.header("ik-error-reason"),
            "object_not_found",
            "{path}"
        );
        assert_one_clean_line(&answer);
        let event = stack.event_of(&answer).await;
        assert_eq!(event.attempt, 0, "{path}");
    }
    assert!(stack.origin.requests().is_empty());
    assert_alive(&stack).await;
}

#[tokio::test]
async fn a_wrong_transformation_is_einval_with_a_sentence() {
    let stack = Stack::start().await;
    for tr in ["foo-1", "w-abc", "w-", "rt-sideways"] {
        let answer = stack.get(&format!("/demo/tr:{tr}/photo.jpg")).await;
        assert_eq!(answer.status, 400, "{tr}");
        assert!(answer.header("ik-error").starts_with("EINVAL - "), "{tr}");
        assert_one_clean_line(&answer);
    }
    let empty = stack.get("/demo/tr:/photo.jpg").await;
    assert_eq!(empty.status, 400);
    assert!(stack.origin.requests().is_empty());
}

#[tokio::test]
async fn a_very_long_transformation_or_path_is_refused_quickly() {
    let stack = Stack::start().await;
    for target in [
        format!("/demo/photo.jpg?tr={}", "w-1:".repeat(15_000)),
        format!("/demo/{}.jpg", "a".repeat(9_000)),
    ] {
        let answer = stack.get(&target).await;
        assert!((400..500).contains(&answer.status), "{}", answer.status);
        assert_one_clean_line(&answer);
    }
    let beyond = format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "a".repeat(70_000));
    let answer = raw(stack.node.address, beyond.as_bytes()).await;
    assert!(answer.starts_with(b"HTTP/1.1 4"));
    assert_alive(&stack).await;
}

#[tokio::test]
async fn what_two_parties_may_read_differently_is_refused_and_the_connection_closed() {
    let stack = Stack::start().await;
    for request in [
        "GET http://evil.test/demo/photo.jpg HTTP/1.1\r\nhost: h\r\n\r\n",
        "GET /demo/photo.jpg HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        "GET /demo/photo.jpg HTTP/1.1\r\n\r\n",
        "GET /demo/photo.jpg HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /demo/photo.jpg HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc",
        "GET /demo/photo.jpg HTTP/1.1\r\nhost : h\r\n\r\n",
        "GET /demo/photo.jpg HTTP/1.1\r\nhost: h\r\nx: a\r\n b\r\n\r\n",
        "GET /demo/photo.jpg HTTP/1.1\nhost: h\n\n",
        "GET /demo/photo.jpg HTTP/1.1\r\nhost: h\nx: y\r\n\r\n",
        "GET /demo/photo.jpg HTTP/1.1\r\nhost: h\r\n\n",
    ] {
        let answer = raw(stack.node.address, request.as_bytes()).await;
        assert!(answer.starts_with(b"HTTP/1.1 400"), "{request:?}");
    }
    assert!(stack.origin.requests().is_empty());
}

#[tokio::test]
async fn other_methods_are_405_and_options_open_the_door_to_pages() {
    let stack = Stack::start().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let answer = stack.request(method, "/demo/photo.jpg", &[]).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
    }
    let options = stack.request("OPTIONS", "/demo/photo.jpg", &[]).await;
    assert_eq!(options.status, 204);
    assert_eq!(options.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn text_of_the_origin_never_becomes_a_header() {
    let stack = Stack::start().await;
    let hostile =
        "HTTP/1.1 404 x\r\ncontent-length: 0\r\nx-evil: \u{1b}[31m\r\nik-error: forged\r\n\r\n";
    stack.origin.answer(
        "/hostile.jpg",
        limpid_testkit::fake_origin::script::Script::raw(hostile.to_owned()),
    );
    let answer = stack.get("/demo/hostile.jpg").await;
    assert_eq!(answer.status, 404);
    assert_one_clean_line(&answer);
    assert!(!answer.header("ik-error").contains("forged"));
    assert!(answer.header("x-evil").is_empty());
}

#[tokio::test]
async fn a_bomb_of_a_picture_is_refused_by_its_header() {
    let stack = Stack::start().await;
    let mut png = limpid_testkit::fake_origin::script::GRAPHIC_PNG.to_vec();
    // Width and height of IHDR, which begins after the signature, a length and a type; its checksum follows.
    png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let checksum = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    stack.origin.answer(
        "/bomb.png",
        limpid_testkit::fake_origin::script::Script::ok("image/png", &png),
    );
    let answer = stack.get("/demo/tr:w-100/bomb.png").await;
    assert_eq!(answer.status, 400, "{}", answer.header("ik-error"));
    assert_eq!(
        answer.header("ik-error-reason"),
        "source_resolution_too_large"
    );
    assert_alive(&stack).await;
}

/// The checksum of a PNG chunk. Source: PNG specification, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = crc & 1;
            crc = (crc >> 1) ^ (0xedb8_8320 * carry);
        }
    }
    !crc
}
