//! The API's description.

use std::collections::BTreeSet;

use limpid_dashboard_api::openapi;
use serde_json::Value;

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    operations.collect()
}

#[test]
fn every_route_is_described_with_an_id_and_its_errors() {
    let document = serde_json::to_value(openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let operations = operations(&document);
    let names: Vec<&str> = operations.iter().map(|(name, _)| name.as_str()).collect();
    for expected in [
        "get /v1/accounts/origins",
        "delete /v1/accounts/url-endpoints/{id}",
        "patch /v1/named-transformations/{id}",
        "get /v1/accounts/usage",
        "get /v1/accounts/usage-analytics",
        "get /dashboard/v1/usage",
        "get /dashboard/v1/origins/health",
        "get /dashboard/v1/expiries",
        "post /dashboard/v1/api-keys",
        "delete /dashboard/v1/api-keys/{id}",
        "get /dashboard/v1/overview",
        "get /dashboard/v1/changes/{configVersion}",
        "get /dashboard/v1/onboarding",
        "get /dashboard/v1/origins/{id}/metrics",
        "get /dashboard/v1/origin-errors/summary",
        "get /dashboard/v1/origin-errors/timeseries",
        "get /dashboard/v1/origin-errors/events",
        "get /dashboard/v1/origin-errors/events/{id}",
        "put /dashboard/v1/url-endpoints/{id}/custom-domains",
        "put /dashboard/v1/url-endpoints/{id}/restrictions",
        "patch /dashboard/v1/settings",
        "get /dashboard/v1/changes",
        "get /dashboard/v1/origins/{id}/history",
        "post /dashboard/v1/purge",
        "get /dashboard/v1/purges",
        "put /dashboard/v1/alert-rules/{id}",
        "get /dashboard/v1/alerts",
        "post /dashboard/v1/webhooks/{id}/rotate-secret",
        "post /dashboard/v1/webhooks/{id}/test",
        "post /dashboard/v1/webhook-deliveries/{id}/resend",
        "patch /v1/accounts/webhooks/{id}",
        "post /operator/v1/tenants",
        "put /operator/v1/tenants/{imagekitId}/limits",
        "get /readyz",
    ] {
        assert!(
            names.contains(&expected),
            "{expected} is missing in {names:?}"
        );
    }
    let ids: BTreeSet<&str> = operations
        .iter()
        .map(|(_, operation)| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), operations.len());
    for (name, operation) in &operations {
        let secured =
            !name.ends_with("livez") && !name.ends_with("readyz") && !name.contains("/problems/");
        assert_eq!(operation["security"].is_array(), secured, "{name}");
        assert!(operation["summary"].is_string(), "{name}");
        let refusals = operation["responses"].as_object().unwrap().keys();
        let refusals = refusals.filter(|status| status.starts_with('4')).count();
        assert_eq!(
            refusals > 0,
            secured || name.contains("/problems/"),
            "{name}"
        );
    }
}

#[test]
fn every_command_may_be_sent_under_a_key_and_no_question_is() {
    let document = serde_json::to_value(openapi()).unwrap();
    for (name, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array();
        let takes_key = parameters.is_some_and(|parameters| {
            parameters
                .iter()
                .any(|parameter| parameter["name"] == "Idempotency-Key")
        });
        assert_eq!(takes_key, !name.starts_with("get "), "{name}");
        let responses = &operation["responses"];
        let is_told = responses["409"].is_object() && responses["422"].is_object();
        assert!(is_told || !takes_key, "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found.push(reference.clone());
            }
            members
                .values()
                .for_each(|value| collect_references(value, found));
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect_references(value, found)),
        _ => {}
    }
}
