//! Public codes: what stands between `ik-error: ` and ` - `.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The five codes of an origin failure, ImageKit's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FailureCode {
    /// Nothing exists at the resolved path.
    #[serde(rename = "ENOENT")]
    Enoent,
    /// The origin refuses us: credentials, permissions, policy.
    #[serde(rename = "EACCES")]
    Eacces,
    /// A limit was exceeded. The only one answered with 400.
    #[serde(rename = "ELIMIT")]
    Elimit,
    /// No usable answer from the origin: name, connection, TLS, time-out, overload.
    #[serde(rename = "ECONNREFUSED")]
    Econnrefused,
    /// Everything else; rare.
    #[serde(rename = "UNIDENTIFIED")]
    Unidentified,
}

impl FailureCode {
    /// Every code, in the documentation's order.
    pub const ALL: [Self; 5] = [
        Self::Enoent,
        Self::Eacces,
        Self::Elimit,
        Self::Econnrefused,
        Self::Unidentified,
    ];

    /// The code as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enoent => "ENOENT",
            Self::Eacces => "EACCES",
            Self::Elimit => "ELIMIT",
            Self::Econnrefused => "ECONNREFUSED",
            Self::Unidentified => "UNIDENTIFIED",
        }
    }

    /// The code with this name, or `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// HTTP status of the answer: 404, or 400 for a limit. The origin's own status never reaches the client.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Elimit => 400,
            Self::Enoent | Self::Eacces | Self::Econnrefused | Self::Unidentified => 404,
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Codes of answers that are not origin failures and are recorded as no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RefusalCode {
    /// Malformed URL or transformation, unknown named transformation: 400.
    #[serde(rename = "EINVAL")]
    Einval,
    /// Signature missing, wrong or expired: 401.
    #[serde(rename = "EUNSIGNED")]
    Eunsigned,
    /// Blocked referrer, address or user agent: 403.
    #[serde(rename = "EFORBIDDEN")]
    Eforbidden,
    /// Over the tenant's rate (429) or the server is overloaded or cannot record failures (503).
    #[serde(rename = "EBUSY")]
    Ebusy,
}

impl RefusalCode {
    /// The code as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Einval => "EINVAL",
            Self::Eunsigned => "EUNSIGNED",
            Self::Eforbidden => "EFORBIDDEN",
            Self::Ebusy => "EBUSY",
        }
    }
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
