//! Identifiers. Each kind is a type of its own; UUIDs are version 7 and minted only here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Mints a fresh, time-ordered identifier.
            #[expect(clippy::disallowed_methods, reason = "ids are minted by their newtype")]
            pub fn mint() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

uuid_ids! {
    /// A stream of configuration events: one aggregate of one tenant.
    StreamId
    /// One stored configuration event; the idempotency key of an append.
    ConfigEventId
    /// An origin, as the management API shows it.
    OriginId
    /// A URL endpoint. The API shows the default endpoint as the literal `default`.
    UrlEndpointId
    /// A pair of public and private API key.
    KeyPairId
    /// A named transformation.
    NamedTransformationId
    /// A purge; what the API calls `requestId`.
    PurgeId
    /// One image request (`ik-request-id`).
    RequestId
    /// One failure event (`ik-event-id`).
    EventId
    /// A note on the time line.
    NoteId
    /// One run of a serving node's program, from its start to its end.
    RunId
    /// A receiver of messages about alerts.
    WebhookId
    /// A rule that says when to alert.
    AlertRuleId
    /// One alert: a rule holds for one thing.
    AlertId
    /// One message on its way to one webhook.
    WebhookDeliveryId
    /// A message, the same in every delivery of it: by it receivers know a repetition.
    WebhookMessageId
    /// Of a token that opens one stream.
    StreamTokenId
    /// One command: every event that it made has it.
    CommandId
}

impl StreamId {
    /// The stream of a tenant itself: the other aggregates bring an id of their own.
    pub fn of_tenant(tenant_id: TenantId) -> Self {
        Self(Uuid::from_u64_pair(0, tenant_id.0.cast_unsigned()))
    }
}

impl From<OriginId> for StreamId {
    fn from(id: OriginId) -> Self {
        Self(id.0)
    }
}

impl From<UrlEndpointId> for StreamId {
    fn from(id: UrlEndpointId) -> Self {
        Self(id.0)
    }
}

impl From<KeyPairId> for StreamId {
    fn from(id: KeyPairId) -> Self {
        Self(id.0)
    }
}

impl From<PurgeId> for StreamId {
    fn from(id: PurgeId) -> Self {
        Self(id.0)
    }
}

impl From<WebhookId> for StreamId {
    fn from(id: WebhookId) -> Self {
        Self(id.0)
    }
}

impl From<AlertRuleId> for StreamId {
    fn from(id: AlertRuleId) -> Self {
        Self(id.0)
    }
}

impl From<NamedTransformationId> for StreamId {
    fn from(id: NamedTransformationId) -> Self {
        Self(id.0)
    }
}

macro_rules! number_ids {
    ($($(#[$doc:meta])* $name:ident($inner:ty))+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

number_ids! {
    /// A tenant inside the system: first column of every key. Never shown; people see the [`ImagekitId`].
    TenantId(i64)
    /// Position of a configuration event among all of its tenant's, dense from 1. Also the tenant's
    /// configuration version: the version "in force" is the newest sequence number applied.
    TenantSeq(i64)
    /// Position of an event in its own stream, dense from 1.
    StreamVersion(i32)
    /// An origin in fact tables: the [`TenantSeq`] of the event that created it. 0 where there is none.
    OriginNo(i32)
    /// A URL endpoint in fact tables: the [`TenantSeq`] of the event that created it. 0 where there is none.
    UrlEndpointNo(i32)
    /// A serving node's spool. Drawn at random (63 bits) when the spool directory is created and never reused.
    NodeId(i64)
    /// Position of a spool frame at its node, dense from 1; with [`NodeId`] the idempotency key of the ingest.
    BatchSeq(i64)
}

/// A group of failures alike: the same endpoint, origin, reason and path template, within a tenant.
///
/// A hash, so it is the same wherever it is worked out. Shown as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(pub i64);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0.cast_unsigned())
    }
}

impl FromStr for GroupId {
    type Err = InvalidGroupId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidGroupId);
        }
        let number = u64::from_str_radix(text, 16).map_err(|_no_number| InvalidGroupId)?;
        Ok(Self(number.cast_signed()))
    }
}

/// Why a text is not a [`GroupId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a group's id is 16 hexadecimal digits")]
pub struct InvalidGroupId;

impl OriginNo {
    /// Stands for "no origin" in fact tables.
    pub const NONE: Self = Self(0);
}

impl UrlEndpointNo {
    /// Stands for "no endpoint" in fact tables.
    pub const NONE: Self = Self(0);
}

/// A tenant's public name and the first path segment of its delivery URLs (`ImageKit ID`).
///
/// Shape: 1 to 64 characters of `a-z A-Z 0-9 _ -`, the first one a letter or digit; `tr`, `livez`, `readyz` and
/// `metrics` are taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImagekitId(String);

/// Why a text is not an [`ImagekitId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "imagekitId must be 1 to 64 characters of a-z, A-Z, 0-9, _ and -, starting with a letter or digit, and none of {}",
    RESERVED_IMAGEKIT_IDS.join(", ")
)]
pub struct InvalidImagekitId;

const RESERVED_IMAGEKIT_IDS: [&str; 4] = ["tr", "livez", "readyz", "metrics"];

impl ImagekitId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ImagekitId {
    type Error = InvalidImagekitId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let starts_well = text
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphanumeric);
        let taken = RESERVED_IMAGEKIT_IDS.contains(&text.as_str());
        if starts_well && text.len() <= 64 && text.bytes().all(allowed) && !taken {
            Ok(Self(text))
        } else {
            Err(InvalidImagekitId)
        }
    }
}

impl FromStr for ImagekitId {
    type Err = InvalidImagekitId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl From<ImagekitId> for String {
    fn from(id: ImagekitId) -> Self {
        id.0
    }
}

impl fmt::Display for ImagekitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imagekit_ids_are_short_url_segments() {
        for good in ["demo", "a", "Acme-2", "0_x"] {
            assert_eq!(good.parse::<ImagekitId>().unwrap().as_str(), good);
        }
        let too_long = "x".repeat(65);
        for bad in [
            "",
            "-a",
            "a b",
            "a/b",
            "ä",
            "tr",
            "livez",
            too_long.as_str(),
        ] {
            assert_eq!(bad.parse::<ImagekitId>(), Err(InvalidImagekitId), "{bad:?}");
        }
    }

    #[test]
    fn minted_ids_sort_by_time() {
        let ids: Vec<EventId> = (0..100).map(|_| EventId::mint()).collect();
        assert!(ids.is_sorted());
    }
}
