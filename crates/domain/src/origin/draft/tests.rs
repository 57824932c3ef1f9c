use serde_json::{Value, json};

use super::*;

fn parse(body: Value) -> OriginDraft {
    OriginDraft::parse(body).unwrap()
}

fn refusal(body: Value) -> String {
    OriginDraft::parse(body).unwrap_err().message().to_owned()
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().unwrap().remove(field);
    body
}

/// A full body of each kind with its required fields; the texts are those of the official SDK's own tests where it has them.
fn bodies() -> Vec<(Value, Vec<&'static str>)> {
    let bucket = |kind: &str| json!({"name": "A 1", "type": kind, "bucket": "b", "accessKey": "ak", "secretKey": "sk"});
    vec![
        (bucket("S3"), vec!["bucket", "accessKey", "secretKey"]),
        (
            with(
                bucket("S3_COMPATIBLE"),
                "endpoint",
                json!("https://s3.example"),
            ),
            vec!["bucket", "accessKey", "secretKey", "endpoint"],
        ),
        (
            bucket("CLOUDINARY_BACKUP"),
            vec!["bucket", "accessKey", "secretKey"],
        ),
        (
            json!({"name": "A 1", "type": "WEB_FOLDER", "baseUrl": "https://a.example"}),
            vec!["baseUrl"],
        ),
        (json!({"name": "A 1", "type": "WEB_PROXY"}), vec![]),
        (
            json!({"name": "A 1", "type": "GCS", "bucket": "b", "clientEmail": "a@b.example", "privateKey": "pem"}),
            vec!["bucket", "clientEmail", "privateKey"],
        ),
        (
            json!({"name": "A 1", "type": "AZURE_BLOB", "container": "c", "accountName": "acc", "sasToken": "?sig=1"}),
            vec!["container", "accountName", "sasToken"],
        ),
        (
            json!({"name": "A 1", "type": "AKENEO_PIM", "baseUrl": "https://pim.example", "clientId": "1",
                   "clientSecret": "2", "username": "3", "password": "4"}),
            vec![
                "baseUrl",
                "clientId",
                "clientSecret",
                "username",
                "password",
            ],
        ),
    ]
}

#[test]
fn each_kind_accepts_its_required_fields_and_names_a_missing_one() {
    for (body, required) in bodies() {
        let draft = parse(body.clone());
        assert_eq!(
            draft.settings.location.kind().as_str(),
            body["type"].as_str().unwrap()
        );
        for field in required.into_iter().chain(["name"]) {
            let expected = format!("{field} is required and must be a string");
            assert_eq!(refusal(without(body.clone(), field)), expected);
            assert_eq!(refusal(with(body.clone(), field, json!(7))), expected);
        }
    }
}

#[test]
fn settings_never_hold_a_secret_and_always_hold_the_defaults() {
    let secrets = [
        "accessKey",
        "secretKey",
        "privateKey",
        "sasToken",
        "clientId",
        "clientSecret",
        "username",
        "password",
    ];
    for (body, _) in bodies() {
        let shown = serde_json::to_value(parse(body).settings).unwrap();
        for secret in secrets {
            assert!(shown.get(secret).is_none(), "{secret} in {shown}");
        }
        assert_eq!(shown["includeCanonicalHeader"], json!(false));
        let kind = shown["type"].as_str().unwrap();
        if !matches!(kind, "WEB_FOLDER" | "WEB_PROXY" | "AKENEO_PIM") {
            assert_eq!(shown["prefix"], json!(""), "{kind}");
        }
        if kind == "S3_COMPATIBLE" {
            assert_eq!(shown["s3ForcePathStyle"], json!(false));
        }
        if kind == "WEB_FOLDER" {
            assert_eq!(shown["forwardHostHeaderToOrigin"], json!(false));
            assert_eq!(shown["baseUrl"], json!("https://a.example"));
        }
    }
}

#[test]
fn stored_settings_read_back_equal() {
    for (body, _) in bodies() {
        let settings = parse(with(
            body,
            "baseUrlForCanonicalHeader",
            json!("https://c.example"),
        ))
        .settings;
        let stored = serde_json::to_value(&settings).unwrap();
        assert_eq!(
            serde_json::from_value::<OriginSettings>(stored).unwrap(),
            settings
        );
    }
}

#[test]
fn an_unknown_type_is_answered_with_the_list() {
    let list = "Invalid origin type. Must be one of S3, S3_COMPATIBLE, CLOUDINARY_BACKUP, WEB_FOLDER, WEB_PROXY, GCS, \
                AZURE_BLOB, AKENEO_PIM.";
    for kind in [json!("FTP"), json!("s3"), json!(3), Value::Null] {
        assert_eq!(refusal(json!({"name": "a", "type": kind})), list);
    }
    assert_eq!(refusal(json!({"name": "a"})), list);
}

#[test]
fn names_are_letters_digits_and_spaces() {
    let body = |name: &str| json!({"name": name, "type": "WEB_PROXY"});
    assert_eq!(parse(body(&"x".repeat(100))).settings.name.len(), 100);
    for name in ["a-b", "ä", "<b>", "a\n"] {
        assert_eq!(
            refusal(body(name)),
            "name must contain only letters, numbers and spaces",
            "{name:?}"
        );
    }
    assert_eq!(
        refusal(body(&"x".repeat(101))),
        "name must be at most 100 characters long"
    );
    assert_eq!(refusal(body("")), "name cannot be empty string.");
}

#[test]
fn unknown_fields_are_refused_also_those_of_other_kinds() {
    let body = json!({"name": "a", "type": "WEB_PROXY", "baseUrl": "https://a.example"});
    assert_eq!(refusal(body), "\"baseUrl\" is not allowed");
    assert_eq!(
        refusal(json!({"name": "a", "type": "WEB_PROXY", "id": "x"})),
        "\"id\" is not allowed"
    );
}

#[test]
fn empty_keys_are_for_the_machines_own_role() {
    let body = json!({"name": "a", "type": "S3", "bucket": "b", "accessKey": "", "secretKey": ""});
    assert_eq!(
        refusal(body.clone()),
        "accessKey cannot be empty string unless useIAMRole is true."
    );
    let draft = parse(with(body, "useIAMRole", json!(true)));
    assert!(matches!(draft.credentials, OriginCredentials::None));
    assert_eq!(
        serde_json::to_value(draft.settings).unwrap()["useIAMRole"],
        json!(true)
    );
}

#[test]
fn nothing_in_a_name_or_prefix_may_leave_its_place() {
    let body =
        json!({"name": "a", "type": "S3", "bucket": "b", "accessKey": "k", "secretKey": "s"});
    for bucket in [
        "a/b", "a?b", "a#b", "a@b", "a b", "..", "a\\b", "a:80", "a%2fb",
    ] {
        let message = refusal(with(body.clone(), "bucket", json!(bucket)));
        assert_eq!(
            message, "bucket must not contain spaces or any of / \\ ? # @ : %",
            "{bucket:?}"
        );
    }
    for prefix in ["..", "a/../b", "a/..", "./a", "a\\..\\b"] {
        let message = refusal(with(body.clone(), "prefix", json!(prefix)));
        assert_eq!(
            message, "prefix must not contain . or .. segments",
            "{prefix:?}"
        );
    }
    for prefix in ["", "/", "raw-assets", "a/b..c/"] {
        parse(with(body.clone(), "prefix", json!(prefix)));
    }
}

#[test]
fn addresses_and_tokens_are_checked() {
    let web = |url: &str| json!({"name": "a", "type": "WEB_FOLDER", "baseUrl": url});
    assert_eq!(refusal(web("nonsense")), "baseUrl must be a valid URL");
    assert_eq!(
        refusal(web("ftp://a.example")),
        "baseUrl must be an http or https URL"
    );
    assert_eq!(
        refusal(web("https://u:p@a.example")),
        "baseUrl must not contain a user name or password"
    );
    assert_eq!(
        refusal(web("https://a.example?x")),
        "baseUrl must not contain a query or a fragment"
    );
    let azure = json!({"name": "a", "type": "AZURE_BLOB", "container": "c", "accountName": "a", "sasToken": "sig=1"});
    assert_eq!(refusal(azure), "sasToken must start with ?");
    let gcs = json!({"name": "a", "type": "GCS", "bucket": "b", "clientEmail": "nobody", "privateKey": "p"});
    assert_eq!(refusal(gcs), "clientEmail must be a valid email");
}
