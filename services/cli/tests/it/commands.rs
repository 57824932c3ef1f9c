//! Every other command: what it prints, and its exit code.

use std::io::{BufRead as _, BufReader};
use std::process::{Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::instance::{Instance, limpid, picture, scratch};

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    let output = limpid().args(["up", "--no-such-flag"]).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(stdout(&output).is_empty());
}

#[test]
fn an_unknown_setting_is_a_configuration_error_with_a_suggestion() {
    let output = limpid()
        .args(["doctor"])
        .env("LIMPID__CACHE__MEMROY", "1GB")
        .output()
        .unwrap();
    assert_eq!(code(&output), 3);
    assert!(
        stderr(&output).contains("did you mean 'cache.memory'?"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_command_without_any_database_says_what_to_do() {
    let home = scratch();
    let output = limpid()
        .args(["verify", "--data-dir"])
        .arg(home.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 4);
    assert!(
        stderr(&output).contains("DATABASE_URL"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_unreachable_database_is_unavailable() {
    let output = limpid()
        .args([
            "verify",
            "--database-url",
            "postgresql://nobody@127.0.0.1:1/none",
        ])
        .arg("--data-dir")
        .arg(scratch().path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 69, "{}", stderr(&output));
}

#[test]
fn completions_and_the_api_document_go_to_standard_output() {
    let completions = limpid().args(["completions", "bash"]).output().unwrap();
    assert_eq!(code(&completions), 0);
    assert!(stdout(&completions).contains("_limpid"));

    let openapi = limpid().arg("openapi").output().unwrap();
    let document: Value = serde_json::from_slice(&openapi.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    assert!(document["paths"].get("/v1/accounts/origins").is_some());
}

#[test]
fn transform_writes_the_file_and_measures_when_asked() {
    let folder = scratch();
    let target = folder.path().join("out.webp");
    let output = limpid()
        .args([
            "transform",
            "--accept",
            "image/webp",
            "--repeat",
            "2",
            "w-100,f-auto",
        ])
        .arg(picture("cat.jpg"))
        .arg(&target)
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let measured: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(measured["ms"].as_array().unwrap().len(), 2);
    let written = std::fs::read(&target).unwrap();
    assert_eq!(measured["bytes"], written.len());
    assert_eq!(&written[8..12], b"WEBP");
}

#[test]
fn transform_refuses_with_code_and_message() {
    let folder = scratch();
    let target = folder.path().join("out.jpg");
    let refused = limpid()
        .args(["transform", "w-nonsense"])
        .arg(picture("cat.jpg"))
        .arg(&target)
        .output()
        .unwrap();
    assert_eq!(code(&refused), 6);
    assert!(
        stderr(&refused).starts_with("EINVAL - "),
        "{}",
        stderr(&refused)
    );
    assert!(!target.exists());

    let not_an_image = folder.path().join("page.jpg");
    std::fs::write(&not_an_image, "<!doctype html><p>no").unwrap();
    let refused = limpid()
        .args(["transform", "w-10"])
        .arg(&not_an_image)
        .arg(&target)
        .output()
        .unwrap();
    assert_eq!(code(&refused), 6);
    assert!(
        stderr(&refused).starts_with("UNIDENTIFIED - "),
        "{}",
        stderr(&refused)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tail_begins_with_what_failed_and_goes_on_with_what_fails() {
    let instance = Instance::start();
    let key = instance.ready("/demo/private_key");
    assert_eq!(instance.get("/demo/refused/a.jpg").await.status, 404);
    instance
        .summary_when(&key, |summary| summary["clientVisible"] == 1)
        .await;
    let mut tail = limpid()
        .args(["errors", "tail", "--code", "ECONNREFUSED", "--data-dir"])
        .arg(instance.data_dir())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (shown, lines) = mpsc::channel();
    let output = BufReader::new(tail.stdout.take().unwrap());
    std::thread::spawn(move || output.lines().try_for_each(|line| shown.send(line)));
    let next = || lines.recv_timeout(Duration::from_mins(1)).unwrap().unwrap();
    assert!(next().ends_with("/a.jpg"));
    assert_eq!(instance.get("/demo/no-such-file.jpg").await.status, 404);
    assert_eq!(instance.get("/demo/refused/b.jpg").await.status, 404);
    assert!(next().ends_with("/b.jpg"), "of this code, and once");
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one command after the other")]
async fn commands_work_beside_a_running_instance() {
    let instance = Instance::start();
    let key = instance.ready("/demo/private_key");
    assert_eq!(instance.get("/demo/refused/cat.jpg").await.status, 404);
    instance
        .summary_when(&key, |summary| summary["clientVisible"] == 1)
        .await;

    let list = instance.command(&["errors", "list", "--json"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list["byCode"][0]["code"], "ECONNREFUSED");
    assert_eq!(list["byOrigin"][0]["origin"], "Demo connection refused");

    instance
        .summary_when(&key, |summary| summary["groups"]["active"] == 1)
        .await;
    let groups = instance.command(&["errors", "groups", "--json"]);
    let groups: Value = serde_json::from_slice(&groups.stdout).unwrap();
    assert_eq!(groups["data"][0]["reason"], "connection_refused");
    assert_eq!(groups["data"][0]["originName"], "Demo connection refused");
    assert_eq!(groups["data"][0]["clientVisible"], 1);
    let shown = instance.command(&["errors", "groups"]);
    assert!(stdout(&shown).contains("connection_refused"));
    for wrong in [
        ["list", "--from", "now", "--to", "now-1h"].as_slice(),
        &["groups", "--from", "now-100d"],
        &["tail", "--code", "NOPE"],
        &["list", "--from", "garbage"],
    ] {
        let refused = instance.command(&[&["errors"], wrong].concat());
        assert_eq!(code(&refused), 2, "{wrong:?}: {}", stderr(&refused));
    }

    let tail = instance.command(&["errors", "tail", "--to", "now-0s"]);
    assert!(
        stdout(&tail).contains("connection_refused"),
        "{}{}",
        stdout(&tail),
        stderr(&tail)
    );

    let url = format!("http://{}/demo/refused/cat.jpg", instance.serving());
    let explained = instance.command(&["explain", &url, "--json"]);
    assert_eq!(code(&explained), 0, "{}", stderr(&explained));
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert_eq!(explained["status"], 404);
    let steps = explained["steps"].as_array().unwrap();
    assert!(steps.len() > 2);
    assert!(
        steps.iter().any(|step| step["name"] == "variant cache"),
        "the node that runs is asked, which has caches: {steps:?}"
    );

    let created = instance.command(&["tenant", "create", "acme", "--name", "Acme"]);
    let created: Value = serde_json::from_slice(&created.stdout).unwrap();
    assert!(
        created["privateKey"]
            .as_str()
            .unwrap()
            .starts_with("private_")
    );
    assert_eq!(code(&instance.command(&["tenant", "create", "acme"])), 5);
    assert_eq!(
        code(&instance.command(&["tenant", "create", "no spaces"])),
        6
    );
    let settings = [
        "tenant",
        "settings",
        "acme",
        "--restrict-unsigned-urls",
        "true",
    ];
    let settings = instance.command(&settings);
    let settings: Value = serde_json::from_slice(&settings.stdout).unwrap();
    assert_eq!(settings["restrictUnsignedUrls"], true);
    assert_eq!(settings["dataSaver"], false);
    let limits = instance.command(&["tenant", "limits", "acme", "--max-pixels", "1000"]);
    let limits: Value = serde_json::from_slice(&limits.stdout).unwrap();
    assert_eq!(limits, serde_json::json!({"maxPixels": 1000}));
    let shown = instance.command(&["tenant", "limits", "acme"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown, limits);
    for (command, expected) in [
        (&["tenant", "limits", "nobody"][..], 4),
        (&["tenant", "limits", "acme", "--max-pixels", "0"], 6),
        (&["tenant", "settings", "acme", "--data-saver", "on"], 2),
    ] {
        assert_eq!(code(&instance.command(command)), expected, "{command:?}");
    }
    assert_eq!(
        code(&instance.command(&["errors", "list", "--account", "nobody"])),
        4
    );
    instance.command(&["tenant", "create", "leaver"]);
    for (confirm, expected) in [("somebody", 6), ("leaver", 0), ("leaver", 4)] {
        let erased = instance.command(&["tenant", "erase", "leaver", "--confirm", confirm]);
        assert_eq!(code(&erased), expected, "{confirm}: {}", stderr(&erased));
    }
    assert_eq!(
        code(&instance.command(&["rebuild", "no_such_projection"])),
        4
    );

    for command in [
        &["rebuild", "delivery_config"][..],
        &["rebuild", "failure_counts"],
        &["rebuild", "failure_groups"],
        &["rebuild", "failure_paths"],
        &["rebuild", "delivery_usage"],
        &["rebuild", "origin_health"],
        &["verify"],
        &["migrate"],
        &["doctor"],
    ] {
        let output = instance.command(command);
        assert_eq!(
            code(&output),
            0,
            "{command:?}: {}{}",
            stdout(&output),
            stderr(&output)
        );
    }
    // Explaining and looking recorded nothing.
    let (summary, _) = instance.summary_when(&key, |_| true).await;
    assert_eq!(summary["clientVisible"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_start_the_embedded_database_of_a_stopped_instance() {
    let mut instance = Instance::start();
    assert_eq!(instance.get("/demo/no-such-file.jpg").await.status, 404);
    let key = instance.ready("/demo/private_key");
    instance
        .summary_when(&key, |summary| summary["clientVisible"] == 1)
        .await;
    assert!(instance.terminate().success());
    let list = instance.command(&["errors", "list", "--json"]);
    let list: Value =
        serde_json::from_slice(&list.stdout).unwrap_or_else(|_| panic!("{}", stderr(&list)));
    assert_eq!(list["clientVisible"], 1);
}
