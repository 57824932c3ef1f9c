//! Questions that cannot be answered.

use crate::dashboard::Dashboard;

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_name_with_what_is_allowed() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for (resource, query, parameter, text) in [
        ("summary", "orign=x", "orign", "did you mean \"origin\"?"),
        (
            "summary",
            "tenant=other",
            "tenant",
            "known are from, to, q, code",
        ),
        ("summary", "from=yesterday", "from", "not \"yesterday\""),
        (
            "summary",
            "from=now&to=now-1h",
            "from",
            "from must be before to.",
        ),
        ("summary", "from=now-91d", "from", "90 days apart at most"),
        ("summary", "to=2026-11-22", "to", "a time like"),
        ("summary", "code=enoent", "code", "one of ENOENT, EACCES"),
        (
            "summary",
            "reason=none",
            "reason",
            "one of account_not_found",
        ),
        (
            "summary",
            "outcome=lost",
            "outcome",
            "one of failed, rescued",
        ),
        ("summary", "origin=1", "origin", "an origin's id or none"),
        (
            "summary",
            "endpoint=shop",
            "endpoint",
            "a URL endpoint's id, default or none",
        ),
        ("summary", "limit=1", "limit", "Unknown parameter"),
        ("summary", "q=%00", "q", "without control characters"),
        (
            "timeseries",
            "groupBy=path",
            "groupBy",
            "one of code, reason, stage, origin, endpoint, outcome, status, version, node, group",
        ),
        ("timeseries", "interval=2m", "interval", "one of 10s, 30s"),
        (
            "timeseries",
            "interval=10s",
            "interval",
            "use 15m or longer",
        ),
        ("events", "limit=201", "limit", "from 1 to 200"),
        ("events", "limit=1000000000", "limit", "from 1 to 200"),
        ("events", "limit=1&limit=2", "limit", "may be given once"),
    ] {
        let answer = account
            .get(&format!("/dashboard/v1/origin-errors/{resource}?{query}"))
            .await;
        let problem = answer.expect(400);
        assert_eq!(problem["code"], "parameter-invalid", "{query}");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{query}");
        let detail = problem["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(text), "{query}: {detail}");
        assert_eq!(problem["message"], detail, "{query}");
    }
}

#[tokio::test]
async fn a_huge_query_is_answered_in_few_words() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let query = "code=X&".repeat(2_000);
    let answer = account
        .get(&format!("/dashboard/v1/origin-errors/summary?{query}"))
        .await;
    let problem = answer.expect(400);
    assert_eq!(
        problem["errors"][0]["detail"],
        "code may be given 100 times."
    );
    assert!(answer.body.len() < 2_000);
}
