//! Originals that arrive and of which no picture can be made within the limits: what the client sees, and the event.

use std::time::Duration;

use limpid_testkit::fake_origin::script::{GRAPHIC_PNG, PHOTO_JPEG, Script};

use crate::client::Answer;
use crate::stack::Stack;

async fn assert_fails(stack: &Stack, target: &str, status: u16, code: &str, reason: &str) {
    let answer: Answer = stack.get(target).await;
    let error = answer.header("ik-error");
    assert_eq!(answer.status, status, "{target}: {error}");
    assert!(error.starts_with(&format!("{code} - ")), "{error}");
    assert_eq!(answer.header("ik-error-reason"), reason);
    let event = stack.event_of(&answer).await;
    assert_eq!(event.reason.name(), reason);
    assert_eq!(event.reason.code().as_str(), code);
}

#[tokio::test]
async fn an_animation_of_too_many_pixels_in_all_frames_is_refused_by_its_header() {
    let stack = Stack::start_with(|config| config.limits.max_frame_pixels = 3).await;
    // The seed's first byte chooses what the fuzz target does with it.
    let [_, animation @ ..] = include_bytes!("../../../../fuzz/seeds/animation/gif_parts");
    stack
        .origin
        .answer("/many.gif", Script::ok("image/gif", animation));
    let target = "/demo/tr:w-2/many.gif";
    assert_fails(&stack, target, 400, "ELIMIT", "too_many_frames").await;
}

#[tokio::test]
async fn a_picture_without_height_is_corrupt() {
    let stack = Stack::start().await;
    let mut png = GRAPHIC_PNG.to_vec();
    png[20..24].copy_from_slice(&0_u32.to_be_bytes());
    stack
        .origin
        .answer("/flat.png", Script::ok("image/png", &png));
    let target = "/demo/tr:w-2/flat.png";
    assert_fails(&stack, target, 404, "UNIDENTIFIED", "image_corrupt").await;
}

#[tokio::test]
async fn pixels_that_take_longer_than_allowed_are_stopped() {
    let timeout = Duration::from_millis(400);
    let stack = Stack::start_with(|config| config.limits.transform_timeout = timeout).await;
    stack
        .origin
        .answer("/slow.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    let steps = "w-6000,h-6000,bl-40:w-5900,h-5900,bl-40:w-5800,h-5800,bl-40:w-5700,h-5700,bl-40:w-5600,h-5600,bl-40";
    let target = format!("/demo/tr:{steps}/slow.jpg");
    assert_fails(&stack, &target, 400, "ELIMIT", "processing_timeout").await;
}

#[tokio::test]
async fn a_page_in_place_of_a_picture_is_quoted_in_the_event_without_what_was_sent() {
    let stack = Stack::start().await;
    let page = b"<title>Please log in</title> you came with canary-token";
    stack.origin.answer(
        "/login.jpg?token=canary-token",
        Script::ok("text/html", page),
    );
    let answer = stack.get("/demo/tr:w-2/login.jpg?token=canary-token").await;
    assert_eq!(answer.header("ik-error-reason"), "not_an_image");
    let event = stack.event_of(&answer).await;
    // an answer came, and events are looked for by its status
    assert_eq!(event.upstream_status, 200);
    let detail = event.detail.unwrap();
    assert_eq!(
        detail.body_excerpt.as_deref(),
        Some("<title>Please log in</title> you came with ***")
    );
}
