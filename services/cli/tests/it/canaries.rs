//! No secret leaves: canaries in every secret field and in signed queries, then everything written and answered is searched.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::client::Answer;
use crate::instance::Instance;

/// In every canary, and nowhere else.
const CANARY: &str = "Kanarienvogel";

/// Origins of every kind that has secrets, each with canaries; `here` is a server that may be asked. The others are stored and never
/// asked: their servers are somebody's.
fn origins(here: &str) -> Vec<(&'static str, Value, bool)> {
    let secret = |field: &str| format!("{CANARY}-{field}");
    let key = format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n");
    vec![
        (
            "compatible",
            json!({"type": "S3_COMPATIBLE", "name": "c", "bucket": "broken", "endpoint": here, "s3ForcePathStyle": true,
                "accessKey": secret("accessKey"), "secretKey": secret("secretKey")}),
            true,
        ),
        (
            "akeneo",
            json!({"type": "AKENEO_PIM", "name": "a", "baseUrl": here, "clientId": secret("clientId"),
                "clientSecret": secret("clientSecret"), "username": secret("username"), "password": secret("password")}),
            true,
        ),
        (
            "amazon",
            json!({"type": "S3", "name": "s", "bucket": "b", "accessKey": secret("accessKey"), "secretKey": secret("secretKey")}),
            false,
        ),
        (
            "google",
            json!({"type": "GCS", "name": "g", "bucket": "b", "clientEmail": "a@b.example", "privateKey": key}),
            false,
        ),
        (
            "azure",
            json!({"type": "AZURE_BLOB", "name": "z", "accountName": "account", "container": "c",
                "sasToken": format!("?sv=1&sig={CANARY}")}),
            false,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_and_no_signed_query_is_in_anything_written_or_answered() {
    let filter = "info,limpid::access=debug";
    let mut instance = Instance::with(&[], &[("LIMPID__TELEMETRY__LOG_FILTER", filter)]);
    let demo = instance.ready("/demo/private_key");
    let folder = instance.api(&demo, "/v1/accounts/origins").await.json();
    let base = folder
        .as_array()
        .unwrap()
        .iter()
        .find_map(|origin| origin["baseUrl"].as_str());
    let here: Vec<&str> = base.unwrap().splitn(4, '/').take(3).collect();
    let here = here.join("/");

    let mut answers = String::new();
    for (tenant, origin, may_be_asked) in origins(&here) {
        let key = instance.create_tenant(tenant).await;
        let created = instance
            .api_post(&key, "/v1/accounts/origins", &origin)
            .await;
        assert_eq!(created.status, 201, "{tenant}: {}", created.text());
        answers += &created.text();
        if may_be_asked {
            let path = format!("/{tenant}/broken/cat.jpg");
            let failed = instance.get_configured(&path, "").await;
            assert_eq!(failed.status, 404, "{tenant}: {:?}", failed.headers);
            answers += &fields(&failed);
            let (summary, _) = instance
                .summary_when(&key, |summary| summary["attempts"].as_u64() >= Some(1))
                .await;
            answers += &summary.to_string();
            let mut test = origin.clone();
            test["path"] = json!("broken/cat.jpg");
            let tested = instance
                .api_post(&key, "/dashboard/v1/origins/test", &test)
                .await;
            assert_eq!(tested.status, 200, "{tenant}: {}", tested.text());
            answers += &tested.text();
        }
        answers += &told(&instance, &key).await;
    }
    let signed = format!("/demo/broken/cat.jpg?token={CANARY}&X-Amz-Signature={CANARY}");
    let failed = instance.get(&signed).await;
    assert!(failed.status >= 400, "{}", failed.status);
    answers += &fields(&failed);
    instance
        .summary_when(&demo, |summary| summary["attempts"].as_u64() >= Some(1))
        .await;
    answers += &told(&instance, &demo).await;

    assert!(!answers.contains(CANARY), "an answer has it: {answers}");
    let log = instance.log();
    assert!(
        log.contains("/demo/broken/cat.jpg"),
        "the log has the request: {log}"
    );
    assert!(!log.contains(CANARY), "the log has it: {log}");
    // stopped, so that everything is on disk: spool, configuration snapshot, and the database where it lives in this folder
    assert!(instance.terminate().success());
    let mut searched = 0;
    search(&instance.data_dir(), &mut searched);
    assert!(searched > 5, "{searched} files");
}

fn fields(answer: &Answer) -> String {
    format!("{:?}", answer.headers)
}

/// What an account is told about itself.
async fn told(instance: &Instance, key: &str) -> String {
    let mut told = String::new();
    for path in ["/v1/accounts/origins", "/dashboard/v1/changes"] {
        told += &instance.api(key, path).await.text();
    }
    let list = "/dashboard/v1/origin-errors/events?from=now-1h&to=now";
    let events = instance.api(key, list).await.json();
    told += &events.to_string();
    for event in events["data"].as_array().unwrap() {
        let id = event["id"].as_str().unwrap();
        told += &instance
            .api(key, &format!("/dashboard/v1/origin-errors/events/{id}"))
            .await
            .text();
    }
    told
}

fn search(folder: &Path, searched: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, searched);
        } else if let Ok(bytes) = fs::read(&path) {
            *searched += 1;
            let has_it = bytes
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes());
            assert!(!has_it, "{} has it", path.display());
        }
    }
}
