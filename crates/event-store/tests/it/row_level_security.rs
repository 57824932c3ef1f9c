//! Row-level security, asked of the catalogue, so that a new table is covered the day it is made.

use limpid_domain::ids::{OriginId, StreamId, StreamVersion};
use limpid_event_store::Database;
use limpid_event_store::config_log::append;
use limpid_event_store::vault::{self, KeyRing, SecretAddress, Vault};
use sqlx::AssertSqlSafe;

use crate::{created, fresh, meta};

/// Ordinary tables, partitioned tables and partitions that have a `tenant_id`.
const TENANT_TABLES: &str = "\
select c.relname::text, c.relrowsecurity and c.relforcerowsecurity as forced,
  exists (select from pg_policy p where p.polrelid = c.oid and 'limpid_tenant'::regrole = any(p.polroles)
    and pg_get_expr(p.polqual, p.polrelid) like '%app.tenant_id%') as tenant_reads_its_own,
  exists (select from pg_policy p where p.polrelid = c.oid and 'limpid_tenant'::regrole = any(p.polroles)
    and p.polcmd in ('*', 'a', 'w')
    and coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') not like '%app.tenant_id%') as tenant_writes_unchecked
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where n.nspname = 'public' and c.relkind in ('r', 'p') order by 1";

async fn tenant_tables(database: &Database) -> Vec<(String, bool, bool, bool)> {
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::query_as(TENANT_TABLES)
        .fetch_all(&mut *owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_table_with_a_tenant_forces_row_level_security() {
    let (_test, database) = fresh().await;
    let tables = tenant_tables(&database).await;
    assert!(
        tables.len() >= 9,
        "the catalogue query finds the tables: {tables:?}"
    );
    for (table, forced, tenant_reads_its_own, tenant_writes_unchecked) in tables {
        assert!(
            forced,
            "{table} does not enable and force row-level security"
        );
        assert!(
            tenant_reads_its_own,
            "{table} has no policy for limpid_tenant"
        );
        assert!(
            !tenant_writes_unchecked,
            "{table} lets a tenant write rows of another"
        );
    }
}

#[tokio::test]
async fn nothing_goes_round_row_level_security() {
    let (_test, database) = fresh().await;
    let mut owner = database.owner_tx().await.unwrap();
    let round_about: Vec<(String,)> = sqlx::query_as(
        "select relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = 'public' and (c.relkind = 'm' or c.relkind = 'v' and \
         not coalesce(c.reloptions::text like '%security_invoker=true%', false)) \
         union all select proname::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace \
         where n.nspname = 'public' and p.prosecdef",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    assert_eq!(
        round_about,
        [],
        "materialised views, views of their owner, functions of their owner"
    );
}

#[tokio::test]
async fn keys_of_tenant_tables_begin_with_the_tenant() {
    let (_test, database) = fresh().await;
    let mut owner = database.owner_tx().await.unwrap();
    let others: Vec<(String,)> = sqlx::query_as(
        "select c.relname::text from pg_index i join pg_class c on c.oid = i.indrelid \
         join pg_namespace n on n.oid = c.relnamespace \
         join pg_attribute t on t.attrelid = c.oid and t.attname = 'tenant_id' \
         where n.nspname = 'public' and i.indisprimary and i.indkey[0] <> t.attnum order by 1",
    )
    .fetch_all(&mut *owner)
    .await
    .unwrap();
    assert_eq!(others, []);
}

#[tokio::test]
async fn a_tenant_sees_and_writes_no_row_of_another() {
    let (_test, database) = fresh().await;
    let mut tx = database.new_tenant_tx().await.unwrap();
    let owner = tx.tenant_id();
    let stream: StreamId = OriginId::mint().into();
    append(
        &mut tx,
        stream,
        StreamVersion(0),
        &[created("a").into()],
        &meta(),
    )
    .await
    .unwrap();
    let address = SecretAddress {
        tenant_id: owner,
        stream_id: stream,
        version: StreamVersion(1),
    };
    let sealed = Vault::new(KeyRing::generate().unwrap())
        .seal(address, b"x")
        .unwrap();
    vault::put(&mut tx, stream, StreamVersion(1), &sealed)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let stranger = database.new_tenant_tx().await.unwrap();
    let stranger_id = stranger.tenant_id();
    stranger.commit().await.unwrap();
    for (table, ..) in tenant_tables(&database).await {
        let mut tx = database.tenant_tx(stranger_id).await.unwrap();
        let foreign = format!("select count(*) from {table} where tenant_id <> {stranger_id}");
        let seen: Result<(i64,), _> = sqlx::query_as(AssertSqlSafe(foreign))
            .fetch_one(tx.as_conn())
            .await;
        match seen {
            Ok((rows,)) => assert_eq!(rows, 0, "{table}"),
            Err(refused) => assert_eq!(
                refused.as_database_error().unwrap().code().unwrap(),
                "42501",
                "{table}"
            ),
        }
    }
    let mut tx = database.tenant_tx(stranger_id).await.unwrap();
    let planted = sqlx::query("insert into config_stream (tenant_id, stream_id, kind, version) values ($1, $2, 'origin', 1)")
        .bind(owner.0)
        .bind(OriginId::mint().0)
        .execute(tx.as_conn())
        .await;
    assert_eq!(
        planted
            .unwrap_err()
            .as_database_error()
            .unwrap()
            .code()
            .unwrap(),
        "42501"
    );
}

#[tokio::test]
async fn without_a_tenant_there_are_no_rows() {
    let (_test, database) = fresh().await;
    let mut tx = database.new_tenant_tx().await.unwrap();
    append(
        &mut tx,
        OriginId::mint().into(),
        StreamVersion(0),
        &[created("a").into()],
        &meta(),
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.service_tx().await.unwrap();
    sqlx::raw_sql("set local role limpid_tenant")
        .execute(&mut *tx)
        .await
        .unwrap();
    let (rows,): (i64,) = sqlx::query_as("select count(*) from config_event")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(rows, 0);
}
