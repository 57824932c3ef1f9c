use std::collections::HashMap;

use futures::future::join_all;
use limpid_dashboard_api::commands::{
    CommandError, create_key_pair, create_tenant, revoke_key_pair,
};
use limpid_domain::ids::TenantId;
use limpid_domain::key_pair::PrivateKey;
use limpid_domain::tenant::CreateTenant;
use limpid_read_models::delivery_config::{
    changed_since, find_by_private_key, key_pair, load_all, load_tenant, tenant,
};
use secrecy::ExposeSecret;
use serde_json::json;

use super::{House, refused};

#[tokio::test]
async fn a_tenant_comes_with_its_default_endpoint_and_a_key_pair() {
    let house = House::new().await;
    let created = house.tenant("acme").await;
    let config = house.config(created.tenant_id).await;
    assert_eq!(config.imagekit_id.as_str(), "acme");
    assert_eq!(config.config_version.0, 3);
    let default = config.default_endpoint().unwrap();
    assert_eq!(
        (default.id, default.api_id().as_str()),
        (created.default_endpoint, "default")
    );
    assert_eq!(default.settings.url_prefix, "");
    assert_eq!(config.key_pairs.len(), 1);
    assert_eq!(
        config.key_pairs[0].private_key.expose_secret(),
        created.private_key.expose()
    );
    assert_eq!(config.key_pairs[0].public_key, created.public_key);
}

#[tokio::test]
async fn a_taken_name_is_refused_also_in_a_race() {
    let house = House::new().await;
    let create = || CreateTenant::parse(json!({"imagekitId": "acme"})).unwrap();
    let context = house.context();
    let outcomes = join_all((0..5).map(|_| create_tenant(&context, create()))).await;
    let (created, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((created.len(), lost.len()), (1, 4));
    for outcome in lost {
        assert!(
            outcome
                .unwrap_err()
                .to_string()
                .contains("is already taken.")
        );
    }
    let tenants = load_all(&house.database, &house.vault).await.unwrap();
    assert_eq!(tenants.len(), 1);
    let later = create_tenant(&context, create()).await.unwrap_err();
    assert_eq!(later.to_string(), "imagekitId acme is already taken.");
}

#[tokio::test]
async fn a_private_key_finds_its_owner_until_it_is_revoked_and_then_says_so() {
    let house = House::new().await;
    let created = house.tenant("acme").await;
    house.tenant("other").await;
    let second = create_key_pair(&house.context(), created.tenant_id, "second".to_owned())
        .await
        .unwrap();
    let find = async |key: &PrivateKey| {
        find_by_private_key(&house.database, key.hash())
            .await
            .unwrap()
    };
    let owner = find(&second.private_key).await.unwrap();
    assert_eq!(
        (owner.tenant_id, owner.key_pair_id, owner.revoked),
        (created.tenant_id, second.id, false)
    );
    assert_eq!(owner.public_key, second.public_key);

    revoke_key_pair(&house.context(), created.tenant_id, second.id)
        .await
        .unwrap();
    assert!(find(&second.private_key).await.unwrap().revoked);
    assert!(!find(&created.private_key).await.unwrap().revoked);
    let in_force = house.config(created.tenant_id).await.key_pairs;
    assert_eq!(
        in_force.len(),
        1,
        "urls signed with a revoked key are refused"
    );
    let mut tx = house.database.tenant_tx(created.tenant_id).await.unwrap();
    let view = key_pair(&mut tx, second.id).await.unwrap().unwrap();
    assert!(view.revoked_at.is_some());
    assert!(
        second
            .private_key
            .expose()
            .starts_with(&view.private_key_hint)
    );
    assert_eq!(tenant(&mut tx).await.unwrap().unwrap().name, "acme");

    let stranger = "private_".parse::<PrivateKey>();
    assert!(stranger.is_err());
}

#[tokio::test]
async fn an_account_has_at_most_five_key_pairs_in_force() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let context = house.context();
    let mut last = None;
    for at in 2..=5 {
        last = Some(
            create_key_pair(&context, tenant, format!("pair {at}"))
                .await
                .unwrap(),
        );
    }
    let sixth = create_key_pair(&context, tenant, "sixth".to_owned()).await;
    assert_eq!(refused(sixth), "An account can have at most 5 key pairs.");
    revoke_key_pair(&context, tenant, last.unwrap().id)
        .await
        .unwrap();
    create_key_pair(&context, tenant, "sixth".to_owned())
        .await
        .unwrap();
}

#[tokio::test]
async fn readers_learn_which_tenants_have_moved() {
    let house = House::new().await;
    let first = house.tenant("first").await.tenant_id;
    let second = house.tenant("second").await.tenant_id;
    let all = changed_since(&house.database, &HashMap::new())
        .await
        .unwrap();
    assert_eq!(all.len(), 2);
    house.origin(second, super::web_folder("a")).await;
    let newer = changed_since(&house.database, &all).await.unwrap();
    assert_eq!(newer.keys().collect::<Vec<_>>(), [&second]);
    assert_eq!(newer[&second], house.config(second).await.config_version);
    assert_eq!(all[&first], house.config(first).await.config_version);
}

#[tokio::test]
async fn an_unknown_tenant_has_no_configuration_and_takes_no_command() {
    let house = House::new().await;
    let nobody = TenantId(4711);
    assert!(
        load_tenant(&house.database, &house.vault, nobody)
            .await
            .unwrap()
            .is_none()
    );
    let refused = create_key_pair(&house.context(), nobody, "x".to_owned()).await;
    assert!(matches!(refused, Err(CommandError::Internal(_))));
}
