//! Overlays and fonts: where they are fetched from, how often, and what is said when they cannot be had.

use std::time::Duration;

use limpid_domain::failure::Outcome;
use limpid_testkit::fake_origin::script::{GRAPHIC_PNG, PHOTO_JPEG, Script, Step};

use crate::stack::{Stack, web_folder};

const LAYER: &str = "tr:w-100,l-image,i-overlays@@logo.png,w-20,l-end";

async fn with_logo() -> Stack {
    let stack = Stack::start().await;
    let script = Script::ok("image/png", GRAPHIC_PNG);
    stack.origin.answer("/overlays/logo.png", script);
    stack
}

#[tokio::test]
async fn a_layer_comes_from_the_default_endpoint_whichever_was_asked() {
    let stack = with_logo().await;
    let base = format!("{}/folder", stack.origin.base_url());
    let second = stack.add_origin(web_folder("second", &base)).await;
    stack.add_endpoint("shop", &[second]).await;
    let answer = stack
        .get(&format!("/demo/shop/{LAYER}/photo.jpg?v=7"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    assert_eq!(stack.origin.hits("/overlays/logo.png"), 1);
    assert_eq!(stack.origin.hits("/folder/photo.jpg?v=7"), 1);
    let plain = stack.get("/demo/shop/tr:w-100/photo.jpg?v=7").await;
    assert_ne!(plain.body, answer.body);
    let text = stack
        .get("/demo/tr:l-text,i-Hello%20World,ff-Lobster,fs-30,l-end/photo.jpg")
        .await;
    assert_eq!(text.status, 200, "{}", text.header("ik-error"));
}

#[tokio::test]
async fn identical_requests_at_once_fetch_each_file_once() {
    let stack = with_logo().await;
    let pause = Step::Pause(Duration::from_millis(200));
    let slow = Script::ok("image/jpeg", PHOTO_JPEG).after(pause);
    stack.origin.answer("/slow.jpg", slow);
    let twice = "tr:l-image,i-overlays@@logo.png,l-end,l-image,i-overlays@@logo.png,lx-0,l-end";
    let target = format!("/demo/{twice}/slow.jpg");
    let requests = (0..10).map(|_| stack.get(&target));
    let answers = futures::future::join_all(requests).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(stack.origin.hits("/slow.jpg"), 1);
    assert_eq!(stack.origin.hits("/overlays/logo.png"), 1);
}

#[tokio::test]
async fn a_missing_layer_is_not_found_and_recorded_by_its_name() {
    let stack = Stack::start().await;
    stack
        .origin
        .answer("/gone/logo.png", Script::response(404, &[], b""));
    let target = "/demo/tr:l-image,i-gone@@logo.png,l-end/photo.jpg";
    let answer = stack.get(target).await;
    assert_eq!(answer.status, 404);
    let error = answer.header("ik-error");
    assert!(
        error.starts_with("ENOENT - ") && error.contains("layer"),
        "{error}"
    );
    assert_eq!(answer.header("ik-error-reason"), "layer_input_not_found");
    let event = stack.event_of(&answer).await;
    assert_eq!(event.reason.name(), "layer_input_not_found");
    assert_eq!((event.headline, event.outcome), (true, Outcome::Failed));
    assert_eq!(
        (event.path.as_str(), event.upstream_status),
        ("/photo.jpg", 404)
    );
    assert_eq!(
        error,
        format!("{} - {}", event.reason.code(), event.message())
    );
    let detail = event.detail.as_ref().unwrap();
    let note = detail.note.as_deref().unwrap_or_default();
    assert!(note.contains("gone/logo.png"), "{note}");
    let location = detail.location.as_deref().unwrap_or_default();
    assert!(location.ends_with("/gone/logo.png"), "{location}");
}

#[tokio::test]
async fn a_layer_its_origin_denies_is_an_access_failure() {
    let stack = Stack::start().await;
    stack
        .origin
        .answer("/denied/font.ttf", Script::response(403, &[], b"no"));
    let answer = stack
        .get("/demo/tr:l-text,i-Hello,ff-denied@@font.ttf,l-end/photo.jpg")
        .await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("ik-error-reason"), "access_denied");
    assert!(answer.header("ik-error").starts_with("EACCES - "));
    let event = stack.event_of(&answer).await;
    let note = event
        .detail
        .as_ref()
        .unwrap()
        .note
        .clone()
        .unwrap_or_default();
    assert!(note.contains("denied/font.ttf"), "{note}");
}

#[tokio::test]
async fn the_originals_own_failed_attempts_do_not_hide_the_missing_layer() {
    let stack = Stack::start().await;
    let base = stack.origin.base_url();
    let denied = stack
        .add_origin(web_folder("denied", &format!("{base}/denied")))
        .await;
    let good = stack.add_origin(web_folder("good", &base)).await;
    stack.add_endpoint("both", &[denied, good]).await;
    stack
        .origin
        .answer("/denied/photo.jpg", Script::response(403, &[], b"no"));
    stack
        .origin
        .answer("/gone.png", Script::response(404, &[], b""));
    let answer = stack
        .get("/demo/both/tr:l-image,i-gone.png,l-end/photo.jpg")
        .await;
    assert_eq!(answer.header("ik-error-reason"), "layer_input_not_found");
    let event = stack.event_of(&answer).await;
    assert_eq!(event.attempt, 3);
}

#[tokio::test]
async fn a_layer_that_is_no_picture_names_itself_in_the_event() {
    let stack = Stack::start().await;
    let page = Script::ok("text/html", b"<html><body>log in</body></html>");
    stack.origin.answer("/login.png", page);
    let answer = stack
        .get("/demo/tr:l-image,i-login.png,l-end/photo.jpg")
        .await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("ik-error-reason"), "not_an_image");
    let event = stack.event_of(&answer).await;
    let note = event
        .detail
        .as_ref()
        .unwrap()
        .note
        .clone()
        .unwrap_or_default();
    assert!(note.contains("login.png"), "{note}");
}

#[tokio::test]
async fn a_change_of_the_default_endpoint_makes_layered_variants_anew() {
    let stack = with_logo().await;
    let base = stack.origin.base_url();
    let shop = stack.add_origin(web_folder("shop", &base)).await;
    stack.add_endpoint("shop", &[shop]).await;
    let target = format!("/demo/shop/{LAYER}/photo.jpg");
    let first = stack.get(&target).await;
    assert_eq!(first.status, 200, "{}", first.header("ik-error"));
    let other = format!("{base}/other");
    let moved = stack.add_origin(web_folder("moved", &other)).await;
    stack.attach_to_default(&[moved]).await;
    let photo = Script::ok("image/jpeg", PHOTO_JPEG);
    stack.origin.answer("/other/overlays/logo.png", photo);
    let second = stack.get(&target).await;
    assert_eq!(second.status, 200, "{}", second.header("ik-error"));
    assert_ne!(first.body, second.body);
    assert_eq!(stack.origin.hits("/other/overlays/logo.png"), 1);
}

#[tokio::test]
async fn too_many_different_layer_files_are_refused_before_anything_is_fetched() {
    let stack = Stack::start().await;
    let layers: Vec<String> = (0..11)
        .map(|number| format!("l-image,i-{number}.png,l-end"))
        .collect();
    let answer = stack
        .get(&format!("/demo/tr:{}/photo.jpg", layers.join(",")))
        .await;
    assert_eq!(answer.status, 400);
    assert!(answer.header("ik-error").starts_with("EINVAL - "));
    assert_eq!(stack.origin.hits("/photo.jpg"), 0);
    let climbing = stack
        .get("/demo/tr:l-image,ie-Li4vc2VjcmV0LnBuZw%3D%3D,l-end/photo.jpg")
        .await;
    assert_eq!(climbing.status, 400, "{}", climbing.header("ik-error"));
}

#[tokio::test]
async fn the_answer_says_which_of_the_layers_files_is_missing() {
    let stack = with_logo().await;
    stack
        .origin
        .answer("/gone/font.ttf", Script::response(404, &[], b""));
    let target = "/demo/tr:l-image,i-overlays@@logo.png,l-end,l-text,i-Hi,ff-gone@@font.ttf,l-end,l-image,i-c.png,l-end/photo.jpg";
    let answer = stack.get(target).await;
    assert_eq!(
        answer.header("ik-error"),
        "ENOENT - A picture or font that a layer of the transformation names was not found (layer input 2 of 3)"
    );
    let event = stack.event_of(&answer).await;
    let told = format!("{} - {}", event.reason.code(), event.message());
    assert_eq!(answer.header("ik-error"), told);
    let note = event.detail.as_ref().unwrap().note.clone().unwrap();
    assert!(note.contains("gone/font.ttf"), "{note}");
}

#[tokio::test]
async fn up_to_four_layer_files_are_fetched_at_once() {
    let stack = Stack::start().await;
    for name in ["b", "c", "d", "e"] {
        let script = Script::ok("image/png", GRAPHIC_PNG);
        stack.origin.answer(&format!("/{name}.png"), script);
    }
    // The first never answers: one after the other, none of the rest would be asked for.
    let files = ["silent", "b.png", "c.png", "d.png", "e.png"];
    let layers = files.map(|name| format!("l-image,i-{name},l-end"));
    let answer = stack
        .get(&format!("/demo/tr:{}/photo.jpg", layers.join(",")))
        .await;
    assert_eq!(answer.header("ik-error-reason"), "response_timeout");
    assert!(answer.header("ik-error").ends_with("(layer input 1 of 5)"));
    assert_eq!(stack.origin.hits("/d.png"), 1);
    assert_eq!(stack.origin.hits("/e.png"), 0);
}

#[tokio::test]
async fn files_of_a_branch_that_is_not_taken_are_not_asked_for() {
    let stack = with_logo().await;
    let target = "/demo/tr:if-iw_gt_10,l-image,i-overlays@@logo.png,l-end,if-else,l-image,i-never.png,l-end,if-end/photo.jpg";
    let answer = stack.get(target).await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    assert_eq!(stack.origin.hits("/overlays/logo.png"), 1);
    assert_eq!(stack.origin.hits("/never.png"), 0);
}
