//! Observing is bounded, fair, and exact in its counts.

use limpid_domain::ids::StreamVersion;
use limpid_domain::origin::{OriginCredentials, OriginLocation, OriginSettings};
use limpid_event_store::origin_observation_append::{CredentialEnd, OriginRows, TemplateServed};
use uuid::Uuid;

use super::rows::ObservedRows;
use super::*;

const TENANT: TenantId = TenantId(1);

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-11-27T{text}Z").parse().unwrap()
}

fn origin(version: i32, credentials: OriginCredentials) -> Origin {
    Origin {
        no: OriginNo(4),
        id: OriginId(Uuid::from_u128(7)),
        version: StreamVersion(version),
        settings: OriginSettings {
            name: "Photos".to_owned(),
            location: OriginLocation::WebProxy,
            include_canonical_header: false,
            base_url_for_canonical_header: None,
        },
        credentials,
    }
}

fn observe(observations: &OriginObservations, text: &str, reason: Option<Reason>) {
    let failure = reason.map(AttemptFailure::new);
    let ended = EndedFetch {
        at: at(text),
        took: Duration::from_millis(100),
        failure: failure.as_ref(),
    };
    observations.fetched(TENANT, &origin(1, OriginCredentials::None), ended);
}

fn file(path: &str) -> FilePath {
    FilePath::from_decoded(path).unwrap()
}

fn rows(observations: &OriginObservations) -> ObservedRows {
    ObservedRows::of(observations.take())
}

fn served_sum(rows: &ObservedRows) -> i32 {
    rows.served.iter().flat_map(|row| row.slots).sum()
}

#[test]
fn fetches_are_told_apart_by_how_they_ended_and_counted_by_the_hour() {
    let observations = OriginObservations::default();
    observe(&observations, "09:59:58", None);
    observe(&observations, "09:59:59", Some(Reason::ConnectionRefused));
    observe(&observations, "10:00:00", Some(Reason::ObjectNotFound));
    observe(&observations, "10:00:01", Some(Reason::OriginOverloaded));
    observe(&observations, "10:00:02", Some(Reason::AccessDenied));
    observe(&observations, "10:00:03", Some(Reason::CircuitOpen));
    let rows = rows(&observations);
    let seen = rows.origins.values().next().unwrap();
    assert_eq!(seen.consecutive_failures, 2, "since the missing file");
    assert_eq!(seen.last_success_at, Some(at("09:59:58")));
    assert_eq!(seen.last_answer_at, Some(at("10:00:00")));
    assert_eq!(
        seen.last_failure,
        Some((at("10:00:02"), Reason::AccessDenied))
    );
    let counts: Vec<_> = rows
        .hours
        .iter()
        .map(|row| (row.hour, row.successes, row.file_faults, row.failures))
        .collect();
    assert_eq!(
        counts,
        [(at("09:00:00"), 1, 0, 1), (at("10:00:00"), 0, 1, 2)]
    );
    let p50 = rows.hours[0].latency.quantile_us(50).unwrap();
    assert!(p50.abs_diff(100_000) < 19_000, "{p50}");
    assert!(ObservedRows::of(observations.take()).origins.is_empty());
}

#[test]
fn a_new_version_of_an_origin_brings_the_end_of_its_own_credentials() {
    let observations = OriginObservations::default();
    let sas = |end: &str| OriginCredentials::SasToken {
        sas_token: format!("?sv=2022-11-02&se={end}&sig=x").into(),
    };
    let ended = EndedFetch {
        at: at("09:00:00"),
        took: Duration::ZERO,
        failure: None,
    };
    observations.fetched(TENANT, &origin(1, sas("2026-12-01")), ended);
    observations.fetched(TENANT, &origin(2, sas("2027-12-01")), ended);
    observations.fetched(TENANT, &origin(1, sas("2026-12-01")), ended);
    let rows = rows(&observations);
    let seen = rows.origins.values().next().unwrap();
    assert_eq!(seen.version, StreamVersion(2));
    let end = "2027-12-01T00:00:00Z".parse().unwrap();
    assert_eq!(seen.credential, CredentialEnd::At(end));
    assert_eq!(rows.hours[0].successes, 3);
}

#[test]
fn successes_are_counted_by_template_as_failures_have_it_and_by_five_minutes() {
    let observations = OriginObservations::default();
    for (path, text) in [
        ("p/12/red.jpg", "09:04:59"),
        ("p/13/blue.jpg", "09:05:00"),
        ("p/13/blue.jpg", "09:59:59"),
        ("p/13/blue.jpg", "10:00:00"),
        ("q/ü.png", "10:00:00"),
    ] {
        observations.served(TENANT, OriginNo(4), (&file(path), at(text)));
    }
    let rows = rows(&observations);
    let of = |template: &str| -> Vec<&TemplateServed> {
        let hash = stable_hash(template);
        let rows = rows.served.iter();
        rows.filter(|row| row.template_hash == hash).collect()
    };
    let photos = of("/p/*/*.jpg");
    let slots: Vec<_> = photos.iter().map(|row| (row.hour, row.slots)).collect();
    assert_eq!(
        slots,
        [
            (at("09:00:00"), [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            (at("10:00:00"), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ]
    );
    assert_eq!(photos[0].last_success_at, at("09:59:59"));
    assert_eq!(of("/q/*.png").len(), 1);
}

#[test]
fn a_flood_of_templates_is_bounded_and_leaves_room_for_other_tenants() {
    let observations = OriginObservations::default();
    for tenant in 1..=60 {
        for number in 0..MAX_TEMPLATES + 100 {
            let letters: String = number
                .to_string()
                .bytes()
                .map(|digit| char::from(digit - b'0' + b'a'))
                .collect();
            let path = file(&format!("{letters}/x.jpg"));
            observations.served(TenantId(tenant), OriginNo(1), (&path, at("09:00:00")));
        }
    }
    assert!(observations.templates.load(Ordering::Relaxed) <= MAX_ALL_TEMPLATES);
    let rows = rows(&observations);
    assert_eq!(observations.templates.load(Ordering::Relaxed), 0);
    let count = |tenant| {
        let rows = rows.served.iter();
        rows.filter(|row| row.tenant_id == TenantId(tenant)).count()
    };
    assert_eq!(count(1), MAX_TEMPLATES);
    assert!(count(60) >= GUARANTEED_TEMPLATES);
}

#[test]
fn an_outage_of_any_length_keeps_the_sum_and_bounds_the_hours() {
    let observations = OriginObservations::default();
    for hour in 0..100 {
        let ended = EndedFetch {
            at: at("09:00:00") + chrono::TimeDelta::hours(hour),
            took: Duration::ZERO,
            failure: None,
        };
        observations.fetched(TENANT, &origin(1, OriginCredentials::None), ended);
    }
    let rows = rows(&observations);
    assert_eq!(rows.hours.len(), 24);
    let sum: i64 = rows.hours.iter().map(|row| row.successes).sum();
    assert_eq!(sum, 100);
}

/// Prints what one fetch costs: run it alone with `--nocapture`.
#[test]
fn a_storm_of_successes_is_a_row_of_each_kind() {
    let observations = OriginObservations::default();
    let origin = origin(1, OriginCredentials::None);
    let ended = EndedFetch {
        at: at("09:00:00"),
        took: Duration::from_millis(20),
        failure: None,
    };
    let path = file("photos/1234/picture.jpg");
    let rounds = 200_000;
    let started = std::time::Instant::now();
    for _ in 0..rounds {
        observations.fetched(TENANT, &origin, ended);
    }
    let fetched = started.elapsed() / rounds;
    let started = std::time::Instant::now();
    for _ in 0..rounds {
        observations.served(TENANT, origin.no, (&path, ended.at));
    }
    let served = started.elapsed() / rounds;
    println!("{fetched:?} per fetch, {served:?} per picture");
    let rows = rows(&observations);
    assert_eq!(
        (rows.origins.len(), rows.hours.len(), rows.served.len()),
        (1, 1, 1)
    );
    assert_eq!(rows.hours[0].successes, i64::from(rounds));
    assert_eq!(served_sum(&rows), i32::try_from(rounds).unwrap());
}

#[test]
fn what_is_kept_on_disk_is_what_the_next_flush_takes() {
    let observations = OriginObservations::default();
    observe(&observations, "09:59:58", None);
    observe(&observations, "09:59:59", Some(Reason::ConnectionRefused));
    observations.served(TENANT, OriginNo(4), (&file("p/1/a.jpg"), at("09:59:58")));
    let kept = || OriginRows::from(ObservedRows::of(observations.observed()));
    let first = kept();
    assert_eq!(first, kept(), "it stays");
    observe(&observations, "10:00:00", Some(Reason::ConnectionRefused));
    assert_ne!(first, kept());
    let last = kept();
    assert_eq!(OriginRows::from(rows(&observations)), last);
    assert_eq!(kept(), OriginRows::default());
}
