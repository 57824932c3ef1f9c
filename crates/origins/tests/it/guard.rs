//! The address guard through every door: whatever a tenant may write, or an origin or a name server may answer, nothing
//! prohibited is ever connected to. Source of the tricks: `reliability.md`, section 2.1.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use limpid_domain::failure::Reason;
use limpid_domain::origin::{OriginCredentials, OriginLocation};
use limpid_origins::{DnsConfig, FetchConfig};
use limpid_testkit::fake_dns::{DnsAnswer, FakeDns};
use limpid_testkit::fake_origin::FakeOrigin;
use limpid_testkit::fake_origin::script::Script;

use crate::fetching::{Ended, Fetching, config, folder};

/// Hosts that are prohibited addresses, in every spelling a URL parser accepts.
const HOSTS: [&str; 50] = [
    // loopback, and IPv4 in decimal, hexadecimal, octal, short and mixed forms
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "0x7F.0.0.0x1",
    "017700000001",
    "127.0.0.1.",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "foo.localhost",
    // unspecified
    "0",
    "0x",
    "0.0.0.0",
    "[::]",
    // digits and dots of other scripts
    "①②⑦.⓪.⓪.①",
    "169。254。169。254",
    "１２７．０．０．１",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    // metadata services
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.170.2",
    "168.63.129.16",
    "[fd00:ec2::254]",
    // private, shared, benchmark, reserved, multicast, broadcast
    "10.0.0.5",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.0.8",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    // IPv6 of its own
    "[::1]",
    "[fc00::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    // IPv4 inside IPv6: mapped, compatible, NAT64 (both prefixes), 6to4, Teredo, ISATAP
    "[::ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::a00:1]",
    "[2002:7f00:1::]",
    "[2001:0:4136:e378:8000:63bf:f5ff:fffa]",
    "[2a00:1450:4001:81b:0:5efe:a00:5]",
];

fn guarded() -> FetchConfig {
    FetchConfig {
        allow_addresses: Vec::new(),
        ..config()
    }
}

/// Refused for its address, before anything was connected to.
fn assert_refused(ended: &Ended, what: &str) {
    let failed = ended.result.as_ref().unwrap_err();
    assert_eq!(
        failed.reason,
        Reason::AddressProhibited,
        "{what}: {failed:?}"
    );
    assert_eq!(failed.reason.code().as_str(), "EACCES");
    assert!(
        !ended.step_names().contains(&"connect"),
        "{what}: {:?}",
        ended.steps
    );
    assert_eq!(failed.timings.connect_us, None, "{what}");
    assert_eq!(failed.timings.first_byte_us, None, "{what}");
    assert_eq!(failed.retries, 0, "{what}");
}

#[tokio::test]
async fn no_spelling_of_a_prohibited_address_passes_a_web_proxy() {
    let fetching = Fetching::with_config(OriginLocation::WebProxy, guarded());
    for host in HOSTS {
        for url in [
            format!("http://{host}/a.jpg"),
            format!("https:/{host}/a.jpg"),
        ] {
            assert_refused(&fetching.get(&url).await, &url);
        }
    }
    for url in [
        "http:127.0.0.1/",
        "http:////127.0.0.1/",
        "http:/\\127.0.0.1/",
        "http%3A%2F%2F127.0.0.1%2Fa.jpg",
        "http://127.0.0.1#@good.example/",
        "http://127.0.0.1\\@good.example/",
        "http://127.0.0.1?@good.example/",
    ] {
        assert_refused(&fetching.get(url).await, url);
    }
}

#[tokio::test]
async fn no_spelling_of_a_prohibited_address_passes_as_an_origins_own() {
    for host in HOSTS {
        let base = format!("http://{host}");
        let credentials = OriginCredentials::AccessKey {
            access_key: "AKIAGUARD".into(),
            secret_key: "secret-of-the-guard".into(),
        };
        let bucket = OriginLocation::S3Compatible {
            bucket: "pictures".to_owned(),
            prefix: String::new(),
            endpoint: base.parse().unwrap(),
            s3_force_path_style: true,
        };
        let pim = OriginLocation::AkeneoPim {
            base_url: base.parse().unwrap(),
        };
        let password = OriginCredentials::PasswordGrant {
            client_id: "client".into(),
            client_secret: "client-secret".into(),
            username: "user".into(),
            password: "password".into(),
        };
        for (location, credentials) in [
            (folder(&base), OriginCredentials::None),
            (bucket, credentials),
            (pim, password),
        ] {
            let kind = location.kind().as_str();
            let mut fetching = Fetching::with_config(location, guarded());
            fetching.credentials = credentials;
            let ended = fetching.get("media-files/a.jpg").await;
            assert_refused(&ended, &format!("{kind} at {base}"));
        }
    }
}

#[tokio::test]
async fn no_spelling_of_a_prohibited_address_passes_a_redirect() {
    let origin = FakeOrigin::start().await;
    let mut strict = guarded();
    strict.allow_addresses = vec![origin.addr().to_string().parse().unwrap()];
    let fetching = Fetching::with_config(folder(&origin.base_url()), strict);
    for (number, host) in HOSTS.iter().enumerate() {
        // A header holds ASCII; what is not arrives percent-encoded, as a server would write it.
        let host: String = host
            .chars()
            .map(|c| {
                if c.is_ascii() {
                    c.to_string()
                } else {
                    encoded(c)
                }
            })
            .collect();
        for (step, location) in [
            format!("http://{host}/"),
            format!("//{host}/"),
            format!("\\\\{host}\\"),
        ]
        .iter()
        .enumerate()
        {
            let page = format!("{number}-{step}.jpg");
            let answer = Script::response(302, &[("location", location)], b"");
            origin.answer(&format!("/{page}"), answer);
            let failed = fetching.failure(&page).await;
            assert_eq!(
                failed.reason,
                Reason::AddressProhibited,
                "{location}: {failed:?}"
            );
            assert_eq!(failed.upstream_status, None, "{location}");
        }
    }
    assert_eq!(origin.requests().len(), HOSTS.len() * 3);
}

fn encoded(c: char) -> String {
    let mut encoded = String::new();
    for byte in c.to_string().bytes() {
        write!(encoded, "%{byte:02X}").unwrap();
    }
    encoded
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn no_answer_of_a_name_server_leads_inside() {
    let dns = FakeDns::start().await;
    let mut config = guarded();
    config.dns = DnsConfig {
        servers: vec![dns.addr()],
        timeout: Duration::from_millis(500),
    };
    let fetching = Fetching::with_config(OriginLocation::WebProxy, config);
    for (name, answer) in [
        ("metadata.google.internal", &["169.254.169.254"][..]),
        ("instance-data.ec2.internal", &["169.254.169.254"][..]),
        ("ec2.example", &["fd00:ec2::254"][..]),
        ("private.example", &["10.0.0.5"][..]),
        ("mixed.example", &["1.1.1.1", "10.0.0.5"][..]),
        ("mixed6.example", &["1.1.1.1", "::1"][..]),
        ("mapped.example", &["::ffff:10.0.0.5"][..]),
        ("nat64.example", &["64:ff9b::a00:5"][..]),
        ("sixtofour.example", &["2002:a00:5::1"][..]),
        (
            "teredo.example",
            &["2001:0:4136:e378:8000:63bf:f5ff:fffa"][..],
        ),
        ("isatap.example", &["2a00:1450:4001:81b:200:5efe:a00:5"][..]),
    ] {
        dns.set(name, DnsAnswer::Addresses(addresses(answer)));
        let ended = fetching.get(&format!("http://{name}/a.jpg")).await;
        assert_refused(&ended, name);
        // Who asks for names learns no address of ours.
        let shown = format!("{:?} {:?}", ended.result, ended.steps);
        for address in answer {
            assert!(!shown.contains(address), "{name}: {shown}");
        }
    }
    dns.set(
        "alias.example",
        DnsAnswer::Alias("inside.example".to_owned(), addresses(&["10.0.0.5"])),
    );
    assert_refused(&fetching.get("http://alias.example/a.jpg").await, "alias");
}

/// What a client, an event and a trace are told of a name says nothing about whether it exists.
#[tokio::test]
async fn names_of_private_networks_are_refused_alike_found_or_not() {
    let dns = FakeDns::start().await;
    for (name, address) in [
        ("db.internal", "10.0.0.5"),
        ("db", "127.0.0.2"),
        ("public.lan", "93.184.216.34"),
        ("minio.internal", "127.0.0.1"),
    ] {
        dns.set(name, DnsAnswer::Addresses(addresses(&[address])));
    }
    dns.set("broken.corp", DnsAnswer::ServerFailure);
    dns.set("empty.home", DnsAnswer::NoData);
    let origin = FakeOrigin::start().await;
    let port = origin.addr().port();
    for exempts in [false, true] {
        let mut config = guarded();
        config.dns = DnsConfig {
            servers: vec![dns.addr()],
            timeout: Duration::from_millis(500),
        };
        if exempts {
            config.allow_addresses = vec![format!("127.0.0.1:{port}").parse().unwrap()];
        }
        let proxy = Fetching::with_config(OriginLocation::WebProxy, config.clone());
        let mut told = std::collections::BTreeSet::new();
        for name in [
            "db.internal",
            "db",
            "public.lan",
            "broken.corp",
            "empty.home",
            "nowhere.internal",
            "nowhere",
        ] {
            let ended = proxy.get(&format!("http://{name}/a.jpg")).await;
            assert_refused(&ended, name);
            let failed = ended.result.as_ref().unwrap_err();
            assert_eq!(failed.timings.dns_us, None, "{name}");
            told.insert((failed.note.clone(), ended.step_names()));
            if !exempts {
                assert_eq!(dns.questions(name), 0, "{name}");
            }
        }
        assert_eq!(told.len(), 1, "{told:?}");
        // What the operator exempted is reached by its inside name, too.
        let base = format!("http://minio.internal:{port}");
        let own = Fetching::with_config(folder(&base), config);
        if exempts {
            own.original("photo.jpg").await;
        } else {
            assert_eq!(own.reason("photo.jpg").await, Reason::AddressProhibited);
        }
    }
}

#[tokio::test]
async fn names_of_metadata_services_are_refused_before_anybody_is_asked() {
    let dns = FakeDns::start().await;
    let origin = FakeOrigin::start().await;
    // Even where the name leads to an address that is exempt.
    let mut config = config();
    config.dns.servers = vec![dns.addr()];
    let proxy = Fetching::with_config(OriginLocation::WebProxy, config.clone());
    let redirecting = Fetching::with_config(folder(&origin.base_url()), config.clone());
    let names = [
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
    ];
    for (number, name) in names.into_iter().enumerate() {
        dns.set(name, DnsAnswer::Addresses(addresses(&["127.0.0.1"])));
        for host in [name.to_owned(), name.to_uppercase(), format!("{name}.")] {
            let base = format!("http://{host}:{}", origin.addr().port());
            let own = Fetching::with_config(folder(&base), config.clone());
            for ended in [
                proxy.get(&format!("http://{host}/a.jpg")).await,
                own.get("photo.jpg").await,
            ] {
                assert_refused(&ended, &host);
                assert!(!ended.step_names().contains(&"dns"), "{host}: {ended:?}");
            }
        }
        let page = format!("{number}.jpg");
        let location = format!("http://{name}/computeMetadata/v1/");
        let answer = Script::response(302, &[("location", &location)], b"");
        origin.answer(&format!("/{page}"), answer);
        let reason = redirecting.reason(&page).await;
        assert_eq!(reason, Reason::AddressProhibited, "{name}");
        assert_eq!(dns.questions(name), 0, "{name}");
    }
    assert_eq!(origin.requests().len(), names.len());
}

#[tokio::test]
async fn schemes_ports_and_user_info_are_refused_without_a_question() {
    let dns = FakeDns::start().await;
    let mut config = guarded();
    config.dns.servers = vec![dns.addr()];
    let fetching = Fetching::with_config(OriginLocation::WebProxy, config);
    for (url, reason) in [
        ("gopher://good.example/", Reason::SchemeNotAllowed),
        ("file:///etc/hostname", Reason::SchemeNotAllowed),
        ("ftp://good.example/", Reason::SchemeNotAllowed),
        ("ws://good.example/", Reason::SchemeNotAllowed),
        ("http://good.example:0/", Reason::PortNotAllowed),
        ("http://good.example:22/", Reason::PortNotAllowed),
        ("http://good.example:25/", Reason::PortNotAllowed),
        ("http://good.example:5432/", Reason::PortNotAllowed),
        ("http://good.example:6379/", Reason::PortNotAllowed),
        ("http://good.example:8080/", Reason::PortNotAllowed),
        ("http://good.example:65536/", Reason::PortNotAllowed),
        ("http://user:canary@good.example/", Reason::HostNotAllowed),
        ("http://user@good.example/", Reason::HostNotAllowed),
        ("http://good.example@127.0.0.1/", Reason::HostNotAllowed),
        ("http://[fe80::1%25eth0]/", Reason::HostNotAllowed),
        ("http://127.0.0.1%00.good.example/", Reason::HostNotAllowed),
        ("http://a%2fb/", Reason::HostNotAllowed),
        ("http://./", Reason::HostNotAllowed),
    ] {
        let ended = fetching.get(url).await;
        let failed = ended.result.as_ref().unwrap_err();
        assert_eq!(failed.reason, reason, "{url}: {failed:?}");
        assert!(
            !ended.step_names().contains(&"dns"),
            "{url}: {:?}",
            ended.steps
        );
        assert!(!format!("{ended:?}").contains("canary"), "{ended:?}");
    }
    assert_eq!(dns.questions("good.example"), 0);
}
