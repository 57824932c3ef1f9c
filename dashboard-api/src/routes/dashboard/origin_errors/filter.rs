//! The filter every origin-error resource understands.
//!
//! AND across parameters, OR within a repeated one. Source: `dashboard.md` 2.4.

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::failure::reason::{Stage, TABLE};
use limpid_domain::failure::{FailureCode, Outcome, Reason};
use limpid_domain::ids::{GroupId, NodeId, OriginId, TenantSeq, UrlEndpointId};
use utoipa::IntoParams;

use crate::query::Parameters;

/// The filter's parameter names.
pub(super) const FILTER_NAMES: [&str; 26] = [
    "from",
    "to",
    "q",
    "not.q",
    "code",
    "not.code",
    "reason",
    "not.reason",
    "stage",
    "not.stage",
    "phase",
    "not.phase",
    "origin",
    "not.origin",
    "endpoint",
    "not.endpoint",
    "outcome",
    "not.outcome",
    "status",
    "not.status",
    "version",
    "not.version",
    "node",
    "not.node",
    "group",
    "not.group",
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
    /// Any of these codes. Like every parameter from here on it has a twin, `not.code`: none of these.
    code: Option<Vec<String>>,
    /// Any of these reasons.
    reason: Option<Vec<String>>,
    /// Any of these stages on the way from socket to bytes; `phase` is the same.
    stage: Option<Vec<String>>,
    /// Any of these origins: ids, or `none` for failures before an origin was asked.
    origin: Option<Vec<String>>,
    /// Any of these URL endpoints: ids, `default`, or `none`.
    endpoint: Option<Vec<String>>,
    /// Any of failed, rescued, defaulted, stale.
    outcome: Option<Vec<String>>,
    /// Any of these HTTP statuses of the origin, or `none` where no answer came.
    status: Option<Vec<String>>,
    /// Any of these configuration versions in force.
    version: Option<Vec<String>>,
    /// Any of these serving nodes.
    node: Option<Vec<String>>,
    /// Any of these groups.
    group: Option<Vec<String>>,
    /// The path contains any of these texts, exactly as written; ten at most.
    q: Option<Vec<String>>,
}

/// Longest period one question may cover.
const MAX_SPAN: TimeDelta = TimeDelta::days(90);

/// The period where the question names none.
const DEFAULT_SPAN: TimeDelta = TimeDelta::hours(24);

/// Longest text that is searched for. Units: characters.
const MAX_SEARCH_CHARS: usize = 200;

/// Texts that are searched for at once.
const MAX_SEARCHES: usize = 10;

/// What the caller asks for, in public names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FilterRequest {
    /// Start, included.
    pub(super) from: DateTime<Utc>,
    /// End, excluded.
    pub(super) to: DateTime<Utc>,
    /// What a failure must be one of.
    pub(super) include: FacetRequest,
    /// What it must be none of.
    pub(super) exclude: FacetRequest,
    /// The path contains one of these texts.
    pub(super) search: Vec<String>,
    /// The path contains none of these texts.
    pub(super) search_not: Vec<String>,
}

/// Values of each field; empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FacetRequest {
    pub(super) codes: Vec<FailureCode>,
    pub(super) reasons: Vec<Reason>,
    pub(super) stages: Vec<Stage>,
    pub(super) origins: Vec<OriginChoice>,
    pub(super) endpoints: Vec<EndpointChoice>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) statuses: Vec<i16>,
    pub(super) versions: Vec<TenantSeq>,
    pub(super) nodes: Vec<NodeId>,
    pub(super) groups: Vec<GroupId>,
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
        Self {
            from,
            to,
            include: FacetRequest::read(parameters, ""),
            exclude: FacetRequest::read(parameters, "not."),
            search: read_search(parameters, "q"),
            search_not: read_search(parameters, "not.q"),
        }
    }
}

impl FacetRequest {
    fn read(parameters: &mut Parameters, prefix: &str) -> Self {
        let name = |field: &str| format!("{prefix}{field}");
        let codes = FailureCode::ALL.map(FailureCode::as_str).join(", ");
        let outcomes = Outcome::ALL.map(Outcome::as_str).join(", ");
        let stages = format!("one of {}", Stage::ALL.map(Stage::as_str).join(", "));
        let reasons: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
        let mut facets = Self {
            codes: parameters.many(
                &name("code"),
                &format!("one of {codes}"),
                FailureCode::from_name,
            ),
            reasons: parameters.many(
                &name("reason"),
                &format!("one of {}", reasons.join(", ")),
                Reason::from_name,
            ),
            stages: parameters.many(&name("stage"), &stages, Stage::from_name),
            origins: parameters.many(&name("origin"), "an origin's id or none", parse_origin),
            endpoints: parameters.many(
                &name("endpoint"),
                "a URL endpoint's id, default or none",
                parse_endpoint,
            ),
            outcomes: parameters.many(
                &name("outcome"),
                &format!("one of {outcomes}"),
                Outcome::from_name,
            ),
            statuses: parameters.many(
                &name("status"),
                "an HTTP status (100 to 599) or none",
                parse_status,
            ),
            versions: parameters.many(&name("version"), "a configuration version", parse_version),
            nodes: parameters.many(&name("node"), "a serving node's id", parse_node),
            groups: parameters.many(
                &name("group"),
                "a group's id, 16 hexadecimal digits",
                |text| text.parse().ok(),
            ),
        };
        let phases = parameters.many(&name("phase"), &stages, Stage::from_name);
        facets.stages.extend(phases);
        facets
    }
}

/// `from` and `to`, which every question about time understands.
pub(in crate::routes::dashboard) fn read_period(
    parameters: &mut Parameters,
    now: DateTime<Utc>,
) -> (DateTime<Utc>, DateTime<Utc>) {
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

/// Empty ones count as absent.
fn read_search(parameters: &mut Parameters, name: &str) -> Vec<String> {
    let expected = format!(
        "a part of a path, {MAX_SEARCH_CHARS} characters at most, without control characters"
    );
    let texts = parameters.many(name, &expected, |text| {
        let fits = text.chars().count() <= MAX_SEARCH_CHARS && !text.chars().any(char::is_control);
        fits.then(|| text.to_owned())
    });
    if texts.len() > MAX_SEARCHES {
        parameters.refuse(
            name,
            format!(
                "{name} may be given {MAX_SEARCHES} times: every text is looked for in every path."
            ),
        );
        return Vec::new();
    }
    texts.into_iter().filter(|text| !text.is_empty()).collect()
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

/// 0 stands for "no answer came".
fn parse_status(text: &str) -> Option<i16> {
    match text {
        "none" => Some(0),
        number => number
            .parse()
            .ok()
            .filter(|status| (100..=599).contains(status)),
    }
}

fn parse_version(text: &str) -> Option<TenantSeq> {
    let seq = text.parse().ok().filter(|seq| *seq > 0)?;
    Some(TenantSeq(seq))
}

fn parse_node(text: &str) -> Option<NodeId> {
    text.parse().ok().map(NodeId)
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
        assert_eq!(filter.include, FacetRequest::default());
        assert!(filter.search.is_empty());
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
            "from=now-1h&code=ENOENT&code=EACCES&reason=dns_timeout&origin={id}&origin=none&endpoint=default&outcome=rescued&q=a%2Fb&q=d&q=\
             &stage=dns&phase=tls&status=503&status=none&version=7&node=42&group=00000000000000ff&not.status=404&not.q=c"
        ))
        .unwrap();
        let include = filter.include;
        assert_eq!(include.codes, [FailureCode::Enoent, FailureCode::Eacces]);
        assert_eq!(include.reasons, [Reason::DnsTimeout]);
        assert_eq!(include.stages, [Stage::Dns, Stage::Tls]);
        assert_eq!(include.origins, [OriginChoice::Id(id), OriginChoice::None]);
        assert_eq!(include.endpoints, [EndpointChoice::Default]);
        assert_eq!(include.outcomes, [Outcome::Rescued]);
        assert_eq!(include.statuses, [503, 0]);
        assert_eq!(include.versions, [TenantSeq(7)]);
        assert_eq!(include.nodes, [NodeId(42)]);
        assert_eq!(include.groups, [GroupId(255)]);
        assert_eq!(filter.search, ["a/b", "d"]);
        assert_eq!(filter.exclude.statuses, [404]);
        assert_eq!(filter.search_not, ["c"]);
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
                "q is a part of a path, 200 characters at most, without control characters, not \"?\"; repeat the parameter for several.",
            ]
        );
    }

    #[test]
    fn ten_texts_are_searched_for_at_most() {
        let query = |count: usize| vec!["not.q=x"; count].join("&");
        assert_eq!(read(&query(10)).unwrap().search_not.len(), 10);
        assert_eq!(
            read(&query(11)).unwrap_err(),
            ["not.q may be given 10 times: every text is looked for in every path."]
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
