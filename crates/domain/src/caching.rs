//! How long what a URL endpoint answered may be answered again. Source: `errors.md`, "The table", the per-endpoint override;
//! `imagekit.md` 6.3, origin-based cache control.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::AttemptFailure;
use crate::failure::reason::NegativeTtl;
use crate::refusal::Refusal;
use crate::request_body::Fields;

/// The longest time a failure may be repeated. Source: ours; five minutes is what people wait before they ask why nothing changes.
const MOST_SECONDS: u64 = 300;

/// What a tenant chose for one of its URL endpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Caching {
    /// How long a failure is repeated without asking the origin again; the table's time for its reason where it is not set, and 0 for
    /// not at all. Units: seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_seconds: Option<u64>,
    /// Whether `Cache-Control` and `Expires` of the origin decide how long a picture is kept, here and by whoever gets it; where the
    /// origin says nothing, and where this is not set, the usual time does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub origin_cache_control: bool,
}

impl Caching {
    /// Reads the body of `PUT /dashboard/v1/url-endpoints/{id}/caching`; what is not sent follows the table.
    ///
    /// Errors: [`Refusal::Invalid`] with the first broken rule.
    pub fn parse(body: Value) -> Result<Self, Refusal> {
        let mut fields = Fields::of(body)?;
        let caching = Self {
            failure_seconds: fields.optional_number("failureSeconds", 0..=MOST_SECONDS)?,
            origin_cache_control: fields.optional_flag("originCacheControl")?.unwrap_or(false),
        };
        fields.finish()?;
        Ok(caching)
    }

    /// How long `failure` may be repeated. What the origin asked for itself (`Retry-After`), an open breaker and failures that must
    /// never be repeated keep their own time.
    pub fn negative_ttl(self, failure: &AttemptFailure) -> Duration {
        match (self.failure_seconds, failure.reason.row().negative_ttl) {
            (Some(seconds), NegativeTtl::For(time)) if !time.is_zero() => {
                Duration::from_secs(seconds)
            }
            _ => failure.negative_ttl(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::failure::Reason;

    #[test]
    fn what_is_chosen_replaces_the_tables_time_and_nothing_else() {
        let ttl = |caching: Caching, reason| caching.negative_ttl(&AttemptFailure::new(reason));
        let chosen = Caching::parse(json!({"failureSeconds": 90})).unwrap();
        let none = Caching::default();
        assert_eq!(ttl(none, Reason::ObjectNotFound), Duration::from_secs(5));
        assert_eq!(ttl(chosen, Reason::ObjectNotFound), Duration::from_secs(90));
        for reason in [
            Reason::Internal,
            Reason::OriginRateLimited,
            Reason::CircuitOpen,
        ] {
            assert_eq!(ttl(chosen, reason), ttl(none, reason), "{reason}");
        }
        let never = Caching::parse(json!({"failureSeconds": 0})).unwrap();
        assert_eq!(ttl(never, Reason::AddressProhibited), Duration::ZERO);
    }

    #[test]
    fn a_time_is_a_number_of_seconds_that_people_would_wait() {
        assert_eq!(Caching::parse(json!({})).unwrap(), Caching::default());
        for body in [
            json!({"failureSeconds": 301}),
            json!({"failureSeconds": -1}),
            json!({"failureSeconds": "5s"}),
            json!({"failuresSeconds": 5}),
            json!({"originCacheControl": "yes"}),
        ] {
            assert!(Caching::parse(body.clone()).is_err(), "{body}");
        }
    }
}
