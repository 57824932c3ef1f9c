//! The address guard: where Limpid may connect on behalf of a tenant, and where never.
//!
//! Names and ports are judged before anything is resolved, addresses after, and the caller connects to exactly the
//! addresses returned here. If one of several addresses is prohibited, all are: a name that mixes public and private
//! addresses is an attack or a mistake, never a picture.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use limpid_domain::failure::Reason;
use url::{Host, Url};

use super::pool::Authority;
use crate::attempt::{AttemptResult, failure};
use crate::config::AllowedAddress;

/// Ports below this one belong to system services; of those only HTTP's own are let pass.
const FIRST_USER_PORT: u16 = 1024;

/// User ports of databases, caches and orchestration that answer (or obey) something that looks like HTTP.
const SERVICE_PORTS: [u16; 14] = [
    1433, 1521, 2375, 2376, 2379, 2380, 3306, 5432, 5672, 6379, 10250, 11211, 27017, 61616,
];

/// Names under which a cloud answers its machines, credentials among it. Whatever they stand for on this network, no
/// origin has one of them. Source: "About VM metadata" (Google Cloud), "Instance metadata" (EC2 user guide).
const METADATA_NAMES: [&str; 5] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
];

/// The rules.
#[derive(Debug)]
pub(crate) struct Guard {
    exempt: Vec<AllowedAddress>,
}

impl Guard {
    /// The default rules, minus what the operator exempted.
    pub(crate) fn new(exempt: Vec<AllowedAddress>) -> Self {
        Self { exempt }
    }

    /// Judges scheme, user info, host and port of a URL. `configured` is the origin's own base URL: its port was chosen
    /// deliberately, so at its host it may be any user port; elsewhere only 80 and 443 are open.
    ///
    /// Errors: `scheme_not_allowed`, `host_not_allowed`, `port_not_allowed`; `address_prohibited` for the names of metadata
    /// services, which no exemption opens.
    pub(crate) fn check_url(
        &self,
        url: &Url,
        configured: Option<&Url>,
    ) -> AttemptResult<Authority> {
        if !matches!(url.scheme(), "http" | "https") {
            let note = format!("scheme {} is neither http nor https", url.scheme());
            return Err(failure(Reason::SchemeNotAllowed, note));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(failure(
                Reason::HostNotAllowed,
                "the URL carries a user name or password",
            ));
        }
        let Some(mut authority) = Authority::of(url) else {
            return Err(failure(Reason::HostNotAllowed, "the URL has no host"));
        };
        if let Host::Domain(name) = &authority.host
            && name.trim_end_matches('.').is_empty()
        {
            return Err(failure(Reason::HostNotAllowed, "the host name is empty"));
        }
        if is_metadata_name(&authority.host) {
            let note = "the host name is that of a metadata service";
            return Err(failure(Reason::AddressProhibited, note));
        }
        let is_own_port = configured.is_some_and(|own| {
            own.host() == url.host() && own.port_or_known_default() == Some(authority.port)
        });
        if port_is_open(authority.port, is_own_port) {
            return Ok(authority);
        }
        if self.exempts_port(authority.port) {
            authority.only_exempt = true;
            return Ok(authority);
        }
        let note = format!("port {} is not open for origins", authority.port);
        Err(failure(Reason::PortNotAllowed, note))
    }

    /// Judges every address a host stands for, and returns them with the port.
    ///
    /// Errors: `address_prohibited`; `port_not_allowed` where only the operator's exemption had let the port pass.
    pub(crate) fn check_addresses(
        &self,
        authority: &Authority,
        addresses: Vec<IpAddr>,
    ) -> AttemptResult<Vec<SocketAddr>> {
        let mut addresses: Vec<SocketAddr> = addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, authority.port))
            .collect();
        if is_localhost(&authority.host) && addresses.iter().any(|a| self.is_exempt(*a)) {
            // `localhost` always means both loopbacks; exempting one of them is meant to work.
            addresses.retain(|address| self.is_exempt(*address));
        }
        let refused = addresses
            .iter()
            .find(|address| !self.is_exempt(**address) && prohibition(address.ip()).is_some());
        if let Some(why) = refused.and_then(|address| prohibition(address.ip())) {
            // A resolved address stays unnamed: tenants read this, and shall not map our inside by asking for names.
            let note = match authority.host {
                Host::Domain(_) => format!("the host name stands for an address that is {why}"),
                Host::Ipv4(_) | Host::Ipv6(_) => format!("the address is {why}"),
            };
            return Err(failure(Reason::AddressProhibited, note));
        }
        if authority.only_exempt && !addresses.iter().all(|address| self.is_exempt(*address)) {
            let note = format!("port {} is not open for origins", authority.port);
            return Err(failure(Reason::PortNotAllowed, note));
        }
        Ok(addresses)
    }

    /// Whether the operator exempted some address on this port.
    fn exempts_port(&self, port: u16) -> bool {
        port != 0
            && self
                .exempt
                .iter()
                .any(|allowed| allowed.port.is_none_or(|open| open == port))
    }

    fn is_exempt(&self, address: SocketAddr) -> bool {
        let canonical = SocketAddr::new(address.ip().to_canonical(), address.port());
        self.exempt.iter().any(|allowed| allowed.matches(canonical))
    }
}

fn port_is_open(port: u16, is_own_port: bool) -> bool {
    let is_user_port = port >= FIRST_USER_PORT && !SERVICE_PORTS.contains(&port);
    matches!(port, 80 | 443) || (is_own_port && is_user_port)
}

fn is_localhost(host: &Host) -> bool {
    matches!(host, Host::Domain(name) if name
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .is_some_and(|label| label.eq_ignore_ascii_case("localhost")))
}

fn is_metadata_name(host: &Host) -> bool {
    let Host::Domain(name) = host else {
        return false;
    };
    let name = name.trim_end_matches('.');
    METADATA_NAMES
        .iter()
        .any(|metadata| name.eq_ignore_ascii_case(metadata))
}

/// Why nobody may connect to an address; `None` for ordinary public ones.
fn prohibition(address: IpAddr) -> Option<&'static str> {
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
mod tests;
