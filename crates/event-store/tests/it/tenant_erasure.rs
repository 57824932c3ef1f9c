//! Erased tenants: nothing of theirs stays in any table, whichever tables there are, and nothing comes back.

use chrono::{TimeDelta, Utc};
use limpid_domain::event::{Actor, ActorKind};
use limpid_domain::ids::{BatchSeq, NodeId, TenantId};
use limpid_event_store::Database;
use limpid_event_store::failure_append::{Batch, append_batches};
use limpid_event_store::tenant_erasure::{
    KEPT, erase, erased_tables, erasure, finish, request, unfinished,
};
use limpid_testkit::failures::FailureGenerator;
use sqlx::AssertSqlSafe;

use crate::fresh;

fn operator() -> Actor {
    Actor {
        kind: ActorKind::Operator,
        label: "operator API".to_owned(),
    }
}

async fn tenant(database: &Database) -> TenantId {
    let tx = database.new_tenant_tx().await.unwrap();
    let id = tx.tenant_id();
    tx.commit().await.unwrap();
    id
}

async fn ask(database: &Database, id: TenantId) {
    let mut tx = database.tenant_tx(id).await.unwrap();
    request(&mut tx, &operator()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn execute(database: &Database, statement: String) {
    let mut tx = database.owner_tx().await.unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(statement.clone()))
        .execute(&mut *tx)
        .await;
    assert!(done.is_ok(), "{statement}: {done:?}");
    tx.commit().await.unwrap();
}

async fn strings(database: &Database, query: String) -> Vec<String> {
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_all(&mut *owner)
        .await
        .unwrap()
}

async fn count(database: &Database, table: &str, id: TenantId) -> i64 {
    let mut owner = database.owner_tx().await.unwrap();
    let query = format!("select count(*) from \"{table}\" where tenant_id = {id}");
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(&mut *owner)
        .await
        .unwrap()
}

async fn columns(database: &Database, table: &str) -> Vec<(String, String)> {
    let mut owner = database.owner_tx().await.unwrap();
    sqlx::query_as(
        "select a.attname::text, format_type(a.atttypid, null) from pg_attribute a
         where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attidentity = '' and a.attgenerated = ''
         order by a.attnum",
    )
    .bind(table)
    .fetch_all(&mut *owner)
    .await
    .unwrap()
}

/// Some row of a tenant in a table of any shape. Constraints on values are dropped before.
async fn plant(database: &Database, table: &str, id: TenantId) {
    let mut names = Vec::new();
    let mut values = Vec::new();
    for (column, kind) in columns(database, table).await {
        let value = match (column.as_str(), kind.as_str()) {
            ("tenant_id", _) => id.to_string(),
            (_, "bigint" | "integer" | "smallint" | "double precision" | "real" | "numeric") => {
                "1".to_owned()
            }
            (_, "boolean") => "false".to_owned(),
            (_, "text") => format!("'of {id}'"),
            (_, "timestamp with time zone") => "now()".to_owned(),
            (_, "date") => "current_date".to_owned(),
            (_, "uuid") => format!("'00000000-0000-7000-8000-{:012}'", id.0),
            (_, "jsonb") => "'{}'".to_owned(),
            (_, "bytea") => format!("decode('{:08x}', 'hex')", id.0),
            (_, kind) if kind.ends_with("[]") => "'{}'".to_owned(),
            // A kind of column that is new here: PostgreSQL says whether it takes a text.
            _ => "''".to_owned(),
        };
        names.push(format!("\"{column}\""));
        values.push(value);
    }
    let (names, values) = (names.join(", "), values.join(", "));
    execute(
        database,
        format!("insert into \"{table}\" ({names}) values ({values})"),
    )
    .await;
}

#[tokio::test]
async fn rows_of_every_table_there_is_vanish_and_another_tenant_keeps_its_own() {
    let (_test, database) = fresh().await;
    let checks = "select format('alter table %s drop constraint %I', conrelid::regclass, conname) from pg_constraint
         where contype = 'c' and connamespace = 'public'::regnamespace and conparentid = 0 and conislocal";
    for drop in strings(&database, checks.to_owned()).await {
        execute(&database, drop).await;
    }
    let (gone, stays) = (tenant(&database).await, tenant(&database).await);
    let mut tables = erased_tables(&database).await.unwrap();
    assert!(tables.len() >= 20, "{tables:?}");
    // What others refer to is erased last and planted first.
    tables.reverse();
    for id in [gone, stays] {
        for table in &tables {
            plant(&database, table, id).await;
        }
    }
    ask(&database, gone).await;
    assert_eq!(
        erase(&database, gone, 1_000).await.unwrap(),
        Some(i64::try_from(tables.len()).unwrap())
    );
    for table in &tables {
        assert_eq!(count(&database, table, gone).await, 0, "{table}");
        assert_eq!(count(&database, table, stays).await, 1, "{table}");
    }
    let left = erasure(&database, gone).await.unwrap().unwrap();
    assert_eq!(left.erased_rows.len(), tables.len());
    assert_eq!(erase(&database, gone, 1_000).await.unwrap(), Some(0));
}

#[tokio::test]
async fn every_table_with_a_tenant_is_erased_or_named_among_what_stays() {
    let (_test, database) = fresh().await;
    let all = "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1";
    let erased = erased_tables(&database).await.unwrap();
    for table in strings(&database, all.to_owned()).await {
        let stays = KEPT.contains(&(table.as_str(), "true"));
        assert!(erased.contains(&table) != stays, "{table}");
    }
    // What stays has no place for anything that names somebody. A new column here is a decision.
    let held = |table| columns(&database, table);
    let names = |columns: Vec<(String, String)>| {
        let names: Vec<String> = columns.into_iter().map(|(name, _)| name).collect();
        names.join(" ")
    };
    assert_eq!(
        names(held("tenant_erasure").await),
        "tenant_id requested_at requested_by erased_rows finished_at"
    );
    assert_eq!(names(held("tenant_head").await), "last_seq changed_at");
    assert_eq!(
        names(held("tenant").await),
        "tenant_id generation imagekit_id name lifecycle settings created_at version limits"
    );
}

#[tokio::test]
async fn an_erasure_goes_on_where_it_was_interrupted_and_the_ledger_follows() {
    let (_test, database) = fresh().await;
    let (gone, stays) = (tenant(&database).await, tenant(&database).await);
    assert_eq!((gone, stays), (TenantId(1), TenantId(2)));
    let start = "2026-11-20T00:00:00Z".parse().unwrap();
    let events = FailureGenerator::new(7, start, TimeDelta::hours(5)).take(25_000);
    let mut connection = database.service().await.unwrap();
    for (seq, events) in (1..).zip(events.chunks(5_000)) {
        let batch = Batch {
            seq: BatchSeq(seq),
            events: events.to_vec(),
            refused: 0,
        };
        append_batches(&mut connection, NodeId(1), &[batch])
            .await
            .unwrap();
    }
    let of = |id: TenantId| {
        let found = events.iter().filter(|event| event.tenant_id == id);
        i64::try_from(found.count()).unwrap()
    };
    assert!(of(gone) > 10_000);
    ask(&database, gone).await;
    // One transaction a call, as if the program died after each.
    let mut calls = 0;
    while erase(&database, gone, 1 + calls).await.unwrap() != Some(0) {
        calls += 1;
        assert!(calls < 200, "it never ends");
    }
    assert_eq!(count(&database, "origin_failure", gone).await, 0);
    assert_eq!(count(&database, "origin_failure", stays).await, of(stays));
    let (in_ledger,): (i64,) = sqlx::query_as("select sum(events)::bigint from ingest_batch")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!(in_ledger, of(stays));
    let left = erasure(&database, gone).await.unwrap().unwrap();
    assert_eq!(left.erased_rows["origin_failure"], of(gone));
    assert_eq!(left.finished_at, None);
    finish(&database, gone, left.requested_at).await.unwrap();
    assert_eq!(unfinished(&database).await.unwrap(), []);
}

#[tokio::test]
async fn what_comes_late_for_an_erased_tenant_is_dropped() {
    let (_test, database) = fresh().await;
    let (gone, stays) = (tenant(&database).await, tenant(&database).await);
    ask(&database, gone).await;
    #[expect(clippy::disallowed_methods, reason = "any time does")]
    let now = Utc::now();
    let events = FailureGenerator::new(8, now, TimeDelta::hours(1)).take(100);
    let late = events
        .iter()
        .filter(|event| event.tenant_id == gone)
        .count() as u64;
    let batch = Batch {
        seq: BatchSeq(1),
        events,
        refused: 0,
    };
    let mut connection = database.service().await.unwrap();
    let appended = append_batches(&mut connection, NodeId(1), std::slice::from_ref(&batch))
        .await
        .unwrap();
    assert_eq!((appended.erased, appended.events), (late, 100 - late));
    for table in ["origin_failure", "failure_1h"] {
        assert_eq!(count(&database, table, gone).await, 0, "{table}");
        assert!(count(&database, table, stays).await > 0, "{table}");
    }
    let again = append_batches(&mut connection, NodeId(1), &[batch])
        .await
        .unwrap();
    assert_eq!((again.batches, again.events), (0, 0));
}
