//! Failures that depend on what went before, or on what else is going on.

use std::time::Duration;

use limpid_domain::failure::Reason;
use limpid_origins::BreakerLimits;
use limpid_testkit::fake_origin::script::{Script, Step};

use crate::client::Answer;
use crate::stack::{Stack, eventually};
use crate::trace;

/// How often a fetch that meets 503 is repeated, and with that counted twice.
const ATTEMPTS: usize = 2;

fn assert_same(explanation: &limpid_domain::diagnosis::Explanation, answer: &Answer, is: Reason) {
    assert_eq!(answer.header("ik-error-reason"), is.name());
    assert_eq!(explanation.reason.as_deref(), Some(is.name()));
    assert_eq!(explanation.status, answer.status);
    assert_eq!(
        explanation.ik_error.as_deref(),
        Some(answer.header("ik-error"))
    );
    for name in ["proxy-status", "cache-control"] {
        assert_eq!(trace::header(explanation, name), answer.header(name));
    }
}

#[tokio::test]
async fn a_trace_obeys_the_breaker_and_neither_opens_nor_probes_nor_closes_it() {
    let open_for = Duration::from_millis(300);
    let stack = Stack::start_with(|config| {
        config.origins.breaker = BreakerLimits {
            min_failures: 4,
            open_for,
            ..BreakerLimits::default()
        };
    })
    .await;
    let explained = |file: &'static str| trace::explained(&stack, stack.node.address, file);
    for _ in 0..8 {
        let traced = explained("/demo/status/503").await;
        assert_eq!(traced.reason.as_deref(), Some("origin_overloaded"));
    }
    let asked = stack.origin.requests().len();
    assert_eq!(asked, 8 * ATTEMPTS, "a trace opened the breaker");
    // Two requests with two attempts each are four failures, and not one is the traces'.
    for file in ["/demo/status/503", "/demo/status/502"] {
        let answer = stack.get(file).await;
        assert_eq!(answer.header("ik-error-reason"), "origin_overloaded");
    }
    let answer = stack.get("/demo/status/504").await;
    let traced = explained("/demo/status/500").await;
    assert_same(&traced, &answer, Reason::CircuitOpen);

    // When the breaker is half open a trace asks, but the probe is still there for the next request.
    eventually("the breaker to be half open", async || {
        let traced = explained("/demo/status/503").await;
        (traced.reason.as_deref() == Some("origin_overloaded")).then_some(())
    })
    .await;
    let good = explained("/demo/tr:w-30/photo.jpg").await;
    assert_eq!(good.status, 200, "{good}");
    let probe = stack.get("/demo/status/501").await;
    assert_eq!(probe.header("ik-error-reason"), "origin_server_error");
    let after = stack.get("/demo/status/520").await;
    assert_eq!(
        after.header("ik-error-reason"),
        "circuit_open",
        "the good trace closed the breaker"
    );
}

#[tokio::test]
async fn an_origin_with_all_places_taken_is_served_and_explained_alike() {
    let stack = Stack::start_with(|config| {
        config.origins.max_concurrency_per_origin = 1;
        config.origins.concurrency_wait = Duration::from_millis(50);
        config.origins.first_byte_timeout = Duration::from_secs(3);
    })
    .await;
    stack
        .origin
        .answer("/held.jpg", Script::raw("").after(Step::Stall));
    let others = async {
        eventually("the place to be taken", async || {
            (stack.origin.hits("/held.jpg") == 1).then_some(())
        })
        .await;
        let traced = trace::explained(&stack, stack.node.address, "/demo/photo.jpg").await;
        let answer = stack.get("/demo/photo.jpg").await;
        (traced, answer)
    };
    let (held, (traced, answer)) = tokio::join!(stack.get("/demo/held.jpg"), others);
    assert_eq!(held.header("ik-error-reason"), "response_timeout");
    assert_same(&traced, &answer, Reason::OriginConcurrencyLimit);
}

#[tokio::test]
async fn a_picture_that_takes_too_long_is_served_and_explained_alike() {
    let stack = Stack::start_with(|config| {
        config.limits.transform_timeout = Duration::from_millis(400);
        config.limits.max_source_bytes = 8 << 20;
    })
    .await;
    let picture = Script::ok("image/png", &large_png(9_000));
    stack.origin.answer("/large.png", picture);
    let target = "/demo/tr:w-8000,bl-90,f-png/large.png";
    let traced = trace::explained(&stack, stack.node.address, target).await;
    let answer = stack.get(target).await;
    assert_same(&traced, &answer, Reason::ProcessingTimeout);
}

/// A grey picture of `side` × `side` px: small as a file, much work as pixels.
fn large_png(side: u32) -> Vec<u8> {
    use std::io::Write;

    let row = vec![0; side as usize + 1];
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..side {
        packed.write_all(&row).unwrap();
    }
    let mut header = Vec::new();
    header.extend(side.to_be_bytes());
    header.extend(side.to_be_bytes());
    // Eight bits of grey, nothing else.
    header.extend([8, 0, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [
        (b"IHDR", header),
        (b"IDAT", packed.finish().unwrap()),
        (b"IEND", Vec::new()),
    ] {
        let mut checksum = flate2::Crc::new();
        checksum.update(kind);
        checksum.update(&data);
        png.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        png.extend(kind);
        png.extend(data);
        png.extend(checksum.sum().to_be_bytes());
    }
    png
}
