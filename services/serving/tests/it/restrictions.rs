//! What an account or an endpoint forbids, and what the operator allows an account (R46, R71 to R74, R80, R83, R86, R165).

use limpid_dashboard_api::commands::{
    ChangeTenantSettings, SetRestrictions, SetTenantLimits, change_tenant_settings,
    create_named_transformation, set_restrictions, set_tenant_limits,
};
use limpid_delivery_url::signature::{NEVER, sign};
use limpid_domain::named_transformation::NamedTransformationSettings;
use limpid_domain::restrictions::Restrictions;
use limpid_domain::tenant::{TenantLimits, TenantSettingsChange};
use limpid_domain::url_endpoint::UrlEndpointName;
use limpid_read_models::delivery_config;
use limpid_serving::explain;
use limpid_testkit::fake_origin::script::{GRAPHIC_PNG, Script};
use serde_json::{Value, json};

use crate::stack::{Stack, web_folder};

async fn change_settings(stack: &Stack, body: Value) {
    let change = ChangeTenantSettings {
        change: TenantSettingsChange::parse(body).unwrap(),
        expected: None,
    };
    change_tenant_settings(&stack.context(), stack.tenant_id(), change)
        .await
        .unwrap();
    stack.wait_for_version().await;
}

async fn set_limits(stack: &Stack, body: Value) {
    let set = SetTenantLimits {
        limits: TenantLimits::parse(body).unwrap(),
        expected: None,
    };
    set_tenant_limits(&stack.context(), stack.tenant_id(), set)
        .await
        .unwrap();
    stack.wait_for_version().await;
}

async fn restrict(stack: &Stack, name: UrlEndpointName, body: Value) {
    let set = SetRestrictions {
        name,
        restrictions: Restrictions::parse(body).unwrap(),
        expected: None,
    };
    set_restrictions(&stack.context(), stack.tenant_id(), set)
        .await
        .unwrap();
    stack.wait_for_version().await;
}

/// Adds an endpoint `shop` with an origin of its own.
async fn add_shop(stack: &Stack) -> UrlEndpointName {
    let base = format!("{}/folder", stack.origin.base_url());
    let shop = stack.add_origin(web_folder("shop", &base)).await;
    stack.add_endpoint("shop", &[shop]).await;
    let mut tx = stack.database.tenant_tx(stack.tenant_id()).await.unwrap();
    let endpoints = delivery_config::url_endpoints(&mut tx).await.unwrap();
    let found = endpoints.iter().find(|endpoint| !endpoint.is_default);
    UrlEndpointName::Id(found.unwrap().id)
}

fn signed(stack: &Stack, path: &str, expires: u64) -> String {
    let signature = sign(stack.tenant.private_key.expose(), path, expires);
    let mark = if path.contains('?') { '&' } else { '?' };
    let until = if expires == NEVER {
        String::new()
    } else {
        format!("ik-t={expires}&")
    };
    format!("/demo/{path}{mark}{until}ik-s={signature}")
}

#[tokio::test]
async fn where_urls_must_be_signed_only_signed_ones_are_delivered_cached_or_not() {
    let stack = Stack::start().await;
    let path = "tr:w-40/counted/photo.jpg";
    let open = stack.get(&format!("/demo/{path}")).await;
    assert_eq!(open.status, 200);
    change_settings(&stack, json!({"restrictUnsignedUrls": true})).await;
    let good = signed(&stack, path, NEVER);
    let answer = stack.get(&good).await;
    assert_eq!(answer.status, 200, "{}", answer.header("ik-error"));
    assert_eq!(answer.body, open.body);
    let expired = signed(&stack, path, 100);
    let altered = good.replace("w-40", "w-41");
    for refused in [
        "/demo/tr:w-40/counted/photo.jpg",
        "/demo/counted/photo.jpg",
        "/demo/counted/missing.jpg",
        "/demo/tr:n-none/photo.jpg",
        expired.as_str(),
        altered.as_str(),
    ] {
        let answer = stack.get(refused).await;
        assert_eq!(answer.status, 401, "{refused}");
        assert_eq!(answer.body, b"Unauthorised Image Access");
        assert_eq!(
            answer.header("ik-error"),
            "EUNSIGNED - The URL needs a valid signature"
        );
        assert_eq!(answer.header("ik-event-id"), "", "no origin failed");
    }
    let walked = explain(&stack.config, "/demo/counted/photo.jpg")
        .await
        .unwrap();
    let step = walked.steps.iter().find(|step| step.name == "signature");
    let step = step.unwrap();
    assert!(
        !step.ok && step.detail.contains("must be signed"),
        "{walked}"
    );
    change_settings(&stack, json!({"restrictUnsignedUrls": false})).await;
    assert_eq!(stack.get(&format!("/demo/{path}")).await.status, 200);
}

#[tokio::test]
async fn one_endpoint_alone_may_want_signatures() {
    let stack = Stack::start().await;
    let shop = add_shop(&stack).await;
    restrict(&stack, shop, json!({"restrictUnsignedUrls": true})).await;
    assert_eq!(stack.get("/demo/shop/photo.jpg").await.status, 401);
    assert_eq!(stack.get("/demo/photo.jpg").await.status, 200);
    let good = signed(&stack, "shop/photo.jpg", NEVER);
    assert_eq!(stack.get(&good).await.status, 200);
}

#[tokio::test]
async fn an_open_endpoint_is_no_way_around_a_restricted_default_one() {
    let stack = Stack::start().await;
    let script = Script::ok("image/png", GRAPHIC_PNG);
    stack.origin.answer("/overlays/logo.png", script);
    add_shop(&stack).await;
    let restricted = json!({"restrictUnsignedUrls": true});
    restrict(&stack, UrlEndpointName::Default, restricted).await;
    assert_eq!(stack.get("/demo/shop/photo.jpg").await.status, 200);
    let layer = "shop/tr:l-image,i-overlays@@logo.png,l-end/photo.jpg";
    for path in [layer, "shop/tr:di-photo.jpg/counted/missing.jpg"] {
        let unsigned = stack.get(&format!("/demo/{path}")).await;
        assert_eq!(unsigned.status, 401, "{path}");
        let answer = stack.get(&signed(&stack, path, NEVER)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.header("ik-error"));
    }
    assert_eq!(stack.origin.hits("/overlays/logo.png"), 1);
}

#[tokio::test]
async fn where_only_names_transform_any_other_parameter_is_named_in_the_refusal() {
    let stack = Stack::start().await;
    let thumb = NamedTransformationSettings {
        name: "thumb".to_owned(),
        transformation: "w-40".to_owned(),
        enabled: true,
    };
    create_named_transformation(&stack.context(), stack.tenant_id(), thumb)
        .await
        .unwrap();
    let restricted = json!({"restrictUnnamedTransformations": true});
    change_settings(&stack, restricted).await;
    for allowed in ["/demo/tr:n-thumb/photo.jpg", "/demo/photo.jpg"] {
        let answer = stack.get(allowed).await;
        assert_eq!(
            answer.status,
            200,
            "{allowed}: {}",
            answer.header("ik-error")
        );
    }
    let by_signature = signed(&stack, "tr:w-100/photo.jpg", NEVER);
    for (refused, parameter) in [
        ("/demo/tr:w-100/photo.jpg", "w"),
        ("/demo/photo.jpg?tr=n-thumb,q-9", "q"),
        ("/demo/tr:n-thumb:rt-90/photo.jpg", "rt"),
        ("/demo/tr:orig-true/photo.jpg", "orig"),
        (by_signature.as_str(), "w"),
    ] {
        let answer = stack.get(refused).await;
        assert_eq!(answer.status, 400, "{refused}");
        assert_eq!(
            answer.header("ik-error"),
            format!(
                "EINVAL - Bad Image Transformation Request: \"{parameter}\" is not allowed here, only named transformations (n-...) are"
            )
        );
    }
    let walked = explain(&stack.config, "/demo/tr:w-100/photo.jpg")
        .await
        .unwrap();
    let step = walked.steps.iter().find(|step| step.name == "restrictions");
    assert!(!step.unwrap().ok, "{walked}");
}

#[tokio::test]
async fn the_data_saver_follows_the_tenants_setting() {
    let stack = Stack::start().await;
    let saving = [("save-data", "on")];
    let target = "/demo/tr:w-200,f-jpg/photo.jpg";
    let before = stack.request("GET", target, &saving).await;
    change_settings(&stack, json!({"dataSaver": true})).await;
    let after = stack.request("GET", target, &saving).await;
    assert!(after.body.len() < before.body.len());
    assert!(after.header("vary").contains("Save-Data"));
    assert_eq!(stack.get(target).await.body, before.body);
}

#[tokio::test]
async fn an_account_may_have_smaller_and_larger_limits_than_the_node() {
    let stack = Stack::start_with(|config| config.limits.max_pixels = 10_000).await;
    let target = "/demo/tr:w-40/photo.jpg";
    let refused = stack.get(target).await;
    assert_eq!(refused.status, 400);
    assert!(refused.header("ik-error").starts_with("ELIMIT - "));
    set_limits(&stack, json!({"maxPixels": 100_000_000})).await;
    assert_eq!(stack.get(target).await.status, 200);
    set_limits(
        &stack,
        json!({"maxPixels": 100_000_000, "maxSourceBytes": 100}),
    )
    .await;
    let refused = stack.get(target).await;
    assert_eq!(refused.header("ik-error-reason"), "source_too_large");
    set_limits(&stack, json!({})).await;
    assert_eq!(
        stack.get(target).await.header("ik-error-reason"),
        "source_resolution_too_large"
    );
}
