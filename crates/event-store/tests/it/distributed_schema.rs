//! What a PostgreSQL that is spread over machines by tenant asks of a schema, asked of the catalogue. Source: `events.md` 4; each rule is one
//! that such a server enforces or that breaks silently there.

use limpid_event_store::Database;

use crate::fresh;

/// Tables without a tenant: of nodes (spread by node), of the installation as a whole (on every machine).
const OTHER_TABLES: [&str; 9] = [
    "_sqlx_migrations",
    "alert_checkpoint",
    "delivery_usage_ledger",
    "failure_retention",
    "ingest_batch",
    "origin_health_ledger",
    "projection_checkpoint",
    "purge_node",
    "serving_node",
];

/// Unique indexes that find a tenant by something global. There they become small tables of their own that are on every machine.
const LOOKUPS: [&str; 4] = [
    "command_answer_operator",
    "custom_domain_domain",
    "key_pair_private_key_hash",
    "tenant_imagekit_id",
];

/// Numbers tenants, nothing else; tenants are made one at a time.
const SEQUENCES: [&str; 1] = ["tenant_head_tenant_id_seq"];

async fn names(database: &Database, query: &'static str) -> Vec<String> {
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::query_scalar(query)
        .fetch_all(&mut *owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_table_has_a_tenant_or_is_known_to_have_none() {
    let (_test, database) = fresh().await;
    let without = names(
        &database,
        "select c.relname::text from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
         order by 1",
    )
    .await;
    assert_eq!(without, OTHER_TABLES);
}

#[tokio::test]
async fn the_tenant_is_the_same_type_everywhere_and_never_missing() {
    let (_test, database) = fresh().await;
    let others = names(
        &database,
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and (a.atttypid <> 'bigint'::regtype or not a.attnotnull) order by 1",
    )
    .await;
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn what_is_unique_is_unique_within_a_tenant() {
    let (_test, database) = fresh().await;
    let global = names(
        &database,
        "select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indrelid
         join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id'
         where c.relnamespace = 'public'::regnamespace and i.indisunique
           and not t.attnum = any((string_to_array(i.indkey::text, ' ')::smallint[])[1:i.indnkeyatts]) order by 1",
    )
    .await;
    assert_eq!(global, LOOKUPS);
}

#[tokio::test]
async fn references_stay_within_a_tenant() {
    let (_test, database) = fresh().await;
    let across = names(
        &database,
        "select f.conname::text from pg_constraint f
         where f.contype = 'f' and f.connamespace = 'public'::regnamespace
           and not exists (
             select from unnest(f.conkey, f.confkey) as k (ours, theirs)
             join pg_attribute o on o.attrelid = f.conrelid and o.attnum = k.ours and o.attname = 'tenant_id'
             join pg_attribute t on t.attrelid = f.confrelid and t.attnum = k.theirs and t.attname = 'tenant_id')
         order by 1",
    )
    .await;
    assert!(across.is_empty(), "{across:?}");
}

#[tokio::test]
async fn nothing_runs_inside_the_database_and_no_numbers_are_shared() {
    let (_test, database) = fresh().await;
    for (what, query) in [
        (
            "triggers",
            "select tgname::text from pg_trigger t join pg_class c on c.oid = t.tgrelid
             where not t.tgisinternal and c.relnamespace = 'public'::regnamespace",
        ),
        (
            "rules",
            "select rulename::text from pg_rules where schemaname = 'public'",
        ),
        (
            "functions and procedures",
            "select proname::text from pg_proc where pronamespace = 'public'::regnamespace",
        ),
        (
            "exclusion constraints",
            "select conname::text from pg_constraint where contype = 'x' and connamespace = 'public'::regnamespace",
        ),
    ] {
        let found = names(&database, query).await;
        assert!(found.is_empty(), "{what}: {found:?}");
    }
    let sequences = names(
        &database,
        "select c.relname::text from pg_class c where c.relkind = 'S' and c.relnamespace = 'public'::regnamespace order by 1",
    )
    .await;
    assert_eq!(sequences, SEQUENCES);
}
