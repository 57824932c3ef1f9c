//! What an explanation ends with: the answer a client would get, who decided over it, and what to do about it.

use std::sync::Arc;

use limpid_domain::diagnosis::{Explanation, ExplanationStep, NearMiss};
use limpid_domain::failure::Reason;
use limpid_domain::failure::advice::{
    AdviceContext, RefusalContext, Snippet, advice, refusal_advice, snippet,
};
use limpid_domain::ids::RequestId;

use crate::config_snapshot::Origin;
use crate::error::{self, Refusal};
use crate::failure_recorder::event::{EventContext, FailedAttempt, headline_of};
use crate::gates::Admitted;
use crate::image_request::ImageRequest;
use crate::response::{self, HttpResponse, StandIn, StandInKind};
use crate::steps::Steps;
use crate::variant::Variant;

/// Who decided that a request fails, and what to say about it.
pub(crate) struct Decided {
    /// None where the request was refused for what it is.
    pub(crate) reason: Option<Reason>,
    pub(crate) advice: String,
    snippet: Option<Snippet>,
    attempt: i16,
    pub(super) origin: Option<Arc<Origin>>,
}

/// A picture in place of the one asked for, and what that one failed with.
pub(super) fn stood_in(
    (variant, attempts, kind): (&Variant, &[FailedAttempt], StandInKind),
    request: &ImageRequest,
    admitted: &Admitted,
) -> (HttpResponse, Option<Decided>) {
    let headline = headline_of(attempts);
    let level = admitted.event_context.detail_level;
    let stand_in = StandIn {
        kind,
        reason: headline.and_then(|headline| error::told_reason(headline, level)),
        event_id: None,
    };
    let context = admitted.success_context(request, Some(stand_in));
    let decided = headline.map(|headline| decided(headline, Some(admitted)));
    let mut response = response::success(variant, &context);
    if let (StandInKind::DefaultImage, Some(headline)) = (kind, headline) {
        let error = error::failed(headline, level, request.id, None);
        response = response::with_error(response, &error);
    }
    (response, decided)
}

/// What to do about a refusal.
pub(super) fn refused(refusal: &Refusal, context: &RefusalContext<'_>) -> Decided {
    let context = RefusalContext {
        sentence: refusal.sentence(),
        ..*context
    };
    Decided {
        reason: None,
        advice: refusal_advice(refusal.cause(), &context),
        snippet: None,
        attempt: 0,
        origin: None,
    }
}

pub(crate) fn failed(
    headline: &FailedAttempt,
    context: Option<&EventContext>,
    id: RequestId,
    admitted: Option<&Admitted>,
) -> (HttpResponse, Decided) {
    let level = context.map_or(limpid_domain::failure::DetailLevel::Reason, |context| {
        context.detail_level
    });
    let answer = error::failed(headline, level, id, None);
    (response::error(&answer), decided(headline, admitted))
}

fn decided(headline: &FailedAttempt, admitted: Option<&Admitted>) -> Decided {
    let endpoint = admitted.map(|admitted| &admitted.order.endpoint);
    let endpoint_id = endpoint.map(|endpoint| endpoint.public_id());
    let context = AdviceContext {
        origin: headline.origin.as_ref().map(|origin| &origin.settings),
        location: headline.failure.location.as_deref(),
        endpoint: endpoint.map(|endpoint| endpoint.description.as_str()),
        endpoint_id: endpoint_id.as_deref(),
        note: headline.failure.note.as_deref(),
    };
    Decided {
        reason: Some(headline.failure.reason),
        advice: advice(headline.failure.reason, &context),
        snippet: snippet(headline.failure.reason, &context),
        attempt: headline.attempt,
        origin: headline.origin.clone(),
    }
}

pub(crate) fn explanation(
    url: String,
    response: &HttpResponse,
    steps: Steps,
    decided: Option<Decided>,
    exists_as: Vec<NearMiss>,
) -> Explanation {
    use http_body::Body as _;
    let headers: Vec<(String, String)> = response
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let steps = steps.into_vec();
    let has_failed = response.status().is_client_error() || response.status().is_server_error();
    let ik_error = headers.iter().find(|(name, _)| name == "ik-error");
    Explanation {
        url,
        status: response.status().as_u16(),
        failed_step: has_failed
            .then(|| deciding_step(&steps, decided.as_ref()))
            .flatten(),
        ik_error: ik_error.map(|(_, value)| value.clone()),
        headers,
        body_bytes: response.body().size_hint().exact().unwrap_or_default(),
        steps,
        reason: decided
            .as_ref()
            .and_then(|decided| decided.reason)
            .map(|reason| reason.name().to_owned()),
        snippet: decided
            .as_ref()
            .and_then(|decided| decided.snippet.clone())
            .map(Into::into),
        advice: decided.map(|decided| match exists_as.first() {
            Some(near) => found_near(near, &decided.advice),
            None => decided.advice,
        }),
        exists_as,
    }
}

/// The advice about a missing file where there is one near it, which is likelier than anything else.
fn found_near(near: &NearMiss, advice: &str) -> String {
    let NearMiss { path, difference } = near;
    format!(
        "Ask for \"{path}\", which exists ({difference}), or store the file under the path that is asked for. Otherwise: {advice}"
    )
}

/// The first step that failed, of the origin that decided where one did.
fn deciding_step(steps: &[ExplanationStep], decided: Option<&Decided>) -> Option<usize> {
    let attempt = decided.map(|decided| format!("origin {}", decided.attempt));
    let of_origin = attempt.and_then(|attempt| {
        steps.iter().position(|step| {
            let rest = step.name.strip_prefix(&attempt);
            !step.ok && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        })
    });
    // A refusal comes last: what is red before it was an origin that another one stood in for.
    let is_refusal = decided.is_some_and(|decided| decided.reason.is_none());
    let mut others = steps.iter();
    of_origin.or_else(|| {
        if is_refusal {
            others.rposition(|step| !step.ok)
        } else {
            others.position(|step| !step.ok)
        }
    })
}
