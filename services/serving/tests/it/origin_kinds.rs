//! What an origin's kind and settings change about an answer: sentences, headers, what the origin is asked
//! (R1, R2, R5, R10 to R12, R17, R50, R53, R54, R56, R60, R64, R65).

use limpid_testkit::akeneo_server::AkeneoServer;
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::{GRAPHIC_PNG, PHOTO_JPEG, Script};
use limpid_testkit::google_accounts::GoogleAccounts;
use limpid_testkit::s3_server::S3Server;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::stack::Stack;

/// The answer has this sentence, and nothing of it or of its event tells a secret.
async fn assert_fails(stack: &Stack, target: &str, ik_error: &str) -> Answer {
    let answer = stack.get(target).await;
    assert_eq!(answer.status, 404, "{target}");
    assert_eq!(answer.header("ik-error"), ik_error, "{target}");
    for attempt in stack.attempts_of(&answer).await {
        let shown = format!("{attempt:?}") + &serde_json::to_string(&attempt).unwrap();
        for secret in ["canary", "sig=", "PRIVATE", "eyJ"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
    answer
}

/// One endpoint with one origin of this body; its prefix is `kind`.
async fn attach(stack: &Stack, body: Value) {
    let origin = stack.add_origin(body).await;
    stack.add_endpoint("kind", &[origin]).await;
}

#[tokio::test]
async fn the_version_a_url_names_is_the_version_of_the_s3_object() {
    // Starting it blocks for a while.
    let s3 = std::thread::spawn(S3Server::shared).join().unwrap();
    let stack = Stack::start().await;
    let bucket = json!({"type": "S3_COMPATIBLE", "name": "s3", "bucket": S3Server::VERSIONS, "endpoint": s3.endpoint(),
                        "s3ForcePathStyle": true, "accessKey": s3.reader.access_key, "secretKey": s3.reader.secret_key});
    attach(&stack, bucket).await;
    let target = format!("/demo/kind/{}?tr=orig-true", S3Server::VERSIONED);
    let [old, new] = &s3.versions;
    for (version, bytes) in [(old, PHOTO_JPEG), (new, GRAPHIC_PNG), (old, PHOTO_JPEG)] {
        let answer = stack
            .get(&format!("{target}&ik-obj-version={version}"))
            .await;
        assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
        assert_eq!(answer.body, bytes);
    }
    assert_eq!(stack.get(&target).await.body, GRAPHIC_PNG);
    let unknown = stack.get(&format!("{target}&ik-obj-version=none")).await;
    assert_eq!(unknown.header("ik-error-reason"), "object_not_found");
    // Elsewhere it only makes another URL of it: the origin is not told.
    let web = stack.get("/demo/photo.jpg?ik-obj-version=7").await;
    assert_eq!((web.status, stack.origin.hits("/photo.jpg")), (200, 1));
    stack.get("/demo/photo.jpg?ik-obj-version=8").await;
    assert_eq!(stack.origin.hits("/photo.jpg"), 2);
}

#[tokio::test]
async fn s3_delivers_and_names_what_is_wrong() {
    let s3 = FakeOrigin::start().await;
    let stack = Stack::start().await;
    let bucket = json!({"type": "S3_COMPATIBLE", "name": "s3", "bucket": "pictures", "prefix": "/raw/", "endpoint": s3.base_url(),
                        "s3ForcePathStyle": true, "accessKey": "AKIAcanary", "secretKey": "canary-secret"});
    let web = format!("{}/pictures/raw", s3.base_url());
    let bucket = stack.add_origin(bucket).await;
    let same_over_http = stack
        .add_origin(crate::stack::web_folder("http", &web))
        .await;
    stack.add_endpoint("kind", &[bucket]).await;
    stack.add_endpoint("both", &[bucket, same_over_http]).await;
    let error = |name: &str, status, code: &str| {
        let document = format!("<Error><Code>{code}</Code><Message>AKIAcanary</Message></Error>");
        let target = format!("/pictures/raw/{name}");
        s3.answer(&target, Script::response(status, &[], document.as_bytes()));
    };
    error("missing.jpg", 404, "NoSuchKey");
    error("denied.jpg", 403, "SignatureDoesNotMatch");
    // Decoded and as it came, the key is missing; over HTTP the same bucket has it.
    error("a%2Bb.jpg", 404, "NoSuchKey");
    error("a%252Bb.jpg", 404, "NoSuchKey");
    s3.judge(|request| {
        let is_web = request.header("x-req-from").is_some();
        (is_web && request.target == "/pictures/raw/a%2Bb.jpg")
            .then(|| Script::ok("image/jpeg", PHOTO_JPEG))
    });
    for (target, status) in [("photo.jpg", 200), ("missing.jpg", 404)] {
        let answer = stack.get(&format!("/demo/kind/tr:w-30/{target}")).await;
        assert_eq!(answer.status, status, "{}", answer.header("ik-error"));
    }
    let missing = "ENOENT - No file was found on S3 at the specified path";
    let answer = assert_fails(&stack, "/demo/kind/missing.jpg", missing).await;
    assert_eq!(answer.body, b"Not Found");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let denied = "EACCES - The origin rejected our signature, check the secret key of the origin";
    assert_fails(&stack, "/demo/kind/denied.jpg", denied).await;
    let rescued = stack.get("/demo/both/tr:w-30/a%2Bb.jpg").await;
    assert_eq!(rescued.status, 200, "{}", rescued.header("ik-error"));
}

#[tokio::test]
async fn azure_delivers_and_names_what_is_wrong() {
    let azure = FakeOrigin::start().await;
    let endpoint = azure.base_url().parse().unwrap();
    let stack =
        Stack::start_with(|config| config.origins.azure_blob_endpoint = Some(endpoint)).await;
    attach(
        &stack,
        json!({"type": "AZURE_BLOB", "name": "azure", "accountName": "acmezoo", "container": "pictures", "prefix": "raw",
               "sasToken": "?sv=2022-11-02&se=2099-01-01&sp=r&sig=canary%2Bsignature"}),
    )
    .await;
    let answers = |name: &str, status, code: &str| {
        let target = format!(
            "/acmezoo/pictures/raw/{name}?sv=2022-11-02&se=2099-01-01&sp=r&sig=canary%2Bsignature"
        );
        let headers = [("x-ms-error-code", code), ("x-ms-request-id", "7")];
        azure.answer(
            &target,
            Script::response(status, &headers, b"canary+signature"),
        );
    };
    answers("missing.jpg", 404, "BlobNotFound");
    answers("denied.jpg", 403, "AuthorizationPermissionMismatch");
    let answer = stack.get("/demo/kind/tr:w-30/photo.jpg").await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    let missing = "ENOENT - No file was found on Azure Blob Storage at the specified path";
    assert_fails(&stack, "/demo/kind/missing.jpg", missing).await;
    let denied =
        "EACCES - Access to Azure Blob Storage was denied, check the SAS token of the origin";
    assert_fails(&stack, "/demo/kind/denied.jpg", denied).await;
}

#[tokio::test]
async fn google_delivers_and_names_what_is_wrong() {
    let accounts = GoogleAccounts::start().await;
    let storage = accounts.origin.base_url().parse().unwrap();
    let token = accounts.token_url().parse().unwrap();
    let stack = Stack::start_with(|config| {
        config.origins.google_storage_endpoint = Some(storage);
        config.origins.google_token_endpoint = Some(token);
    })
    .await;
    let body = |name: &str, private_key: &str| {
        json!({"type": "GCS", "name": name, "bucket": GoogleAccounts::BUCKET, "clientEmail": GoogleAccounts::EMAIL,
               "privateKey": private_key})
    };
    attach(&stack, body("google", GoogleAccounts::PRIVATE_KEY)).await;
    let unusable = stack
        .add_origin(body("unusable", "canary, but no key"))
        .await;
    stack.add_endpoint("unusable", &[unusable]).await;
    let answer = stack.get("/demo/kind/tr:w-30/photo.jpg").await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    let missing = b"<Error><Code>NoSuchKey</Code><Message>ya29.canary-1</Message></Error>";
    let target = format!("/{}/missing.jpg", GoogleAccounts::BUCKET);
    accounts
        .origin
        .answer(&target, Script::response(404, &[], missing));
    let sentence = "ENOENT - No file was found on Google Cloud Storage at the specified path";
    assert_fails(&stack, "/demo/kind/missing.jpg", sentence).await;
    let denied =
        "EACCES - Access to Google Cloud Storage was denied, check the credentials of the origin";
    assert_fails(&stack, "/demo/unusable/photo.jpg", denied).await;
}

#[tokio::test]
async fn akeneo_delivers_and_names_what_is_wrong() {
    let pim = AkeneoServer::start().await;
    let stack = Stack::start().await;
    let [client_id, client_secret, username, password] = AkeneoServer::CREDENTIALS;
    let body = |name: &str, client_secret: &str| {
        json!({"type": "AKENEO_PIM", "name": name, "baseUrl": pim.origin.base_url(), "clientId": client_id,
               "clientSecret": client_secret, "username": username, "password": password})
    };
    attach(&stack, body("pim", client_secret)).await;
    let wrong = stack.add_origin(body("wrong", "canary-wrong-secret")).await;
    stack.add_endpoint("wrong", &[wrong]).await;
    let asset = "asset-media-files/0/2/5/0/0250_asset.jpg";
    let answer = stack.get(&format!("/demo/kind/tr:w-30/{asset}")).await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    let missing = "ENOENT - No file was found on Akeneo PIM at the specified path";
    assert_fails(&stack, "/demo/kind/media-files/no/such.jpg", missing).await;
    let denied = "EACCES - Access to Akeneo PIM was denied, check the credentials of the origin";
    assert_fails(&stack, &format!("/demo/wrong/{asset}"), denied).await;
}

#[tokio::test]
async fn the_canonical_link_names_the_untransformed_file() {
    let stack = Stack::start().await;
    attach(
        &stack,
        json!({"type": "WEB_FOLDER", "name": "canonical", "baseUrl": stack.origin.base_url(),
               "includeCanonicalHeader": true, "baseUrlForCanonicalHeader": "https://www.example.com/pictures/"}),
    )
    .await;
    let link = "<https://www.example.com/pictures/a%20b/photo.jpg>; rel=\"canonical\"";
    for target in [
        "/demo/kind/tr:w-30/a%20b/photo.jpg",
        "/demo/kind/a%20b/photo.jpg?tr=h-20",
    ] {
        let answer = stack.get(target).await;
        assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
        assert_eq!(answer.header("link"), link, "{target}");
    }
    // A path cannot end the link and begin something else.
    let odd = "/demo/kind/x%3E%3B%20rel=%22next%22/photo.jpg";
    let answer = stack.get(odd).await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    assert_eq!(
        answer.header("link"),
        "<https://www.example.com/pictures/x%3E%3B%20rel=%22next%22/photo.jpg>; rel=\"canonical\""
    );
    let plain = stack.get("/demo/tr:w-30/photo.jpg").await;
    assert_eq!(plain.header("link"), "");
}

#[tokio::test]
async fn a_web_origin_gets_the_clients_host_and_its_slashes_as_they_were() {
    let stack = Stack::start().await;
    attach(
        &stack,
        json!({"type": "WEB_FOLDER", "name": "hosts", "baseUrl": format!("{}/base", stack.origin.base_url()),
               "forwardHostHeaderToOrigin": true}),
    )
    .await;
    stack
        .origin
        .answer("/base/dir%2Fa.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    stack
        .origin
        .answer("/base/dir//b.jpg", Script::ok("image/jpeg", PHOTO_JPEG));
    for (target, asked) in [
        ("/demo/kind/dir%2Fa.jpg", "/base/dir%2Fa.jpg"),
        ("/demo/kind/tr:w-30///dir%2Fa.jpg", "/base/dir%2Fa.jpg"),
        ("/demo/kind//dir//b.jpg", "/base/dir//b.jpg"),
    ] {
        let answer = stack
            .request("GET", target, &[("host", "img.shop.example")])
            .await;
        assert_eq!(
            answer.status,
            200,
            "{target}: {}",
            answer.header("ik-error")
        );
        let request = stack.origin.requests().pop().unwrap();
        assert_eq!(request.target, asked);
        assert_eq!(request.header("host"), Some("img.shop.example"));
    }
}
