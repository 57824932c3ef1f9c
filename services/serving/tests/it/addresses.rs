//! What an address means beyond the plain grammar: rewriters, named transformations, client hints (R67, R68, R82, R84, R163, R164).

use limpid_dashboard_api::commands::{
    ChangeNamedTransformation, ReplaceUrlEndpoint, change_named_transformation,
    create_named_transformation, replace_url_endpoint,
};
use limpid_domain::ids::NamedTransformationId;
use limpid_domain::named_transformation::{NamedTransformationChange, NamedTransformationSettings};
use limpid_domain::url_endpoint::{UrlEndpointDraft, UrlEndpointName};
use limpid_read_models::delivery_config;
use limpid_testkit::fake_origin::script::{PHOTO_JPEG, Script};
use serde_json::{Value, json};

use crate::client::{self, Answer};
use crate::stack::{Node, Stack};

/// Width and height of a delivered picture.
fn size(answer: &Answer) -> (u32, u32) {
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    let info = limpid_imaging::probe(&answer.body).unwrap();
    (info.stored_size.width, info.stored_size.height)
}

async fn set_rewriter(stack: &Stack, rewriter: Value) {
    let mut tx = stack.database.tenant_tx(stack.tenant_id()).await.unwrap();
    let found = delivery_config::url_endpoint(&mut tx, UrlEndpointName::Default).await;
    drop(tx);
    let origins = found.unwrap().unwrap().settings.origins;
    let body = json!({"description": "Default", "origins": origins, "urlRewriter": rewriter});
    let replace = ReplaceUrlEndpoint {
        name: UrlEndpointName::Default,
        draft: UrlEndpointDraft::parse(body).unwrap(),
        expected: None,
    };
    replace_url_endpoint(&stack.context(), stack.tenant_id(), replace)
        .await
        .unwrap();
    stack.wait_for_version().await;
}

async fn name(stack: &Stack, name: &str, transformation: &str) -> NamedTransformationId {
    let settings = NamedTransformationSettings {
        name: name.to_owned(),
        transformation: transformation.to_owned(),
        enabled: true,
    };
    let named = create_named_transformation(&stack.context(), stack.tenant_id(), settings).await;
    stack.wait_for_version().await;
    named.unwrap().id
}

#[tokio::test]
async fn an_endpoint_understands_the_urls_of_the_service_it_was_told() {
    let stack = Stack::start().await;
    let ours = stack
        .get("/demo/tr:w-60,h-40,cm-extract,fo-top/dir/photo.jpg")
        .await;
    assert_eq!(size(&ours), (60, 40));
    let cloudinary = "/demo/image/upload/h_40,w_60,c_crop,g_north,q_bad/dir/photo.jpg";
    let imgix = "/demo/dir/photo.jpg?w=60&h=40&fit=crop&v=7";
    assert_eq!(
        stack.get(cloudinary).await.status,
        200,
        "a folder of that name"
    );
    assert_eq!(stack.origin.hits(cloudinary.trim_start_matches("/demo")), 1);
    set_rewriter(&stack, json!({"type": "CLOUDINARY"})).await;
    let translated = stack.get(cloudinary).await;
    assert_eq!(translated.body, ours.body);
    assert_eq!(
        stack
            .get("/demo/tr:w-60,h-40,cm-extract,fo-top/dir/photo.jpg")
            .await
            .body,
        ours.body
    );
    set_rewriter(
        &stack,
        json!({"type": "CLOUDINARY", "preserveAssetDeliveryTypes": true}),
    )
    .await;
    assert_eq!(stack.get(cloudinary).await.status, 200);
    assert_eq!(stack.origin.hits("/image/upload/dir/photo.jpg"), 1);
    set_rewriter(&stack, json!({"type": "IMGIX"})).await;
    assert_eq!(size(&stack.get(imgix).await), (60, 40));
    assert_eq!(stack.origin.hits("/dir/photo.jpg?v=7"), 1);
    set_rewriter(&stack, json!({"type": "AKAMAI"})).await;
    let akamai = stack.get("/demo/dir/photo.jpg?imwidth=60").await;
    assert_eq!(size(&akamai).0, 60);
}

#[tokio::test]
async fn a_named_transformation_is_what_it_stands_for_until_it_changes() {
    let stack = Stack::start().await;
    let id = name(&stack, "small", "w-60,h-40").await;
    let named = stack.get("/demo/tr:n-small/photo.jpg").await;
    assert_eq!(
        named.body,
        stack.get("/demo/tr:w-60,h-40/photo.jpg").await.body
    );
    assert_eq!(
        size(&stack.get("/demo/photo.jpg?tr=n-small:w-30").await).0,
        30
    );
    for unknown in ["Small", "smal"] {
        let refused = stack.get(&format!("/demo/tr:n-{unknown}/photo.jpg")).await;
        assert_eq!(refused.status, 400);
        let sentence = refused.header("ik-error").to_owned();
        assert!(
            sentence.contains(unknown) && sentence.starts_with("EINVAL"),
            "{sentence}"
        );
    }
    for (change, expected) in [
        (json!({"transformation": "w-20,h-20"}), 200),
        (json!({"enabled": false}), 400),
    ] {
        let change = ChangeNamedTransformation {
            id,
            change: NamedTransformationChange::parse(change).unwrap(),
            expected: None,
        };
        change_named_transformation(&stack.context(), stack.tenant_id(), change)
            .await
            .unwrap();
        stack.wait_for_version().await;
        let answer = stack.get("/demo/tr:n-small/photo.jpg").await;
        assert_eq!(answer.status, expected);
        if expected == 200 {
            assert_eq!(size(&answer), (20, 20));
        }
    }
}

#[tokio::test]
async fn names_and_rewriters_are_known_without_the_database() {
    let stack = Stack::start().await;
    name(&stack, "small", "w-60,h-40").await;
    set_rewriter(&stack, json!({"type": "AKAMAI"})).await;
    let mut config = stack.config.clone();
    stack.node.stop().await;
    config.database_url = secrecy::SecretString::from("postgres://nobody@127.0.0.1:1/none");
    let node = Node::start(config).await;
    let named = client::get(node.address, "/demo/tr:n-small/photo.jpg").await;
    assert_eq!(size(&named), (60, 40));
    let rewritten = client::get(node.address, "/demo/photo.jpg?imwidth=50").await;
    assert_eq!(size(&rewritten).0, 50);
}

#[tokio::test]
async fn a_private_file_is_shown_under_a_name_but_not_as_the_client_likes() {
    let stack = Stack::start().await;
    name(&stack, "small", "w-60").await;
    let headers = [("content-type", "image/jpeg"), ("is-private-file", "true")];
    let private = Script::response(200, &headers, PHOTO_JPEG);
    stack.origin.answer("/private.jpg", private);
    for (target, status) in [
        ("/demo/tr:w-60/private.jpg", 401),
        ("/demo/private.jpg", 401),
        ("/demo/tr:n-small,q-9/private.jpg", 401),
        ("/demo/tr:n-small/private.jpg", 200),
    ] {
        assert_eq!(stack.get(target).await.status, status, "{target}");
    }
}

#[tokio::test]
async fn hints_choose_the_width_and_the_answer_says_so() {
    let stack = Stack::start().await;
    let hints = [("sec-ch-width", "12"), ("sec-ch-dpr", "2")];
    let answer = stack
        .request("GET", "/demo/tr:w-auto/photo.jpg", &hints)
        .await;
    assert_eq!(size(&answer).0, 100);
    assert_eq!(answer.header("content-dpr"), "16.67");
    assert_eq!(
        answer.header("vary"),
        "Accept, Sec-CH-Width, Width, Sec-CH-DPR, DPR"
    );
    let same = [("width", "99"), ("dpr", "1")];
    let same = stack
        .request("GET", "/demo/tr:w-auto/photo.jpg", &same)
        .await;
    assert_eq!(same.body, answer.body);
    assert_eq!(same.header("content-dpr"), "1.01");
    let tripled = stack
        .request("GET", "/demo/tr:w-20,dpr-auto/photo.jpg", &hints)
        .await;
    assert_eq!(size(&tripled).0, 40);
    assert_eq!(tripled.header("vary"), "Accept, Sec-CH-DPR, DPR");
    let none = stack.get("/demo/tr:w-20,dpr-auto/photo.jpg").await;
    assert_eq!(size(&none).0, 20);
    assert_eq!(none.header("vary"), "Accept, Sec-CH-DPR, DPR");
    let fixed = stack
        .request("GET", "/demo/tr:w-20/photo.jpg", &hints)
        .await;
    assert_eq!(
        (fixed.header("vary"), fixed.header("content-dpr")),
        ("Accept", "")
    );
    let unchanged = stack.get("/demo/tr:w-auto,q-70/photo.jpg").await;
    assert_eq!(unchanged.status, 200);
}
