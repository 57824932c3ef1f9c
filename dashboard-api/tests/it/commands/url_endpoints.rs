use limpid_dashboard_api::commands::{
    CommandError, DeleteUrlEndpoint, ReplaceUrlEndpoint, SetCustomDomains, create_url_endpoint,
    delete_url_endpoint, replace_url_endpoint, set_custom_domains,
};
use limpid_domain::ids::{OriginId, TenantId, UrlEndpointId};
use limpid_domain::url_endpoint::{UrlEndpointDraft, UrlEndpointName};
use limpid_read_models::delivery_config::UrlEndpointConfig;
use serde_json::{Value, json};

use super::{House, not_found, refused, web_folder};

async fn create(
    house: &House,
    tenant: TenantId,
    body: Value,
) -> Result<UrlEndpointConfig, CommandError> {
    let draft = UrlEndpointDraft::parse(body).unwrap();
    create_url_endpoint(&house.context(), tenant, draft).await
}

async fn replace(
    house: &House,
    tenant: TenantId,
    name: UrlEndpointName,
    body: Value,
) -> Result<UrlEndpointConfig, CommandError> {
    let command = ReplaceUrlEndpoint {
        name,
        draft: UrlEndpointDraft::parse(body).unwrap(),
        expected: None,
    };
    replace_url_endpoint(&house.context(), tenant, command).await
}

async fn delete(
    house: &House,
    tenant: TenantId,
    name: UrlEndpointName,
) -> Result<(), CommandError> {
    delete_url_endpoint(
        &house.context(),
        tenant,
        DeleteUrlEndpoint {
            name,
            expected: None,
        },
    )
    .await
}

async fn bind(
    house: &House,
    tenant: TenantId,
    name: UrlEndpointName,
    domains: &[&str],
) -> Result<Vec<String>, CommandError> {
    let command = SetCustomDomains {
        name,
        domains: domains
            .iter()
            .map(|domain| domain.parse().unwrap())
            .collect(),
        expected: None,
    };
    let (_, bound) = set_custom_domains(&house.context(), tenant, command).await?;
    Ok(bound
        .into_iter()
        .map(|bound| bound.domain.to_string())
        .collect())
}

#[tokio::test]
async fn endpoints_keep_their_origins_in_the_order_given() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(house.origin(tenant, web_folder(name)).await.id);
    }
    ids.reverse();
    let body = json!({"description": "Shop", "urlPrefix": "shop", "origins": ids});
    let endpoint = create(&house, tenant, body).await.unwrap();
    assert_eq!(endpoint.settings.origins, ids);
    let config = house.config(tenant).await;
    assert_eq!(config.endpoints.len(), 2);
    assert_eq!(config.endpoints[1], endpoint);
    assert_eq!(endpoint.api_id(), endpoint.id.to_string());
}

#[tokio::test]
async fn prefixes_are_unique_among_living_endpoints_of_one_tenant() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let other = house.tenant("other").await.tenant_id;
    let shop = || json!({"description": "Shop", "urlPrefix": "shop"});
    let first = create(&house, tenant, shop()).await.unwrap();
    let message = "urlPrefix shop is already used by another URL-endpoint.";
    assert_eq!(refused(create(&house, tenant, shop()).await), message);
    create(&house, other, shop()).await.unwrap();
    let blog = create(
        &house,
        tenant,
        json!({"description": "Blog", "urlPrefix": "blog"}),
    )
    .await
    .unwrap();
    let renamed = replace(&house, tenant, UrlEndpointName::Id(blog.id), shop()).await;
    assert_eq!(refused(renamed), message);
    delete(&house, tenant, UrlEndpointName::Id(first.id))
        .await
        .unwrap();
    let second = create(&house, tenant, shop()).await.unwrap();
    assert_ne!(second.id, first.id, "a freed prefix can be had again");
}

#[tokio::test]
async fn an_unknown_or_deleted_or_foreign_origin_is_refused() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let other = house.tenant("other").await.tenant_id;
    let foreign = house.origin(other, web_folder("a")).await.id;
    for id in [foreign, OriginId::mint()] {
        let body = json!({"description": "d", "urlPrefix": "p", "origins": [id]});
        assert_eq!(
            refused(create(&house, tenant, body).await),
            "Origin does not exists. Please create origin before using it in URL-endpoint."
        );
    }
}

#[tokio::test]
async fn the_default_endpoint_can_be_edited_by_name_but_not_deleted() {
    let house = House::new().await;
    let created = house.tenant("acme").await;
    let tenant = created.tenant_id;
    let id = house.origin(tenant, web_folder("a")).await.id;
    let body = json!({"description": "Mine", "origins": [id], "urlRewriter": {"type": "IMGIX"}});
    let edited = replace(&house, tenant, UrlEndpointName::Default, body)
        .await
        .unwrap();
    assert_eq!(
        (edited.id, edited.settings.description.as_str()),
        (created.default_endpoint, "Mine")
    );
    for name in [
        UrlEndpointName::Default,
        UrlEndpointName::Id(created.default_endpoint),
    ] {
        let message = refused(delete(&house, tenant, name).await);
        assert_eq!(message, "Default URL-endpoint cannot be deleted.");
    }
}

#[tokio::test]
async fn an_endpoint_of_another_tenant_is_as_unknown_as_one_that_never_was() {
    let house = House::new().await;
    let owner = house.tenant("owner").await.tenant_id;
    let stranger = house.tenant("stranger").await.tenant_id;
    let foreign = create(&house, owner, json!({"description": "d", "urlPrefix": "p"}))
        .await
        .unwrap();
    for id in [foreign.id, UrlEndpointId::mint()] {
        let name = UrlEndpointName::Id(id);
        assert_eq!(
            not_found(delete(&house, stranger, name).await),
            "URL-endpoint not found."
        );
        let body = json!({"description": "d", "urlPrefix": "x"});
        assert_eq!(
            not_found(replace(&house, stranger, name, body).await),
            "URL-endpoint not found."
        );
    }
}

#[tokio::test]
async fn a_custom_domain_belongs_to_one_endpoint_of_one_tenant() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let other = house.tenant("other").await.tenant_id;
    let shop = create(
        &house,
        tenant,
        json!({"description": "d", "urlPrefix": "shop"}),
    )
    .await
    .unwrap();
    let name = UrlEndpointName::Id(shop.id);
    let bound = bind(
        &house,
        tenant,
        name,
        &["img.acme.example", "cdn.acme.example"],
    )
    .await;
    assert_eq!(bound.unwrap(), ["cdn.acme.example", "img.acme.example"]);
    let config = house.config(tenant).await;
    assert_eq!(
        config.custom_domains[&"img.acme.example".parse().unwrap()],
        shop.id
    );

    let default = UrlEndpointName::Default;
    let twice = bind(&house, tenant, default, &["img.acme.example"]).await;
    assert_eq!(
        refused(twice),
        "Custom domain img.acme.example is not available."
    );
    let stolen = bind(
        &house,
        other,
        default,
        &["free.example", "img.acme.example"],
    )
    .await;
    assert_eq!(
        refused(stolen),
        "One of the custom domains is not available."
    );
    assert!(
        house.config(other).await.custom_domains.is_empty(),
        "all or nothing"
    );
}

#[tokio::test]
async fn a_custom_domain_is_free_again_when_it_is_no_longer_named_or_its_endpoint_is_deleted() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let other = house.tenant("other").await.tenant_id;
    let shop = create(
        &house,
        tenant,
        json!({"description": "d", "urlPrefix": "shop"}),
    )
    .await
    .unwrap();
    let name = UrlEndpointName::Id(shop.id);
    let default = UrlEndpointName::Default;
    bind(&house, tenant, name, &["a.example", "b.example"])
        .await
        .unwrap();
    bind(&house, tenant, name, &["a.example"]).await.unwrap();
    bind(&house, other, default, &["b.example"]).await.unwrap();
    delete(&house, tenant, name).await.unwrap();
    assert!(house.config(tenant).await.custom_domains.is_empty());
    bind(&house, other, default, &["a.example"]).await.unwrap();
}
