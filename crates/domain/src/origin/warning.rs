//! What is likely wrong with an origin that breaks no rule: it is saved, and whoever saves it is told.
//!
//! Only what its values say by themselves; trying it is a test of its own (`/dashboard/v1/origins/test`).

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::{OriginLocation, OriginSettings};
use crate::address::{is_inside_name, is_localhost, is_metadata_name, port_is_open, prohibition};
use crate::failure::Reason;

/// One thing that will make images fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginWarning {
    /// What images will fail with.
    pub reason: Reason,
    /// The field of the management API it is about.
    pub field: &'static str,
    /// What is wrong and what to do, printable ASCII without quotation marks.
    pub text: String,
}

impl fmt::Display for OriginWarning {
    /// As the header field `ik-warning` says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            reason,
            field,
            text,
        } = self;
        write!(f, "{reason}; field={field}; detail=\"{text}\"")
    }
}

impl OriginSettings {
    /// What is likely wrong with it.
    pub fn warnings(&self) -> Vec<OriginWarning> {
        let (field, url) = match &self.location {
            OriginLocation::WebFolder { base_url, .. } | OriginLocation::AkeneoPim { base_url } => {
                ("baseUrl", base_url.url())
            }
            OriginLocation::S3Compatible { endpoint, .. } => ("endpoint", endpoint.url()),
            OriginLocation::S3 { .. }
            | OriginLocation::CloudinaryBackup { .. }
            | OriginLocation::WebProxy
            | OriginLocation::Gcs { .. }
            | OriginLocation::AzureBlob { .. } => return Vec::new(),
        };
        let found = [host_warning(url), port_warning(url)];
        found
            .into_iter()
            .flatten()
            .map(|(reason, text)| OriginWarning {
                reason,
                field,
                text,
            })
            .collect()
    }
}

fn host_warning(url: &Url) -> Option<(Reason, String)> {
    let exempt = "unless who hosts this service exempts it with origins.allow_addresses";
    let name = match url.host()? {
        Host::Ipv4(address) => return address_warning(address.into(), exempt),
        Host::Ipv6(address) => return address_warning(address.into(), exempt),
        Host::Domain(name) => name.trim_end_matches('.'),
    };
    if is_metadata_name(name) {
        let text = format!(
            "{name} is the name of a metadata service, which no setting opens; use a public host name"
        );
        return Some((Reason::AddressProhibited, text));
    }
    if is_localhost(name) {
        let text = format!("{name} is the serving machine itself; images will fail {exempt}");
        return Some((Reason::AddressProhibited, text));
    }
    is_inside_name(name).then(|| {
        let text = format!(
            "{name} is a name that only some private network knows; images will fail whether it is found or not, \
             unless who hosts this service exempts its address with origins.allow_addresses"
        );
        (Reason::AddressProhibited, text)
    })
}

fn address_warning(address: IpAddr, exempt: &str) -> Option<(Reason, String)> {
    let why = prohibition(address)?;
    let text = format!("the address {address} is {why}; images will fail {exempt}");
    Some((Reason::AddressProhibited, text))
}

fn port_warning(url: &Url) -> Option<(Reason, String)> {
    let port = url.port_or_known_default()?;
    if port_is_open(port, true) {
        return None;
    }
    let text = format!(
        "port {port} is not open for origins; use 80, 443 or one above 1023 that belongs to no other protocol"
    );
    Some((Reason::PortNotAllowed, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warnings(base_url: &str) -> Vec<String> {
        let settings = OriginSettings {
            name: "zoo".to_owned(),
            location: OriginLocation::WebFolder {
                base_url: base_url.parse().unwrap(),
                forward_host_header_to_origin: false,
            },
            include_canonical_header: false,
            base_url_for_canonical_header: None,
        };
        let warnings = settings.warnings().into_iter();
        warnings.map(|warning| warning.to_string()).collect()
    }

    #[test]
    fn an_address_nobody_may_connect_to_is_told_in_every_spelling() {
        for url in [
            "http://127.0.0.1",
            "http://2130706433/",
            "http://0x7f.1/",
            "https://10.0.0.5/media",
            "http://169.254.169.254",
            "http://[::1]:8080/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fd00:ec2::254]/",
            "http://localhost/",
            "http://a.LOCALHOST./",
            "http://metadata.google.internal/",
            "http://minio/",
            "http://nas.local/",
            "http://db.internal/",
        ] {
            let told = warnings(url);
            assert_eq!(told.len(), 1, "{url}: {told:?}");
            assert!(told[0].starts_with("address_prohibited; field=baseUrl; detail=\""));
            assert!(told[0].bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
        assert!(!warnings("http://metadata.goog/")[0].contains("allow_addresses"));
        assert_eq!(warnings("http://127.0.0.1:22/").len(), 2);
    }

    #[test]
    fn what_may_work_is_not_warned_of() {
        for url in [
            "https://images.example",
            "http://93.184.216.34:8080/",
            "https://xn--bcher-kva.example/",
            "http://[2606:2800:220:1::1]/",
        ] {
            assert_eq!(warnings(url), Vec::<String>::new(), "{url}");
        }
        let told = warnings("http://images.example:6379/");
        assert!(told[0].starts_with("port_not_allowed; "), "{told:?}");
    }
}
