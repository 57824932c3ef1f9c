//! What a server's certificates say, for people.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Utc};
use limpid_domain::diagnosis::Certificate;
use limpid_domain::expiry::days_left;
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::classify::text::printable;

/// Most certificates shown of one server; usual are two to four.
const MAX_CERTIFICATES: usize = 8;

/// Most names shown of one certificate; some have hundreds.
const MAX_NAMES: usize = 20;

/// A certificate with fewer days left is warned of. Source: automatic renewal happens 30 days before the end; what is not
/// renewed nine days later will not be.
const WARNING_DAYS: i64 = 21;

/// The certificates as they were sent; what cannot be read is left out.
pub(crate) fn read(sent: &[CertificateDer<'_>], now: DateTime<Utc>) -> Vec<Certificate> {
    let shown = sent.iter().take(MAX_CERTIFICATES);
    shown.filter_map(|sent| read_one(sent, now)).collect()
}

/// Until when a certificate is valid.
pub(crate) fn end_of(sent: &CertificateDer<'_>) -> Option<DateTime<Utc>> {
    let (_, certificate) = X509Certificate::from_der(sent).ok()?;
    DateTime::from_timestamp(certificate.validity().not_after.timestamp(), 0)
}

/// The sentence about a server's own certificate that soon ends; nothing once it has ended, because that is a failure.
pub(crate) fn warning(certificates: &[Certificate], now: DateTime<Utc>) -> Option<String> {
    let own = certificates.first()?;
    let soon_ends = own.not_after > now && own.days_left < WARNING_DAYS;
    soon_ends.then(|| {
        format!(
            "the certificate ends on {}, in {} days: renew it before then",
            own.not_after.format("%Y-%m-%d"),
            own.days_left
        )
    })
}

/// The names and addresses a certificate is for, the first few of them.
pub(crate) fn names_of(sent: &CertificateDer<'_>) -> Vec<String> {
    X509Certificate::from_der(sent).map_or_else(|_| Vec::new(), |(_, read)| names(&read))
}

/// Whether a certificate names itself as its issuer.
pub(crate) fn is_self_issued(sent: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(sent)
        .is_ok_and(|(_, read)| read.subject().as_raw() == read.issuer().as_raw())
}

fn read_one(sent: &CertificateDer<'_>, now: DateTime<Utc>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(sent).ok()?;
    let validity = certificate.validity();
    let not_after = DateTime::from_timestamp(validity.not_after.timestamp(), 0)?;
    Some(Certificate {
        subject: printable(&certificate.subject().to_string()),
        issuer: printable(&certificate.issuer().to_string()),
        not_before: DateTime::from_timestamp(validity.not_before.timestamp(), 0)?,
        not_after,
        days_left: days_left(not_after, now),
        names: names(&certificate),
        fingerprint_sha256: fingerprint(sent),
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let names = extension.value.general_names.iter();
    names.filter_map(name).take(MAX_NAMES).collect()
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(printable(name)),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let v6 = <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
    v4.or(v6).ok()
}

fn fingerprint(sent: &[u8]) -> String {
    let digest = digest(&SHA256, sent);
    let bytes: Vec<String> = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    bytes.join(":")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    /// A certificate that ends so many hours after the beginning of 1970.
    fn ending(hours: i64) -> Certificate {
        let not_after = DateTime::UNIX_EPOCH + TimeDelta::hours(hours);
        Certificate {
            subject: String::new(),
            issuer: String::new(),
            not_before: DateTime::UNIX_EPOCH,
            not_after,
            days_left: days_left(not_after, DateTime::UNIX_EPOCH),
            names: Vec::new(),
            fingerprint_sha256: String::new(),
        }
    }

    #[test]
    fn only_an_own_certificate_that_soon_ends_is_warned_of() {
        for (hours, warns) in [
            (-30, false),
            (-1, false),
            (1, true),
            (20 * 24, true),
            (21 * 24, false),
        ] {
            let chain = [ending(hours), ending(24)];
            let warning = warning(&chain, DateTime::UNIX_EPOCH);
            assert_eq!(warning.is_some(), warns, "{hours}");
        }
        assert_eq!(warning(&[], DateTime::UNIX_EPOCH), None);
    }

    #[test]
    fn what_is_no_certificate_is_left_out() {
        let junk = CertificateDer::from(vec![0x30, 0x82, 0xff, 0xff, 0x30]);
        assert_eq!(read(std::slice::from_ref(&junk), DateTime::UNIX_EPOCH), []);
        assert_eq!(end_of(&junk), None);
        assert!(names_of(&junk).is_empty() && !is_self_issued(&junk));
    }
}
