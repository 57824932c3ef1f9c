//! What no well-meaning client sends: each gets a clear answer, and the next request is served as ever.

use crate::client::{Answer, send};
use crate::instance::Instance;

async fn raw(instance: &Instance, request: &[u8]) -> Answer {
    send(instance.serving(), request).await.unwrap()
}

async fn get_raw(instance: &Instance, target: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    raw(instance, request.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_paths_are_refused_clearly_and_recorded_where_a_tenant_is_known() {
    let instance = Instance::start();
    let key = instance.ready("/demo/private_key");
    let odd = [
        "/demo/..%2f..%2fetc%2fpasswd",
        "/demo/%2e%2e/%2e%2e/etc/passwd",
        "/demo/cat%00.jpg",
        "/demo/a%5c..%5cb.jpg",
        "/demo/%0d%0aSet-Cookie:%20a=b.jpg",
    ];
    for path in odd {
        let answer = get_raw(&instance, path).await;
        assert!(
            [400, 404].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
        let error = answer.header("ik-error");
        assert!(
            !error.is_empty() && error.is_ascii() && error.len() <= 256,
            "{path}: {error:?}"
        );
        assert!(answer.header("set-cookie").is_empty(), "{path}");
        assert!(!answer.text().contains("root:"), "{path}");
    }
    let expected = i64::try_from(odd.len()).unwrap();
    let (summary, _) = instance
        .summary_when(&key, |summary| {
            summary["clientVisible"].as_i64().unwrap() >= expected
        })
        .await;
    assert_eq!(summary["clientVisible"], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_and_unknown_accounts_are_answered_and_nothing_breaks() {
    let instance = Instance::start();
    let unknown = get_raw(&instance, "/nobody-here/cat.jpg").await;
    assert_eq!(
        (unknown.status, unknown.body.as_slice()),
        (404, &b"Not Found"[..])
    );
    assert!(unknown.header("ik-error").starts_with("ENOENT - "));

    for target in [
        "/",
        "//",
        "/demo",
        "/demo/",
        "/%",
        "/demo/%zz.jpg",
        "/demo/tr:",
        "/?",
        "*",
    ] {
        let answer = get_raw(&instance, target).await;
        assert!(
            (400..500).contains(&answer.status),
            "{target}: {}",
            answer.status
        );
    }
    for request in [
        &b"GARBAGE\r\n\r\n"[..],
        b"GET /demo/cat.jpg HTTP/9.9\r\n\r\n",
        b"GET /demo/cat.jpg HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /demo/cat.jpg HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        // Either a refusal or a closed connection; never an image.
        if let Ok(answer) = send(instance.serving(), request).await {
            assert!((400..600).contains(&answer.status), "{request:?}: {}", answer.status);
        }
    }
    assert_eq!(instance.get("/demo/tr:w-300/cat.jpg").await.status, 200);
    assert!(!instance.log().contains("panicked"), "{}", instance.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn transformations_out_of_bounds_are_refused_before_they_cost_anything() {
    let instance = Instance::start();
    let long = format!("/demo/tr:{}/cat.jpg", "w-300,".repeat(11_000));
    let answer = get_raw(&instance, &long).await;
    assert!(
        [400, 414, 431].contains(&answer.status),
        "64 KB of tr: {}",
        answer.status
    );

    let nonsense = get_raw(&instance, "/demo/tr:w-abc/cat.jpg").await;
    assert_eq!(nonsense.status, 400);
    assert!(
        nonsense.header("ik-error").starts_with("EINVAL - "),
        "{}",
        nonsense.header("ik-error")
    );

    let enormous = get_raw(&instance, "/demo/tr:w-20000,h-20000,c-force/cat.jpg").await;
    assert_eq!(enormous.status, 400, "{:?}", enormous.headers);
    assert!(
        enormous.header("ik-error").starts_with("ELIMIT - "),
        "{}",
        enormous.header("ik-error")
    );
    assert_eq!(instance.get("/demo/tr:w-300/cat.jpg").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_bomb_and_hostile_origin_text_stay_harmless() {
    let origin = limpid_testkit::fake_origin::FakeOrigin::start().await;
    origin.answer(
        "/bomb.png",
        limpid_testkit::fake_origin::script::Script::ok("image/png", &bomb()),
    );
    origin.answer(
        "/evil.jpg",
        limpid_testkit::fake_origin::script::Script::response(
            503,
            &[
                ("Server", "x\u{7f}; Set-Cookie=a"),
                ("Content-Type", "text/html"),
            ],
            b"<script>alert(1)</script>\r\nSet-Cookie: a=b\r\n",
        ),
    );
    let exempt = origin.addr().to_string();
    let instance = Instance::with(&[], &[("LIMPID__ORIGINS__ALLOW_ADDRESSES", &exempt)]);
    let key = instance.create_tenant("acme").await;
    let body =
        serde_json::json!({ "type": "WEB_FOLDER", "name": "Zoo", "baseUrl": origin.base_url() });
    let created = instance.api_post(&key, "/v1/accounts/origins", &body).await;
    assert_eq!(created.status, 201, "{}", created.text());

    let bombed = instance.get_configured("/acme/tr:w-100/bomb.png", "").await;
    assert_eq!(bombed.status, 400, "{:?}", bombed.headers);
    assert_eq!(
        bombed.header("ik-error-reason"),
        "source_resolution_too_large"
    );

    let evil = instance.get("/acme/tr:w-100/evil.jpg").await;
    assert_eq!(evil.status, 404);
    for (name, value) in &evil.headers {
        assert!(
            !value.contains("Set-Cookie") && !value.contains("script"),
            "{name}: {value}"
        );
    }
    assert!(!instance.log().contains("panicked"), "{}", instance.log());
}

/// A PNG whose header claims 30 000 × 30 000 pixels, with no pixels behind it.
fn bomb() -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    for number in [30_000_u32, 30_000] {
        header.extend(number.to_be_bytes());
    }
    header.extend([8, 6, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(13_u32.to_be_bytes());
    png.extend(&header);
    png.extend(crc32fast::hash(&header).to_be_bytes());
    let nothing = b"IDAT";
    png.extend(0_u32.to_be_bytes());
    png.extend(nothing);
    png.extend(crc32fast::hash(nothing).to_be_bytes());
    png
}
