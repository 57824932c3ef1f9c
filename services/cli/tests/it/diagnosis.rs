//! Traces and origin tests over the dashboard API: the same verdict as serving's, every step told, nothing recorded.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::instance::Instance;
use crate::tour::FAILURES;

const TRACE: &str = "/dashboard/v1/trace";
const TEST: &str = "/dashboard/v1/origins/test";

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_and_serving_never_disagree_and_the_trace_records_nothing() {
    let instance = Instance::start();
    let key = instance.ready("/demo/private_key");
    let good = trace(&instance, &key, "/demo/tr:w-30/cat.jpg").await;
    assert_eq!(good["status"], 200);
    assert_eq!(good["failedStep"], Value::Null);
    for step in [
        "account",
        "endpoint",
        "variant cache",
        "origin 1: breaker",
        "origin 1: guard",
        "origin 1",
        "origin 1: plan",
        "origin 1: decode",
        "picture",
    ] {
        assert!(detail(&good, step).is_some(), "{step}: {good:#}");
    }
    for (path, status, _, reason) in FAILURES {
        let answer = instance.get(path).await;
        let traced = trace(&instance, &key, path).await;
        assert_eq!(traced["status"], status, "{path}");
        assert_eq!(traced["ikError"], answer.header("ik-error"), "{path}");
        assert_eq!(traced["reason"], reason, "{path}");
        let failed = traced["failedStep"].as_u64().unwrap();
        let step = &traced["steps"][usize::try_from(failed).unwrap()];
        assert_eq!(step["ok"], false, "{path}: {traced:#}");
        let earlier = traced["steps"].as_array().unwrap().iter();
        let earlier = earlier.take(usize::try_from(failed).unwrap());
        assert!(
            earlier.clone().all(|step| step["ok"] == true),
            "{path}: {traced:#}"
        );
        assert!(
            traced["fix"].as_str().is_some_and(|fix| fix.len() > 20),
            "{path}"
        );
    }
    let made = u64::try_from(FAILURES.len()).unwrap();
    let (summary, _) = instance
        .summary_when(&key, |summary| summary["attempts"].as_u64() >= Some(made))
        .await;
    assert_eq!(
        summary["attempts"], made,
        "a trace was recorded: {summary:#}"
    );
}

/// The command finds no account by itself: the node does, by the host as well.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_explains_urls_on_custom_domains_by_asking_the_node() {
    let instance = Instance::start();
    let key = instance.ready("/demo/private_key");
    let domains = json!({"customDomains": ["images.shop.test"]});
    let path = "/dashboard/v1/url-endpoints/default/custom-domains";
    let set = Client::new(instance.dashboard())
        .basic(&key)
        .put(path, &domains)
        .await;
    assert_eq!(set.status, 200, "{}", set.text());
    let host = [("host", "images.shop.test")];
    let asked = Instant::now();
    while Client::new(instance.serving())
        .get("/cat.jpg", &host)
        .await
        .status
        != 200
    {
        assert!(
            asked.elapsed() < Duration::from_secs(20),
            "{}",
            instance.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (url, status) in [
        ("https://images.shop.test/tr:w-30/cat.jpg", 200),
        ("https://Images.Shop.TEST:8443/tr:w-30/none.jpg", 404),
        ("https://nobody.test/cat.jpg", 404),
    ] {
        let explained = instance.command(&["explain", url, "--json"]);
        let complaint = String::from_utf8_lossy(&explained.stderr);
        assert!(explained.status.success(), "{complaint}");
        assert!(!complaint.contains("explained here"), "{url}: {complaint}");
        let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
        assert_eq!(explained["status"], status, "{explained:#}");
        let knows_the_cache = detail(&explained, "variant cache").is_some();
        assert_eq!(knows_the_cache, !url.contains("nobody"), "{explained:#}");
    }
    let shown = instance.command(&["explain", "https://images.shop.test/tr:w-30/cat.jpg"]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    for part in [
        "origin 1: breaker",
        "closed: ",
        "it looks like a JPEG image: ff d8 ff",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_and_origins_of_others_are_nobodys() {
    let instance = Instance::start();
    let others = instance.create_tenant("other").await;
    instance
        .get_configured("/other/a.jpg", "no_origin_attached")
        .await;
    for url in ["/demo/cat.jpg", "/nobody/cat.jpg"] {
        let answer = instance
            .api_post(&others, TRACE, &json!({ "url": url }))
            .await;
        assert_eq!(answer.status, 404, "{url}");
    }
    let origins = instance
        .api(&instance.ready("/demo/private_key"), "/v1/accounts/origins")
        .await;
    let id = origins.json()[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/dashboard/v1/origins/{id}/test");
    let answer = instance.api_post(&others, &path, &json!({})).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_is_tested_before_it_is_saved() {
    let instance = Instance::start();
    let key = instance.ready("/demo/private_key");
    let origins = instance.api(&key, "/v1/accounts/origins").await.json();
    let origins = origins.as_array().unwrap();
    let folder = origins
        .iter()
        .find(|origin| origin["type"] == "WEB_FOLDER")
        .unwrap();
    let draft = |path: &str| json!({"type": "WEB_FOLDER", "name": "draft", "baseUrl": folder["baseUrl"], "path": path});

    let works = instance
        .api_post(&key, TEST, &draft("/cat.jpg"))
        .await
        .json();
    assert_eq!(works["status"], 200, "{works:#}");
    let picture = detail(&works, "picture").unwrap();
    assert!(picture.starts_with("image/jpeg, "), "{picture}");

    let missing = instance
        .api_post(&key, TEST, &draft("/cat.JPEG"))
        .await
        .json();
    assert_eq!(missing["reason"], "object_not_found");
    assert_eq!(missing["existsAs"][0]["path"], "cat.jpg", "{missing:#}");
    let fix = missing["fix"].as_str().unwrap();
    assert!(
        fix.starts_with("Ask for \"cat.jpg\", which exists ("),
        "{fix}"
    );

    // where nobody was asked the path is at fault, and what is wrong with it is said
    let climbing = instance.api_post(&key, TEST, &draft("../cat.jpg")).await;
    let climbing = climbing.json();
    let fix = climbing["fix"].as_str().unwrap();
    assert!(
        fix.starts_with("Correct the path of the URL: the path has `.` or `..` segments"),
        "{fix}"
    );
    let said = detail(&climbing, "origin 1").unwrap();
    assert!(said.contains("`..` segments"), "{said}");

    let inside =
        json!({"type": "WEB_FOLDER", "name": "draft", "baseUrl": "http://127.0.0.1/", "path": "a"});
    let refused = instance.api_post(&key, TEST, &inside).await.json();
    assert_eq!(refused["reason"], "address_prohibited", "{refused:#}");

    let id = folder["id"].as_str().unwrap();
    let stored = format!("/dashboard/v1/origins/{id}/test");
    let reached = instance.api_post(&key, &stored, &json!({})).await.json();
    assert_eq!(reached["status"], 200, "{reached:#}");

    let unnamed = json!({"type": "WEB_FOLDER", "baseUrl": folder["baseUrl"]});
    let answer = instance.api_post(&key, TEST, &unnamed).await;
    assert_eq!(answer.status, 400);
    let after = instance.api(&key, "/v1/accounts/origins").await.json();
    assert_eq!(
        after.as_array().unwrap().len(),
        origins.len(),
        "a test saved something"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_of_origins_are_few_a_minute() {
    let instance = Instance::start();
    let key = instance.ready("/demo/private_key");
    let proxy = json!({"type": "WEB_PROXY", "name": "draft"});
    for _ in 0..10 {
        let answer = instance.api_post(&key, TEST, &proxy).await.json();
        assert_eq!(answer["status"], 400, "{answer:#}");
    }
    let answer = instance.api_post(&key, TEST, &proxy).await;
    assert_eq!(answer.status, 429);
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_key_ring_gets_no_diagnosis() {
    let instance = Instance::start();
    for body in ["", "x", "{\"tenant_id\":1}", &"x".repeat(300 * 1024)] {
        let answer = post(instance.serving(), "/internal/v1/diagnosis", body).await;
        assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
    }
}

async fn trace(instance: &Instance, key: &str, url: &str) -> Value {
    let answer = instance.api_post(key, TRACE, &json!({ "url": url })).await;
    assert_eq!(answer.status, 200, "{url}");
    answer.json()
}

fn detail<'a>(traced: &'a Value, name: &str) -> Option<&'a str> {
    let mut steps = traced["steps"].as_array()?.iter();
    steps.find(|step| step["name"] == name)?["detail"].as_str()
}

async fn post(address: SocketAddr, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // a body that is too long is not read to its end
    let _cut_off = stream.write_all(body.as_bytes()).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
