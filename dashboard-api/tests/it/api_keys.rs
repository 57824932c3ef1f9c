//! `/dashboard/v1/api-keys`.

use http::Method;
use serde_json::json;

use crate::dashboard::Dashboard;

const KEYS: &str = "/dashboard/v1/api-keys";

#[tokio::test]
async fn a_key_is_shown_once_works_and_is_revoked_by_another() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let body = json!({"name": "deployment"});
    let created = account.post(KEYS, &body).await.expect(201);
    let private_key = created["privateKey"].as_str().unwrap();
    let id = created["id"].as_str().unwrap();
    let with = |method: Method, path: &str| dashboard.call(method, path).private_key(private_key);
    let list = with(Method::GET, KEYS).send().await;
    let text = String::from_utf8(list.body.to_vec()).unwrap();
    assert!(!text.contains(private_key) && !text.contains(&account.private_key));
    let list = list.expect(200)["data"].clone();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(
        (&list[0]["current"], &list[1]["current"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&list[1]["name"], &list[1]["state"]),
        (&json!("deployment"), &json!("active"))
    );
    let hint = list[1]["privateKeyHint"].as_str().unwrap();
    assert!(private_key.starts_with(hint) && hint.len() < private_key.len() / 2);

    let path = format!("{KEYS}/{id}");
    let own = with(Method::DELETE, &path).send().await;
    assert!(own.refusal(409).contains("locked out"));
    account.call(Method::DELETE, &path).send().await.expect(204);
    with(Method::GET, KEYS).send().await.expect(403);
    account.call(Method::DELETE, &path).send().await.expect(404);
    let list = account.get(KEYS).await.expect(200);
    assert_eq!(list["data"][1]["state"], "revoked");
    // Nobody else's.
    let stranger = dashboard.account("zeta").await;
    let theirs = stranger.get(KEYS).await.expect(200)["data"][0]["id"].clone();
    let path = format!("{KEYS}/{}", theirs.as_str().unwrap());
    account.call(Method::DELETE, &path).send().await.expect(404);
}

#[tokio::test]
async fn a_key_that_is_created_twice_under_an_idempotency_key_is_one_pair() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let create = async || {
        let call = account
            .call(Method::POST, KEYS)
            .header("idempotency-key", "k-1");
        call.json(&json!({"name": "deployment"})).send().await
    };
    let first = create().await.expect(201);
    assert_eq!(create().await.expect(201), first);
    let list = account.get(KEYS).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_account_has_five_keys_at_most_and_each_has_a_name() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "x", "nmae": "y"}),
    ] {
        account.post(KEYS, &body).await.expect(400);
    }
    for _ in 0..4 {
        account.post(KEYS, &json!({"name": "x"})).await.expect(201);
    }
    let refused = account.post(KEYS, &json!({"name": "x"})).await;
    assert_eq!(
        refused.refusal(400),
        "An account can have at most 5 key pairs."
    );
}
