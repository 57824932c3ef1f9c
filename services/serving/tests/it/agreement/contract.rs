//! What every failure must say by itself: on the wire, in its event, in its trace.

use limpid_domain::diagnosis::Explanation;
use limpid_domain::failure::FailureEvent;
use limpid_domain::failure::reason::SentenceRule;
use limpid_domain::ids::{OriginNo, UrlEndpointNo};

use super::Case;
use crate::client::Answer;

/// Longest `ik-error`. Source: `errors.md`, "Contract on the wire".
const MAX_IK_ERROR_BYTES: usize = 256;

/// What of the answer breaks the contract.
pub(super) fn of_answer(case: &Case, answer: &Answer) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let code = case.reason.code();
    expect(
        answer.status == code.http_status(),
        format!("status {}", answer.status),
    );
    let body: &[u8] = match answer.status {
        400 => b"Bad Request",
        _ => b"Not Found",
    };
    expect(answer.body == body, format!("body {:?}", answer.body));
    for (name, value) in [
        ("cache-control", "no-cache,no-store"),
        ("content-type", "text/plain; charset=utf-8"),
        ("timing-allow-origin", "*"),
        ("access-control-allow-origin", "*"),
    ] {
        expect(
            answer.header(name) == value,
            format!("{name}: {}", answer.header(name)),
        );
    }
    for name in ["ik-request-id", "ik-event-id"] {
        expect(
            answer.header(name).len() == 36,
            format!("{name}: {}", answer.header(name)),
        );
    }
    let exposed = answer.header("access-control-expose-headers");
    for name in [
        "ik-error",
        "ik-error-reason",
        "ik-request-id",
        "ik-event-id",
        "proxy-status",
    ] {
        expect(exposed.contains(name), format!("{name} is not exposed"));
    }
    let error = answer.header("ik-error");
    let is_line =
        error.len() <= MAX_IK_ERROR_BYTES && error.bytes().all(|b| (b' '..=b'~').contains(&b));
    expect(is_line, format!("ik-error is no line: {error:?}"));
    let tells = !answer.header("ik-error-reason").is_empty();
    if let (true, SentenceRule::Fixed(sentence)) = (tells, case.reason.row().sentence)
        && !error.contains("(layer input ")
    {
        let whole = format!("{} - {sentence}", code.as_str());
        expect(
            error == whole,
            format!("ik-error {error:?} instead of {whole:?}"),
        );
    }
    let proxy = answer.header("proxy-status");
    let token = match (tells, case.reason.row().proxy_status) {
        (true, Some(token)) => format!("limpid; error={token}"),
        (true, None) | (false, _) => "limpid".to_owned(),
    };
    let is_told =
        proxy == token || (tells && proxy.starts_with(&format!("{token}; received-status=")));
    expect(is_told, format!("proxy-status: {proxy} instead of {token}"));
    wrong
}

/// What of the event is missing or contradicts the answer.
pub(super) fn of_event(
    case: &Case,
    event: &FailureEvent,
    (answer, is_repeat): (&Answer, bool),
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut expect = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    expect(
        event.occurrences == 1,
        format!("{} occurrences", event.occurrences),
    );
    expect(
        event.config_version.0 > 0,
        "no configuration version".to_owned(),
    );
    expect(
        event.endpoint_no != UrlEndpointNo::NONE,
        "no endpoint".to_owned(),
    );
    expect(
        event.request_id.to_string() == answer.header("ik-request-id"),
        "another request".to_owned(),
    );
    let received = answer.header("proxy-status").split_once("received-status=");
    if let Some((_, status)) = received {
        expect(
            status == event.upstream_status.to_string(),
            format!("upstream {}", event.upstream_status),
        );
    }
    let Some(detail) = &event.detail else {
        wrong.push("no detail".to_owned());
        return wrong;
    };
    expect(detail.method == "GET", format!("method {}", detail.method));
    let was_answered = !detail.response_headers.is_empty();
    expect(
        !was_answered || event.upstream_status != 0,
        "header fields of no answer".to_owned(),
    );
    if case.is_of_origin {
        let path = event.path.trim_start_matches('/');
        let is_path = !path.is_empty() && case.target.ends_with(path);
        expect(is_path, format!("path {}", event.path));
        expect(detail.url.contains(path), format!("url {}", detail.url));
        let is_told = detail.note.is_some() || detail.limit.is_some();
        expect(is_told, "nothing for people to read".to_owned());
        expect(event.attempt == 1, format!("attempt {}", event.attempt));
        expect(event.origin_no != OriginNo::NONE, "no origin".to_owned());
        expect(
            event.origin_kind.is_some() && event.origin_version.0 > 0,
            "no kind or version".to_owned(),
        );
        // Of a repeat nobody was asked.
        let has_time = detail.timings.total_us > 0;
        expect(has_time != is_repeat, format!("times {:?}", detail.timings));
        let has_place = event.upstream_status == 0 || detail.location.is_some();
        expect(has_place, "answered from nowhere".to_owned());
    }
    wrong
}

/// What of the trace says less than is known.
pub(super) fn of_trace(
    case: &Case,
    explanation: &Explanation,
    event: &FailureEvent,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let advice = explanation.advice.as_deref().unwrap_or_default();
    for general in ["in question", "<bucket>", "<endpoint id>", "{"] {
        if case.is_of_origin && advice.contains(general) {
            wrong.push(format!("advice with {general:?}: {advice}"));
        }
    }
    let has = |name: &str| explanation.steps.iter().any(|step| step.name == name);
    let red = explanation
        .failed_step
        .and_then(|at| explanation.steps.get(at));
    if case.is_of_origin {
        if !red.is_some_and(|step| step.name.starts_with("origin 1")) {
            wrong.push(format!("the red step is {red:?}"));
        }
        if !has("origin 1: breaker") {
            wrong.push("no breaker".to_owned());
        }
    }
    let has_page = event
        .detail
        .as_ref()
        .is_some_and(|detail| detail.body_excerpt.is_some());
    if has_page && !has("origin 1: first bytes") {
        wrong.push("a page came, and its first bytes are not shown".to_owned());
    }
    for step in &explanation.steps {
        if step.detail.is_empty() {
            wrong.push(format!("step {} says nothing", step.name));
        }
    }
    wrong
}
