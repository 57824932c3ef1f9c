//! `/v1/named-transformations` (R84, R103).

use http::Method;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::dashboard::{Account, Dashboard};

const PATH: &str = "/v1/named-transformations";

fn thumb(name: &str) -> Value {
    json!({"name": name, "transformation": "w-150,h-150,fo-center,cm-pad_resize"})
}

async fn patch(account: &Account<'_>, path: &str, body: &Value) -> Answer {
    account.call(Method::PATCH, path).json(body).send().await
}

#[tokio::test]
async fn one_lives_from_201_to_204_and_patch_changes_only_what_is_sent() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    assert_eq!(account.get(PATH).await.expect(200), json!([]));
    let created = account.post(PATH, &thumb("small_thumb")).await.expect(201);
    let id = created["id"].as_str().unwrap();
    let created_at = created["createdAt"].clone();
    assert!(created_at.is_string());
    assert_eq!(
        created,
        json!({"id": id, "name": "small_thumb", "transformation": "w-150,h-150,fo-center,cm-pad_resize",
            "enabled": true, "createdAt": created_at})
    );
    let path = format!("{PATH}/{id}");
    assert_eq!(account.get(&path).await.expect(200), created);
    let disabled = patch(&account, &path, &json!({"enabled": false})).await;
    let expected = json!({"id": id, "name": "small_thumb", "transformation": "w-150,h-150,fo-center,cm-pad_resize",
        "enabled": false, "createdAt": created_at});
    assert_eq!(disabled.expect(200), expected);
    let renamed = patch(&account, &path, &json!({"name": "thumb"})).await;
    let renamed = renamed.expect(200);
    assert_eq!(
        (&renamed["name"], &renamed["enabled"]),
        (&json!("thumb"), &json!(false))
    );
    assert_eq!(account.get(PATH).await.expect(200), json!([renamed]));
    let deleted = account.delete(&path).await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    for answer in [
        account.get(&path).await,
        account.delete(&path).await,
        patch(&account, &path, &json!({})).await,
        account.get(&format!("{PATH}/x")).await,
    ] {
        assert_eq!(answer.refusal(404), "Named transformation not found.");
    }
}

#[tokio::test]
async fn a_name_in_use_is_a_conflict_that_is_not_worth_a_retry() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let other = dashboard.account("other").await;
    account.post(PATH, &thumb("thumb")).await.expect(201);
    other.post(PATH, &thumb("thumb")).await.expect(201);
    account.post(PATH, &thumb("Thumb")).await.expect(201);
    let card = account.post(PATH, &thumb("card")).await.expect(201);
    let path = format!("{PATH}/{}", card["id"].as_str().unwrap());
    for refused in [
        account.post(PATH, &thumb("thumb")).await,
        patch(&account, &path, &json!({"name": "thumb"})).await,
    ] {
        assert_eq!(
            refused.refusal(409),
            "Named transformation with name thumb already exists."
        );
        assert_eq!(refused.header("x-should-retry"), "false");
    }
}

#[tokio::test]
async fn what_could_not_be_delivered_is_refused_when_it_is_saved() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let saved = account.post(PATH, &thumb("thumb")).await.expect(201);
    let path = format!("{PATH}/{}", saved["id"].as_str().unwrap());
    for (transformation, words) in [
        ("w-abc", "transformation is not valid: w-abc: w takes"),
        ("widht-5", "did you mean w?"),
        ("w-9:n-thumb", "must not use another named transformation"),
        ("tr:", "must not be empty"),
    ] {
        let body = json!({"name": "a", "transformation": transformation});
        let message = account.post(PATH, &body).await.refusal(400);
        assert!(message.contains(words), "{message}");
        let body = json!({"transformation": transformation});
        let message = patch(&account, &path, &body).await.refusal(400);
        assert!(message.contains(words), "{message}");
    }
    let body = json!({"name": "a", "transformation": "tr:w-9"});
    account.post(PATH, &body).await.expect(201);
}

#[tokio::test]
async fn another_tenants_id_behaves_like_one_nobody_has() {
    let dashboard = Dashboard::start().await;
    let (ours, theirs) = (
        dashboard.account("ours").await,
        dashboard.account("theirs").await,
    );
    let named = theirs.post(PATH, &thumb("thumb")).await.expect(201);
    let path = format!("{PATH}/{}", named["id"].as_str().unwrap());
    for answer in [
        ours.get(&path).await,
        ours.delete(&path).await,
        patch(&ours, &path, &json!({"enabled": false})).await,
    ] {
        assert_eq!(answer.refusal(404), "Named transformation not found.");
    }
    assert_eq!(theirs.get(&path).await.expect(200), named);
}

#[tokio::test]
async fn a_version_named_by_if_match_must_be_the_present_one() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let created = account.post(PATH, &thumb("thumb")).await;
    assert_eq!(created.header("etag"), "\"1\"");
    let path = format!("{PATH}/{}", created.expect(201)["id"].as_str().unwrap());
    let changed = patch(&account, &path, &json!({"enabled": false})).await;
    assert_eq!(changed.header("etag"), "\"2\"");
    let stale = account
        .call(Method::PATCH, &path)
        .header("if-match", "\"1\"");
    let stale = stale.json(&json!({"enabled": true})).send().await;
    assert_eq!(stale.expect(412)["code"], "version-stale");
    let same = patch(&account, &path, &json!({"enabled": false})).await;
    assert_eq!(same.header("etag"), "\"2\"", "nothing changed");
}
