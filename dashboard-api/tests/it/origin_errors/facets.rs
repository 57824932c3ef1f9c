//! The values of each filter.

use limpid_domain::failure::{FailureEvent, Outcome, Reason};
use serde_json::{Value, json};

use super::failures::{failure, store};
use crate::dashboard::Dashboard;

const FACETS: &str = "/dashboard/v1/origin-errors/facets";

fn values(answer: &Value, field: &str) -> Value {
    let facets = answer["facets"].as_array().unwrap();
    let facet = facets.iter().find(|facet| facet["field"] == field);
    facet.unwrap()["values"].clone()
}

#[tokio::test]
async fn each_facet_keeps_its_alternatives_and_obeys_the_others() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let missing = FailureEvent {
        occurrences: 3,
        ..failure(account.id, Reason::ObjectNotFound)
    };
    let refused = FailureEvent {
        upstream_status: 403,
        outcome: Outcome::Rescued,
        ..failure(account.id, Reason::AccessDenied)
    };
    let unanswered = FailureEvent {
        upstream_status: 0,
        ..failure(account.id, Reason::DnsNotFound)
    };
    store(&dashboard, 1, vec![missing, refused, unanswered]).await;
    let all = account
        .get(&format!("{FACETS}?code=ENOENT"))
        .await
        .expect(200);
    assert_eq!(
        values(&all, "code"),
        json!([
            {"value": "ENOENT", "label": null, "count": 3},
            {"value": "EACCES", "label": null, "count": 1},
            {"value": "ECONNREFUSED", "label": null, "count": 1}
        ])
    );
    assert_eq!(
        values(&all, "origin"),
        json!([{"value": origin, "label": "Photos", "count": 3}])
    );
    assert_eq!(
        values(&all, "status"),
        json!([{"value": "404", "label": null, "count": 3}])
    );
    let unanswered = account.get(&format!("{FACETS}?fields=status,stage")).await;
    let unanswered = unanswered.expect(200);
    assert_eq!(unanswered["facets"].as_array().unwrap().len(), 2);
    assert_eq!(values(&unanswered, "status")[1]["value"], "none");
    let stages = values(&unanswered, "stage");
    let dns = stages
        .as_array()
        .unwrap()
        .iter()
        .find(|stage| stage["value"] == "dns");
    assert_eq!(dns.unwrap()["count"], 1);
    // What a facet names is what the filter takes.
    for facet in all["facets"].as_array().unwrap() {
        let field = facet["field"].as_str().unwrap();
        for value in facet["values"].as_array().unwrap() {
            let text = value["value"].as_str().unwrap();
            let query = format!("/dashboard/v1/origin-errors/summary?{field}={text}");
            let summary = account.get(&query).await.expect(200);
            assert!(
                summary["attempts"].as_i64() >= value["count"].as_i64(),
                "{query}"
            );
        }
    }
    let refusal = account
        .get(&format!("{FACETS}?fields=colour"))
        .await
        .refusal(400);
    assert!(refusal.contains("code, reason, stage"), "{refusal}");
}
