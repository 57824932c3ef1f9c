//! Name resolution: typed reasons, and addresses judged after every answer.

use std::net::IpAddr;
use std::time::Duration;

use limpid_domain::failure::Reason;
use limpid_origins::{DnsConfig, FetchConfig};
use limpid_testkit::fake_dns::{DnsAnswer, FakeDns};
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::PHOTO_JPEG;

use crate::fetching::{Fetching, config, folder};

fn asking(dns: &FakeDns) -> FetchConfig {
    FetchConfig {
        dns: DnsConfig {
            servers: vec![dns.addr()],
            timeout: Duration::from_millis(300),
        },
        ..config()
    }
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn every_way_a_name_can_fail_has_its_reason() {
    let dns = FakeDns::start().await;
    dns.set("nodata.example", DnsAnswer::NoData);
    dns.set("servfail.example", DnsAnswer::ServerFailure);
    dns.set("refused.example", DnsAnswer::Refused);
    dns.set("silence.example", DnsAnswer::Silence);
    dns.set("garbage.example", DnsAnswer::Garbage);
    for (name, reason) in [
        ("unknown.example", Reason::DnsNotFound),
        ("nodata.example", Reason::DnsNotFound),
        ("no-such-host.invalid", Reason::DnsNotFound),
        ("servfail.example", Reason::DnsFailed),
        ("refused.example", Reason::DnsFailed),
        ("silence.example", Reason::DnsTimeout),
        ("garbage.example", Reason::DnsTimeout),
    ] {
        let location = folder(&format!("http://{name}"));
        let ended = Fetching::with_config(location, asking(&dns))
            .get("a.jpg")
            .await;
        let failed = ended.result.unwrap_err();
        assert_eq!(failed.reason, reason, "{name}: {failed:?}");
        assert!(
            ended.took < Duration::from_secs(4),
            "{name}: {:?}",
            ended.took
        );
        assert!(failed.timings.dns_us.is_some(), "{name}");
        assert_eq!(failed.timings.connect_us, None, "{name}");
    }
    assert_eq!(dns.questions("no-such-host.invalid"), 0);
}

#[tokio::test]
async fn silent_name_servers_cost_no_more_than_a_connection_may() {
    let dns = FakeDns::start().await;
    dns.set("silence.example", DnsAnswer::Silence);
    let mut config = asking(&dns);
    config.connect_timeout = Duration::from_millis(200);
    config.dns.timeout = Duration::from_secs(3);
    let location = folder("http://silence.example");
    let ended = Fetching::with_config(location, config).get("a.jpg").await;
    let failed = ended.result.unwrap_err();
    assert_eq!(failed.reason, Reason::DnsTimeout, "{failed:?}");
    assert_eq!(failed.retries, 1);
    // Two attempts and the pause between them; without the limit each takes six seconds.
    assert!(ended.took < Duration::from_secs(3), "{:?}", ended.took);
}

#[tokio::test]
async fn a_name_is_resolved_and_its_time_taken() {
    let dns = FakeDns::start().await;
    let origin = FakeOrigin::start().await;
    dns.set(
        "zoo.example",
        DnsAnswer::Addresses(addresses(&["127.0.0.1"])),
    );
    let base = format!("http://zoo.example:{}", origin.addr().port());
    let original = Fetching::with_config(folder(&base), asking(&dns))
        .original("photo.jpg")
        .await;
    assert_eq!(original.bytes, PHOTO_JPEG);
    assert!(original.timings.dns_us.is_some());
    let host = format!("zoo.example:{}", origin.addr().port());
    assert_eq!(origin.requests()[0].header("host"), Some(host.as_str()));
}

#[tokio::test]
async fn names_of_prohibited_addresses_are_refused_without_a_connection() {
    let dns = FakeDns::start().await;
    let canary = FakeOrigin::start().await;
    let port = canary.addr().port();
    let mut guarded = asking(&dns);
    guarded.allow_addresses = Vec::new();
    for (name, answer) in [
        ("loopback.example", &["127.0.0.1"][..]),
        ("private.example", &["10.0.0.5"][..]),
        ("mixed.example", &["1.1.1.1", "127.0.0.1"][..]),
        ("mixed6.example", &["1.1.1.1", "::1"][..]),
        ("metadata.example", &["169.254.169.254"][..]),
        ("mapped.example", &["::ffff:127.0.0.1"][..]),
    ] {
        dns.set(name, DnsAnswer::Addresses(addresses(answer)));
        let location = folder(&format!("http://{name}:{port}"));
        let failed = Fetching::with_config(location, guarded.clone())
            .failure("a.jpg")
            .await;
        assert_eq!(failed.reason, Reason::AddressProhibited, "{name}");
        assert_eq!(failed.timings.connect_us, None, "{name}");
        for address in answer {
            assert!(
                !format!("{failed:?}").contains(address),
                "{name}: {failed:?}"
            );
        }
    }
    for name in ["localhost", "LOCALHOST", "localhost.", "foo.localhost"] {
        let location = folder(&format!("http://{name}:{port}"));
        let fetching = Fetching::with_config(location, guarded.clone());
        assert_eq!(
            fetching.reason("a.jpg").await,
            Reason::AddressProhibited,
            "{name}"
        );
    }
    assert!(canary.requests().is_empty());
}

#[tokio::test]
async fn a_name_that_moves_to_a_prohibited_address_is_refused_the_second_time() {
    let dns = FakeDns::start().await;
    let origin = FakeOrigin::start().await;
    let port = origin.addr().port();
    // 127.0.0.1 stands for the public address, 127.0.0.66 for the inside.
    dns.set(
        "rebinding.example",
        DnsAnswer::Rebinding(vec![addresses(&["127.0.0.1"]), addresses(&["127.0.0.66"])]),
    );
    let mut guarded = asking(&dns);
    guarded.allow_addresses = vec![format!("127.0.0.1:{port}").parse().unwrap()];
    let location = folder(&format!("http://rebinding.example:{port}"));
    let fetching = Fetching::with_config(location, guarded);
    // This answer ends the connection, so that the next fetch has to resolve again.
    assert_eq!(
        fetching.failure("half-head").await.reason,
        Reason::AddressProhibited
    );
    assert_eq!(origin.hits("/half-head"), 1);
    assert_eq!(
        fetching.reason("photo.jpg").await,
        Reason::AddressProhibited
    );
    assert_eq!(origin.requests().len(), 1);
}

#[tokio::test]
async fn dead_addresses_do_not_keep_a_live_one_from_answering() {
    let dns = FakeDns::start().await;
    let origin = FakeOrigin::start().await;
    let mut many: Vec<IpAddr> = (2..30)
        .map(|last| IpAddr::from([127, 0, 0, last]))
        .collect();
    many.push(IpAddr::from([127, 0, 0, 1]));
    dns.set("many.example", DnsAnswer::Addresses(many));
    let base = format!("http://many.example:{}", origin.addr().port());
    let fetching = Fetching::with_config(folder(&base), asking(&dns));
    assert_eq!(fetching.original("photo.jpg").await.bytes, PHOTO_JPEG);
}
