//! The address guard: where Limpid may connect on behalf of a tenant, and where never.
//!
//! Names and ports are judged before anything is resolved, addresses after, and the caller connects to exactly the
//! addresses returned here. If one of several addresses is prohibited, all are: a name that mixes public and private
//! addresses is an attack or a mistake, never a picture.

use std::net::{IpAddr, SocketAddr};

use limpid_domain::address::{
    is_inside_name, is_localhost, is_metadata_name, port_is_open, prohibition,
};
use limpid_domain::failure::Reason;
use url::{Host, Url};

use super::pool::Authority;
use crate::attempt::{AttemptResult, failure};
use crate::config::AllowedAddress;

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
        if matches!(&authority.host, Host::Domain(name) if is_metadata_name(name)) {
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
        if is_localhost_name(&authority.host) && addresses.iter().any(|a| self.is_exempt(*a)) {
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

    /// Whether a host name is one of a private network. Nobody learns whether such a name exists: unless the operator exempted what it
    /// stands for, it is refused in the same words, found or not.
    pub(crate) fn is_inside(authority: &Authority) -> bool {
        matches!(&authority.host, Host::Domain(name) if is_inside_name(name))
    }

    /// Whether such a name has to be looked up at all.
    pub(crate) fn exempts_nothing(&self) -> bool {
        self.exempt.is_empty()
    }

    /// The addresses of a name of a private network, if there are any and the operator exempted all of them.
    ///
    /// Errors: `address_prohibited`.
    pub(crate) fn check_inside(
        &self,
        authority: &Authority,
        addresses: Vec<IpAddr>,
    ) -> AttemptResult<Vec<SocketAddr>> {
        let addresses: Vec<SocketAddr> = addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, authority.port))
            .collect();
        if !addresses.is_empty() && addresses.iter().all(|address| self.is_exempt(*address)) {
            return Ok(addresses);
        }
        let note = "the host name is one that only a private network may know";
        Err(failure(Reason::AddressProhibited, note))
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

fn is_localhost_name(host: &Host) -> bool {
    matches!(host, Host::Domain(name) if is_localhost(name))
}

#[cfg(test)]
mod tests;
