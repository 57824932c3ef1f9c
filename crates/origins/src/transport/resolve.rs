//! Names to addresses, with typed reasons when that fails.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::{TokioResolver, system_conf};
use limpid_domain::failure::Reason;
use url::Host;

use super::pool::Authority;
use crate::attempt::{Attempt, AttemptResult, failure};
use crate::config::DnsConfig;
use crate::fetch::FetcherError;

/// A question is asked once more when no answer came.
const RETRIES: usize = 1;

/// Answers are kept at most this long, whatever their TTL says: a tenant that moves an origin shall not wait.
const MAX_POSITIVE_TTL: Duration = Duration::from_mins(5);

/// "No such name" is kept at most this long: a tenant that adds the record sees it work at once. Source: `errors.md`.
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(2);

/// Names kept in memory.
const CACHE_ENTRIES: u64 = 8192;

/// The resolver.
#[derive(Debug)]
pub(crate) struct Resolver {
    inner: TokioResolver,
    limit: Duration,
}

impl Resolver {
    /// Asks the configured name servers, or the machine's, and never for longer than a connection may take.
    pub(crate) fn new(config: &DnsConfig, connect_timeout: Duration) -> Result<Self, FetcherError> {
        let dns = |error: NetError| FetcherError::Dns(Box::new(error));
        let (servers, mut options) = if config.servers.is_empty() {
            of_the_machine()
        } else {
            let servers = config.servers.iter().map(|server| {
                let mut udp = ConnectionConfig::udp();
                udp.port = server.port();
                let mut tcp = ConnectionConfig::tcp();
                tcp.port = server.port();
                NameServerConfig::new(server.ip(), true, vec![udp, tcp])
            });
            let servers = ResolverConfig::from_name_servers(servers.collect());
            (servers, ResolverOpts::default())
        };
        let timeout = config.timeout.min(connect_timeout / 5 * 2);
        options.timeout = timeout;
        options.attempts = RETRIES;
        options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
        options.cache_size = CACHE_ENTRIES;
        options.positive_max_ttl = Some(MAX_POSITIVE_TTL);
        options.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
        let inner = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .map_err(dns)?;
        // Both tries, and half a try of slack for servers that are asked one after the other.
        let limit = timeout * 5 / 2;
        Ok(Self { inner, limit })
    }

    /// The addresses of a host, in the order to try them. Nothing is asked about literal addresses and special names.
    pub(crate) async fn resolve(
        &self,
        authority: &Authority,
        attempt: &mut Attempt<'_>,
    ) -> AttemptResult<Vec<IpAddr>> {
        let started = Instant::now();
        let addresses = self.look_up(authority, attempt).await;
        let Host::Domain(name) = &authority.host else {
            return addresses;
        };
        attempt
            .trace
            .step("dns", addresses.is_ok(), started, || match &addresses {
                Ok(found) => format!("{name}: {} addresses", found.len()),
                Err(failed) => failed.note.clone().unwrap_or_default(),
            });
        addresses
    }

    /// The same, and the trace says nothing of it.
    pub(crate) async fn look_up(
        &self,
        authority: &Authority,
        attempt: &Attempt<'_>,
    ) -> AttemptResult<Vec<IpAddr>> {
        match &authority.host {
            Host::Ipv4(address) => Ok(vec![IpAddr::V4(*address)]),
            Host::Ipv6(address) => Ok(vec![IpAddr::V6(*address)]),
            Host::Domain(name) => match answer_special(name) {
                Some(answer) => answer,
                None => self.ask(name, attempt).await,
            },
        }
    }

    async fn ask(&self, name: &str, attempt: &Attempt<'_>) -> AttemptResult<Vec<IpAddr>> {
        // The dot at the end keeps the machine's search domains out: `db` never becomes `db.internal.example`.
        let absolute = format!("{}.", name.trim_end_matches('.'));
        let lookup = attempt.within(self.limit, self.inner.lookup_ip(absolute));
        match lookup.await {
            Ok(Ok(found)) => {
                let addresses: Vec<IpAddr> = found.iter().collect();
                if addresses.is_empty() {
                    return Err(failure(
                        Reason::DnsNotFound,
                        format!("{name} has no addresses"),
                    ));
                }
                Ok(addresses)
            }
            Ok(Err(error)) => Err(classify(name, &error)),
            Err(late) => Err(failure(
                Reason::DnsTimeout,
                format!(
                    "no answer about {name} within {} ms",
                    late.waited.as_millis()
                ),
            )),
        }
    }
}

/// What `/etc/resolv.conf` says; without one, or without a server in it, the name server of this very machine, as
/// resolv.conf(5) has it. An origin named by address must work all the same.
fn of_the_machine() -> (ResolverConfig, ResolverOpts) {
    system_conf::read_system_conf().unwrap_or_else(|error| {
        tracing::warn!(%error, "no name server is configured; asking the one on this machine");
        let local = NameServerConfig::udp_and_tcp(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let servers = ResolverConfig::from_name_servers(vec![local]);
        (servers, ResolverOpts::default())
    })
}

/// Names that are never asked about. Source: RFC 6761 sections 6.3 and 6.4, RFC 7686.
fn answer_special(name: &str) -> Option<AttemptResult<Vec<IpAddr>>> {
    let name = name.trim_end_matches('.');
    let last_label = name.rsplit('.').next().unwrap_or_default();
    if last_label.eq_ignore_ascii_case("localhost") {
        return Some(Ok(vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ]));
    }
    let never_exists = ["invalid", "onion"]
        .iter()
        .any(|reserved| last_label.eq_ignore_ascii_case(reserved));
    never_exists.then(|| {
        Err(failure(
            Reason::DnsNotFound,
            format!("names under .{last_label} do not exist"),
        ))
    })
}

fn classify(name: &str, error: &NetError) -> Box<limpid_domain::failure::AttemptFailure> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })) => {
            let note = if *response_code == ResponseCode::NXDomain {
                format!("{name} does not exist (NXDOMAIN)")
            } else {
                format!("{name} exists but has no address (no A or AAAA record)")
            };
            failure(Reason::DnsNotFound, note)
        }
        NetError::Dns(DnsError::ResponseCode(code)) => failure(
            Reason::DnsFailed,
            format!("the name server answered {code} about {name}"),
        ),
        NetError::Timeout => failure(
            Reason::DnsTimeout,
            format!("no answer about {name} in time"),
        ),
        NetError::Proto(_) => failure(
            Reason::DnsNotFound,
            format!("{name} is no possible domain name"),
        ),
        _ => failure(
            Reason::DnsFailed,
            format!("the name server could not be asked about {name}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_names_are_answered_without_a_question() {
        for name in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "foo.localhost",
            "a.b.LocalHost.",
        ] {
            let addresses = answer_special(name).unwrap().unwrap();
            assert!(addresses.iter().all(IpAddr::is_loopback), "{name}");
        }
        for name in ["x.invalid", "INVALID", "abc.onion."] {
            let failed = answer_special(name).unwrap().unwrap_err();
            assert_eq!(failed.reason, Reason::DnsNotFound, "{name}");
        }
        for name in ["localhost.example", "invalid.example", "notlocalhost"] {
            assert!(answer_special(name).is_none(), "{name}");
        }
    }
}
