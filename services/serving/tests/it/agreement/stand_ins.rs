//! Requests that fail and are answered with a picture all the same.

use limpid_domain::clock::Clock;
use limpid_domain::failure::Outcome;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::stack::{Stack, web_folder};
use crate::trace;

/// What a client sees of a stand-in.
const FIELDS: [&str; 6] = [
    "ik-warning",
    "ik-error",
    "cache-control",
    "age",
    "etag",
    "content-type",
];

#[tokio::test]
async fn a_default_image_an_old_copy_and_a_rescue_are_explained_as_they_are_served() {
    let clock = Clock::fixed(Clock::system().now());
    let stack = Stack::start_with(|config| config.clock = clock.clone()).await;
    let base = stack.origin.base_url();
    let first = stack
        .add_origin(web_folder("first", &format!("{base}/none")))
        .await;
    let second = stack.add_origin(web_folder("second", &base)).await;
    stack.add_endpoint("two", &[first, second]).await;
    let photo = Script::ok("image/jpeg", PHOTO_JPEG);
    stack.origin.answer("/kept.jpg", photo);
    assert_eq!(stack.get("/demo/tr:w-40/kept.jpg").await.status, 200);
    stack.origin.judge(|request| match request.target.as_str() {
        "/kept.jpg" => Some(Script::response(503, &[], b"")),
        "/none/photo.jpg" => Some(Script::response(404, &[], b"")),
        _ => None,
    });
    for (target, reason, outcome) in [
        (
            "/demo/tr:w-40,di-photo.jpg/missing.jpg",
            Some("object_not_found"),
            Some(Outcome::Defaulted),
        ),
        (
            "/demo/tr:w-50/kept.jpg",
            Some("origin_overloaded"),
            Some(Outcome::Stale),
        ),
        ("/demo/two/tr:w-30/photo.jpg", None, None),
    ] {
        let before = trace::explained(&stack, stack.node.address, target).await;
        let answer = stack.get(target).await;
        let after = trace::explained(&stack, stack.node.address, target).await;
        assert_eq!(
            answer.status,
            200,
            "{target}: {}",
            answer.header("ik-error")
        );
        for traced in [&before, &after] {
            assert_eq!(traced.status, 200, "{traced}");
            assert_eq!(traced.reason.as_deref(), reason, "{traced}");
            assert_eq!(traced.body_bytes, answer.body.len() as u64, "{target}");
            for name in FIELDS {
                assert_eq!(
                    trace::header(traced, name),
                    answer.header(name),
                    "{target} {name}"
                );
            }
        }
        if let Some(outcome) = outcome {
            assert_eq!(stack.event_of(&answer).await.outcome, outcome);
        }
        // The failed attempt of the rescue shows as a red step although the answer is a picture.
        let red = before.steps.iter().filter(|step| !step.ok).count();
        assert!(red > 0, "{before}");
    }
}
