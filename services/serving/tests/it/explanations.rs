//! What a trace shows: every step with its figures, the red one of whoever decided, and what to do also where a request is refused.

use limpid_dashboard_api::commands::{
    SetCustomDomains, SetRestrictions, create_named_transformation, set_custom_domains,
    set_restrictions,
};
use limpid_delivery_url::signature::{NEVER, sign};
use limpid_domain::diagnosis::{DiagnosisAnswer, Explanation, ExplanationStep, Question};
use limpid_domain::named_transformation::NamedTransformationSettings;
use limpid_domain::restrictions::Restrictions;
use limpid_domain::url_endpoint::UrlEndpointName;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};
use serde_json::json;

use crate::stack::{Stack, web_folder};
use crate::trace;

async fn explained(stack: &Stack, url: &str) -> Explanation {
    trace::explained(stack, stack.node.address, url).await
}

fn step<'a>(explanation: &'a Explanation, name: &str) -> &'a ExplanationStep {
    let found = explanation.steps.iter().find(|step| step.name == name);
    found.unwrap_or_else(|| panic!("no step {name}: {explanation}"))
}

fn red(explanation: &Explanation) -> &ExplanationStep {
    let at = explanation.failed_step;
    &explanation.steps[at.unwrap_or_else(|| panic!("no red step: {explanation}"))]
}

#[tokio::test]
async fn a_good_picture_shows_every_step_with_its_figures() {
    let stack = Stack::start().await;
    let traced = explained(&stack, "/demo/tr:w-30/photo.jpg").await;
    assert_eq!((traced.status, traced.failed_step), (200, None), "{traced}");
    let names: Vec<&str> = traced.steps.iter().map(|step| step.name.as_str()).collect();
    let of_origin = [
        "negative cache",
        "breaker",
        "policy",
        "guard",
        "connect",
        "response",
        "body",
        "first bytes",
    ];
    let of_pixels = ["header", "plan", "decode", "pixels", "encode"];
    let numbered = |name: &&str| format!("origin 1: {name}");
    let mut expected: Vec<String> = [
        "account",
        "endpoint",
        "signature",
        "transformation",
        "variant cache",
        "negative cache",
    ]
    .map(str::to_owned)
    .to_vec();
    expected.extend(of_origin.iter().map(numbered));
    expected.push("origin 1".to_owned());
    expected.extend(of_pixels.iter().map(numbered));
    expected.push("picture".to_owned());
    assert_eq!(names, expected);
    assert!(traced.steps.iter().all(|step| step.ok));
    for (name, shown) in [
        (
            "origin 1: breaker",
            "closed: 0 of 0 fetches of the last 30 s failed",
        ),
        ("origin 1: header", "JPEG, 320x214 px"),
        ("origin 1: plan", "30x20 px; step 1: "),
        ("origin 1: decode", "a JPEG image of "),
        ("origin 1: encode", "30x20 px as image/jpeg, "),
    ] {
        let detail = &step(&traced, name).detail;
        assert!(detail.starts_with(shown), "{name}: {detail}");
    }
    let spent =
        ["origin 1: decode", "origin 1: encode"].map(|name| step(&traced, name).duration_us);
    assert!(spent.iter().all(|micros| *micros > 0), "{traced}");
    let first = step(&traced, "origin 1: first bytes").first_bytes.as_ref();
    let first = first.unwrap();
    assert_eq!(first.looks_like, "a JPEG image");
    assert!(first.hex.starts_with("ff d8 ff"), "{}", first.hex);
    assert_eq!(first.text.len(), 48);
}

#[tokio::test]
async fn the_first_bytes_are_shown_of_whatever_came_and_name_it() {
    let stack = Stack::start().await;
    let login = b"<!doctype html><title>Sign in</title>";
    stack
        .origin
        .answer("/login.jpg", Script::ok("image/jpeg", login));
    stack.origin.answer(
        "/refused.jpg",
        Script::response(403, &[], b"{\"error\":\"no\"}"),
    );
    stack.origin.answer(
        "/cut.jpg",
        Script::raw("HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\nGIF89a"),
    );
    for (target, red_step, looks_like, text) in [
        (
            "/demo/tr:w-9/login.jpg",
            "origin 1: header",
            "an HTML page",
            "<!doctype html>",
        ),
        (
            "/demo/tr:w-9/refused.jpg",
            "origin 1: classify",
            "JSON",
            "{\"error\":\"no\"}",
        ),
        (
            "/demo/tr:w-9/cut.jpg",
            "origin 1: body",
            "a GIF image",
            "GIF89a",
        ),
    ] {
        let traced = explained(&stack, target).await;
        assert_eq!(red(&traced).name, red_step, "{traced}");
        let first = step(&traced, "origin 1: first bytes").first_bytes.as_ref();
        let first = first.unwrap();
        assert_eq!(first.looks_like, looks_like, "{traced}");
        assert!(first.text.starts_with(text), "{traced}");
    }
    let traced = explained(&stack, "/demo/tr:w-9/refused.jpg").await;
    let snippet = traced.snippet.unwrap();
    assert!(snippet.text.starts_with("curl -sS "), "{}", snippet.text);
    assert!(snippet.text.contains("/refused.jpg"), "{}", snippet.text);
}

#[tokio::test]
async fn the_red_step_is_that_of_the_origin_that_decided() {
    let stack = Stack::start().await;
    let base = stack.origin.base_url();
    let first = stack
        .add_origin(web_folder("first", &format!("{base}/first")))
        .await;
    let second = stack
        .add_origin(web_folder("second", &format!("{base}/second")))
        .await;
    stack.add_endpoint("two", &[first, second]).await;
    let missing = Script::response(404, &[], b"");
    stack.origin.answer("/first/page.jpg", missing);
    let page = Script::ok("text/html", b"<html>no picture</html>");
    stack.origin.answer("/second/page.jpg", page);
    let traced = explained(&stack, "/demo/two/tr:w-9/page.jpg").await;
    assert_eq!(traced.reason.as_deref(), Some("not_an_image"));
    assert_eq!(red(&traced).name, "origin 2: header", "{traced}");
    let missed = step(&traced, "origin 1: classify");
    assert!(!missed.ok, "the first one's failure shows too: {traced}");
}

/// Stands for a URL whose signature was right once.
const EXPIRED: &str = "expired";
/// Stands for a URL with the signature of another one.
const OF_ANOTHER: &str = "of another";

/// A URL that is refused, the status, the red step, and some of the advice.
const REFUSED: [(&str, u16, &str, &str); 11] = [
    (
        "/demo/tr:w-abc/photo.jpg",
        400,
        "transformation",
        "Correct the transformation: ",
    ),
    (
        "/demo/tr:n-hero/photo.jpg",
        400,
        "transformation",
        "The account has: thumb.",
    ),
    (
        "/demo/tr:/photo.jpg",
        400,
        "url",
        "Correct the URL: the tr: segment is empty",
    ),
    (
        "/demo/film/ik-video.mp4",
        400,
        "url",
        "Correct the URL: video",
    ),
    (
        "/demo/",
        404,
        "url",
        "Correct the path of the URL: the URL names no file",
    ),
    (
        "/demo/a/../b.jpg",
        404,
        "url",
        "Correct the path of the URL: the path holds",
    ),
    ("http://a b/demo/photo.jpg", 400, "url", "Correct the URL: "),
    (
        "/demo/photo.jpg?ik-s=12",
        401,
        "signature",
        "40 lower-case hexadecimal digits",
    ),
    (EXPIRED, 401, "signature", "a later end"),
    (
        OF_ANOTHER,
        401,
        "signature",
        "with the private key, of: photo.jpg9999999999",
    ),
    (
        "/demo/tr:cm-extract,x-9000,y-0,w-10,h-10/photo.jpg",
        400,
        "origin 1: plan",
        "Correct the transformation: ",
    ),
];

#[tokio::test]
async fn every_refusal_has_a_red_step_and_says_how_to_mend_it() {
    let stack = Stack::start().await;
    let key = stack.tenant.private_key.expose();
    let named =
        NamedTransformationSettings::parse(json!({"name": "thumb", "transformation": "w-20"}));
    create_named_transformation(&stack.context(), stack.tenant_id(), named.unwrap())
        .await
        .unwrap();
    stack.wait_for_version().await;
    let expired = format!(
        "/demo/photo.jpg?ik-t=100&ik-s={}",
        sign(key, "photo.jpg", 100)
    );
    let other = format!("/demo/photo.jpg?ik-s={}", sign(key, "other.jpg", NEVER));
    for (url, status, red_step, fix) in REFUSED {
        let url = match url {
            EXPIRED => &expired,
            OF_ANOTHER => &other,
            url => url,
        };
        let traced = explained(&stack, url).await;
        assert_eq!(traced.status, status, "{traced}");
        let failed = red(&traced);
        assert_eq!(
            (failed.name.as_str(), failed.ok),
            (red_step, false),
            "{traced}"
        );
        let advice = traced.advice.as_deref().unwrap_or_default();
        assert!(advice.contains(fix), "{url}: {advice}");
        assert!(!traced.to_string().contains(key), "{traced}");
        if url.starts_with('/') {
            let answer = stack.get(url).await;
            assert_eq!(answer.status, status, "{url}");
            assert_eq!(traced.ik_error.as_deref(), Some(answer.header("ik-error")));
        }
    }
}

#[tokio::test]
async fn a_restriction_that_refuses_is_named_with_where_it_is_switched() {
    let stack = Stack::start().await;
    let restrictions =
        json!({"restrictUnsignedUrls": true, "restrictUnnamedTransformations": true});
    let set = SetRestrictions {
        name: UrlEndpointName::Default,
        restrictions: Restrictions::parse(restrictions).unwrap(),
        expected: None,
    };
    set_restrictions(&stack.context(), stack.tenant_id(), set)
        .await
        .unwrap();
    stack.wait_for_version().await;
    let place = "PUT /dashboard/v1/url-endpoints/default/restrictions";
    let unsigned = explained(&stack, "/demo/photo.jpg").await;
    assert_eq!(
        (unsigned.status, red(&unsigned).name.as_str()),
        (401, "signature")
    );
    let advice = unsigned.advice.unwrap();
    assert!(advice.contains("restrictUnsignedUrls off"), "{advice}");
    assert!(advice.contains(place), "{advice}");
    let path = "tr:w-30/photo.jpg";
    let signature = sign(stack.tenant.private_key.expose(), path, NEVER);
    let unnamed = explained(&stack, &format!("/demo/{path}?ik-s={signature}")).await;
    assert_eq!(
        (unnamed.status, red(&unnamed).name.as_str()),
        (400, "restrictions")
    );
    let advice = unnamed.advice.unwrap();
    assert!(
        advice.contains("restrictUnnamedTransformations off"),
        "{advice}"
    );
    assert!(advice.contains(place), "{advice}");
}

#[tokio::test]
async fn an_original_marked_private_is_refused_with_a_red_step_of_its_own() {
    let stack = Stack::start().await;
    let fields = [("content-type", "image/jpeg"), ("is-private-file", "true")];
    stack
        .origin
        .answer("/secret.jpg", Script::response(200, &fields, PHOTO_JPEG));
    let traced = explained(&stack, "/demo/tr:w-30/secret.jpg").await;
    assert_eq!(
        (traced.status, red(&traced).name.as_str()),
        (401, "private file")
    );
    assert!(traced.advice.unwrap().contains("Is-Private-File"));
}

#[tokio::test]
async fn the_operator_traces_urls_by_any_host_and_nothing_else() {
    let stack = Stack::start().await;
    let set = SetCustomDomains {
        name: UrlEndpointName::Default,
        domains: vec!["xn--bcher-kva.test".parse().unwrap()],
        expected: None,
    };
    set_custom_domains(&stack.context(), stack.tenant_id(), set)
        .await
        .unwrap();
    stack.wait_for_version().await;
    let ask = async |url: &str| {
        let question = Question::Trace {
            url: url.to_owned(),
            fields: Vec::new(),
        };
        match trace::ask_for(&stack, stack.node.address, (None, question)).await {
            DiagnosisAnswer::Explained(explanation) => *explanation,
            other => panic!("{url}: {other:?}"),
        }
    };
    for (url, status) in [
        ("https://xn--bcher-kva.test/tr:w-30/photo.jpg", 200),
        ("HTTPS://Bücher.TEST:443/tr:w-30/photo.jpg", 200),
        ("http://127.0.0.1:8080/demo/tr:w-30/photo.jpg", 200),
        ("http://[::1]:8080/demo/tr:w-30/photo.jpg", 200),
        ("/demo/tr:w-30/photo.jpg", 200),
        ("https://xn--bcher-kva.test/missing.jpg", 404),
        ("https://nobody.test/photo.jpg", 404),
    ] {
        let traced = ask(url).await;
        assert_eq!(traced.status, status, "{traced}");
        assert_eq!(traced.failed_step.is_none(), status == 200, "{traced}");
    }
    let nobodys = ask("https://nobody.test/photo.jpg").await;
    assert_eq!(nobodys.reason.as_deref(), Some("account_not_found"));
    let question = Question::TestDraft {
        origin: json!({"type": "WEB_FOLDER", "name": "a", "baseUrl": stack.origin.base_url()}),
        path: None,
    };
    let tested = trace::ask_for(&stack, stack.node.address, (None, question)).await;
    assert_eq!(tested, DiagnosisAnswer::Unknown);
}
