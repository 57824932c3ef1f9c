//! Where Limpid connects for tenants, and where never: the rules about addresses, names and ports that need no network.
//!
//! The guard of `origins` applies them to every connection; registering an origin warns by the same ones.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ports below this one belong to system services; of those only HTTP's own are let pass.
const FIRST_USER_PORT: u16 = 1024;

/// User ports of databases, caches and orchestration that answer (or obey) something that looks like HTTP.
const SERVICE_PORTS: [u16; 14] = [
    1433, 1521, 2375, 2376, 2379, 2380, 3306, 5432, 5672, 6379, 10250, 11211, 27017, 61616,
];

/// Names under which a cloud answers its machines, credentials among it. Whatever they stand for on this network, no
/// origin has one of them. Source: "About VM metadata" (Google Cloud), "Instance metadata" (EC2 user guide).
pub const METADATA_NAMES: [&str; 5] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
];

/// Whether requests may go to a port; `is_own_port` where the tenant chose it for the origin.
pub fn port_is_open(port: u16, is_own_port: bool) -> bool {
    let is_user_port = port >= FIRST_USER_PORT && !SERVICE_PORTS.contains(&port);
    matches!(port, 80 | 443) || (is_own_port && is_user_port)
}

/// Whether a host name always means this very machine.
pub fn is_localhost(name: &str) -> bool {
    name.trim_end_matches('.')
        .rsplit('.')
        .next()
        .is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
}

/// Whether a host name is one under which a cloud answers its machines. No exemption opens them.
pub fn is_metadata_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    METADATA_NAMES
        .iter()
        .any(|metadata| name.eq_ignore_ascii_case(metadata))
}

/// Top-level names that no public name server answers. Source: RFC 6762 (`local`, and its appendix G), ICANN's resolution of
/// 2024-07-29 (`internal`), RFC 8375 (`home.arpa`).
const INSIDE_ONLY: [&str; 8] = [
    "corp",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "lan",
    "local",
    "private",
];

/// Whether a host name, if it exists at all, is one of a private network: it has no dot, or ends like those do. That of this very
/// machine is none, because everybody knows what it stands for.
pub fn is_inside_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let ends_inside = INSIDE_ONLY.iter().any(|end| {
        let rest = name.strip_suffix(end);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    !is_localhost(&name) && (ends_inside || !name.contains('.'))
}

/// Why nobody may connect to an address; `None` for ordinary public ones.
pub fn prohibition(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => prohibition_v4(address),
        IpAddr::V6(address) => prohibition_v6(address),
    }
}

/// Source: IANA IPv4 special-purpose address registry (RFC 6890 and updates).
fn prohibition_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        (0, ..) => Some("unspecified"),
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => Some("private"),
        (100, 64..=127, ..) => Some("shared by a carrier"),
        (127, ..) => Some("loopback"),
        (169, 254, ..) => Some("link-local"),
        // Azure's host agent answers instance secrets on a public-looking address.
        (168, 63, 129, 16) => Some("a metadata service"),
        (192, 0, 0, _) => Some("reserved for protocols"),
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => Some("for documentation"),
        (192, 88, 99, _) => Some("a 6to4 relay"),
        (198, 18..=19, ..) => Some("for benchmarks"),
        (224..=239, ..) => Some("multicast"),
        (240..=255, ..) => Some("reserved"),
        _ => None,
    }
}

/// Source: IANA IPv6 special-purpose address registry. Global unicast only; IPv4 inside IPv6 is judged as IPv4.
fn prohibition_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        prohibition_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // IPv4-mapped, where the kernel connects over IPv4, and NAT64, by which hosts without IPv4 reach IPv4 origins:
        // public addresses inside are fine.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        // IPv4-compatible and IPv4-translated: nothing public lives there.
        [0, 0, 0, 0, ..] => Some("reserved"),
        // 6to4 carries the IPv4 address of a relay.
        [0x2002, high, low, ..] => embedded(high, low).or(Some("a 6to4 tunnel")),
        // Teredo, benchmarks, ORCHID and other protocol assignments.
        [0x2001, 0..=0x01ff, ..] => Some("reserved for protocols"),
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Some("for documentation"),
        // ISATAP under any prefix.
        [_, _, _, _, 0 | 0x0200, 0x5efe, high, low] if embedded(high, low).is_some() => {
            embedded(high, low)
        }
        [0x2000..=0x3fff, ..] => None,
        [0xfc00..=0xfdff, ..] => Some("private"),
        [0xfe80..=0xfebf, ..] => Some("link-local"),
        [0xff00..=0xffff, ..] => Some("multicast"),
        _ => Some("not global unicast"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_private_networks_are_told_from_public_ones() {
        for name in [
            "db",
            "DB.",
            "db.internal",
            "nas.LOCAL.",
            "printer.lan",
            "a.b.corp",
            "home.arpa",
            "router.home.arpa",
            "kubernetes.default.svc.cluster.local",
        ] {
            assert!(is_inside_name(name), "{name}");
        }
        for name in [
            "images.example",
            "db.internal.example",
            "mylocal.example",
            "xlan.example",
            "arpa.example",
            "localhost",
            "a.localhost.",
        ] {
            assert!(!is_inside_name(name), "{name}");
        }
    }
}
