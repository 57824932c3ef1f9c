//! What an operator sees of requests that were refused: they are no events.

use std::net::SocketAddr;

use crate::client::send;
use crate::instance::Instance;

/// The private listener's text.
async fn metrics(instance: &Instance) -> String {
    let url = instance.ready("/metrics");
    let address = url
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix("/metrics"))
        .unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let request = b"GET /metrics HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n";
    send(address, request).await.unwrap().text()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_transformation_is_counted_by_code_and_stands_in_the_access_log() {
    let filter = [("RUST_LOG", "info,limpid::access=debug")];
    let instance = Instance::with(&["--metrics", "127.0.0.1:0"], &filter);
    let target = "/demo/tr:w-abc/cat.jpg?token=hunter2";
    let refused = instance.get(target).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.header("ik-event-id"), "");
    let log = instance.log();
    let line = log
        .lines()
        .find(|line| line.contains("/demo/tr:w-abc/cat.jpg"))
        .unwrap_or_else(|| panic!("no line in {log}"));
    for part in [
        "EINVAL",
        refused.header("ik-error").split('"').next().unwrap(),
        refused.header("ik-request-id"),
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!log.contains("hunter2"), "{log}");
    let metrics = metrics(&instance).await;
    let counted = metrics
        .lines()
        .find(|line| line.starts_with("limpid_error_answers_total{") && line.contains("EINVAL"));
    assert!(
        counted.is_some_and(|line| line.ends_with(" 1")),
        "{metrics}"
    );
}
