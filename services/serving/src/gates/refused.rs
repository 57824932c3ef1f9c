//! Requests that end at a gate: who counts them, whom they are told to, and what would have been right.

use std::sync::Arc;
use std::time::Instant;

use limpid_delivery_url::signature::{self, SignedRequest};
use limpid_delivery_url::target::Fault;
use limpid_delivery_url::transformation::ExpansionError;
use limpid_delivery_url::{TargetError, debug_token};
use limpid_domain::clock::Clock;
use limpid_domain::failure::advice::RefusalCause;
use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::ids::UrlEndpointNo;
use limpid_domain::usage::CacheResult;
use secrecy::ExposeSecret;

use super::{Route, Stopped, event_context, find_account};
use crate::config_snapshot::{Account, ConfigSnapshot, Endpoint};
use crate::error::Refusal;
use crate::failure_recorder::event::{Debugging, FailedAttempt};
use crate::image_request::ImageRequest;
use crate::steps::Steps;
use crate::usage::Delivered;

/// What is counted of a request that was refused: by whom, and the URL endpoint if it got that far.
pub(crate) fn refused_of(snapshot: &ConfigSnapshot, request: ImageRequest) -> Option<Delivered> {
    let Route { account, mount } = find_account(snapshot, &request)?;
    let resolved = request
        .target
        .resolve(mount, |prefix| account.endpoints.contains_key(prefix));
    let endpoint = resolved
        .ok()
        .and_then(|resolved| account.endpoint(&resolved.endpoint_prefix));
    Some(Delivered {
        tenant_id: account.tenant_id,
        endpoint_no: endpoint.map_or(UrlEndpointNo::NONE, |endpoint| endpoint.no),
        cache: CacheResult::NotAsked,
        endpoint: None,
        path: String::new(),
        transformation: None,
        referrer: request.referrer,
        user_agent: request.user_agent,
    })
}

/// The account a request is for, and its URL endpoint if it got that far: for who explains a refusal.
pub(crate) fn place_of(
    snapshot: &ConfigSnapshot,
    request: &ImageRequest,
) -> Option<(Arc<Account>, Option<Arc<Endpoint>>)> {
    let Route { account, mount } = find_account(snapshot, request)?;
    let resolved = request
        .target
        .resolve(mount, |prefix| account.endpoints.contains_key(prefix));
    let endpoint = resolved
        .ok()
        .and_then(|resolved| account.endpoint(&resolved.endpoint_prefix).cloned());
    Some((account, endpoint))
}

/// What a signature of this request has to be made of: the text without the account, and the end of its time.
pub(crate) fn text_to_sign(snapshot: &ConfigSnapshot, request: &ImageRequest) -> Option<String> {
    let Route { account, mount } = find_account(snapshot, request)?;
    let resolved = request
        .target
        .resolve(mount, |prefix| account.endpoints.contains_key(prefix))
        .ok()?;
    signature::text_to_sign(&SignedRequest {
        target: &request.target,
        mount,
        endpoint_prefix: &resolved.endpoint_prefix,
        site: None,
    })
}

/// A target that cannot be understood, with its red step.
pub(super) fn unresolved(
    error: TargetError,
    account: &Account,
    (request, clock): (&ImageRequest, &Clock),
    steps: &mut Steps,
) -> Box<Stopped> {
    steps.failed("url", Instant::now(), || error.to_string());
    Box::new(stopped_by_target(error, account, request, clock))
}

fn stopped_by_target(
    error: TargetError,
    account: &Account,
    request: &ImageRequest,
    clock: &Clock,
) -> Stopped {
    match error.fault() {
        Fault::Invalid => {
            let refusal = Refusal::invalid(error.to_string());
            Stopped::Refused(refusal.because(RefusalCause::Url))
        }
        Fault::NotFound => {
            let failure = AttemptFailure::new(Reason::ObjectNotFound).with_note(error.to_string());
            let attempt = FailedAttempt::before_any_origin(failure, clock.now());
            let mut context = event_context(account, None, None, request);
            context.debug = debugging(account, request, clock);
            Stopped::Failed(Box::new(context), attempt)
        }
    }
}

/// What the request's debug token opens.
pub(super) fn debugging(account: &Account, request: &ImageRequest, clock: &Clock) -> Debugging {
    let Some(token) = &request.debug_token else {
        return Debugging::Unasked;
    };
    let now = u64::try_from(clock.now().timestamp()).unwrap_or(0);
    let keys = account.private_keys.iter().map(ExposeSecret::expose_secret);
    match debug_token::verify(token, account.imagekit_id.as_str(), keys, now) {
        Ok(()) => Debugging::Granted,
        Err(error) => Debugging::Refused(error),
    }
}

/// A named transformation that cannot be put in.
pub(super) fn unexpanded(error: &ExpansionError) -> Refusal {
    let refusal = Refusal::invalid(error.to_string());
    match error {
        ExpansionError::Unknown(_) => refusal.because(RefusalCause::UnknownName),
        ExpansionError::Nested(_) | ExpansionError::TooLong => refusal,
    }
}
