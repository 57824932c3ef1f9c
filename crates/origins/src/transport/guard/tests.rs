//! The address tricks of the threat model, none of which may dial anything.

use super::*;

fn guard() -> Guard {
    Guard::new(Vec::new())
}

fn authority(url: &str) -> AttemptResult<Authority> {
    match Url::parse(url) {
        Ok(url) => guard().check_url(&url, None),
        Err(_) => Err(failure(Reason::HostNotAllowed, "no URL")),
    }
}

/// What becomes of a URL whose host is a literal address.
fn verdict(url: &str) -> Reason {
    let authority = match authority(url) {
        Ok(authority) => authority,
        Err(refused) => return refused.reason,
    };
    let address = match authority.host {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
        Host::Domain(ref name) => panic!("{url}: {name} is a name"),
    };
    match guard().check_addresses(&authority, vec![address]) {
        Ok(_) => panic!("{url} would be connected to"),
        Err(refused) => refused.reason,
    }
}

#[test]
fn every_spelling_of_a_prohibited_address_is_refused() {
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "0x",
        "0.0.0.0",
        "[::]",
        "①②⑦.⓪.⓪.①",
        "169。254。169。254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::a00:1]",
        "[2002:7f00:1::]",
        "[2001:0:4136:e378:8000:63bf:f5ff:fffa]",
        "[2a00:1450:4001:81b:0:5efe:a00:5]",
        "[2a00:1450:4001:81b:200:5efe:a00:5]",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "[fd00:ec2::254]",
        "168.63.129.16",
    ] {
        assert_eq!(
            verdict(&format!("http://{host}/")),
            Reason::AddressProhibited,
            "{host}"
        );
    }
}

#[test]
fn names_of_metadata_services_are_refused_whatever_is_exempt() {
    let lax = Guard::new(vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
    let judged = |url: &str| lax.check_url(&Url::parse(url).unwrap(), None);
    for name in limpid_domain::address::METADATA_NAMES {
        for host in [name.to_owned(), name.to_uppercase(), format!("{name}.")] {
            for url in [
                format!("http://{host}/computeMetadata/v1/"),
                format!("https://{host}:8443/"),
            ] {
                let refused = judged(&url).unwrap_err();
                assert_eq!(refused.reason, Reason::AddressProhibited, "{url}");
            }
        }
    }
    for url in [
        "http://metadata.example/",
        "http://my-metadata.goog/",
        "http://metadata.goog.example/",
        "http://instance-data.example/",
    ] {
        assert!(judged(url).is_ok(), "{url}");
    }
}

#[test]
fn special_networks_end_where_the_registry_says() {
    for refused in [
        "10.0.0.5",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "fc00::1",
        "fd00::5",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "2001:2::1",
        "100::1",
        "3fff::1",
        "5f00::1",
        "4000::1",
    ] {
        assert!(prohibition(refused.parse().unwrap()).is_some(), "{refused}");
    }
    for allowed in [
        "172.15.255.255",
        "172.32.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "1.1.1.1",
        "223.255.255.255",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2606:4700::1111",
        "2a00:1450:4001:81b:0:5efe:101:101",
        "3ffe::1",
    ] {
        assert_eq!(prohibition(allowed.parse().unwrap()), None, "{allowed}");
    }
}

#[test]
fn host_tricks_end_at_the_real_host() {
    for url in [
        "http:/127.0.0.1/",
        "http:127.0.0.1/",
        "http:////127.0.0.1/",
        "http://12\t7.0.0.1/",
        "http://127.0.0.1#@good.example/",
        "http://127.0.0.1\\@good.example/",
    ] {
        assert_eq!(verdict(url), Reason::AddressProhibited, "{url}");
    }
    for url in [
        "http://user:pw@good.example/",
        "http://user@good.example/",
        "http://good.example@127.0.0.1/",
    ] {
        assert_eq!(
            authority(url).unwrap_err().reason,
            Reason::HostNotAllowed,
            "{url}"
        );
    }
    for url in [
        "http://[fe80::1%25eth0]/",
        "http://127.0.0.1%00.good.example/",
        "http://a%2fb/",
        "http://a:65536/",
        "http://./",
    ] {
        assert!(authority(url).is_err(), "{url}");
    }
}

#[test]
fn only_http_schemes_are_open() {
    for url in [
        "gopher://a/",
        "unix:/run/x",
        "jar:http://a!/",
        "file:///etc/hostname",
        "ftp://a/",
        "data:,x",
    ] {
        assert_eq!(
            authority(url).unwrap_err().reason,
            Reason::SchemeNotAllowed,
            "{url}"
        );
    }
}

#[test]
fn ports_of_other_services_are_closed() {
    for port in [0, 22, 25, 81, 8080, 6379, 5432] {
        let url = format!("http://good.example:{port}/");
        assert_eq!(
            authority(&url).unwrap_err().reason,
            Reason::PortNotAllowed,
            "{url}"
        );
    }
    for url in [
        "http://good.example/",
        "https://good.example/",
        "http://good.example:443/",
    ] {
        assert!(authority(url).is_ok(), "{url}");
    }
}

#[test]
fn the_origins_own_port_is_open_unless_it_belongs_to_a_service() {
    let check = |url: &str| {
        let url = Url::parse(url).unwrap();
        guard()
            .check_url(&url, Some(&url))
            .map_err(|refused| refused.reason)
    };
    assert!(check("http://good.example:8080/").is_ok());
    for port in [22, 81, 5432, 6379, 11211] {
        let url = format!("http://good.example:{port}/");
        assert_eq!(check(&url), Err(Reason::PortNotAllowed), "{url}");
    }
}

#[test]
fn one_prohibited_address_refuses_them_all() {
    let authority = authority("http://good.example/").unwrap();
    let mixed = ["1.1.1.1".parse().unwrap(), "10.0.0.5".parse().unwrap()];
    let refused = guard()
        .check_addresses(&authority, mixed.to_vec())
        .unwrap_err();
    assert_eq!(refused.reason, Reason::AddressProhibited);
    let note = refused.note.unwrap();
    assert!(!note.contains("10.0.0.5"), "{note}");
    let mixed = ["1.1.1.1".parse().unwrap(), "::1".parse().unwrap()];
    assert!(guard().check_addresses(&authority, mixed.to_vec()).is_err());
}

#[test]
fn an_exemption_covers_its_address_and_port_and_nothing_else() {
    let guard = Guard::new(vec!["127.0.0.1:9000".parse().unwrap()]);
    let reach = |url: &str, address: &str| {
        let authority = guard.check_url(&Url::parse(url).unwrap(), None)?;
        guard.check_addresses(&authority, vec![address.parse().unwrap()])
    };
    assert!(reach("http://127.0.0.1:9000/", "127.0.0.1").is_ok());
    assert!(reach("http://[::ffff:127.0.0.1]:9000/", "::ffff:127.0.0.1").is_ok());
    let refused = |url, address| reach(url, address).unwrap_err().reason;
    assert_eq!(
        refused("http://127.0.0.1/", "127.0.0.1"),
        Reason::AddressProhibited
    );
    assert_eq!(
        refused("http://127.0.0.2:9000/", "127.0.0.2"),
        Reason::AddressProhibited
    );
    assert_eq!(
        refused("http://good.example:9000/", "1.1.1.1"),
        Reason::PortNotAllowed
    );
}

#[test]
fn localhost_works_when_one_of_its_addresses_is_exempt() {
    let guard = Guard::new(vec!["127.0.0.1:9000".parse().unwrap()]);
    let url = Url::parse("http://localhost:9000/").unwrap();
    let authority = guard.check_url(&url, None).unwrap();
    let loopbacks = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    let allowed = guard.check_addresses(&authority, loopbacks).unwrap();
    assert_eq!(allowed, ["127.0.0.1:9000".parse().unwrap()]);
}
