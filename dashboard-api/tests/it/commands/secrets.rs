use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use limpid_dashboard_api::commands::{ReplaceOrigin, replace_origin};
use limpid_domain::origin::{OriginCredentials, OriginDraft};
use limpid_event_store::vault::{KeyRing, Vault};
use limpid_read_models::delivery_config::load_all;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::{House, s3};

/// Texts that occur nowhere else, one per secret field.
const CANARIES: [&str; 9] = [
    "canary-access-key-0",
    "canary-secret-key-1",
    "canary-pem-key-2",
    "?canary-sas-token-3",
    "canary-client-id-4",
    "canary-client-secret-5",
    "canary-username-6",
    "canary-password-7",
    "canary-replaced-8",
];

fn origins_with_canaries() -> Vec<Value> {
    let [
        access,
        secret,
        pem,
        sas,
        client,
        client_secret,
        user,
        password,
        _,
    ] = CANARIES;
    vec![
        json!({"name": "a", "type": "S3", "bucket": "b", "accessKey": access, "secretKey": secret}),
        json!({"name": "b", "type": "GCS", "bucket": "b", "clientEmail": "a@b.example", "privateKey": pem}),
        json!({"name": "c", "type": "AZURE_BLOB", "container": "c", "accountName": "a", "sasToken": sas}),
        json!({"name": "d", "type": "AKENEO_PIM", "baseUrl": "https://pim.example", "clientId": client,
               "clientSecret": client_secret, "username": user, "password": password}),
    ]
}

/// Every row of every table, as text.
async fn dump(house: &House) -> String {
    let mut owner = house.database.owner_tx().await.unwrap();
    let tables: Vec<(String,)> = sqlx::query_as(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind = 'r' and n.nspname = 'public' order by 1",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    let mut dump = String::new();
    for (table,) in tables {
        let rows: Vec<(String,)> =
            sqlx::query_as(AssertSqlSafe(format!("select t::text from {table} t")))
                .fetch_all(&mut *owner)
                .await
                .unwrap();
        for (row,) in rows {
            dump.push_str(&row);
            dump.push('\n');
        }
    }
    dump
}

#[tokio::test]
async fn no_table_holds_a_secret_in_any_plain_form() {
    let house = House::new().await;
    let created = house.tenant("acme").await;
    for body in origins_with_canaries() {
        house.origin(created.tenant_id, body).await;
    }
    let id = house.origin(created.tenant_id, s3("first")).await.id;
    let replacement = ReplaceOrigin {
        id,
        draft: OriginDraft::parse(s3(CANARIES[8])).unwrap(),
        expected: None,
    };
    replace_origin(&house.context(), created.tenant_id, replacement)
        .await
        .unwrap();

    let dump = dump(&house).await;
    assert!(
        dump.contains("origin_created") && dump.contains("pim.example"),
        "the dump is whole"
    );
    let private_key = created.private_key.expose();
    for secret in CANARIES.into_iter().chain([private_key]) {
        let forms = [
            secret.to_owned(),
            hex::encode(secret),
            STANDARD.encode(secret),
            STANDARD_NO_PAD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            secret.replace('?', "%3F"),
        ];
        for form in forms {
            assert!(!dump.contains(&form), "{form} of {secret}");
        }
    }
    // Serving has them nonetheless.
    let config = format!("{:?}", house.config(created.tenant_id).await);
    assert!(
        config.contains("AccessKey") && !config.contains("canary"),
        "{config}"
    );
}

#[tokio::test]
async fn a_secret_that_does_not_open_marks_one_origin_and_spares_the_rest() {
    let house = House::new().await;
    let tenant = house.tenant("acme").await.tenant_id;
    let damaged = house.origin(tenant, s3("x")).await.id;
    let whole = house.origin(tenant, s3("y")).await.id;
    let mut owner = house.database.owner_tx().await.unwrap();
    sqlx::query("update sealed_secret set ciphertext = 'damaged' where stream_id = $1")
        .bind(damaged.0)
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
    let config = house.config(tenant).await;
    assert!(matches!(
        config.origins[&damaged].credentials,
        OriginCredentials::Unreadable
    ));
    assert!(matches!(
        config.origins[&whole].credentials,
        OriginCredentials::AccessKey { .. }
    ));

    let other_keys = Vault::new(KeyRing::generate().unwrap());
    let configs = load_all(&house.database, &other_keys).await.unwrap();
    assert_eq!(configs.len(), 1);
    assert!(configs[0].key_pairs.is_empty());
    assert!(matches!(
        configs[0].origins[&whole].credentials,
        OriginCredentials::Unreadable
    ));
}
