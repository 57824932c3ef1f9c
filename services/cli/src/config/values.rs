//! What the text of a setting means: durations, sizes, addresses.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

/// Reads a duration such as `5s`, `50ms`, `1m 30s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected a duration such as 5s, 50ms or 1m 30s".to_owned())
}

/// Reads a number of bytes such as `40MB` (decimal), `64MiB` (binary) or `4096`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
    ];
    quantity(text, &units).ok_or_else(|| "expected a size such as 40MB or 64MiB".to_owned())
}

/// Reads a number of pixels such as `100MP` or `640000`.
pub(super) fn pixels(text: &str) -> Result<u64, String> {
    quantity(text, &[("MP", 1_000_000), ("px", 1)])
        .ok_or_else(|| "expected a number of pixels such as 100MP".to_owned())
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .unwrap_or((text, 1));
    number.trim().parse::<u64>().ok()?.checked_mul(factor)
}

/// Reads a socket address.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an address and a port such as 127.0.0.1:8080".to_owned())
}

/// Reads addresses exempt from the guard: `127.0.0.1`, `10.1.0.0/16`, `127.0.0.1:9000`, `[::1]:9000`.
pub(super) fn allowed_addresses(text: &str) -> Result<Vec<(IpNet, Option<u16>)>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| {
            allowed_address(item).ok_or_else(|| {
                format!("'{item}' is no address, network (10.1.0.0/16) or address with a port")
            })
        })
        .collect()
}

fn allowed_address(item: &str) -> Option<(IpNet, Option<u16>)> {
    if let Ok(net) = item.parse::<IpNet>() {
        return Some((net, None));
    }
    if let Ok(address) = item.parse::<SocketAddr>() {
        return Some((IpNet::from(address.ip()), Some(address.port())));
    }
    if let Ok(address) = item.parse::<std::net::IpAddr>() {
        return Some((IpNet::from(address), None));
    }
    let (net, port) = item.rsplit_once(':')?;
    Some((net.parse().ok()?, Some(port.parse().ok()?)))
}

/// Reads a switch.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

/// `http://host:port/path`, or nothing.
pub(super) fn endpoint(text: &str) -> Result<Option<Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .filter(|url| url.has_host() && url.query().is_none() && url.fragment().is_none())
        .map(Some)
        .ok_or_else(|| "expected an http or https URL without a query".to_owned())
}

/// Reads a whole number.
pub(super) fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| "expected a whole number in range".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_or_binary_by_their_unit() {
        assert_eq!(bytes("40MB"), Ok(40_000_000));
        assert_eq!(bytes("64 MiB"), Ok(64 << 20));
        assert_eq!(bytes("4096"), Ok(4096));
        assert_eq!(bytes("7B"), Ok(7));
        for bad in ["", "MB", "-1MB", "1.5GB", "99999999999TB", "12 parsecs"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(pixels("100MP"), Ok(100_000_000));
    }

    #[test]
    fn an_exempt_address_may_name_a_port_or_a_network() {
        let parsed =
            allowed_addresses("127.0.0.1:9000, [::1]:80,10.1.0.0/16, 192.0.2.7,10.2.0.0/16:443");
        let shown: Vec<String> = parsed
            .into_iter()
            .flatten()
            .map(|(net, port)| format!("{net} {port:?}"))
            .collect();
        assert_eq!(
            shown,
            [
                "127.0.0.1/32 Some(9000)",
                "::1/128 Some(80)",
                "10.1.0.0/16 None",
                "192.0.2.7/32 None",
                "10.2.0.0/16 Some(443)"
            ]
        );
        assert_eq!(allowed_addresses(""), Ok(Vec::new()));
        assert!(allowed_addresses("localhost:80").is_err());
    }

    #[test]
    fn an_endpoint_is_a_plain_web_address() {
        assert_eq!(endpoint(""), Ok(None));
        let url = endpoint("http://10.0.0.1:9000/s3").unwrap().unwrap();
        assert_eq!(url.port(), Some(9000));
        for text in [
            "s3.example",
            "ftp://s3.example",
            "https://s3.example/?a=1",
            "http://",
        ] {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("50ms"), Ok(Duration::from_millis(50)));
        assert_eq!(duration("90days"), Ok(Duration::from_hours(90 * 24)));
        assert!(duration("5").is_err());
    }
}
