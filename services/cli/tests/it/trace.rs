//! One request is one trace: server span, origin attempt, transform, failure record; and the origin sees the same trace.

use std::fmt::Write;
use std::time::{Duration, Instant};

use limpid_testkit::fake_origin::FakeOrigin;
use mock_collector::{MockServer, Protocol, ServerHandle};
use serde_json::json;

use crate::instance::Instance;

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_covers_the_request_its_origin_its_pixels_and_its_failure() {
    let collector = MockServer::builder()
        .protocol(Protocol::HttpBinary)
        .start()
        .await
        .unwrap();
    let origin = FakeOrigin::start().await;
    let instance = traced_instance(&collector, &origin);
    let key = instance.create_tenant("acme").await;
    let body = json!({ "type": "WEB_FOLDER", "name": "Zoo", "baseUrl": origin.base_url() });
    assert_eq!(
        instance
            .api_post(&key, "/v1/accounts/origins", &body)
            .await
            .status,
        201
    );
    assert_eq!(
        instance
            .get_configured("/acme/tr:w-50/photo.jpg", "")
            .await
            .status,
        200
    );
    assert_eq!(
        instance
            .get("/acme/tr:w-50/status/403")
            .await
            .header("ik-error-reason"),
        "access_denied"
    );

    let good = trace_sent_to(&origin, "/photo.jpg");
    let bad = trace_sent_to(&origin, "/status/403");
    let names = spans_when(
        &collector,
        &good,
        &["origin.attempt", "origin.fetch", "transform"],
    )
    .await;
    assert!(
        names.iter().any(|name| name.starts_with("GET")),
        "no server span: {names:?}"
    );
    let names = spans_when(
        &collector,
        &bad,
        &["origin.attempt", "origin.fetch", "failure.record"],
    )
    .await;
    assert!(
        names.iter().any(|name| name.starts_with("GET")),
        "no server span: {names:?}"
    );
    assert_ne!(good, bad);
    check_metrics_and_log(&instance).await;
}

/// Without a collector a request has a trace id all the same: its own id, in its log lines and at its origin.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_the_request_id_is_the_trace_id() {
    let origin = FakeOrigin::start().await;
    let exempt = origin.addr().to_string();
    let instance = Instance::with(
        &[],
        &[
            ("LIMPID__ORIGINS__ALLOW_ADDRESSES", &exempt),
            ("LIMPID__TELEMETRY__LOG_FORMAT", "json"),
        ],
    );
    let key = instance.create_tenant("acme").await;
    let body = json!({ "type": "WEB_FOLDER", "name": "Zoo", "baseUrl": origin.base_url() });
    let created = instance.api_post(&key, "/v1/accounts/origins", &body).await;
    assert_eq!(created.status, 201);
    let answer = instance.get_configured("/acme/status/403", "").await;
    let request_id = answer.header("ik-request-id").replace('-', "");
    assert_eq!(trace_sent_to(&origin, "/status/403"), request_id);
    let traced = format!("\"trace_id\":\"{request_id}\"");
    let log = instance.log();
    assert!(
        log.lines()
            .any(|line| line.contains("image request failed") && line.contains(&traced)),
        "{log}"
    );
}

async fn check_metrics_and_log(instance: &Instance) {
    let metrics_url = instance.ready("/metrics");
    let address = metrics_url
        .trim_start_matches("http://")
        .trim_end_matches("/metrics");
    let metrics = crate::client::Client::new(address.parse().unwrap())
        .get("/metrics", &[])
        .await;
    assert_eq!(metrics.status, 200);
    let text = metrics.text();
    assert!(
        text.contains("http_server_request_duration_seconds_bucket"),
        "{text}"
    );
    assert!(!text.contains("acme"), "a tenant is a metric label");
    assert!(
        instance.log().contains("\"trace_id\":"),
        "log lines carry trace ids"
    );
}

fn traced_instance(collector: &ServerHandle, origin: &FakeOrigin) -> Instance {
    let endpoint = format!("http://{}", collector.addr());
    let exempt = origin.addr().to_string();
    Instance::with(
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("OTEL_TRACES_SAMPLER", "always_on"),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("LIMPID__ORIGINS__ALLOW_ADDRESSES", &exempt),
            ("LIMPID__TELEMETRY__LOG_FORMAT", "json"),
            ("RUST_LOG", "debug"),
        ],
    )
}

/// The trace id in the `traceparent` the origin received with a request.
fn trace_sent_to(origin: &FakeOrigin, target: &str) -> String {
    let requests = origin.requests();
    let request = requests
        .iter()
        .rfind(|request| request.target == target)
        .unwrap();
    let traceparent = request.header("traceparent").unwrap();
    assert!(request.header("tracestate").is_none() && request.header("baggage").is_none());
    traceparent.split('-').nth(1).unwrap().to_owned()
}

/// Names of the spans of a trace, once the wanted ones have arrived.
async fn spans_when(collector: &ServerHandle, trace_id: &str, wanted: &[&str]) -> Vec<String> {
    let asked = Instant::now();
    loop {
        let names: Vec<String> = collector
            .with_collector(|collector| {
                collector
                    .spans()
                    .iter()
                    .map(mock_collector::TestSpan::span)
                    .filter(|span| hex(&span.trace_id) == trace_id)
                    .map(|span| span.name.clone())
                    .collect()
            })
            .await;
        let server = names.iter().any(|name| name.starts_with("GET"));
        if server
            && wanted
                .iter()
                .all(|wanted| names.iter().any(|name| name == wanted))
        {
            return names;
        }
        assert!(
            asked.elapsed() < Duration::from_secs(20),
            "only {names:?} of {trace_id}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
