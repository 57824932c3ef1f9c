//! Purges of a tenant that has purged very often.

use limpid_domain::event::{Actor, ActorKind, ConfigEvent, EventMeta};
use limpid_domain::ids::TenantSeq;
use limpid_domain::purge::PurgeTarget;
use limpid_event_store::{Database, TenantTx};
use limpid_read_models::purges::{PurgeStatus, purges_before, purges_this_month};

use crate::failures::{TENANT, database};

const PURGES: i64 = 100_000;
/// Changes of other kinds after the last purge.
const OTHERS: i64 = 5_000;
/// Of the purges, how many lie in this month.
const THIS_MONTH: i64 = 10;

fn actor() -> Actor {
    Actor {
        kind: ActorKind::ApiKey,
        label: "public_key".to_owned(),
    }
}

/// A log of purges and then other changes, and one of another tenant.
async fn with_purges() -> Database {
    let database = database().await;
    let purge = ConfigEvent::CachePurged {
        url: "https://images.example.com/acme/a.jpg".to_owned(),
        target: PurgeTarget {
            address: "/a.jpg".to_owned(),
            is_prefix: false,
        },
    };
    let meta = EventMeta {
        actor: actor(),
        source: None,
        request_id: None,
        command_id: None,
        expected_version: None,
        note: None,
    };
    let meta = serde_json::to_value(&meta).unwrap();
    let mut owner = database.owner_tx().await.unwrap();
    // A hundred thousand rows may take a busy machine longer than a statement may.
    sqlx::raw_sql(
        "set local statement_timeout = 0; insert into tenant_head (last_seq) values (0), (0)",
    )
    .execute(&mut *owner)
    .await
    .unwrap();
    for (tenant, purges, others) in [(TENANT.0, PURGES, OTHERS), (TENANT.0 + 1, 3, 0)] {
        sqlx::query(
            "with event as (
               select n, gen_random_uuid() as stream_id, n <= $2 as purges from generate_series(1, $2 + $3) n
             ), stream as (
               insert into config_stream (tenant_id, stream_id, kind, version)
               select $1, stream_id, case when purges then 'purge' else 'origin' end, 1 from event
             )
             insert into config_event
               (tenant_id, tenant_seq, stream_id, version, event_id, kind, schema_v, data, meta, recorded_at)
             select $1, n, stream_id, 1, gen_random_uuid(), case when purges then 'cache_purged' else 'origin_deleted' end, $4, $5, $6,
               now() - case when n > $2 - $7 then interval '0' else interval '40 days' end from event",
        )
        .bind(tenant)
        .bind(purges)
        .bind(others)
        .bind(purge.schema_version())
        .bind(purge.to_data())
        .bind(&meta)
        .bind(THIS_MONTH)
        .execute(&mut *owner)
        .await
        .unwrap();
    }
    sqlx::raw_sql("analyze config_event")
        .execute(&mut *owner)
        .await
        .unwrap();
    owner.commit().await.unwrap();
    database
}

/// Rows of the log that the transaction has read, whichever way.
async fn rows_read(tx: &mut TenantTx) -> i64 {
    sqlx::query_scalar(
        "select (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_xact_user_tables
         where relname = 'config_event'",
    )
    .fetch_one(tx.as_conn())
    .await
    .unwrap()
}

#[tokio::test]
async fn of_a_hundred_thousand_purges_only_what_is_asked_for_is_read() {
    let database = with_purges().await;
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let mut before = None;
    let mut expected = PURGES;
    // Often enough that the database keeps a plan for whatever values come.
    for _ in 0..12 {
        let read = rows_read(&mut tx).await;
        let page = purges_before(&mut tx, before, 50).await.unwrap();
        assert!(rows_read(&mut tx).await - read <= 50);
        let positions: Vec<i64> = page.iter().map(|purge| purge.seq.0).collect();
        let wanted: Vec<i64> = (expected - 49..=expected).rev().collect();
        assert_eq!(positions, wanted);
        let purge = page.first().unwrap();
        assert_eq!(purge.requested_by, actor());
        assert_eq!(purge.status, PurgeStatus::Completed);
        expected -= 50;
        before = Some(TenantSeq(expected + 1));
    }
    for _ in 0..12 {
        let read = rows_read(&mut tx).await;
        let count = purges_this_month(&mut tx).await.unwrap();
        assert_eq!(i64::from(count), THIS_MONTH);
        assert!(rows_read(&mut tx).await - read <= 1_000);
    }
}
