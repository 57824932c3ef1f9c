use futures::future::join_all;
use limpid_dashboard_api::commands::{
    CommandError, DeleteOrigin, ReplaceOrigin, ReplaceUrlEndpoint, create_origin, delete_origin,
    replace_origin, replace_url_endpoint,
};
use limpid_domain::event::EventMeta;
use limpid_domain::ids::{OriginId, StreamVersion, TenantId};
use limpid_domain::origin::{OriginCredentials, OriginDraft};
use limpid_domain::url_endpoint::{UrlEndpointDraft, UrlEndpointName};
use limpid_event_store::{config_log, vault};
use limpid_read_models::delivery_config;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{House, not_found, refused, s3, web_folder};

async fn replace(
    house: &House,
    tenant: TenantId,
    id: OriginId,
    body: Value,
) -> Result<(), CommandError> {
    let command = ReplaceOrigin {
        id,
        draft: OriginDraft::parse(body).unwrap(),
        expected: None,
    };
    replace_origin(&house.context(), tenant, command)
        .await
        .map(drop)
}

async fn delete(house: &House, tenant: TenantId, id: OriginId) -> Result<(), CommandError> {
    delete_origin(
        &house.context(),
        tenant,
        DeleteOrigin { id, expected: None },
    )
    .await
}

async fn detach_all(house: &House, tenant: TenantId) {
    let command = ReplaceUrlEndpoint {
        name: UrlEndpointName::Default,
        draft: UrlEndpointDraft::parse(json!({"description": "none"})).unwrap(),
        expected: None,
    };
    replace_url_endpoint(&house.context(), tenant, command)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_first_origin_is_attached_to_the_default_endpoint_and_no_later_one() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let first = house.origin(tenant, web_folder("first")).await;
    house.origin(tenant, web_folder("second")).await;
    assert_eq!(house.default_origins(tenant).await, [first.id]);
}

#[tokio::test]
async fn origins_created_at_the_same_moment_agree_on_which_was_first() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let context = house.context();
    let create = |at: usize| {
        create_origin(
            &context,
            tenant,
            OriginDraft::parse(web_folder(&format!("o{at}"))).unwrap(),
        )
    };
    let created = join_all((0..8).map(create)).await;
    let created: Vec<_> = created.into_iter().map(Result::unwrap).collect();
    let oldest = created.iter().min_by_key(|origin| origin.no).unwrap();
    assert_eq!(house.default_origins(tenant).await, [oldest.id]);
}

#[tokio::test]
async fn serving_sees_opened_credentials_and_the_api_sees_none() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let view = house.origin(tenant, s3("s3cr3t")).await;
    assert_eq!(
        (view.version.0, view.no.0),
        (1, 4),
        "numbered by the event that created it"
    );
    let shown = serde_json::to_string(&view.settings).unwrap();
    assert!(
        !shown.contains("AKIA") && !shown.contains("s3cr3t"),
        "{shown}"
    );
    let config = house.config(tenant).await;
    let OriginCredentials::AccessKey {
        access_key,
        secret_key,
    } = &config.origins[&view.id].credentials
    else {
        panic!("{config:?}");
    };
    assert_eq!(
        (access_key.expose_secret(), secret_key.expose_secret()),
        ("AKIA", "s3cr3t")
    );
    let endpoint = config.default_endpoint().unwrap();
    assert_eq!(
        config
            .origins_of(endpoint)
            .map(|origin| origin.id)
            .collect::<Vec<_>>(),
        [view.id]
    );
}

#[tokio::test]
async fn a_replacement_replaces_everything_secrets_included() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let origin = house.origin(tenant, s3("old")).await;
    replace(&house, tenant, origin.id, s3("new")).await.unwrap();
    let config = house.config(tenant).await;
    let OriginCredentials::AccessKey { secret_key, .. } = &config.origins[&origin.id].credentials
    else {
        panic!("{config:?}");
    };
    assert_eq!(secret_key.expose_secret(), "new");
    assert_eq!(config.origins[&origin.id].version.0, 2);

    replace(&house, tenant, origin.id, web_folder("web"))
        .await
        .unwrap();
    let config = house.config(tenant).await;
    assert!(matches!(
        config.origins[&origin.id].credentials,
        OriginCredentials::None
    ));
    assert_eq!(config.origins[&origin.id].no, origin.no, "the number stays");
    let mut conn = house.database.service().await.unwrap();
    let left = vault::fetch_all(&mut conn, Some(&[tenant])).await.unwrap();
    assert_eq!(left.len(), 1, "only the key pair's secret is left");
}

#[tokio::test]
async fn an_origin_in_use_is_not_deleted_and_its_endpoints_are_named() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let origin = house.origin(tenant, s3("x")).await;
    assert_eq!(
        refused(delete(&house, tenant, origin.id).await),
        "Origin is in use by URL-endpoint Default URL-endpoint. Remove it there before deleting it."
    );
    detach_all(&house, tenant).await;
    delete(&house, tenant, origin.id).await.unwrap();
    assert!(house.config(tenant).await.origins.is_empty());
    let mut tx = house.database.tenant_tx(tenant).await.unwrap();
    let remembered = delivery_config::origin(&mut tx, origin.id)
        .await
        .unwrap()
        .unwrap();
    assert!(remembered.deleted, "old failures can still name it");
    for outcome in [
        delete(&house, tenant, origin.id).await,
        replace(&house, tenant, origin.id, s3("x")).await,
    ] {
        assert_eq!(not_found(outcome), "Origin not found.");
    }
}

#[tokio::test]
async fn an_origin_of_another_tenant_is_as_unknown_as_one_that_never_was() {
    let house = House::new().await;
    let owner = house.tenant("owner").await.tenant_id;
    let stranger = house.tenant("stranger").await.tenant_id;
    let id = house.origin(owner, s3("x")).await.id;
    for unknown in [id, OriginId::mint()] {
        assert_eq!(
            not_found(delete(&house, stranger, unknown).await),
            "Origin not found."
        );
        let replaced = replace(&house, stranger, unknown, s3("x")).await;
        assert_eq!(not_found(replaced), "Origin not found.");
    }
    assert_eq!(house.config(owner).await.origins.len(), 1);
}

#[tokio::test]
async fn a_change_based_on_an_old_version_is_a_conflict_and_changes_nothing() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let id = house.origin(tenant, web_folder("a")).await.id;
    replace(&house, tenant, id, web_folder("b")).await.unwrap();
    let before = config_log::heads(&house.database).await.unwrap();
    let stale = ReplaceOrigin {
        id,
        draft: OriginDraft::parse(s3("late")).unwrap(),
        expected: Some(StreamVersion(1)),
    };
    let outcome = replace_origin(&house.context(), tenant, stale).await;
    assert!(matches!(outcome, Err(CommandError::Conflict)));
    let expected = Some(StreamVersion(1));
    let outcome = delete_origin(&house.context(), tenant, DeleteOrigin { id, expected }).await;
    assert!(matches!(outcome, Err(CommandError::Conflict)));
    assert_eq!(config_log::heads(&house.database).await.unwrap(), before);
}

#[tokio::test]
async fn the_log_says_who_did_it_and_by_which_command() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let id = house.origin(tenant, web_folder("a")).await.id;
    let mut tx = house.database.tenant_tx(tenant).await.unwrap();
    let events = config_log::load(&mut tx, id.into()).await.unwrap();
    let meta = events[0].meta.clone();
    assert!(meta.command_id.is_some());
    let given = EventMeta {
        command_id: meta.command_id,
        ..house.context().meta
    };
    assert_eq!(meta, given);
    let other = house.origin(tenant, web_folder("b")).await.id;
    let events = config_log::load(&mut tx, other.into()).await.unwrap();
    assert_ne!(events[0].meta.command_id, meta.command_id);
}
