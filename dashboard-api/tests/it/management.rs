//! `/v1/accounts`: what the SDK tests do not reach.

use http::Method;
use serde_json::{Value, json};

use crate::dashboard::Dashboard;

const ORIGINS: &str = "/v1/accounts/origins";
const ENDPOINTS: &str = "/v1/accounts/url-endpoints";

fn bucket(name: &str) -> Value {
    json!({
        "name": name, "type": "S3", "bucket": "photos",
        "accessKey": "AKIA-canary", "secretKey": "secret-canary"
    })
}

#[tokio::test]
async fn an_origin_lives_from_201_to_204_and_never_shows_its_secrets() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    // The account's very first origin joins the default endpoint and could not be deleted.
    account.origin("first").await;
    let created = account.post(ORIGINS, &bucket("Photos")).await;
    let origin = created.expect(201);
    let id = origin["id"].as_str().unwrap();
    let expected = json!({
        "id": id, "name": "Photos", "type": "S3", "bucket": "photos", "prefix": "",
        "useIAMRole": false, "includeCanonicalHeader": false
    });
    assert_eq!(origin, expected);
    let path = format!("{ORIGINS}/{id}");
    let read = account.get(&path).await;
    assert_eq!(read.expect(200), expected);
    let listed = account.get(ORIGINS).await;
    assert_eq!(listed.expect(200)[1], expected);
    let replaced = account.put(&path, &bucket("Renamed")).await;
    assert_eq!(replaced.expect(200)["name"], "Renamed");
    for answer in [&created, &read, &listed, &replaced] {
        assert!(!String::from_utf8_lossy(&answer.body).contains("canary"));
    }
    let deleted = account.delete(&path).await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    assert_eq!(account.get(&path).await.refusal(404), "Origin not found.");
    assert_eq!(
        account.delete(&path).await.refusal(404),
        "Origin not found."
    );
    assert_eq!(
        account
            .get(ORIGINS)
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn an_origin_that_nobody_may_reach_is_saved_with_a_warning_beside_the_usual_body() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let folder =
        |base_url: &str| json!({"name": "Inside", "type": "WEB_FOLDER", "baseUrl": base_url});
    let created = account.post(ORIGINS, &folder("http://10.0.0.5/")).await;
    let warning = created.header("ik-warning");
    assert!(
        warning.starts_with(
            "address_prohibited; field=baseUrl; detail=\"the address 10.0.0.5 is private"
        ),
        "{warning}"
    );
    let origin = created.expect(201);
    let id = origin["id"].as_str().unwrap();
    assert_eq!(
        origin,
        json!({
            "id": id, "name": "Inside", "type": "WEB_FOLDER", "baseUrl": "http://10.0.0.5/",
            "forwardHostHeaderToOrigin": false, "includeCanonicalHeader": false
        })
    );
    let path = format!("{ORIGINS}/{id}");
    assert_eq!(account.get(&path).await.header("ik-warning"), warning);
    let metadata = account
        .put(&path, &folder("http://metadata.google.internal/"))
        .await;
    assert!(
        metadata
            .header("ik-warning")
            .contains("which no setting opens")
    );
    let public = account.put(&path, &folder("https://images.example/")).await;
    assert_eq!(public.header("ik-warning"), "");
    let endpoint = json!({
        "name": "Store", "type": "S3_COMPATIBLE", "bucket": "b", "endpoint": "http://169.254.169.254",
        "accessKey": "AKIA", "secretKey": "secret"
    });
    let store = account.post(ORIGINS, &endpoint).await;
    store.expect(201);
    assert!(store.header("ik-warning").starts_with(
        "address_prohibited; field=endpoint; detail=\"the address 169.254.169.254 is link-local"
    ));
    for bucket in ["x@127.0.0.1:80/", "a/../b", "a?b#c"] {
        let mut refused = endpoint.clone();
        refused["bucket"] = json!(bucket);
        account.post(ORIGINS, &refused).await.refusal(400);
    }
}

#[tokio::test]
async fn the_first_origin_joins_the_default_endpoint_and_cannot_be_deleted_while_it_is_there() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("first").await;
    let default = format!("{ENDPOINTS}/default");
    let endpoint = account.get(&default).await.expect(200);
    assert_eq!(endpoint["id"], "default");
    assert_eq!(endpoint["origins"], json!([origin]));
    let path = format!("{ORIGINS}/{origin}");
    let refused = account.delete(&path).await;
    assert!(
        refused
            .refusal(400)
            .starts_with("Origin is in use by URL-endpoint ")
    );
    let body = json!({"description": "Default", "origins": []});
    assert_eq!(
        account.put(&default, &body).await.expect(200)["origins"],
        json!([])
    );
    account.delete(&path).await.expect(204);
}

#[tokio::test]
async fn a_version_named_by_if_match_must_be_the_present_one() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let created = account.post(ORIGINS, &bucket("a")).await;
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{ORIGINS}/{id}");
    assert_eq!(created.header("etag"), "\"1\"");
    let replace = |tag: &'static str| {
        let call = account.call(Method::PUT, &path).header("if-match", tag);
        call.json(&bucket("b")).send()
    };
    let replaced = replace("\"1\"").await;
    replaced.expect(200);
    assert_eq!(replaced.header("etag"), "\"2\"");
    for stale in ["\"1\"", "\"3\"", "W/\"2\"", "x"] {
        assert_eq!(
            replace(stale).await.expect(412)["code"],
            "version-stale",
            "{stale}"
        );
    }
    let call = account
        .call(Method::DELETE, &path)
        .header("if-match", "\"1\"");
    call.send().await.expect(412);
    account
        .put(&path, &bucket("last write wins"))
        .await
        .expect(200);
    assert_eq!(account.get(&path).await.header("etag"), "\"3\"");
}

#[tokio::test]
async fn another_tenants_ids_behave_like_ids_nobody_has() {
    let dashboard = Dashboard::start().await;
    let (ours, theirs) = (
        dashboard.account("ours").await,
        dashboard.account("theirs").await,
    );
    let origin = theirs.origin("theirs").await;
    let endpoint = json!({"description": "x", "urlPrefix": "shop"});
    let endpoint = theirs.post(ENDPOINTS, &endpoint).await.expect(201)["id"].clone();
    let nobody = "01900000-0000-7000-8000-000000000000";
    for (collection, id, body) in [
        (ORIGINS, origin.as_str(), bucket("x")),
        (
            ENDPOINTS,
            endpoint.as_str().unwrap(),
            json!({"description": "x", "urlPrefix": "y"}),
        ),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let call = |id: &str| {
                let path = format!("{collection}/{id}");
                ours.call(method.clone(), &path).json(&body).send()
            };
            let (foreign, unknown) = (call(id).await, call(nobody).await);
            assert_eq!(
                foreign.refusal(404),
                unknown.refusal(404),
                "{method} {collection}"
            );
        }
    }
    let using_theirs = json!({"description": "x", "urlPrefix": "z", "origins": [origin]});
    assert_eq!(
        ours.post(ENDPOINTS, &using_theirs).await.refusal(400),
        "Origin does not exists. Please create origin before using it in URL-endpoint."
    );
    let same_prefix = json!({"description": "x", "urlPrefix": "shop"});
    ours.post(ENDPOINTS, &same_prefix).await.expect(201);
    assert_eq!(ours.get(ORIGINS).await.expect(200), json!([]));
    theirs.get(&format!("{ORIGINS}/{origin}")).await.expect(200);
}

#[tokio::test]
async fn a_malformed_id_is_an_id_nobody_has() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    for id in ["x", "%00", "..%2f", "default", "%F0%9F%92%A9"] {
        let answer = account.get(&format!("{ORIGINS}/{id}")).await;
        assert_eq!(answer.refusal(404), "Origin not found.", "{id}");
    }
}
