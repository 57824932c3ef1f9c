//! Two origins that fail: which failure the client is told, and that both are recorded.

use limpid_domain::failure::Outcome;
use limpid_testkit::dead_ends::RefusingPort;
use limpid_testkit::fake_origin::script::Script;

use crate::stack::{Stack, web_folder};

/// Codes from the one that is told first to the one that is told last, each with a status that causes it.
const BY_PRECEDENCE: [(&str, u16, &str); 4] = [
    ("EACCES", 403, "access_denied"),
    ("ECONNREFUSED", 503, "origin_overloaded"),
    ("UNIDENTIFIED", 500, "origin_server_error"),
    ("ENOENT", 404, "object_not_found"),
];

#[tokio::test]
async fn every_pair_of_failures_has_its_headline_and_both_attempts() {
    let stack = Stack::start().await;
    let base = stack.origin.base_url();
    let first = stack
        .add_origin(web_folder("first", &format!("{base}/first")))
        .await;
    let second = stack
        .add_origin(web_folder("second", &format!("{base}/second")))
        .await;
    stack.add_endpoint("two", &[first, second]).await;
    let pairs = (0..4).flat_map(|one| (0..4).map(move |two| (one, two)));
    let requests = pairs.map(async |(one, two)| {
        for (folder, rank) in [("first", one), ("second", two)] {
            let (_, status, _) = BY_PRECEDENCE[rank];
            stack.origin.answer(
                &format!("/{folder}/counted/{one}-{two}.jpg"),
                Script::response(status, &[], b""),
            );
        }
        let answer = stack
            .get(&format!("/demo/two/counted/{one}-{two}.jpg"))
            .await;
        (one, two, answer)
    });
    for (one, two, answer) in futures::future::join_all(requests).await {
        // ties go to the earlier origin
        let told = one.min(two);
        let (code, _, reason) = BY_PRECEDENCE[told];
        let error = answer.header("ik-error");
        assert!(
            error.starts_with(&format!("{code} - ")),
            "{one} {two}: {error}"
        );
        assert_eq!(answer.header("ik-error-reason"), reason);
        let attempts = stack.attempts_of(&answer).await;
        let seen: Vec<_> = attempts
            .iter()
            .map(|event| {
                (
                    event.attempt,
                    event.reason.name(),
                    event.headline,
                    event.outcome,
                )
            })
            .collect();
        let is_first = one <= two;
        assert_eq!(
            seen,
            [
                (1, BY_PRECEDENCE[one].2, is_first, Outcome::Failed),
                (2, BY_PRECEDENCE[two].2, !is_first, Outcome::Failed),
            ]
        );
    }
    let summary = stack.summary_when(|summary| summary.attempts >= 32).await;
    assert_eq!((summary.client_visible, summary.attempts), (16, 32));
}

#[tokio::test]
async fn whatever_the_first_origin_fails_with_the_second_is_asked_after_it() {
    let stack = Stack::start().await;
    let base = stack.origin.base_url();
    let second = web_folder("second", &format!("{base}/second"));
    let second = stack.add_origin(second).await;
    let port = RefusingPort::reserve();
    let unreachable = web_folder("unreachable", &format!("http://{}", port.addr()));
    let unreachable = stack.add_origin(unreachable).await;
    stack.create_endpoint("away", &[unreachable, second]).await;
    let first = web_folder("first", &format!("{base}/first"));
    let first = stack.add_origin(first).await;
    stack.add_endpoint("two", &[first, second]).await;
    for (status, folder) in [(404, "a"), (403, "b"), (401, "c"), (500, "d")] {
        let target = format!("/first/{folder}/photo.jpg");
        let refusal = Script::response(status, &[], b"");
        stack.origin.answer(&target, refusal);
        let answer = stack
            .get(&format!("/demo/two/tr:w-30/{folder}/photo.jpg"))
            .await;
        assert_eq!(
            answer.status,
            200,
            "{status}: {}",
            answer.header("ik-error")
        );
        let asked = stack.origin.requests();
        let targets = asked.iter().map(|request| request.target.as_str());
        let place = |wanted: &str| targets.clone().position(|target| target == wanted);
        let second = place(&format!("/second/{folder}/photo.jpg"));
        assert!(place(&target).unwrap() < second.unwrap(), "{status}");
    }
    let answer = stack.get("/demo/away/tr:w-30/e/photo.jpg").await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    assert_eq!(stack.origin.hits("/second/e/photo.jpg"), 1);
}

#[tokio::test]
async fn of_two_origins_that_have_the_file_the_first_gives_it_and_the_second_is_not_asked() {
    let stack = Stack::start().await;
    let base = stack.origin.base_url();
    let mut origins = Vec::new();
    for name in ["first", "second"] {
        let folder = web_folder(name, &format!("{base}/{name}"));
        origins.push(stack.add_origin(folder).await);
    }
    stack.add_endpoint("two", &origins).await;
    let answer = stack.get("/demo/two/tr:w-30/photo.jpg").await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    assert_eq!(stack.origin.hits("/first/photo.jpg"), 1);
    assert_eq!(stack.origin.hits("/second/photo.jpg"), 0);
}

#[tokio::test]
async fn an_origin_that_is_this_platform_itself_is_named_after_one_request() {
    let stack = Stack::start().await;
    let base = format!("http://{}/demo/again", stack.node.address);
    let origin = stack.add_origin(web_folder("again", &base)).await;
    stack.add_endpoint("again", &[origin]).await;
    let answer = stack.get("/demo/again/counted/photo.jpg").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("ik-error-reason"), "host_not_allowed");
    let attempts = stack.attempts_of(&answer).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].upstream_status, 508);
    let summary = stack.summary_when(|summary| summary.attempts >= 1).await;
    assert_eq!(
        summary.attempts, 1,
        "the request that came back is no event"
    );
}
