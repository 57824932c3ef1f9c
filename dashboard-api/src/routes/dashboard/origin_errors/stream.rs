//! `GET /dashboard/v1/origin-errors/stream`: failures as they arrive, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use futures::stream;
use http::HeaderMap;
use limpid_domain::ids::TenantId;
use limpid_event_store::StoreError;
use limpid_read_models::failure_log::{Arrivals, Position, arrivals, latest_position};
use limpid_read_models::filter::FailureFilter;
use limpid_read_models::freshness::{Reads, freshness};
use serde_json::json;
use tokio::time::Instant;

use super::Question;
use super::event_answer::EventAnswer;
use super::filter::{FILTER_NAMES, FilterParameters, FilterRequest};
use super::names::Names;
use crate::auth::{StreamTenant, TOKEN};
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;
use crate::streams::StreamPermit;

/// How often arrivals are looked for. With the spool's 50 ms this keeps "failure to visible" well under a second.
const POLL: Duration = Duration::from_millis(250);

/// Source: `dashboard.md` 2.4.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Failures that are sent of one look: about 200 a second. What is beyond is told as a number.
const MAX_PER_POLL: u16 = 50;

const LAST_EVENT_ID: &str = "last-event-id";

/// Sends failures as they arrive: `event: origin-error` with the event as JSON and its position as id; `event: dropped` with
/// `{"count"}` when more arrived than are sent; `event: heartbeat` with `{"asOf","lagMs"}` every 15 seconds. `Last-Event-ID`
/// resumes where a stream ended. `from` and `to` do not matter. Ten streams per account.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/stream", tag = "origin errors",
    operation_id = "streamOriginErrors", security(("privateKey" = [])),
    params(FilterParameters,
        ("token" = Option<String>, Query, description = "Instead of the private key: from `POST /dashboard/v1/stream-tokens`."),
        ("last-event-id" = Option<String>, Header, description = "The id of the last event that was received.")),
    responses((status = 200, description = "The stream.", content_type = "text/event-stream", body = String),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key, or a token that opens nothing.", body = ProblemBody),
        (status = 429, description = "The account has too many open streams.", body = ProblemBody)))]
pub(super) async fn stream_events(
    StreamTenant(tenant_id): StreamTenant,
    State(state): State<ApiState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, ApiError> {
    let known = [FILTER_NAMES.as_slice(), &[TOKEN]].concat();
    let mut parameters = Parameters::parse(query.as_deref(), &known);
    let request = FilterRequest::read(&mut parameters, state.config().clock.now());
    let resumed = read_position(&headers, &mut parameters);
    parameters.finish()?;
    let permit = state.streams().open(tenant_id)?;
    let mut question = Question::open_for(&state, tenant_id, request).await?;
    let position = match resumed {
        Some(position) => position,
        None => latest_position(&mut question.tx).await?,
    };
    drop(question.tx);
    let tail = Tail {
        state,
        tenant_id,
        names: question.names,
        filter: question.filter,
        position,
        heartbeat_at: Instant::now(),
        _permit: permit,
    };
    let events = stream::unfold(tail, Tail::next);
    Ok(Sse::new(futures::StreamExt::flat_map(events, stream::iter)))
}

fn read_position(headers: &HeaderMap, parameters: &mut Parameters) -> Option<Position> {
    let value = headers.get(LAST_EVENT_ID)?;
    let position = value.to_str().ok().and_then(|text| text.parse().ok());
    if position.is_none() {
        let detail = "Last-Event-ID is the id of an event of this stream; leave it out to begin with what arrives from now on.";
        parameters.refuse("Last-Event-ID", detail.to_owned());
    }
    position
}

/// A stream under way.
struct Tail {
    state: ApiState,
    tenant_id: TenantId,
    names: Names,
    filter: FailureFilter,
    position: Position,
    heartbeat_at: Instant,
    _permit: StreamPermit,
}

type Messages = Vec<Result<Event, Infallible>>;

impl Tail {
    /// Waits for something to say. The database being away is no reason to end: the position stays, the heartbeat stops.
    async fn next(mut self) -> Option<(Messages, Self)> {
        loop {
            if self.state.shutdown().is_cancelled() {
                return None;
            }
            match self.look().await {
                Ok(messages) if !messages.is_empty() => return Some((messages, self)),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "a stream waits for the database"
                    );
                }
            }
            let stop = self.state.shutdown().clone();
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                () = stop.cancelled() => return None,
            }
        }
    }

    async fn look(&mut self) -> Result<Messages, StoreError> {
        let mut tx = self.state.failures().tenant_tx(self.tenant_id).await?;
        let found = arrivals(&mut tx, &self.filter, &self.position, MAX_PER_POLL).await?;
        let mut arrived = found.failures.iter();
        if !arrived.all(|stored| self.names.know(&stored.event)) {
            self.names = Names::load(&mut tx).await?;
        }
        let mut messages = self.messages(&found);
        self.position = found.position;
        if self.heartbeat_at <= Instant::now() {
            self.heartbeat_at = Instant::now() + HEARTBEAT;
            let fresh = freshness(&mut tx, self.filter.window, Reads::Events).await?;
            let data = json!({"asOf": fresh.as_of, "lagMs": fresh.lag.num_milliseconds()});
            messages.push(Ok(self.message("heartbeat", &data.to_string())));
        }
        Ok(messages)
    }

    /// Only the last message carries the new position: a stream that breaks between two repeats some rather than losing any.
    fn messages(&self, found: &Arrivals) -> Messages {
        let mut messages = Messages::new();
        let last = found.failures.len().saturating_sub(1);
        for (index, stored) in found.failures.iter().enumerate() {
            let answer = EventAnswer::new(&stored.event, &self.names);
            let data = match serde_json::to_string(&answer) {
                Ok(data) => data,
                Err(error) => {
                    tracing::error!(%error, event_id = %stored.event.event_id, "a failure has no JSON form");
                    json!({"id": stored.event.event_id.to_string(), "unreadable": true}).to_string()
                }
            };
            let is_last = index == last && found.left_out == 0;
            let position = if is_last {
                &found.position
            } else {
                &self.position
            };
            let event = Event::default().event("origin-error").data(data);
            messages.push(Ok(event.id(position.to_string())));
        }
        if found.left_out > 0 {
            let data = json!({"count": found.left_out}).to_string();
            let event = Event::default().event("dropped").data(data);
            messages.push(Ok(event.id(found.position.to_string())));
        }
        messages
    }

    fn message(&self, name: &str, data: &str) -> Event {
        let event = Event::default().event(name).data(data);
        event.id(self.position.to_string())
    }
}
