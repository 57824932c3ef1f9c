//! The rows of which nobody is asked.

use limpid_domain::failure::Reason;

use super::rows::{Fault, Row, row};

/// What the guard refuses, and what is wrong on our side.
pub(super) fn refusals() -> Vec<Row> {
    let proxied =
        |id, url, reason: Reason| row(id, Fault::Proxied(url), reason.code().as_str(), reason, 0);
    let internal = Reason::Internal;
    vec![
        proxied(
            "G1",
            "gopher://good.example/a.jpg",
            Reason::SchemeNotAllowed,
        ),
        proxied(
            "G2",
            "http://user:word@good.example/a.jpg",
            Reason::HostNotAllowed,
        ),
        proxied(
            "G3",
            "http://good.example:6379/a.jpg",
            Reason::PortNotAllowed,
        ),
        proxied("G4", "http://127.0.0.1/a.jpg", Reason::AddressProhibited),
        proxied(
            "G5",
            "http://[::ffff:169.254.169.254]/a.jpg",
            Reason::AddressProhibited,
        ),
        row(
            "I1",
            Fault::Unreadable,
            internal.code().as_str(),
            internal,
            0,
        ),
    ]
}
