//! The failure event: one failed attempt, as it is spooled, stored and shown.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::attempt::{LayerInputNumber, LimitBreach, LooksLike, PhaseTimings};
use super::path_template::{path_template, stable_hash};
use super::reason::Reason;
use super::sentence::{DetailLevel, SentenceSubject, sentence};
use crate::ids::{EventId, OriginNo, RequestId, StreamVersion, TenantId, TenantSeq, UrlEndpointNo};
use crate::origin::OriginKind;

/// One failed attempt at one origin (or the lack of any), for one request or, folded, for several alike.
///
/// Narrow fields are what gets filtered and counted; [`FailureDetail`] is only read one event at a time. The public code,
/// the stage and the blame follow from `reason` and are not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureEvent {
    /// Its identity; `ik-event-id`.
    pub event_id: EventId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// When the attempt ended. UTC, microseconds.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub occurred_at: DateTime<Utc>,
    /// The request it belongs to; ties the attempts of a request together.
    pub request_id: RequestId,
    /// Which attempt of the request, from 1; 0 where no origin was asked.
    pub attempt: i16,
    /// Whether its code is the one the client saw. Exactly one event of a request that failed is the headline.
    pub headline: bool,
    /// What became of the request.
    pub outcome: Outcome,
    /// How many failed requests this event stands for.
    pub occurrences: i32,
    /// The row of the table.
    pub reason: Reason,
    /// The URL endpoint, [`UrlEndpointNo::NONE`] where none was found.
    pub endpoint_no: UrlEndpointNo,
    /// The origin, [`OriginNo::NONE`] where none was asked.
    pub origin_no: OriginNo,
    /// Kind of that origin.
    pub origin_kind: Option<OriginKind>,
    /// The tenant's configuration version in force.
    pub config_version: TenantSeq,
    /// The endpoint's own version in force.
    pub endpoint_version: StreamVersion,
    /// The origin's own version in force.
    pub origin_version: StreamVersion,
    /// The origin's HTTP status; 0 where no answer came.
    pub upstream_status: i16,
    /// How long the attempt took. Units: ms.
    pub duration_ms: i32,
    /// The requested file path, without transformation and query; control characters and bytes that are not UTF-8 are
    /// percent-encoded.
    pub path: String,
    /// What is only read one event at a time. Left out above a rate; counts never are.
    pub detail: Option<Box<FailureDetail>>,
}

impl FailureEvent {
    /// The sentence the client saw after the code (or would have seen, for an attempt that is not the headline).
    pub fn message(&self) -> String {
        let limit = self
            .detail
            .as_ref()
            .and_then(|detail| detail.limit.as_ref());
        let level = self
            .detail
            .as_ref()
            .map_or(DetailLevel::Reason, |detail| detail.detail_level);
        let layer_input = self.detail.as_ref().and_then(|detail| detail.layer_input);
        let about = SentenceSubject {
            kind: self.origin_kind,
            limit,
            layer_input,
        };
        sentence(self.reason, &about, level)
    }

    /// Hash of the path; the index never holds the path itself, which may be too long for it.
    pub fn path_hash(&self) -> i64 {
        stable_hash(&self.path)
    }

    /// What makes failures one group: endpoint, origin, reason and path template, within the tenant.
    pub fn fingerprint(&self) -> i64 {
        stable_hash(&format!(
            "{}|{}|{}|{}|{}",
            self.tenant_id,
            self.endpoint_no,
            self.origin_no,
            self.reason.number(),
            path_template(&self.path)
        ))
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The client saw the error.
    Failed,
    /// A later origin served the file.
    Rescued,
    /// The default image was served.
    Defaulted,
    /// An old copy was served.
    Stale,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Failed, Self::Rescued, Self::Defaulted, Self::Stale];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Rescued => "rescued",
            Self::Defaulted => "defaulted",
            Self::Stale => "stale",
        }
    }

    /// Stable number for fact tables.
    pub fn number(self) -> i16 {
        match self {
            Self::Failed => 1,
            Self::Rescued => 2,
            Self::Defaulted => 3,
            Self::Stale => 4,
        }
    }

    /// The outcome with this number, or `None`.
    pub fn from_number(number: i16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.number() == number)
    }

    /// The outcome with this name, or `None`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == name)
    }
}

/// The part of a failure event that is stored as a document. Every text is capped, escaped and free of credentials.
///
/// Stored rows hold it as JSON: fields are only ever added, each with a default. The spool holds it field by field, so they are added
/// at the end, with a new schema of its frames, and none may be skipped in writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureDetail {
    /// How much the client was told.
    pub detail_level: DetailLevel,
    /// `GET` or `HEAD`.
    pub method: String,
    /// The delivery URL's path and query with signature and token values removed.
    pub url: String,
    /// The transformation as asked for.
    pub transformation: Option<String>,
    /// Where we looked at the origin.
    pub location: Option<String>,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// The provider's request id.
    pub provider_request_id: Option<String>,
    /// How long each phase took.
    pub timings: PhaseTimings,
    /// Helpful header fields of the answer.
    pub response_headers: Vec<(String, String)>,
    /// The first bytes of a text body.
    pub body_excerpt: Option<String>,
    /// What the bytes looked like.
    pub looks_like: Option<LooksLike>,
    /// The limit and what was found.
    pub limit: Option<LimitBreach>,
    /// One line for people.
    pub note: Option<String>,
    /// Repetitions before giving up.
    pub retries: u8,
    /// The page the image stands on.
    pub referrer: Option<String>,
    /// The client's user agent.
    pub user_agent: Option<String>,
    /// The trace of the request, if it was sampled.
    pub trace_id: Option<String>,
    /// Which of the files that layers need it was about.
    #[serde(default)]
    pub layer_input: Option<LayerInputNumber>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_keep_their_numbers() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_number(outcome.number()), Some(outcome));
            assert_eq!(Outcome::from_name(outcome.as_str()), Some(outcome));
        }
        assert_eq!(Outcome::from_number(0), None);
    }
}
