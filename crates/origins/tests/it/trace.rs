//! The steps `explain` shows.

use limpid_testkit::dead_ends::RefusingPort;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::PHOTO_JPEG;

use crate::fetching::Fetching;

#[tokio::test]
async fn a_good_fetch_shows_every_step() {
    let origin = FakeOrigin::start().await;
    let ended = Fetching::folder(&format!("http://localhost:{}", origin.addr().port()))
        .get("photo.jpg")
        .await;
    assert_eq!(
        ended.step_names(),
        ["policy", "dns", "guard", "connect", "response", "body"]
    );
    assert!(
        ended
            .steps
            .iter()
            .all(|step| step.ok && !step.detail.is_empty())
    );
    let body = ended.steps.last().unwrap();
    assert_eq!(body.detail, format!("{} bytes", PHOTO_JPEG.len()));
}

#[tokio::test]
async fn a_redirect_and_a_refusal_show_where_it_ended() {
    let origin = FakeOrigin::start().await;
    let fetching = Fetching::folder(&origin.base_url());
    let ended = fetching.get("redirects/0").await;
    let fetched = ["policy", "guard", "connect", "response", "redirect"];
    let followed = ["policy", "reuse", "response", "body"];
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
            "policy", "guard", "connect", "retry", "policy", "guard", "connect"
        ]
    );
    assert!(!ended.steps.last().unwrap().ok);
}
