//! What a good image request gets.

use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script, Step};

use crate::stack::{Stack, web_folder};

#[tokio::test]
async fn a_photo_is_resized_converted_and_says_what_chose_it() {
    let stack = Stack::start().await;
    let webp = [("accept", "image/webp,*/*")];
    let answer = stack
        .request("GET", "/demo/tr:w-100/photo.jpg", &webp)
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "image/webp");
    assert_eq!(answer.header("vary"), "Accept");
    assert_eq!(
        answer.header("cache-control"),
        "public, s-maxage=31536000, max-age=31536000, must-revalidate"
    );
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("timing-allow-origin"), "*");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(
        answer.header("content-length"),
        answer.body.len().to_string()
    );
    assert!(answer.header("server").is_empty());
    let jpeg = stack.get("/demo/tr:w-100/photo.jpg").await;
    assert_eq!(jpeg.header("content-type"), "image/jpeg");
    assert_eq!(jpeg.header("vary"), "Accept");
    assert_ne!(jpeg.header("etag"), answer.header("etag"));
}

#[tokio::test]
async fn both_spellings_of_a_transformation_give_the_same_bytes() {
    let stack = Stack::start().await;
    let in_path = stack.get("/demo/tr:w-90,h-60/photo.jpg").await;
    let in_query = stack.get("/demo/photo.jpg?tr=w-90,h-60").await;
    assert_eq!(in_path.status, 200);
    assert_eq!(in_path.body, in_query.body);
}

#[tokio::test]
async fn the_second_request_is_answered_from_the_cache() {
    let stack = Stack::start().await;
    let first = stack.get("/demo/tr:w-50/photo.jpg").await;
    let second = stack.get("/demo/tr:w-50/photo.jpg").await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.body, second.body);
    assert_eq!(stack.origin.hits("/photo.jpg"), 1);
    let other = stack.get("/demo/tr:w-50/photo.jpg?updatedAt=2").await;
    assert_eq!(other.status, 200);
    assert_eq!(stack.origin.hits("/photo.jpg?updatedAt=2"), 1);
}

#[tokio::test]
async fn head_conditions_and_ranges_answer_as_get_does() {
    let stack = Stack::start().await;
    let target = "/demo/tr:w-50/photo.jpg";
    let head = stack.request("HEAD", target, &[]).await;
    let get = stack.get(target).await;
    assert!(head.body.is_empty());
    for name in [
        "content-length",
        "content-type",
        "etag",
        "cache-control",
        "vary",
    ] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    let tag = get.header("etag").to_owned();
    let same = stack
        .request("GET", target, &[("if-none-match", &tag)])
        .await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    for name in ["etag", "cache-control", "vary"] {
        assert_eq!(same.header(name), get.header(name), "{name}");
    }
    let part = stack
        .request("GET", target, &[("range", "bytes=0-9")])
        .await;
    assert_eq!(part.status, 206);
    assert_eq!(part.body, get.body[..10]);
    assert_eq!(
        part.header("content-range"),
        format!("bytes 0-9/{}", get.body.len())
    );
}

#[tokio::test]
async fn originals_and_files_that_are_no_pictures_pass_through() {
    let stack = Stack::start().await;
    let original = stack.get("/demo/tr:orig-true/photo.jpg").await;
    assert_eq!(original.body, PHOTO_JPEG);
    assert_eq!(original.header("content-type"), "image/jpeg");
    assert!(!original.header("last-modified").is_empty());
    let json = stack.get("/demo/json").await;
    assert_eq!(
        (json.status, json.header("content-type")),
        (200, "application/json")
    );
    assert!(json.header("content-security-policy").contains("sandbox"));
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    stack
        .origin
        .answer("/logo.svg", Script::ok("image/svg+xml", svg));
    let drawing = stack.get("/demo/tr:w-100/logo.svg").await;
    assert_eq!(
        (drawing.status, drawing.header("content-type")),
        (200, "image/svg+xml")
    );
}

#[tokio::test]
async fn ten_identical_misses_at_once_ask_the_origin_once() {
    let stack = Stack::start().await;
    let pause = Step::Pause(std::time::Duration::from_millis(200));
    let script = Script::ok("image/jpeg", PHOTO_JPEG).after(pause);
    stack.origin.answer("/slow.jpg", script);
    let requests = (0..10).map(|_| stack.get("/demo/tr:w-40/slow.jpg"));
    let answers = futures::future::join_all(requests).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));
    assert_eq!(stack.origin.hits("/slow.jpg"), 1);
}

#[tokio::test]
async fn a_name_for_people_serves_the_real_file() {
    let stack = Stack::start().await;
    let pretty = stack.get("/demo/ik-seo/tr:w-30/dir/photo/a-cat.jpg").await;
    assert_eq!(pretty.status, 200, "{}", pretty.header("ik-error"));
    assert_eq!(stack.origin.hits("/dir/photo.jpg"), 1);
    let plain = stack.get("/demo/tr:w-30/dir/photo.jpg").await;
    assert_eq!(pretty.body, plain.body);
}

#[tokio::test]
async fn downloads_have_the_name_and_the_delivered_extension() {
    let stack = Stack::start().await;
    let answer = stack
        .get("/demo/tr:f-png/photo.jpg?ik-attachment=true")
        .await;
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"photo.png\""
    );
    let named = stack
        .get("/demo/photo.jpg?ik-attachment-filename=holiday")
        .await;
    assert_eq!(
        named.header("content-disposition"),
        "attachment; filename=\"holiday.jpg\""
    );
}

#[tokio::test]
async fn endpoints_are_chosen_by_prefix_and_the_query_reaches_the_origin() {
    let stack = Stack::start().await;
    let base = format!("{}/folder", stack.origin.base_url());
    let second = stack.add_origin(web_folder("second", &base)).await;
    stack.add_endpoint("shop", &[second]).await;
    let answer = stack
        .get("/demo/shop/tr:w-30/photo.jpg?alt=media&tr=h-20&token=x")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    assert_eq!(stack.origin.hits("/folder/photo.jpg?alt=media&token=x"), 1);
    let request = stack.origin.requests().pop().unwrap();
    assert_eq!(request.header("x-req-from"), Some("imagekit"));
}

#[tokio::test]
async fn a_later_origin_rescues_and_the_failed_attempt_is_recorded() {
    let stack = Stack::start().await;
    let base = stack.origin.base_url();
    let denied = web_folder("denied", &format!("{base}/denied"));
    let first = stack.add_origin(denied).await;
    let good = stack
        .add_origin(web_folder("good", &stack.origin.base_url()))
        .await;
    stack.add_endpoint("both", &[first, good]).await;
    stack.origin.answer(
        "/denied/counted/photo.jpg",
        Script::response(403, &[], b"no"),
    );
    let answer = stack.get("/demo/both/tr:w-30/counted/photo.jpg").await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    let summary = stack.summary_when(|summary| summary.attempts > 0).await;
    assert_eq!(
        (summary.attempts, summary.rescued, summary.client_visible),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn a_file_marked_private_is_only_for_signed_requests() {
    let stack = Stack::start().await;
    let unsigned = stack.get("/demo/tr:w-30/private.jpg").await;
    assert_eq!(unsigned.status, 401);
    assert!(unsigned.header("ik-error").starts_with("EUNSIGNED - "));
    let key = stack.tenant.private_key.expose().to_owned();
    let path = "tr:w-30/private.jpg";
    let signature =
        limpid_delivery_url::signature::sign(&key, path, limpid_delivery_url::signature::NEVER);
    let signed = stack.get(&format!("/demo/{path}?ik-s={signature}")).await;
    assert_eq!(signed.status, 200, "{}", signed.header("ik-error"));
    assert!(signed.header("cache-control").starts_with("private"));
    let forged = stack
        .get(&format!("/demo/tr:w-31/private.jpg?ik-s={signature}"))
        .await;
    assert_eq!(forged.status, 401);
}
