//! The filtered failures as a file.

use limpid_domain::failure::{FailureEvent, Reason};
use serde_json::Value;

use super::failures::{failure, store};
use crate::dashboard::Dashboard;

const EXPORT: &str = "/dashboard/v1/origin-errors/export";
const EVENTS: &str = "/dashboard/v1/origin-errors/events";

#[tokio::test]
async fn an_export_holds_every_event_of_the_filter_and_no_formula() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    // More than two pages of the list it is read by.
    let mut events: Vec<FailureEvent> = (0..450)
        .map(|n| FailureEvent {
            path: format!("/shoes/{n}.jpg"),
            ..failure(account.id, Reason::ObjectNotFound)
        })
        .collect();
    events.push(FailureEvent {
        path: "=HYPERLINK(\"x\"),y".to_owned(),
        ..failure(account.id, Reason::AccessDenied)
    });
    store(&dashboard, 1, events).await;
    let lines = account.get(&format!("{EXPORT}?format=ndjson")).await;
    assert_eq!(lines.status, 200);
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let text = String::from_utf8(lines.body.to_vec()).unwrap();
    let mut paths: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["path"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 451);

    let csv = account.get(&format!("{EXPORT}?code=EACCES")).await;
    assert_eq!(csv.header("x-limpid-query"), "code=EACCES");
    assert!(csv.header("content-disposition").ends_with(".csv\""));
    let text = String::from_utf8(csv.body.to_vec()).unwrap();
    assert!(text.starts_with("id,occurredAt,requestId,code,"), "{text}");
    assert_eq!(text.lines().count(), 2);
    assert!(text.contains("\"'=HYPERLINK(\"\"x\"\"),y\""), "{text}");
    let nothing = account
        .get(&format!("{EXPORT}?code=ELIMIT&format=ndjson"))
        .await;
    assert!(nothing.body.is_empty());
    let meta: Value = serde_json::from_str(nothing.header("x-limpid-meta")).unwrap();
    let listed = account.get(&format!("{EVENTS}?code=ELIMIT")).await;
    let listed = &listed.expect(200)["meta"];
    assert_eq!(
        (&meta["complete"], &meta["position"]),
        (&listed["complete"], &listed["position"])
    );
    assert!(
        account
            .get(&format!("{EXPORT}?format=xml"))
            .await
            .refusal(400)
            .contains("csv, ndjson")
    );
}
