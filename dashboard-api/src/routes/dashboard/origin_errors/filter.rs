//! The filter every origin-error resource understands.
//!
//! AND across parameters, OR within a repeated one. Source: `dashboard.md` 2.4.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::reason::TABLE;
use limpid_domain::failure::{FailureCode, Outcome, Reason};
use limpid_domain::ids::{OriginId, UrlEndpointId};
use utoipa::IntoParams;

use crate::query::Parameters;

/// The filter's parameter names.
pub(super) const FILTER_NAMES: [&str; 8] = [
    "from", "to", "code", "reason", "origin", "endpoint", "outcome", "q",
];

/// The filter in the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "described, never built")]
pub(super) struct FilterParameters {
    /// First moment: RFC 3339, `now`, or `now-6h` (s, m, h, d, w). 24 hours before `to` where it is not given.
    #[param(example = "now-6h")]
    from: Option<String>,
    /// First moment no longer included; at most 90 days after `from`. Now where it is not given.
    to: Option<String>,
    /// Any of these codes.
    code: Option<Vec<String>>,
    /// Any of these reasons.
    reason: Option<Vec<String>>,
    /// Any of these origins: ids, or `none` for failures before an origin was asked.
    origin: Option<Vec<String>>,
    /// Any of these URL endpoints: ids, `default`, or `none`.
    endpoint: Option<Vec<String>>,
    /// Any of failed, rescued, defaulted, stale.
    outcome: Option<Vec<String>>,
    /// The path contains this text, exactly as written.
    q: Option<String>,
}

/// Longest period one question may cover.
const MAX_SPAN: TimeDelta = TimeDelta::days(90);

/// The period where the question names none.
const DEFAULT_SPAN: TimeDelta = TimeDelta::hours(24);

/// Longest text that is searched for. Units: characters.
const MAX_SEARCH_CHARS: usize = 200;

/// What the caller asks for, in public names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FilterRequest {
    /// Start, included.
    pub(super) from: DateTime<Utc>,
    /// End, excluded.
    pub(super) to: DateTime<Utc>,
    /// Any of these codes; empty means all. So with the others.
    pub(super) codes: Vec<FailureCode>,
    /// Any of these reasons.
    pub(super) reasons: Vec<Reason>,
    /// Any of these origins.
    pub(super) origins: Vec<OriginChoice>,
    /// Any of these URL endpoints.
    pub(super) endpoints: Vec<EndpointChoice>,
    /// Any of these outcomes.
    pub(super) outcomes: Vec<Outcome>,
    /// The path contains this text.
    pub(super) search: Option<String>,
}

/// One `origin` of the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OriginChoice {
    /// `none`: failures before any origin was asked.
    None,
    /// An origin's id.
    Id(OriginId),
}

/// One `endpoint` of the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndpointChoice {
    /// `none`: no endpoint was found.
    None,
    /// `default`.
    Default,
    /// An endpoint's id.
    Id(UrlEndpointId),
}

impl FilterRequest {
    /// Takes the filter's parameters out of `parameters`, noting every fault there; the result counts only if
    /// [`Parameters::finish`] is content.
    pub(super) fn read(parameters: &mut Parameters, now: DateTime<Utc>) -> Self {
        let (from, to) = read_period(parameters, now);
        let codes = FailureCode::ALL.map(FailureCode::as_str).join(", ");
        let outcomes = Outcome::ALL.map(Outcome::as_str).join(", ");
        Self {
            from,
            to,
            codes: parameters.many("code", &format!("one of {codes}"), FailureCode::from_name),
            reasons: read_reasons(parameters),
            origins: parameters.many("origin", "an origin's id or none", parse_origin),
            endpoints: parameters.many(
                "endpoint",
                "a URL endpoint's id, default or none",
                parse_endpoint,
            ),
            outcomes: parameters.many("outcome", &format!("one of {outcomes}"), Outcome::from_name),
            search: read_search(parameters),
        }
    }
}

fn read_period(parameters: &mut Parameters, now: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    let to = parameters.moment("to", now).unwrap_or(now);
    let default_from = to.checked_sub_signed(DEFAULT_SPAN).unwrap_or(to);
    let from = parameters.moment("from", now).unwrap_or(default_from);
    if from >= to {
        parameters.refuse("from", "from must be before to.".to_owned());
    } else if to.signed_duration_since(from) > MAX_SPAN {
        let days = MAX_SPAN.num_days();
        parameters.refuse(
            "from",
            format!("from and to may be {days} days apart at most."),
        );
    }
    (from, to)
}

fn read_reasons(parameters: &mut Parameters) -> Vec<Reason> {
    let names: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
    let expected = format!("one of {}", names.join(", "));
    parameters.many("reason", &expected, Reason::from_name)
}

fn read_search(parameters: &mut Parameters) -> Option<String> {
    let text = parameters.one("q")?;
    if text.chars().count() > MAX_SEARCH_CHARS || text.chars().any(char::is_control) {
        parameters.refuse(
            "q",
            format!("q is a part of a path, {MAX_SEARCH_CHARS} characters at most, without control characters."),
        );
        return None;
    }
    Some(text)
}

fn parse_origin(text: &str) -> Option<OriginChoice> {
    match text {
        "none" => Some(OriginChoice::None),
        id => id.parse().ok().map(OriginChoice::Id),
    }
}

fn parse_endpoint(text: &str) -> Option<EndpointChoice> {
    match text {
        "none" => Some(EndpointChoice::None),
        "default" => Some(EndpointChoice::Default),
        id => id.parse().ok().map(EndpointChoice::Id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;

    fn now() -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn read(query: &str) -> Result<FilterRequest, Vec<String>> {
        let mut parameters = Parameters::parse(Some(query), &FILTER_NAMES);
        let filter = FilterRequest::read(&mut parameters, now());
        match parameters.finish() {
            Ok(()) => Ok(filter),
            Err(ApiError::ParametersInvalid(errors)) => {
                Err(errors.into_iter().map(|error| error.detail).collect())
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_query_means_the_last_24_hours_of_everything() {
        let filter = read("").unwrap();
        assert_eq!(filter.to, now());
        assert_eq!(filter.from, now() - TimeDelta::hours(24));
        assert!(filter.codes.is_empty() && filter.search.is_none());
    }

    #[test]
    fn the_default_start_lies_24_hours_before_the_end_asked_for() {
        let filter = read("to=2026-11-01T00:00:00Z").unwrap();
        assert_eq!(
            filter.from,
            "2026-10-31T00:00:00Z".parse::<DateTime<Utc>>().unwrap()
        );
    }

    #[test]
    fn every_parameter_is_read() {
        let id = OriginId::mint();
        let filter = read(&format!(
            "from=now-1h&code=ENOENT&code=EACCES&reason=dns_timeout&origin={id}&origin=none&endpoint=default&outcome=rescued&q=a%2Fb"
        ))
        .unwrap();
        assert_eq!(filter.codes, [FailureCode::Enoent, FailureCode::Eacces]);
        assert_eq!(filter.reasons, [Reason::DnsTimeout]);
        assert_eq!(filter.origins, [OriginChoice::Id(id), OriginChoice::None]);
        assert_eq!(filter.endpoints, [EndpointChoice::Default]);
        assert_eq!(filter.outcomes, [Outcome::Rescued]);
        assert_eq!(filter.search.as_deref(), Some("a/b"));
    }

    #[test]
    fn faults_name_what_is_allowed() {
        let faults =
            read("code=enoent&outcome=lost&origin=x&from=now&to=now-1h&q=%00").unwrap_err();
        assert_eq!(
            faults,
            [
                "from must be before to.",
                "code is one of ENOENT, EACCES, ELIMIT, ECONNREFUSED, UNIDENTIFIED, not \"enoent\"; repeat the parameter for several.",
                "origin is an origin's id or none, not \"x\"; repeat the parameter for several.",
                "outcome is one of failed, rescued, defaulted, stale, not \"lost\"; repeat the parameter for several.",
                "q is a part of a path, 200 characters at most, without control characters.",
            ]
        );
    }

    #[test]
    fn a_period_is_at_most_90_days() {
        assert!(read("from=now-90d").is_ok());
        assert_eq!(
            read("from=now-91d").unwrap_err(),
            ["from and to may be 90 days apart at most."]
        );
    }
}
