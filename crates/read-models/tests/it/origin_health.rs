//! Health of origins: batches of several nodes become one row, each batch once.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::Reason;
use limpid_domain::ids::{NodeId, OriginId, OriginNo, RunId, StreamVersion, TenantId};
use limpid_domain::origin_health::{LatencyHistogram, OriginBreaker};
use limpid_event_store::Database;
use limpid_event_store::origin_observation_append::{
    CredentialEnd, OriginBatch, OriginHour, OriginSeen, TemplateServed, append_origin_batch,
};
use limpid_read_models::origin_health::{
    OriginHealth, forget_successes, observed_to, origin_hours, origins_health, rebuild, verify,
};
use uuid::Uuid;

use crate::failures::{TENANT, at, database, window};

const ORIGIN: OriginId = OriginId(Uuid::from_u128(7));

/// A batch of a node's run with nothing in it.
pub(crate) fn batch(node: i64, seq: i64) -> OriginBatch {
    OriginBatch {
        node: NodeId(node),
        run: RunId(Uuid::from_u128(node.unsigned_abs().into())),
        seq,
        counted_to: at("2026-11-20T09:00:00Z"),
        stopped: false,
        origins: Vec::new(),
        hours: Vec::new(),
        served: Vec::new(),
    }
}

fn seen(version: i32) -> OriginSeen {
    OriginSeen::new(TENANT, ORIGIN, StreamVersion(version))
}

fn hour_of(tenant_id: TenantId, successes: i64) -> OriginHour {
    let mut latency = LatencyHistogram::default();
    for number in 0..successes {
        let ms = u64::try_from(number * 10).unwrap();
        latency.count(std::time::Duration::from_millis(ms));
    }
    OriginHour {
        tenant_id,
        origin_id: ORIGIN,
        hour: at("2026-11-20T08:00:00Z"),
        successes,
        file_faults: 2,
        failures: 1,
        latency,
    }
}

pub(crate) async fn append(database: &Database, batch: &OriginBatch) -> bool {
    let mut connection = database.service().await.unwrap();
    append_origin_batch(&mut connection, batch).await.unwrap()
}

async fn health(database: &Database) -> OriginHealth {
    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let mut rows = origins_health(&mut tx).await.unwrap();
    assert_eq!(rows.len(), 1);
    rows.pop().unwrap()
}

/// What a node saw of fetches: the last success, the last failure, and failures since the former.
fn fetched(success: Option<&str>, failure: Option<&str>, streak: i32) -> OriginSeen {
    let moment = |text: &str| -> DateTime<Utc> { at(&format!("2026-11-20T{text}Z")) };
    OriginSeen {
        consecutive_failures: streak,
        last_success_at: success.map(moment),
        last_answer_at: success.map(moment),
        last_failure: failure.map(|text| (moment(text), Reason::ConnectionRefused)),
        ..seen(1)
    }
}

async fn streak_after(database: &Database, node: i64, seen: OriginSeen) -> i32 {
    let seq = seen
        .last_failure
        .map(|(at, _)| at)
        .max(seen.last_answer_at)
        .unwrap()
        .timestamp();
    let batch = OriginBatch {
        origins: vec![seen],
        ..batch(node, seq)
    };
    assert!(append(database, &batch).await);
    health(database).await.consecutive_failures
}

#[tokio::test]
async fn a_batch_that_is_sent_again_counts_once_and_another_nodes_is_added() {
    let database = database().await;
    let one = OriginBatch {
        origins: vec![fetched(Some("08:00:00"), Some("08:00:05"), 1)],
        hours: vec![hour_of(TENANT, 10), hour_of(TenantId(2), 5)],
        ..batch(1, 1)
    };
    assert!(append(&database, &one).await);
    // The answer to the first was lost, or the node fell before it heard it.
    assert!(!append(&database, &one).await);
    assert!(
        append(
            &database,
            &OriginBatch {
                seq: 1,
                ..batch(2, 1)
            }
        )
        .await
    );
    let two = OriginBatch {
        hours: vec![hour_of(TENANT, 30)],
        ..batch(2, 2)
    };
    assert!(append(&database, &two).await);
    assert!(!append(&database, &two).await);

    let mut tx = database.tenant_tx(TENANT).await.unwrap();
    let day = window("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
    let hours = origin_hours(&mut tx, day).await.unwrap();
    assert_eq!(hours.len(), 1);
    let fetches = hours.first().unwrap().fetches;
    assert_eq!(
        (fetches.successes, fetches.file_faults, fetches.failures),
        (40, 4, 2)
    );
    let mut both = hour_of(TENANT, 10).latency;
    both.add(&hour_of(TENANT, 30).latency);
    assert_eq!(fetches.latency, both);
    let observed = observed_to(&mut tx).await.unwrap();
    assert!(
        observed > at("2026-11-21T00:00:00Z"),
        "a node of long ago is not waited for"
    );
    drop(tx);
    let row = health(&database).await;
    assert_eq!(row.consecutive_failures, 1);
    assert_eq!(row.last_failure_reason, Some(Reason::ConnectionRefused));
}

#[tokio::test]
async fn the_streak_is_that_since_the_newest_answer_of_any_node() {
    let database = database().await;
    assert_eq!(
        streak_after(&database, 1, fetched(None, Some("08:00:01"), 3)).await,
        3
    );
    assert_eq!(
        streak_after(&database, 2, fetched(None, Some("08:00:02"), 4)).await,
        7
    );
    assert_eq!(
        streak_after(&database, 1, fetched(Some("08:00:03"), Some("08:00:04"), 1)).await,
        1
    );
    // A node whose way to the database was cut: older news changes nothing, except for times that are newer.
    assert_eq!(
        streak_after(&database, 3, fetched(None, Some("08:00:02.5"), 50)).await,
        1
    );
    assert_eq!(
        streak_after(&database, 4, fetched(Some("08:00:01"), Some("08:00:06"), 2)).await,
        3
    );
    assert_eq!(
        streak_after(&database, 2, fetched(Some("08:00:07"), None, 0)).await,
        0
    );
    let row = health(&database).await;
    assert_eq!(row.last_success_at, Some(at("2026-11-20T08:00:07Z")));
    assert_eq!(row.last_failure_at, Some(at("2026-11-20T08:00:06Z")));
}

#[tokio::test]
async fn the_certificate_seen_last_counts_and_a_new_version_begins_anew() {
    let database = database().await;
    let (old, new) = (at("2026-12-01T00:00:00Z"), at("2027-03-01T00:00:00Z"));
    let (early, late) = (at("2026-11-20T08:00:00Z"), at("2026-11-20T09:00:00Z"));
    let certificate = |version, end, seen_at| OriginSeen {
        certificate: Some((end, seen_at)),
        ..seen(version)
    };
    let mut seq = 0;
    let mut tell = async |told: OriginSeen| {
        seq += 1;
        let batch = OriginBatch {
            origins: vec![told],
            ..batch(1, seq)
        };
        assert!(append(&database, &batch).await);
        health(&database).await
    };
    let row = tell(certificate(1, old, early)).await;
    assert_eq!(row.certificate, Some((old, early)));
    let row = tell(certificate(1, new, late)).await;
    assert_eq!(row.certificate, Some((new, late)), "renewed");
    let row = tell(certificate(1, old, early)).await;
    assert_eq!(row.certificate, Some((new, late)), "old news");
    let row = tell(seen(1)).await;
    assert_eq!(row.certificate, Some((new, late)), "no news");
    let row = tell(OriginSeen {
        credential: CredentialEnd::At(old),
        ..seen(2)
    })
    .await;
    assert_eq!(row.certificate, None, "another version of the origin");
    assert_eq!(row.credential, Some((old, StreamVersion(2))));
    let row = tell(certificate(1, old, late)).await;
    assert_eq!(row.certificate, None);
    let row = tell(certificate(2, new, late)).await;
    assert_eq!(row.certificate_of(StreamVersion(2)), Some((new, late)));
    assert_eq!(row.certificate_of(StreamVersion(3)), None);
    assert_eq!(row.credential_end_of(StreamVersion(2)), Some(old));
    let row = tell(OriginSeen {
        credential: CredentialEnd::Never,
        ..seen(3)
    })
    .await;
    assert_eq!(row.credential, None, "no signature any more");
}

#[tokio::test]
async fn the_breaker_is_what_was_told_last() {
    let database = database().await;
    let told = |state, text: &str| OriginSeen {
        breaker: Some((state, at(text))),
        ..seen(1)
    };
    let open = told(OriginBreaker::Open, "2026-11-20T08:00:10Z");
    let closed = told(OriginBreaker::Closed, "2026-11-20T08:00:05Z");
    for (seq, seen) in [(1, open), (2, closed), (3, seen(1))] {
        let batch = OriginBatch {
            origins: vec![seen],
            ..batch(1, seq)
        };
        append(&database, &batch).await;
    }
    let expected = (OriginBreaker::Open, at("2026-11-20T08:00:10Z"));
    assert_eq!(health(&database).await.breaker, Some(expected));
}

#[tokio::test]
async fn successes_of_templates_that_never_failed_are_not_stored() {
    let database = database().await;
    let served = TemplateServed {
        tenant_id: TENANT,
        origin_no: OriginNo(3),
        template_hash: 1,
        hour: at("2026-11-20T08:00:00Z"),
        slots: [1; 12],
        last_success_at: at("2026-11-20T08:59:00Z"),
    };
    let batch = OriginBatch {
        served: vec![served],
        ..batch(1, 1)
    };
    assert!(append(&database, &batch).await);
    let later = at("2026-11-20T08:00:00Z") + TimeDelta::days(30);
    assert_eq!(forget_successes(&database, later).await.unwrap(), 0);
}

#[tokio::test]
async fn times_that_are_lost_come_back_as_far_as_the_hours_know_them() {
    let database = database().await;
    let whole = OriginBatch {
        origins: vec![fetched(Some("08:40:00"), Some("08:50:00"), 1)],
        hours: vec![hour_of(TENANT, 3)],
        ..batch(1, 1)
    };
    assert!(append(&database, &whole).await);
    assert_eq!(verify(&database).await.unwrap(), 0);
    assert_eq!(rebuild(&database).await.unwrap(), 0);
    let before = health(&database).await;
    assert_eq!(before.last_success_at, Some(at("2026-11-20T08:40:00Z")));

    let hour = Some(at("2026-11-20T08:00:00Z"));
    for damage in [
        "update origin_health set last_success_at = '2026-11-19 10:00+00', last_failure_at = null",
        "delete from origin_health",
    ] {
        let mut connection = database.service().await.unwrap();
        sqlx::raw_sql(damage)
            .execute(&mut *connection)
            .await
            .unwrap();
        drop(connection);
        assert_eq!(verify(&database).await.unwrap(), 1, "{damage}");
        assert_eq!(rebuild(&database).await.unwrap(), 1, "{damage}");
        let after = health(&database).await;
        assert_eq!(
            (after.last_success_at, after.last_failure_at),
            (hour, hour),
            "{damage}"
        );
        assert_eq!(verify(&database).await.unwrap(), 0, "{damage}");
    }
}
