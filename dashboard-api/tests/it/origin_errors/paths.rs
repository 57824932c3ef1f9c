//! The paths that fail most.

use limpid_domain::failure::{FailureEvent, Reason};
use serde_json::json;

use super::failures::{failure, store};
use crate::dashboard::Dashboard;

#[tokio::test]
async fn paths_come_worst_first_with_their_last_reason() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let red = failure(account.id, Reason::ObjectNotFound);
    let blue = FailureEvent {
        path: "/shoes/blue.jpg".to_owned(),
        occurrences: 7,
        ..failure(account.id, Reason::AccessDenied)
    };
    store(&dashboard, 1, vec![red.clone(), red, blue]).await;
    let path = "/dashboard/v1/origin-errors/paths";
    let found = account.get(path).await.expect(200);
    assert_eq!(found["data"][0]["path"], "/shoes/blue.jpg");
    assert_eq!(found["data"][0]["attempts"], 7);
    assert_eq!(found["data"][0]["lastReason"], "access_denied");
    assert_eq!(found["data"][1]["attempts"], 2);
    assert_eq!(
        (&found["maxUndercount"], &found["distinctPaths"]),
        (&json!(0), &json!(2))
    );
    let one = account
        .get(&format!("{path}?limit=1&code=ENOENT"))
        .await
        .expect(200);
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    assert_eq!(one["data"][0]["lastCode"], "ENOENT");
    account.get(&format!("{path}?limit=0")).await.expect(400);
    let stranger = dashboard.account("globex").await;
    assert_eq!(stranger.get(path).await.expect(200)["data"], json!([]));
}
