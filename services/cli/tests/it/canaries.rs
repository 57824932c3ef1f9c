//! No secret leaves: canaries in every secret field and in signed queries, then everything written and answered is searched.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::Script;
use limpid_testkit::google_accounts::GoogleAccounts;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::instance::Instance;

/// In every canary, and nowhere else.
const CANARY: &str = "Kanarienvogel";

/// Origins of every kind that has secrets, each with canaries; `here` is a server of the demo, which answers nothing but pictures.
fn origins(here: &str) -> Vec<(&'static str, Value)> {
    let secret = |field: &str| format!("{CANARY}-{field}");
    // A key that can sign, in a file whose other secrets are canaries.
    let key_file = json!({"private_key": GoogleAccounts::PRIVATE_KEY, "private_key_id": secret("keyId"),
        "client_email": GoogleAccounts::EMAIL});
    vec![
        (
            "compatible",
            json!({"type": "S3_COMPATIBLE", "name": "c", "bucket": "broken", "endpoint": here, "s3ForcePathStyle": true,
                "accessKey": secret("accessKey"), "secretKey": secret("secretKey")}),
        ),
        (
            "akeneo",
            json!({"type": "AKENEO_PIM", "name": "a", "baseUrl": here, "clientId": secret("clientId"),
                "clientSecret": secret("clientSecret"), "username": secret("username"), "password": secret("password")}),
        ),
        (
            "amazon",
            json!({"type": "S3", "name": "s", "bucket": "bucket", "accessKey": secret("accessKey"), "secretKey": secret("secretKey")}),
        ),
        (
            "backup",
            json!({"type": "CLOUDINARY_BACKUP", "name": "b", "bucket": "bucket", "accessKey": secret("accessKey"),
                "secretKey": secret("secretKey")}),
        ),
        (
            "google",
            json!({"type": "GCS", "name": "g", "bucket": "bucket", "clientEmail": "a@b.example",
                "privateKey": key_file.to_string()}),
        ),
        (
            "azure",
            json!({"type": "AZURE_BLOB", "name": "z", "accountName": "account", "container": "container",
                "sasToken": format!("?sv=1&se=2099-01-01&sig={CANARY}%2Bsignature")}),
        ),
    ]
}

/// The large providers in one: grants a token that is a canary, and refuses everything else in texts that repeat what they were
/// asked, credentials included.
async fn provider() -> FakeOrigin {
    let provider = FakeOrigin::start().await;
    provider.judge(|request| {
        if request.target == "/token" {
            let granted = format!("{{\"access_token\":\"{CANARY}-token\",\"expires_in\":3600}}");
            return Some(Script::ok("application/json", granted.as_bytes()));
        }
        let authorization = request.header("authorization").unwrap_or_default();
        let echo = format!("{authorization} {}", request.target);
        let document = format!(
            "<Error><A>{echo}</A><Code>AccessDenied</Code><Message>{echo}</Message><Details>{echo}</Details><AuthenticationErrorDetail>{echo}</AuthenticationErrorDetail></Error>"
        );
        let fields = [("server", echo.as_str()), ("x-amz-request-id", &echo), ("x-ms-request-id", &echo)];
        Some(Script::response(403, &fields, document.as_bytes()))
    });
    provider
}

/// What must be nowhere: the canaries, as they are and in HTTP Basic, and the private key.
fn needles() -> [String; 4] {
    let key = GoogleAccounts::PRIVATE_KEY.lines().nth(1).unwrap();
    let basic = STANDARD.encode(&CANARY.as_bytes()[..12]);
    // As traces show the first bytes of a page.
    let hex: Vec<String> = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    [CANARY.to_owned(), basic, key.to_owned(), hex.join(" ")]
}

fn assert_clean(what: &str, bytes: &[u8]) {
    for needle in needles() {
        let has_it = bytes
            .windows(needle.len())
            .any(|window| window == needle.as_bytes());
        assert!(
            !has_it,
            "{what} has {needle}: {}",
            String::from_utf8_lossy(bytes)
        );
    }
}

/// An instance whose large providers are all this one.
fn instance_asking(provider: &FakeOrigin) -> Instance {
    let address = provider.base_url();
    let token = format!("{address}/token");
    Instance::with(
        &[],
        &[
            ("LIMPID__TELEMETRY__LOG_FILTER", "info,limpid::access=debug"),
            ("LIMPID__ORIGINS__ALLOW_ADDRESSES", "127.0.0.0/8"),
            ("LIMPID__ORIGINS__AMAZON_S3_ENDPOINT", &address),
            ("LIMPID__ORIGINS__AZURE_BLOB_ENDPOINT", &address),
            ("LIMPID__ORIGINS__GOOGLE_STORAGE_ENDPOINT", &address),
            ("LIMPID__ORIGINS__GOOGLE_TOKEN_ENDPOINT", &token),
        ],
    )
}

/// Everything that is answered about one origin that fails.
async fn answers_about(instance: &Instance, tenant: &str, origin: &Value) -> String {
    let key = instance.create_tenant(tenant).await;
    let created = instance
        .api_post(&key, "/v1/accounts/origins", origin)
        .await;
    assert_eq!(created.status, 201, "{tenant}: {}", created.text());
    let mut answers = created.text();
    let failed = instance
        .get_configured(&format!("/{tenant}/broken/cat.jpg"), "")
        .await;
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
    answers + &told(instance, &key).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_and_no_signed_query_is_in_anything_written_or_answered() {
    let provider = provider().await;
    let mut instance = instance_asking(&provider);
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
    for (tenant, origin) in origins(&here) {
        answers += &answers_about(&instance, tenant, &origin).await;
    }
    // All of them were really asked, with what is secret.
    let asked = format!("{:?}", provider.requests());
    for told in [
        "AWS4-HMAC-SHA256",
        &format!("{CANARY}-token"),
        &format!("sig={CANARY}"),
    ] {
        assert!(asked.contains(told), "nobody told {told}: {asked}");
    }
    let signed = format!("/demo/broken/cat.jpg?token={CANARY}&X-Amz-Signature={CANARY}");
    let failed = instance.get(&signed).await;
    assert!(failed.status >= 400, "{}", failed.status);
    answers += &fields(&failed);
    instance
        .summary_when(&demo, |summary| summary["attempts"].as_u64() >= Some(1))
        .await;
    answers += &told(&instance, &demo).await;

    assert_clean("an answer", answers.as_bytes());
    let log = instance.log();
    assert!(
        log.contains("/demo/broken/cat.jpg"),
        "the log has the request: {log}"
    );
    assert_clean("the log", log.as_bytes());
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
            assert_clean(&path.display().to_string(), &bytes);
        }
    }
}
