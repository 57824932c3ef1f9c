//! A cursor continues one list with one filter. Of any other it is refused.

use http::Method;
use limpid_domain::failure::Reason;
use serde_json::{Value, json};

use crate::alerts::watch::{ALERTS, WEBHOOKS, Watch, group_rule};
use crate::dashboard::{Account, Dashboard, OPERATOR_KEY};
use crate::origin_errors::failures::{failure, store};

const CHANGES: &str = "/dashboard/v1/changes";
const PURGES: &str = "/dashboard/v1/purges";
const EVENTS: &str = "/dashboard/v1/origin-errors/events";
const GROUPS: &str = "/dashboard/v1/origin-errors/groups";

async fn cursor_of(account: &Account<'_>, path: &str) -> String {
    let page = account.get(path).await.expect(200);
    page["nextCursor"].as_str().unwrap().to_owned()
}

async fn refuses(account: &Account<'_>, paths: &[String]) {
    for path in paths {
        let refused = account.get(path).await.expect(400);
        assert_eq!(refused["code"], "invalid-cursor", "{path}");
    }
}

async fn two_groups(dashboard: &Dashboard, account: &Account<'_>) {
    let events = [Reason::ObjectNotFound, Reason::AccessDenied];
    let events = events.map(|reason| failure(account.id, reason));
    store(dashboard, 1, events.into()).await;
}

#[tokio::test]
async fn a_cursor_of_failures_bears_no_other_period_and_needs_none() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    two_groups(&dashboard, &account).await;
    for list in [EVENTS, GROUPS] {
        let cursor = cursor_of(&account, &format!("{list}?limit=1&from=now-6h&to=now")).await;
        for period in ["", "&from=now-6h&to=now"] {
            let path = format!("{list}?limit=1&cursor={cursor}{period}");
            let page = account.get(&path).await.expect(200);
            assert_eq!(page["data"].as_array().unwrap().len(), 1, "{path}");
        }
        let others = ["from=now-2h", "from=now-6h", "to=now&from=now-1d"];
        let others = others.map(|period| format!("{list}?limit=1&cursor={cursor}&{period}"));
        refuses(&account, &others).await;
        let whole_day = cursor_of(&account, &format!("{list}?limit=1")).await;
        refuses(
            &account,
            &[format!("{list}?cursor={whole_day}&from=now-6h")],
        )
        .await;
    }
    let cursor = cursor_of(&account, &format!("{EVENTS}?limit=1")).await;
    refuses(&account, &[format!("{GROUPS}?cursor={cursor}")]).await;
}

#[tokio::test]
async fn a_cursor_of_alerts_or_deliveries_bears_no_other_filter_and_no_other_webhook() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let watch = Watch::start(&dashboard).await;
    let (webhook, _) = watch.webhook(&account).await;
    let other = json!({"url": "https://other.example/", "events": ["alert.firing"]});
    let other = account.post(WEBHOOKS, &other).await.expect(201);
    let other = other["id"].as_str().unwrap();
    for _ in 0..2 {
        group_rule(&account, &["new"], &webhook).await;
    }
    two_groups(&dashboard, &account).await;
    watch.look().await;

    let cursor = cursor_of(&account, &format!("{ALERTS}?limit=1")).await;
    account
        .get(&format!("{ALERTS}?limit=1&cursor={cursor}"))
        .await
        .expect(200);
    refuses(
        &account,
        &[format!("{ALERTS}?state=firing&cursor={cursor}")],
    )
    .await;

    let deliveries = |webhook: &str| format!("{WEBHOOKS}/{webhook}/deliveries");
    let first = format!("{}?limit=1", deliveries(&webhook));
    let cursor = cursor_of(&account, &first).await;
    account
        .get(&format!("{first}&cursor={cursor}"))
        .await
        .expect(200);
    let others = [
        format!("{}?cursor={cursor}", deliveries(other)),
        format!("{first}&state=pending&cursor={cursor}"),
    ];
    refuses(&account, &others).await;
}

#[tokio::test]
async fn a_cursor_of_one_list_continues_no_other() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    dashboard.account("globex").await;
    let cursor = cursor_of(&account, &format!("{CHANGES}?limit=1")).await;
    let others = [
        format!("{PURGES}?cursor={cursor}"),
        format!("{ALERTS}?cursor={cursor}"),
        format!("/dashboard/v1/origins/{origin}/history?cursor={cursor}"),
        format!("{CHANGES}?actor=operator&cursor={cursor}"),
        format!("{CHANGES}?cursor=4"),
        format!("{PURGES}?cursor=4"),
    ];
    refuses(&account, &others).await;

    let tenants = async |query: &str| -> (u16, Value) {
        let path = format!("/operator/v1/tenants?limit=1{query}");
        let call = dashboard.call(Method::GET, &path).bearer(OPERATOR_KEY);
        let answer = call.send().await;
        (answer.status.as_u16(), answer.json())
    };
    let (_, first) = tenants("").await;
    let next = first["nextCursor"].as_str().unwrap();
    let (status, second) = tenants(&format!("&cursor={next}")).await;
    assert_eq!(
        (status, &second["data"][0]["imagekitId"]),
        (200, &json!("globex"))
    );
    for cursor in ["x", "acme", &cursor] {
        let (status, refused) = tenants(&format!("&cursor={cursor}")).await;
        let told = (status, &refused["code"]);
        assert_eq!(told, (400, &json!("invalid-cursor")), "{cursor}");
    }
}
