//! Two origins that fail: which failure the client is told, and that both are recorded.

use limpid_domain::failure::Outcome;
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
