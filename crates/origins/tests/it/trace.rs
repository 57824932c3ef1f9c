//! The steps `explain` shows.

use limpid_testkit::dead_ends::RefusingPort;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};

use crate::fetching::Fetching;

#[tokio::test]
async fn a_good_fetch_shows_every_step() {
    let origin = FakeOrigin::start().await;
    let ended = Fetching::folder(&format!("http://localhost:{}", origin.addr().port()))
        .get("photo.jpg")
        .await;
    assert_eq!(
        ended.step_names(),
        [
            "breaker",
            "policy",
            "dns",
            "guard",
            "connect",
            "response",
            "body",
            "first bytes"
        ]
    );
    assert!(
        ended
            .steps
            .iter()
            .all(|step| step.ok && !step.detail.is_empty())
    );
    let [.., body, first] = &ended.steps[..] else {
        panic!("too few steps");
    };
    assert_eq!(body.detail, format!("{} bytes", PHOTO_JPEG.len()));
    let beginning = &PHOTO_JPEG[..PHOTO_JPEG.len().min(4096)];
    assert_eq!(first.first_bytes.as_deref(), Some(beginning));
    assert!(ended.steps[0].detail.starts_with("closed: 0 of 0 "));
}

#[tokio::test]
async fn the_first_bytes_of_a_body_that_breaks_off_and_of_a_page_under_a_refusal_are_shown() {
    let origin = FakeOrigin::start().await;
    let page = b"<html>AKIACANARY is not welcome</html>";
    for target in ["/refused.jpg", "/refused.jpg?token=AKIACANARY"] {
        origin.answer(target, Script::response(403, &[], page));
    }
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\u{1}begun";
    origin.answer("/cut.jpg", Script::raw(cut));
    for (path, shown) in [
        ("refused.jpg", &page[..]),
        ("cut.jpg", b"\x01begun".as_slice()),
    ] {
        let ended = Fetching::folder(&origin.base_url()).get(path).await;
        assert!(ended.result.is_err());
        let first = ended
            .steps
            .iter()
            .find_map(|step| step.first_bytes.as_deref());
        assert_eq!(first, Some(shown), "{path}");
    }
    let mut fetching = Fetching::folder(&origin.base_url());
    fetching.query = Some("token=AKIACANARY".to_owned());
    let ended = fetching.get("refused.jpg").await;
    let shown = format!("{:?}", ended.steps);
    assert!(shown.contains("*** is not welcome"), "{shown}");
    assert!(!shown.contains("CANARY"), "{shown}");
}

#[tokio::test]
async fn a_redirect_and_a_refusal_show_where_it_ended() {
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    let ended = fetching.get("redirects/0").await;
    let fetched = [
        "breaker", "policy", "guard", "connect", "response", "redirect",
    ];
    let followed = ["policy", "reuse", "response", "body", "first bytes"];
    assert_eq!(ended.step_names(), [&fetched[..], &followed[..]].concat());
    let ended = fetching.get("status/404").await;
    let last = ended.steps.last().unwrap();
    assert_eq!((last.name, last.ok), ("classify", false));
    assert_eq!(last.detail, "status 404 Not Found means object_not_found");
}

#[tokio::test]
async fn a_repeat_is_a_step() {
    let port = RefusingPort::reserve();
    let ended = Fetching::folder(&format!("http://{}", port.addr()))
        .get("a.jpg")
        .await;
    assert_eq!(
        ended.step_names(),
        [
            "breaker", "policy", "guard", "connect", "retry", "breaker", "policy", "guard",
            "connect"
        ]
    );
    assert!(!ended.steps.last().unwrap().ok);
}
