//! A host name that a tenant points at us.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A custom domain: a DNS name in lower case, without port and final dot.
///
/// Shape: at least two labels of 1 to 63 characters `a-z 0-9 -`, at most 253 characters, not an IP address.
/// International names are given in their `xn--` form. Source: RFC 1123, 2.1; RFC 1035, 2.3.4.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CustomDomain(String);

/// Why a text is not a [`CustomDomain`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a custom domain must be a host name such as images.example.com, without scheme, port and path"
)]
pub struct InvalidCustomDomain;

impl CustomDomain {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CustomDomain {
    type Error = InvalidCustomDomain;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let name = text.to_ascii_lowercase();
        let labels: Vec<&str> = name.split('.').collect();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A numeric last label would make it an IPv4 address to URL parsers (WHATWG URL, "ends in a number").
        let ends_in_a_letter_label = labels.last().is_some_and(|label| {
            label.bytes().any(|b| b.is_ascii_alphabetic()) && !label.starts_with("0x")
        });
        if name.len() <= 253
            && labels.len() >= 2
            && labels.iter().all(|label| is_label(label))
            && ends_in_a_letter_label
        {
            return Ok(Self(name));
        }
        Err(InvalidCustomDomain)
    }
}

impl FromStr for CustomDomain {
    type Err = InvalidCustomDomain;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl From<CustomDomain> for String {
    fn from(domain: CustomDomain) -> Self {
        domain.0
    }
}

impl fmt::Display for CustomDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_accepted_in_lower_case() {
        assert_eq!(
            "Images.Example.COM"
                .parse::<CustomDomain>()
                .unwrap()
                .as_str(),
            "images.example.com"
        );
        assert!("xn--bcher-kva.example".parse::<CustomDomain>().is_ok());
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("{}.example", "x".repeat(64));
        for bad in [
            "",
            "localhost",
            "127.0.0.1",
            "1.2",
            "[::1]",
            "a..b",
            ".a.b",
            "a.b.",
            "a_b.c",
            "-a.b",
            "a-.b",
            "a.b:80",
            "https://a.b",
            "a.b/c",
            "bücher.example",
            "a.0x1",
            long.as_str(),
        ] {
            assert!(bad.parse::<CustomDomain>().is_err(), "{bad:?}");
        }
    }
}
