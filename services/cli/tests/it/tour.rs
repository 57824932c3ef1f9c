//! What a newcomer sees: images, the five failures, and their exact numbers; also after a stop and after a kill.

use std::time::Duration;

use serde_json::Value;

use crate::instance::{Instance, limpid};

/// Each demo failure: path, status, code, reason.
pub(crate) const FAILURES: [(&str, u16, &str, &str); 6] = [
    ("/demo/no-such-file.jpg", 404, "ENOENT", "object_not_found"),
    ("/demo/forbidden/cat.jpg", 404, "EACCES", "access_denied"),
    ("/demo/too-large/cat.jpg", 400, "ELIMIT", "source_too_large"),
    (
        "/demo/refused/cat.jpg",
        404,
        "ECONNREFUSED",
        "connection_refused",
    ),
    (
        "/demo/broken/cat.jpg",
        404,
        "UNIDENTIFIED",
        "origin_server_error",
    ),
    (
        "/demo/html/tr:w-300/cat.jpg",
        404,
        "UNIDENTIFIED",
        "not_an_image",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn up_serves_pictures_and_explains_each_demo_failure() {
    let instance = Instance::start();
    let key = instance.ready("/demo/private_key");

    for name in ["astronaut", "cat", "coffee", "deep-field", "rocket"] {
        let image = instance.get(&format!("/demo/tr:w-300/{name}.jpg")).await;
        assert_eq!(image.status, 200, "{name}: {}", image.header("ik-error"));
        assert!(image.header("content-type").starts_with("image/"), "{name}");
    }
    for (path, status, code, reason) in FAILURES {
        let answer = instance.get(path).await;
        assert_eq!(answer.status, status, "{path}: {:?}", answer.headers);
        let error = answer.header("ik-error");
        assert!(error.starts_with(&format!("{code} - ")), "{path}: {error}");
        assert_eq!(answer.header("ik-error-reason"), reason, "{path}");
        assert!(!answer.header("ik-event-id").is_empty(), "{path}");
        assert!(!answer.header("ik-request-id").is_empty(), "{path}");
    }
    let (summary, waited) = instance
        .summary_when(&key, |summary| summary["clientVisible"] == 6)
        .await;
    assert!(waited < Duration::from_secs(2), "fresh after {waited:?}");
    assert_eq!(
        counts(&summary, "byCode", "code"),
        [
            ("EACCES", 1),
            ("ECONNREFUSED", 1),
            ("ELIMIT", 1),
            ("ENOENT", 1),
            ("UNIDENTIFIED", 2)
        ]
    );
    assert_eq!(summary["byReason"].as_array().unwrap().len(), 6);
    assert_eq!(summary["byOrigin"].as_array().unwrap().len(), 6);
    assert_eq!(summary["attempts"], 6);
    assert_eq!(summary["rescued"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_keys_addresses_and_numbers() {
    let mut instance = Instance::start();
    let key = instance.ready("/demo/private_key");
    let operator_key = instance.ready("/operator_key");
    assert_eq!(instance.get("/demo/no-such-file.jpg").await.status, 404);

    // SIGTERM right after the answer: what was acknowledged is in the spool, and is drained or kept.
    assert!(instance.terminate().success(), "{}", instance.log());
    let took = instance.start_again();
    assert_eq!(instance.ready("/demo/private_key"), key);
    assert_eq!(instance.ready("/operator_key"), operator_key);
    assert_eq!(instance.get("/demo/tr:w-300/cat.jpg").await.status, 200);
    instance
        .summary_when(&key, |summary| summary["clientVisible"] == 1)
        .await;
    // A second start takes well under a second; the bound leaves room for a machine that builds at the same time.
    assert!(took < Duration::from_secs(15), "second start took {took:?}");

    // Killed right after the answer: the spool has it.
    assert_eq!(instance.get("/demo/forbidden/cat.jpg").await.status, 404);
    instance.kill();
    instance.start_again();
    instance
        .summary_when(&key, |summary| summary["clientVisible"] == 2)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_instance_in_the_same_data_directory_is_refused() {
    let instance = Instance::start();
    let second = limpid()
        .args([
            "up",
            "--serving",
            "127.0.0.1:0",
            "--dashboard",
            "127.0.0.1:0",
            "--data-dir",
        ])
        .arg(instance.data_dir())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(5));
    let message = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        message.contains("another limpid runs in the data directory"),
        "{message}"
    );
    assert_eq!(instance.get("/demo/tr:w-300/cat.jpg").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_demo_there_is_no_demo_account() {
    let instance = Instance::with(&["--no-demo"], &[]);
    let answer = instance.get("/demo/tr:w-300/cat.jpg").await;
    assert_eq!(
        (answer.status, answer.header("ik-error-reason")),
        (404, "account_not_found")
    );
}

/// Rows of a breakdown, by name.
fn counts<'a>(summary: &'a Value, member: &str, name: &str) -> Vec<(&'a str, i64)> {
    let mut rows: Vec<(&str, i64)> = summary[member]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row[name].as_str().unwrap(), row["count"].as_i64().unwrap()))
        .collect();
    rows.sort_unstable();
    rows
}
