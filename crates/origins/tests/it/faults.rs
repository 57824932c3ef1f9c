//! What goes wrong with web servers, and what it is called.

use std::time::Duration;

use limpid_domain::failure::Reason;
use limpid_testkit::dead_ends::{BlackHole, RefusingPort};
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::fetching::{Fetching, config, folder};

#[tokio::test]
async fn every_misbehaviour_of_a_web_server_has_its_reason() {
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    for (path, reason, status) in [
        ("status/404", Reason::ObjectNotFound, Some(404)),
        ("status/410", Reason::ObjectNotFound, Some(410)),
        ("status/401", Reason::CredentialsInvalid, Some(401)),
        ("status/403", Reason::AccessDenied, Some(403)),
        ("status/451", Reason::AccessDenied, Some(451)),
        ("challenge", Reason::BotChallenge, Some(403)),
        ("status/429", Reason::OriginRateLimited, Some(429)),
        ("status/500", Reason::OriginServerError, Some(500)),
        ("status/502", Reason::OriginOverloaded, Some(502)),
        ("status/503", Reason::OriginOverloaded, Some(503)),
        ("status/418", Reason::OriginUnexpectedStatus, Some(418)),
        ("status/204", Reason::OriginUnexpectedStatus, Some(204)),
        ("status/206", Reason::OriginUnexpectedStatus, Some(206)),
        ("status/304", Reason::OriginUnexpectedStatus, Some(304)),
        ("empty", Reason::BodyEmpty, Some(200)),
        ("short-body", Reason::BodyIncomplete, Some(200)),
        ("reset-body", Reason::BodyIncomplete, Some(200)),
        ("cut-chunk", Reason::BodyIncomplete, Some(200)),
        ("stall-body", Reason::BodyStalled, Some(200)),
        ("huge", Reason::SourceTooLarge, Some(200)),
        ("endless", Reason::SourceTooLarge, Some(200)),
        ("gzip-bomb", Reason::SourceTooLarge, Some(200)),
        ("gzip-cut", Reason::ContentEncodingInvalid, Some(200)),
        ("brotli", Reason::ContentEncodingInvalid, Some(200)),
        ("broken-chunk", Reason::HttpProtocolError, Some(200)),
        ("garbage", Reason::HttpProtocolError, None),
        ("many-headers", Reason::HttpProtocolError, None),
        ("silent", Reason::ResponseTimeout, None),
        ("slow-headers", Reason::ResponseTimeout, None),
        ("half-head", Reason::ConnectionReset, None),
        ("close", Reason::ConnectionReset, None),
        ("reset", Reason::ConnectionReset, None),
        ("redirect-loop", Reason::TooManyRedirects, Some(302)),
        ("redirects/9", Reason::TooManyRedirects, Some(302)),
        ("redirect-nowhere", Reason::RedirectInvalid, Some(302)),
    ] {
        let ended = fetching.get(path).await;
        let failed = ended.result.unwrap_err();
        assert_eq!(failed.reason, reason, "{path}: {failed:?}");
        assert_eq!(failed.upstream_status, status, "{path}: {failed:?}");
        // One time-out and one repeat at most.
        assert!(
            ended.took < Duration::from_secs(4),
            "{path}: {:?}",
            ended.took
        );
        assert!(failed.timings.total_us > 0, "{path}");
        assert!(failed.location.is_some(), "{path}");
    }
}

#[tokio::test]
async fn a_page_that_is_no_picture_is_fetched_all_the_same() {
    // What bytes are is for the imaging engine to say; here they are whole and that is all.
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    for path in ["html", "truncated.jpg", "text"] {
        assert!(fetching.get(path).await.result.is_ok(), "{path}");
    }
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let port = RefusingPort::reserve();
    let failed = Fetching::folder(&format!("http://{}", port.addr()))
        .failure("a.jpg")
        .await;
    assert_eq!(failed.reason, Reason::ConnectionRefused);
    assert_eq!(failed.retries, 1);
    assert!(failed.timings.connect_us.is_some());
    assert_eq!(failed.timings.first_byte_us, None);
}

#[tokio::test]
async fn a_port_that_never_answers_times_out() {
    let hole = BlackHole::open().await;
    let ended = Fetching::folder(&format!("http://{}", hole.addr()))
        .get("a.jpg")
        .await;
    let failed = ended.result.unwrap_err();
    assert_eq!(failed.reason, Reason::ConnectionTimeout);
    assert!(ended.took >= Duration::from_millis(700), "{:?}", ended.took);
    assert!(ended.took < Duration::from_secs(3), "{:?}", ended.took);
}

#[tokio::test]
async fn the_clients_deadline_ends_a_fetch_early() {
    let origin = FakeOrigin::start().await;
    let mut fetching = Fetching::folder(&origin.base_url());
    fetching.patience = Duration::from_millis(200);
    let ended = fetching.get("silent").await;
    assert_eq!(ended.result.unwrap_err().reason, Reason::ResponseTimeout);
    assert!(ended.took < Duration::from_millis(650), "{:?}", ended.took);
}

#[tokio::test]
async fn a_drip_ends_with_the_total_time() {
    let origin = FakeOrigin::start().await;
    let short = limpid_origins::FetchConfig {
        total_timeout: Duration::from_millis(900),
        ..config()
    };
    let ended = Fetching::with_config(folder(&origin.base_url()), short)
        .get("drip")
        .await;
    let failed = ended.result.unwrap_err();
    assert_eq!(failed.reason, Reason::BodyStalled);
    // it was never silent for long, and nothing says so
    let note = failed.note.unwrap();
    assert!(note.starts_with("too slow: time was up after "), "{note}");
    assert!(ended.took < Duration::from_secs(2), "{:?}", ended.took);
}

/// `chunked` is undone with the framing; what else is named there would be delivered as it is.
#[tokio::test]
async fn transfer_codings_nobody_asked_for_are_refused() {
    let origin = FakeOrigin::start().await;
    for (number, coding) in ["gzip, chunked", "xchunked", "chunked, identity, br"]
        .into_iter()
        .enumerate()
    {
        let path = format!("{number}.jpg");
        let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n");
        origin.answer(
            &format!("/{path}"),
            Script::raw(head + "7\r\nGIF89a;\r\n0\r\n\r\n"),
        );
        let failed = Fetching::folder(&origin.base_url()).failure(&path).await;
        let expected = Reason::ContentEncodingInvalid;
        assert_eq!(failed.reason, expected, "{coding}: {failed:?}");
    }
}

/// A bucket attached by its public address says more than its status does.
#[tokio::test]
async fn an_object_store_behind_a_web_server_is_understood() {
    let origin = FakeOrigin::start().await;
    let xml = ("content-type", "application/xml");
    let html = ("content-type", "text/html");
    let cases = [
        (403, "AccessDenied", xml, Reason::AccessDeniedOrMissing),
        (404, "NoSuchBucket", xml, Reason::BucketNotFound),
        (404, "NoSuchKey", xml, Reason::ObjectNotFound),
        (403, "InvalidObjectState", xml, Reason::ObjectArchived),
        (503, "SlowDown", xml, Reason::OriginRateLimited),
        (403, "AllAccessDisabled", xml, Reason::AccessDenied),
        // a page that quotes one, and a document of something else
        (403, "AccessDenied", html, Reason::AccessDenied),
        (403, "not a code", xml, Reason::AccessDenied),
    ];
    for (number, (status, code, kind, reason)) in cases.into_iter().enumerate() {
        let path = format!("{number}.jpg");
        let page = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
        let headers = [kind, ("x-amz-request-id", "4442587FB7D0A2F9")];
        origin.answer(
            &format!("/{path}"),
            Script::response(status, &headers, page.as_bytes()),
        );
        let failed = Fetching::folder(&origin.base_url()).failure(&path).await;
        assert_eq!(failed.reason, reason, "{code}: {failed:?}");
        assert_eq!(failed.upstream_status, Some(status));
        let is_said = kind == xml && !code.contains(' ');
        assert_eq!(failed.provider_code.as_deref(), is_said.then_some(code));
        assert_eq!(
            failed.provider_request_id.as_deref(),
            Some("4442587FB7D0A2F9")
        );
    }
}

#[tokio::test]
async fn the_byte_limit_is_exact_and_named() {
    let origin = FakeOrigin::start().await;
    let mut fetching = Fetching::folder(&origin.base_url());
    fetching.max_bytes = PHOTO_JPEG.len() as u64;
    assert_eq!(fetching.original("photo.jpg").await.bytes, PHOTO_JPEG);
    fetching.max_bytes -= 1;
    let limit = fetching.failure("photo.jpg").await.limit.unwrap();
    assert_eq!(limit.name, "input image size");
    assert_eq!(limit.found, format!("{} bytes", PHOTO_JPEG.len()));
    assert_eq!(limit.allowed, format!("{} bytes", PHOTO_JPEG.len() - 1));
}

#[tokio::test]
async fn a_failure_says_what_the_origin_said() {
    let origin = FakeOrigin::start().await;
    let page = "<h1>no\u{1b}[31m</h1>";
    let headers = [
        ("content-type", "text/html"),
        ("server", "zoo/1"),
        ("set-cookie", "session=canary"),
        ("x-request-id", "upstream-7"),
        ("retry-after", "17"),
    ];
    origin.answer("/a.jpg", Script::response(429, &headers, page.as_bytes()));
    let failed = Fetching::folder(&origin.base_url()).failure("a.jpg").await;
    assert_eq!(failed.retry_after, Some(Duration::from_secs(17)));
    assert_eq!(failed.provider_request_id.as_deref(), Some("upstream-7"));
    assert_eq!(
        failed.body_excerpt.as_deref(),
        Some("<h1>no\\u{1b}[31m</h1>")
    );
    assert!(
        failed
            .response_headers
            .contains(&("server".to_owned(), "zoo/1".to_owned()))
    );
    assert!(!format!("{failed:?}").contains("canary"));
    let location = failed.location.unwrap();
    assert_eq!(location, format!("{}/a.jpg", origin.base_url()));
}

#[tokio::test]
async fn transient_failures_are_repeated_once_and_may_succeed() {
    let origin = FakeOrigin::start().await;
    let photo = Script::ok("image/jpeg", PHOTO_JPEG);
    for (target, first) in [
        ("/a.jpg", Script::response(503, &[], b"busy")),
        ("/b.jpg", Script::raw("")),
        (
            "/c.jpg",
            Script::response(429, &[("retry-after", "0")], b""),
        ),
    ] {
        origin.answer(target, first);
        origin.answer(target, photo.clone());
        let fetching = Fetching::folder(&origin.base_url());
        let original = fetching.original(target).await;
        assert_eq!(
            (original.bytes.as_ref(), original.retries),
            (PHOTO_JPEG, 1),
            "{target}"
        );
        assert_eq!(origin.hits(target), 2, "{target}");
    }
}

#[tokio::test]
async fn final_failures_are_asked_once() {
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    for path in ["status/404", "status/403", "empty", "slow-down?after=30"] {
        let failed = fetching.failure(path).await;
        assert_eq!(failed.retries, 0, "{path}");
    }
    assert_eq!(origin.hits("/status/404"), 1);
    for path in ["status/500", "close", "short-body"] {
        // A fetcher of its own: over a kept connection, "closed" would first be checked on a fresh one.
        let failed = Fetching::folder(&origin.base_url()).failure(path).await;
        assert_eq!(failed.retries, 1, "{path}");
        assert_eq!(origin.hits(&format!("/{path}")), 2, "{path}");
    }
}

/// Servers that are old, chatty or lax, and right all the same.
#[tokio::test]
async fn what_is_odd_and_allowed_is_fetched() {
    let origin = FakeOrigin::start().await;
    let body = std::str::from_utf8(b"GIF89a;").unwrap();
    for (name, head) in [
        // ends with the connection
        ("old", "HTTP/1.0 200 OK\r\n\r\n".to_owned()),
        ("old-length", "HTTP/1.0 200 OK\r\ncontent-length: 7\r\n\r\n".to_owned()),
        ("no-length", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_owned()),
        (
            "hints",
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n".to_owned(),
        ),
        ("no-phrase", "HTTP/1.1 200 \r\ncontent-length: 7\r\n\r\n".to_owned()),
        (
            "same-length-twice",
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\ncontent-length: 7\r\n\r\n".to_owned(),
        ),
        (
            "cookies",
            format!("HTTP/1.1 200 OK\r\n{}content-length: 7\r\n\r\n", "set-cookie: a=b; path=/\r\n".repeat(40)),
        ),
        (
            "type",
            "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=\"x\"\r\ncontent-length: 7\r\n\r\n".to_owned(),
        ),
        (
            "identity",
            "HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-length: 7\r\n\r\n".to_owned(),
        ),
    ] {
        origin.answer(&format!("/{name}"), Script::raw(format!("{head}{body}")));
        let fetching = Fetching::folder(&origin.base_url());
        let original = fetching.original(name).await;
        assert_eq!(&original.bytes[..], body.as_bytes(), "{name}");
    }
    // A cookie that was set is not sent back, neither on the same connection nor anywhere.
    let fetching = Fetching::folder(&origin.base_url());
    fetching.original("cookies").await;
    fetching.original("photo.jpg").await;
    let requests = origin.requests();
    assert!(
        requests
            .iter()
            .all(|request| request.header("cookie").is_none())
    );
}

#[tokio::test]
async fn a_host_is_the_same_in_every_spelling() {
    let origin = FakeOrigin::start().await;
    let port = origin.addr().port();
    for host in [
        "LOCALHOST",
        "LocalHost.",
        "127.0.0.1",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
    ] {
        let base = format!("http://{host}:{port}/");
        let ended = Fetching::folder(&base).get("photo.jpg").await;
        let original = ended
            .result
            .unwrap_or_else(|failed| panic!("{base}: {failed:?}"));
        assert_eq!(&original.bytes[..], PHOTO_JPEG, "{base}");
    }
    // Another script is looked up in its ASCII form.
    let ended = Fetching::folder("http://b\u{fc}cher.invalid/")
        .get("a.jpg")
        .await;
    let failed = ended.result.unwrap_err();
    assert_eq!(failed.reason, Reason::DnsNotFound);
    let location = failed.location.unwrap();
    assert_eq!(location, "http://xn--bcher-kva.invalid/a.jpg");
}
