//! The configuration as it was, what differs, and going back.

use http::Method;
use serde_json::{Value, json};

use crate::dashboard::{Account, Dashboard};

fn bucket(name: &str, secret: &str) -> Value {
    json!({"name": "Photos", "type": "S3", "bucket": name, "accessKey": "canary", "secretKey": secret})
}

async fn s3_origin(account: &Account<'_>) -> String {
    let created = account
        .post("/v1/accounts/origins", &bucket("one", "canary-1"))
        .await;
    created.expect(201)["id"].as_str().unwrap().to_owned()
}

fn resource<'a>(config: &'a Value, id: &str) -> &'a Value {
    let resources = config["resources"].as_array().unwrap();
    let found = resources
        .iter()
        .find(|resource| resource["resourceId"] == id);
    &found.unwrap()["fields"]
}

#[tokio::test]
async fn a_change_says_what_differs_and_the_configuration_can_be_read_as_it_was() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = s3_origin(&account).await;
    let before = account.get("/dashboard/v1/config").await.expect(200);
    let path = format!("/v1/accounts/origins/{origin}");
    account
        .put(&path, &bucket("two", "canary-2"))
        .await
        .expect(200);

    let changes = account.get("/dashboard/v1/changes?limit=1").await;
    let text = String::from_utf8(changes.body.to_vec()).unwrap();
    assert!(!text.contains("canary"), "{text}");
    let diff = &changes.expect(200)["data"][0]["diff"];
    assert_eq!(
        diff[0],
        json!({"field": "bucket", "from": "one", "to": "two"})
    );
    assert_eq!(diff[1]["field"], "credentials");
    let set_by = |value: &Value| {
        value
            .as_str()
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        (set_by(&diff[1]["from"]), set_by(&diff[1]["to"])),
        ("v1".to_owned(), "v2".to_owned())
    );
    assert_ne!(diff[1]["from"], diff[1]["to"]);
    assert_eq!(diff.as_array().unwrap().len(), 2);

    let version = before["configVersion"].as_i64().unwrap();
    let then = account
        .get(&format!("/dashboard/v1/config?asOf={version}"))
        .await
        .expect(200);
    assert_eq!(then, before);
    assert_eq!(resource(&then, &origin)["bucket"], "one");
    let now = account
        .get("/dashboard/v1/config?asOf=now")
        .await
        .expect(200);
    assert_eq!(resource(&now, &origin)["bucket"], "two");
    let nothing = account
        .get("/dashboard/v1/config?asOf=2020-01-01T00:00:00Z")
        .await
        .expect(200);
    assert_eq!(
        nothing,
        json!({"configVersion": 0, "changedAt": null, "resources": []})
    );
}

#[tokio::test]
async fn two_configurations_can_be_compared() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = s3_origin(&account).await;
    let before = account.get("/dashboard/v1/config").await.expect(200);
    let version = before["configVersion"].as_i64().unwrap();
    let path = format!("/v1/accounts/origins/{origin}");
    account
        .put(&path, &bucket("two", "canary-2"))
        .await
        .expect(200);
    let diff = account
        .get(&format!("/dashboard/v1/config/diff?from={version}"))
        .await
        .expect(200);
    assert_eq!(diff["changes"][0]["change"], "changed");
    assert_eq!(diff["changes"][0]["label"], "Photos");
    assert_eq!(diff["changes"][0]["fields"][0]["to"], "two");
    let all = account
        .get("/dashboard/v1/config/diff?from=0")
        .await
        .expect(200);
    let added = all["changes"].as_array().unwrap();
    assert!(added.len() >= 3 && added.iter().all(|change| change["change"] == "added"));
    for query in [
        "config?asOf=yesterday",
        "config?asOf=-1",
        "config/diff",
        "config/diff?from=x",
        "config/diff?from=-1",
    ] {
        account
            .get(&format!("/dashboard/v1/{query}"))
            .await
            .expect(400);
    }
}

#[tokio::test]
async fn an_earlier_version_comes_back_as_a_new_one_with_its_credentials() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = s3_origin(&account).await;
    let path = format!("/v1/accounts/origins/{origin}");
    for n in 2..=6 {
        account
            .put(&path, &bucket("later", &format!("canary-{n}")))
            .await
            .expect(200);
    }
    let restore = format!("/dashboard/v1/origins/{origin}/restore");
    let back = account
        .post(
            &restore,
            &json!({"version": 2, "note": "the new bucket is empty"}),
        )
        .await;
    assert_eq!(back.header("etag"), "\"7\"");
    assert_eq!(
        back.expect(200),
        json!({"id": origin, "version": 7, "restoredVersion": 2})
    );
    let changes = account
        .get("/dashboard/v1/changes?limit=1")
        .await
        .expect(200);
    assert_eq!(changes["data"][0]["note"], "the new bucket is empty");
    let config = account.get("/dashboard/v1/config").await.expect(200);
    let credentials = resource(&config, &origin)["credentials"].as_str().unwrap();
    assert!(credentials.starts_with("v2 #"), "{credentials}");

    // Only the last five secrets are kept.
    let gone = account.post(&restore, &json!({"version": 1})).await;
    assert!(gone.refusal(400).contains("credentials of version 1"));
    let never = account.post(&restore, &json!({"version": 99})).await;
    assert_eq!(never.refusal(404), "There is no version 99.");
    for body in [json!({}), json!({"version": 0}), json!({"version": "2"})] {
        account.post(&restore, &body).await.expect(400);
    }
    let stale = account
        .call(Method::POST, &restore)
        .header("if-match", "\"6\"")
        .json(&json!({"version": 2}))
        .send()
        .await;
    assert_eq!(stale.status, 412);
    let stranger = dashboard.account("globex").await;
    stranger
        .post(&restore, &json!({"version": 2}))
        .await
        .expect(404);
}

#[tokio::test]
async fn a_url_endpoint_goes_back_unless_what_it_names_is_gone() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    let origin = account.origin("Photos").await;
    let detached = json!({"description": "Nothing", "origins": []});
    let path = "/v1/accounts/url-endpoints/default";
    account.put(path, &detached).await.expect(200);
    let restore = "/dashboard/v1/url-endpoints/default/restore";
    account
        .post(restore, &json!({"version": 2}))
        .await
        .expect(200);
    let endpoint = account.get(path).await.expect(200);
    assert_eq!(endpoint["origins"], json!([origin]));
    account.put(path, &detached).await.expect(200);
    account
        .delete(&format!("/v1/accounts/origins/{origin}"))
        .await
        .expect(204);
    account
        .post(restore, &json!({"version": 2}))
        .await
        .expect(400);
}

#[tokio::test]
async fn however_many_purges_there_are_they_displace_no_change_from_the_time_line() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    for batch in 0..3 {
        let urls: Vec<String> = (0..100)
            .map(|n| format!("https://images.example/acme/folder/{batch}/{n}.jpg"))
            .collect();
        account
            .post("/dashboard/v1/purge", &json!({"urls": urls}))
            .await
            .expect(201);
    }
    let marks = account.get("/dashboard/v1/annotations").await.expect(200);
    let marks = marks["data"].as_array().unwrap().iter();
    let kinds: Vec<&str> = marks.map(|mark| mark["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "tenant_created",
            "url_endpoint_created",
            "origin_created",
            "origin_attached"
        ]
    );
}

#[tokio::test]
async fn changes_and_notes_stand_on_the_time_line() {
    let dashboard = Dashboard::start().await;
    let account = dashboard.account("acme").await;
    account.origin("Photos").await;
    let note = account
        .post("/dashboard/v1/annotations", &json!({"note": "Release 4.2"}))
        .await
        .expect(201);
    assert_eq!(note["type"], "note");
    assert_eq!(note["author"], account.public_key);
    let marks = async |account: &Account<'_>, path: &str| -> Vec<String> {
        let answer = account.get(path).await.expect(200);
        let list = answer.get("data").or(answer.get("annotations")).unwrap();
        let marks = list.as_array().unwrap().iter();
        marks
            .map(|mark| {
                mark.get("kind")
                    .unwrap_or(&mark["note"])
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    let expected = [
        "tenant_created",
        "url_endpoint_created",
        "origin_created",
        "origin_attached",
        "Release 4.2",
    ];
    let list = "/dashboard/v1/annotations?to=now-0s";
    assert_eq!(marks(&account, "/dashboard/v1/annotations").await, expected);
    assert_eq!(marks(&account, list).await, expected);
    let chart = "/dashboard/v1/origin-errors/timeseries";
    assert_eq!(marks(&account, chart).await, expected);
    let stranger = dashboard.account("globex").await;
    assert_eq!(
        marks(&stranger, list).await,
        ["tenant_created", "url_endpoint_created"]
    );
    let path = format!("/dashboard/v1/annotations/{}", note["id"].as_str().unwrap());
    stranger.delete(&path).await.expect(404);
    account.delete(&path).await.expect(204);
    account.delete(&path).await.expect(404);
    assert_eq!(marks(&account, list).await.len(), 4);
    for body in [
        json!({}),
        json!({"note": "x".repeat(501)}),
        json!({"note": "x", "at": "soon"}),
        json!({"note": "x", "at": "1999-12-31T23:59:59Z"}),
        json!({"note": "x", "at": "2999-01-01T00:00:00Z"}),
    ] {
        account
            .post("/dashboard/v1/annotations", &body)
            .await
            .expect(400);
    }
}
