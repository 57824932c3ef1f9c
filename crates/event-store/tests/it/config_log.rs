//! The append: order, conflicts, repetition.

use std::collections::HashMap;

use futures::future::join_all;
use limpid_domain::event::StreamKind;
use limpid_domain::ids::{OriginId, StreamId, StreamVersion, TenantId, TenantSeq};
use limpid_event_store::config_log::{self, Appended, Changes, NewEvent, append};
use limpid_event_store::{Database, StoreError};

use crate::{created, fresh, meta, replaced};

async fn new_tenant(database: &Database) -> TenantId {
    let tx = database.new_tenant_tx().await.unwrap();
    let id = tx.tenant_id();
    tx.commit().await.unwrap();
    id
}

async fn append_one(
    database: &Database,
    tenant: TenantId,
    stream: StreamId,
    expected: i32,
    event: NewEvent,
) -> Result<Appended, StoreError> {
    let mut tx = database.tenant_tx(tenant).await?;
    config_log::lock(&mut tx).await?;
    let appended = append(&mut tx, stream, StreamVersion(expected), &[event], &meta()).await?;
    tx.commit().await?;
    Ok(appended)
}

async fn head(database: &Database, tenant: TenantId) -> i64 {
    let heads = config_log::heads(database).await.unwrap();
    heads
        .iter()
        .find(|head| head.tenant_id == tenant)
        .unwrap()
        .last_seq
        .0
}

#[tokio::test]
async fn events_read_back_as_they_were_appended() {
    let (_test, database) = fresh().await;
    let tenant = new_tenant(&database).await;
    let stream: StreamId = OriginId::mint().into();
    let events = [created("a").into(), replaced("b").into()];
    let mut tx = database.tenant_tx(tenant).await.unwrap();
    let appended = append(&mut tx, stream, StreamVersion(0), &events, &meta())
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let mut tx = database.tenant_tx(tenant).await.unwrap();
    let loaded = config_log::load(&mut tx, stream).await.unwrap();
    assert_eq!(appended, Appended::Now(loaded.clone()));
    let seen: Vec<_> = loaded
        .iter()
        .map(|e| (e.tenant_seq.0, e.version.0, &e.event))
        .collect();
    assert_eq!(seen, [(1, 1, &created("a")), (2, 2, &replaced("b"))]);
    let since = config_log::read_since(&mut tx, TenantSeq(1), 10)
        .await
        .unwrap();
    assert_eq!(since, loaded[1..]);
    assert_eq!(loaded[0].meta, meta());
}

#[tokio::test]
async fn changes_are_read_by_time_and_by_what_they_were_made_to() {
    let (_test, database) = fresh().await;
    let tenant = new_tenant(&database).await;
    let [photos, logos]: [StreamId; 2] = [OriginId::mint().into(), OriginId::mint().into()];
    let mut recorded = Vec::new();
    for (stream, expected, event) in [
        (photos, 0, created("a")),
        (logos, 0, created("b")),
        (photos, 1, replaced("c")),
    ] {
        let appended = append_one(&database, tenant, stream, expected, event.into()).await;
        let Appended::Now(events) = appended.unwrap() else {
            panic!("it was new");
        };
        recorded.push(events[0].recorded_at);
    }
    let [first, second, third] = recorded[..] else {
        panic!("{recorded:?}");
    };
    let mut tx = database.tenant_tx(tenant).await.unwrap();
    let mut read = async |spans: &[_], kinds: &[StreamKind], of, limit| {
        let changes = Changes { spans, kinds, of };
        let events = config_log::read_between(&mut tx, changes, limit).await;
        let events = events.unwrap().into_iter();
        events.map(|event| event.tenant_seq.0).collect::<Vec<_>>()
    };
    let origins = [StreamKind::Origin];
    let all = [(first, third)];
    assert_eq!(read(&all, &origins, None, 10).await, [3, 2, 1]);
    assert_eq!(read(&all, &origins, None, 2).await, [3, 2]);
    assert_eq!(read(&all, &origins, Some(photos), 2).await, [3, 1]);
    let ends = [(first, first), (third, third)];
    assert_eq!(read(&ends, &origins, None, 10).await, [3, 1]);
    assert_eq!(read(&[(second, second)], &origins, None, 10).await, [2]);
    let others = [StreamKind::Purge, StreamKind::UrlEndpoint];
    assert!(read(&all, &others, None, 10).await.is_empty());
    assert!(read(&[], &origins, None, 10).await.is_empty());
}

#[tokio::test]
async fn a_conflict_is_told_and_burns_no_sequence_number() {
    let (_test, database) = fresh().await;
    let tenant = new_tenant(&database).await;
    let stream: StreamId = OriginId::mint().into();
    append_one(&database, tenant, stream, 0, created("a").into())
        .await
        .unwrap();
    for wrong in [0, 2, 7] {
        let refused = append_one(&database, tenant, stream, wrong, replaced("b").into()).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(head(&database, tenant).await, 1);
    append_one(&database, tenant, stream, 1, replaced("b").into())
        .await
        .unwrap();
    assert_eq!(head(&database, tenant).await, 2);
}

#[tokio::test]
async fn a_repeated_append_stores_nothing_twice() {
    let (_test, database) = fresh().await;
    let tenant = new_tenant(&database).await;
    let stream: StreamId = OriginId::mint().into();
    let event: NewEvent = created("a").into();
    let Appended::Now(first) = append_one(&database, tenant, stream, 0, event.clone())
        .await
        .unwrap()
    else {
        panic!("the first append stores");
    };
    append_one(&database, tenant, stream, 1, replaced("b").into())
        .await
        .unwrap();
    for _ in 0..3 {
        let again = append_one(&database, tenant, stream, 0, event.clone())
            .await
            .unwrap();
        assert_eq!(again, Appended::Before(first.clone()));
    }
    assert_eq!(head(&database, tenant).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_leave_dense_sequences_and_lose_nothing() {
    const WRITERS: usize = 16;
    const APPENDS: usize = 25;
    let (_test, database) = fresh().await;
    let tenants = [new_tenant(&database).await, new_tenant(&database).await];
    let streams: Vec<StreamId> = (0..3).map(|_| OriginId::mint().into()).collect();

    let writers = (0..WRITERS).map(|writer| {
        let (database, streams) = (&database, &streams);
        async move {
            let mut conflicts = 0;
            for round in 0..APPENDS {
                let tenant = tenants[writer % 2];
                let stream = streams[(writer + round) % streams.len()];
                // Optimistic: read the version without the lock, append, and try again on a conflict.
                loop {
                    let mut tx = database.tenant_tx(tenant).await.unwrap();
                    let seen = config_log::load(&mut tx, stream).await.unwrap();
                    let version = seen.last().map_or(StreamVersion(0), |last| last.version);
                    let event = if seen.is_empty() {
                        created("a")
                    } else {
                        replaced("b")
                    };
                    match append(&mut tx, stream, version, &[event.into()], &meta()).await {
                        Ok(_) => {
                            tx.commit().await.unwrap();
                            break;
                        }
                        Err(StoreError::Conflict { .. }) => conflicts += 1,
                        Err(other) => panic!("{other:?}"),
                    }
                }
            }
            conflicts
        }
    });
    let conflicts: usize = join_all(writers).await.into_iter().sum();
    assert!(conflicts > 0, "the test means nothing without contention");

    for tenant in tenants {
        let mut tx = database.tenant_tx(tenant).await.unwrap();
        let events = config_log::read_since(&mut tx, TenantSeq(0), 10_000)
            .await
            .unwrap();
        assert_eq!(events.len(), WRITERS / 2 * APPENDS);
        assert_eq!(
            head(&database, tenant).await,
            i64::try_from(events.len()).unwrap()
        );
        let mut versions: HashMap<StreamId, i32> = HashMap::new();
        for (at, event) in (1..).zip(&events) {
            assert_eq!(event.tenant_seq, TenantSeq(at));
            let version = versions.entry(event.stream_id).or_default();
            *version += 1;
            assert_eq!(event.version.0, *version);
        }
    }
}

#[tokio::test]
async fn an_unknown_tenant_can_not_be_locked() {
    let (_test, database) = fresh().await;
    let mut tx = database.tenant_tx(TenantId(4711)).await.unwrap();
    let refused = config_log::lock(&mut tx).await;
    assert!(matches!(refused, Err(StoreError::UnknownTenant)));
}

#[tokio::test]
async fn the_log_can_not_be_rewritten() {
    let (_test, database) = fresh().await;
    let tenant = new_tenant(&database).await;
    append_one(
        &database,
        tenant,
        OriginId::mint().into(),
        0,
        created("a").into(),
    )
    .await
    .unwrap();
    for statement in [
        "update config_event set kind = 'x'",
        "delete from config_event",
        "truncate config_event",
    ] {
        let mut tx = database.tenant_tx(tenant).await.unwrap();
        let as_tenant = sqlx::query(statement)
            .execute(tx.as_conn())
            .await
            .unwrap_err();
        let mut conn = database.service().await.unwrap();
        let as_service = sqlx::query(statement)
            .execute(&mut *conn)
            .await
            .unwrap_err();
        for refused in [as_tenant, as_service] {
            let code = refused
                .as_database_error()
                .unwrap()
                .code()
                .unwrap()
                .into_owned();
            assert_eq!(code, "42501", "{statement}: insufficient privilege");
        }
    }
}
