//! Commands that take effect once, however often they are sent. Source: `dashboard.md` 2.6.
//!
//! A request with an `Idempotency-Key` is an [`attempt`]. Its command does not commit by itself: it leaves its transaction to the middleware
//! here, which waits for the answer, stores it in that transaction and commits both together. So there is never a change whose
//! answer is not known, nor an answer to something that did not happen; an attempt that fails leaves nothing, and its key stays free.
//!
//! | module | holds |
//! |---|---|
//! | `asked` | the key of a request, and what of the request belongs to it |
//! | `attempt` | what the transaction of a command needs to know of the request it is part of |
//! | `kept` | an answer on its way into the table and back |

mod asked;
mod attempt;
mod kept;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use limpid_event_store::config_log::answers::{self, AnswerKey, AnswerScope};
use limpid_event_store::{StoreError, TenantTx};

use crate::auth::{Operator, Tenant};
use crate::error::ApiError;
use crate::json_body::read_in_time;
use crate::router::ApiState;
use asked::Asked;
use kept::KeptAnswer;

pub(crate) use attempt::{Attempt, commit, enter};

/// Longest answer to a command; the largest, to a hundred purges, has 40 KB.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Middleware around every documented route.
pub(crate) async fn once(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let answered = answer(&state, request, next).await;
    answered.unwrap_or_else(IntoResponse::into_response)
}

async fn answer(state: &ApiState, request: Request, next: Next) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let Some(asked) = Asked::read(&parts)? else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let scope = scope_of(&mut parts, state).await?;
    let body = read_in_time(body).await?;
    let question = asked.question(scope, &parts, &body);
    if question.may_be_known
        && let Some(known) = recall(state, &question.key, &question.digest).await?
    {
        return Ok(known);
    }
    let attempt = Attempt::new(question);
    let request = Request::from_parts(parts, Body::from(body));
    let response = attempt.run(next.run(request)).await;
    match attempt.held() {
        Some(tx) if response.status().is_success() => keep(state, tx, &attempt, response).await,
        Some(_refused) => Ok(response),
        None => Ok(unless_known(state, &attempt, response).await),
    }
}

/// Who asks, as the handler will find out too: no answer is shown to anybody else.
async fn scope_of(parts: &mut Parts, state: &ApiState) -> Result<AnswerScope, ApiError> {
    if parts.uri.path().starts_with("/operator/") {
        Operator::from_request_parts(parts, state).await?;
        return Ok(AnswerScope::Operator);
    }
    let tenant = Tenant::from_request_parts(parts, state).await?;
    let scope = AnswerScope::Tenant(tenant.id);
    parts.extensions.insert(tenant);
    Ok(scope)
}

/// The answer that was given to the same question before.
///
/// Errors: [`ApiError::IdempotencyKeyReused`] where the key was given with another question.
async fn recall(
    state: &ApiState,
    key: &AnswerKey,
    question: &[u8; 32],
) -> Result<Option<Response>, ApiError> {
    let now = state.config().clock.now();
    let mut found = answers::find(state.database(), key, now).await?;
    if found.is_none() && state.config().failures_database.is_some() {
        found = answers::find(state.failures(), key, now).await?;
    }
    let Some(found) = found else {
        return Ok(None);
    };
    let kept = KeptAnswer::open(&state.config().vault, (found.tenant_id, key), &found.sealed)?;
    if !kept.answers(question) {
        return Err(ApiError::IdempotencyKeyReused);
    }
    kept.replay().map(Some)
}

/// An attempt that changed nothing: perhaps because another one with the same key ended in the meantime, whose answer is the one to give.
async fn unless_known(state: &ApiState, attempt: &Attempt, response: Response) -> Response {
    if response.status().is_success() || !attempt.question().may_be_known {
        return response;
    }
    let question = attempt.question();
    match recall(state, &question.key, &question.digest).await {
        Ok(Some(known)) => known,
        Ok(None) | Err(_) => response,
    }
}

/// Stores the answer in the transaction of what it answers, and commits both.
async fn keep(
    state: &ApiState,
    mut tx: TenantTx,
    attempt: &Attempt,
    response: Response,
) -> Result<Response, ApiError> {
    let question = attempt.question();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, MAX_ANSWER_BYTES)
        .await
        .map_err(|error| ApiError::Internal(error.into()))?;
    let kept = KeptAnswer::of(question, &parts, &body)?;
    let address = (tx.tenant_id(), &question.key);
    let sealed = kept.seal(&state.config().vault, address)?;
    let answer = answers::NewAnswer {
        command_id: attempt.command_id(),
        sealed,
        expires_at: state.config().clock.now() + question.kept_for,
    };
    let stored = if question.is_the_senders {
        answers::store(&mut tx, &question.key, &answer).await
    } else {
        answers::replace(&mut tx, &question.key, &answer).await
    };
    match stored {
        Ok(()) => {}
        Err(StoreError::Taken { .. }) => {
            drop(tx);
            let known = recall(state, &question.key, &question.digest).await?;
            return known.ok_or(ApiError::IdempotencyKeyInUse);
        }
        Err(error) => return Err(error.into()),
    }
    tx.commit().await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}
