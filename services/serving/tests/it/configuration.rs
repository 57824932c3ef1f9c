//! How a node learns its configuration, and what it does without a database.

use limpid_dashboard_api::commands::{SetCustomDomains, set_custom_domains};
use limpid_domain::url_endpoint::UrlEndpointName;
use limpid_serving::{Serving, ServingError, explain};
use secrecy::SecretString;

use crate::client;
use crate::stack::{Node, Stack, eventually, web_folder};

/// A database nobody runs.
fn no_database() -> SecretString {
    SecretString::from("postgres://nobody@127.0.0.1:1/none")
}

#[tokio::test]
async fn a_change_is_in_force_within_moments_and_older_variants_are_gone() {
    let stack = Stack::start().await;
    assert_eq!(stack.get("/demo/tr:w-30/photo.jpg").await.status, 200);
    stack.attach_to_default(&[]).await;
    let answer = stack.get("/demo/tr:w-30/photo.jpg").await;
    assert_eq!(answer.header("ik-error-reason"), "no_origin_attached");
}

#[tokio::test]
async fn custom_domains_stand_for_the_account_or_for_one_endpoint() {
    let stack = Stack::start().await;
    let base = format!("{}/folder", stack.origin.base_url());
    let shop = stack.add_origin(web_folder("shop", &base)).await;
    stack.add_endpoint("shop", &[shop]).await;
    for (prefix, domain) in [("", "img.test"), ("shop", "shop.test")] {
        let name = if prefix.is_empty() {
            UrlEndpointName::Default
        } else {
            let mut tx = stack.database.tenant_tx(stack.tenant_id()).await.unwrap();
            let endpoints = limpid_read_models::delivery_config::url_endpoints(&mut tx)
                .await
                .unwrap();
            let found = endpoints
                .iter()
                .find(|endpoint| endpoint.settings.url_prefix == prefix);
            UrlEndpointName::Id(found.unwrap().id)
        };
        let set = SetCustomDomains {
            name,
            domains: vec![domain.parse().unwrap()],
            expected: None,
        };
        set_custom_domains(&stack.context(), stack.tenant_id(), set)
            .await
            .unwrap();
    }
    stack.wait_for_version().await;
    for (host, target, seen) in [
        ("IMG.test:8080", "/photo.jpg", "/photo.jpg"),
        ("img.test", "/shop/photo.jpg", "/folder/photo.jpg"),
        ("shop.test", "/tr:w-20/a/photo.jpg", "/folder/a/photo.jpg"),
    ] {
        let answer = stack.request("GET", target, &[("host", host)]).await;
        assert_eq!(answer.status, 200, "{host}{target}");
        assert!(stack.origin.hits(seen) >= 1, "{host}{target}");
    }
}

#[tokio::test]
async fn a_node_starts_without_its_database_from_the_snapshot_on_disk() {
    let stack = Stack::start().await;
    let mut config = stack.config.clone();
    stack.node.stop().await;
    config.database_url = no_database();
    let node = Node::start(config.clone()).await;
    let answer = client::get(node.address, "/demo/tr:w-30/photo.jpg").await;
    assert_eq!(answer.status, 200);
    let failed = client::get(node.address, "/demo/missing.jpg").await;
    assert_eq!(failed.status, 404);
    assert_eq!(failed.header("ik-event-id").len(), 36);
    let ready = client::get(node.address, "/readyz").await;
    assert_eq!(ready.status, 200);
    let reasons = String::from_utf8(ready.body).unwrap();
    assert!(reasons.contains("snapshot on disk"), "{reasons}");
    drop(node);
    config.snapshot_path = config.snapshot_path.with_extension("none");
    config.spool.dir = config.spool.dir.with_extension("other");
    let nothing = Serving::bind(config).await;
    assert!(matches!(nothing, Err(ServingError::Configuration(_))));
}

#[tokio::test]
async fn readiness_goes_first_when_a_node_stops_and_requests_in_flight_end() {
    let stack = Stack::start().await;
    assert_eq!(stack.get("/livez").await.status, 200);
    assert_eq!(stack.get("/readyz").await.status, 200);
    let address = stack.node.address;
    let slow = client::get(address, "/demo/tr:w-30/silent");
    let stop = async {
        eventually("the request to reach the origin", async || {
            (stack.origin.hits("/silent") == 1).then_some(())
        })
        .await;
        stack.node.begin_stop();
    };
    let (answer, ()) = tokio::join!(slow, stop);
    assert_eq!(answer.header("ik-error-reason"), "response_timeout");
    assert_eq!(answer.header("connection"), "close");
    stack.event_of(&answer).await;
}

#[tokio::test]
async fn an_explanation_walks_the_same_way_and_records_nothing() {
    let stack = Stack::start().await;
    let url = "http://images.test/demo/tr:w-30/counted/photo.jpg?ik-attachment=true";
    let good = explain(&stack.config, url).await.unwrap();
    assert_eq!(good.status, 200);
    for step in [
        "account",
        "endpoint",
        "transformation",
        "origin 1",
        "picture",
    ] {
        assert!(
            good.steps
                .iter()
                .any(|known| known.name == step && known.ok),
            "{step}"
        );
    }
    let bad = explain(&stack.config, "/demo/counted/missing.jpg")
        .await
        .unwrap();
    assert_eq!(bad.status, 404);
    let named = |name: &str| {
        let found = bad.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(named("ik-error-reason"), Some("object_not_found"));
    assert_eq!(named("ik-event-id"), None);
    let advice = bad.advice.as_deref().unwrap();
    assert!(
        advice.contains("\"zoo\"") && advice.contains("/counted/missing.jpg"),
        "{advice}"
    );
    assert!(bad.to_string().contains("FAIL origin 1"), "{bad}");
    // A failure recorded after the explanation arrives; nothing of the explanation did before it.
    stack.get("/demo/counted/other.jpg").await;
    let summary = stack.summary_when(|summary| summary.attempts > 0).await;
    assert_eq!(summary.attempts, 1);
}
