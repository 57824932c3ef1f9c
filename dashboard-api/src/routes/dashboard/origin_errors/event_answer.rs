//! A failure event as it is answered: every stored column, what follows from the table, and public ids.

use chrono::{DateTime, Utc};
use limpid_domain::failure::advice::{AdviceContext, Snippet, advice, snippet};
use limpid_domain::failure::{FailureDetail, FailureEvent};
use limpid_read_models::delivery_config::UrlEndpointConfig;
use limpid_read_models::failure_log::StoredFailure;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::names::Names;

/// One failed attempt, as lists show it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginError)]
pub(super) struct EventAnswer {
    /// `ik-event-id`.
    pub(super) id: Uuid,
    /// When the attempt ended.
    pub(super) occurred_at: DateTime<Utc>,
    /// `ik-request-id`; the same for all attempts of one request.
    pub(super) request_id: Uuid,
    /// The public code.
    #[schema(example = "EACCES")]
    pub(super) code: &'static str,
    /// The reason, a row of the table of failures.
    #[schema(example = "access_denied")]
    pub(super) reason: &'static str,
    /// The reason in two to four words.
    pub(super) title: &'static str,
    /// What the client was told after the code.
    pub(super) message: String,
    /// Where on the way it arose.
    #[schema(example = "headers")]
    pub(super) stage: &'static str,
    /// Who has to act.
    #[schema(example = "tenant_config")]
    pub(super) blame: &'static str,
    /// What became of the request.
    #[schema(example = "failed")]
    pub(super) outcome: &'static str,
    /// Whether its code is the one the client saw.
    pub(super) headline: bool,
    /// Which attempt of the request, from 1; 0 where no origin was asked.
    pub(super) attempt: i16,
    /// How many failed requests this event stands for.
    pub(super) occurrences: i32,
    /// The status the client sees with this code.
    pub(super) status: u16,
    /// The origin that was asked, also if it is deleted by now.
    pub(super) origin_id: Option<Uuid>,
    /// Its name, the last one if it is deleted.
    pub(super) origin_name: Option<String>,
    /// Its type.
    #[schema(example = "S3")]
    pub(super) origin_type: Option<&'static str>,
    /// The URL endpoint: its id, or `default`.
    pub(super) url_endpoint_id: Option<String>,
    /// The requested file path.
    pub(super) path: String,
    /// The origin's HTTP status, if it answered.
    pub(super) upstream_status: Option<i16>,
    /// The provider's own code.
    #[schema(example = "AccessDenied")]
    pub(super) provider_code: Option<String>,
    /// How long the attempt took. Units: ms.
    pub(super) duration_ms: i32,
    /// The account's configuration version in force.
    pub(super) config_version: i64,
    /// The URL endpoint's own version in force.
    pub(super) url_endpoint_version: i32,
    /// The origin's own version in force.
    pub(super) origin_version: i32,
}

/// One failed attempt with everything that is known about it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OriginErrorWithDetail)]
pub(super) struct EventWithDetailAnswer {
    #[serde(flatten)]
    event: EventAnswer,
    /// What happened, for people who never heard of it.
    meaning: &'static str,
    /// What to do about it, with the account's own values.
    advice: String,
    /// The policy or command that goes with the advice, where there is one: `title`, `language` (`json`, `sh`) and `text`.
    #[schema(value_type = Option<Object>)]
    snippet: Option<Snippet>,
    /// The `ik-error` header of the answer.
    #[schema(example = "EACCES - Access to S3 was denied, check the credentials of the origin")]
    ik_error: String,
    /// All recorded attempts of the same request, this one included, in their order.
    attempts: Vec<EventAnswer>,
    /// The serving node that recorded it. A text: the number has up to 63 bits.
    node_id: String,
    /// The batch it was stored with, dense per node.
    batch_seq: i64,
    /// What is only kept below a rate.
    #[schema(value_type = Option<Object>)]
    detail: Option<FailureDetail>,
}

impl EventAnswer {
    /// The event under public names.
    pub(super) fn new(event: &FailureEvent, names: &Names) -> Self {
        let row = event.reason.row();
        let origin = names.origin(event.origin_no);
        let detail = event.detail.as_deref();
        Self {
            id: event.event_id.0,
            occurred_at: event.occurred_at,
            request_id: event.request_id.0,
            code: row.code.as_str(),
            reason: row.name,
            title: row.title,
            message: event.message(),
            stage: row.stage.as_str(),
            blame: row.blame.as_str(),
            outcome: event.outcome.as_str(),
            headline: event.headline,
            attempt: event.attempt,
            occurrences: event.occurrences,
            status: row.code.http_status(),
            origin_id: origin.map(|origin| origin.id.0),
            origin_name: origin.map(|origin| origin.settings.name.clone()),
            origin_type: event
                .origin_kind
                .map(limpid_domain::origin::OriginKind::as_str),
            url_endpoint_id: names
                .endpoint(event.endpoint_no)
                .map(UrlEndpointConfig::api_id),
            path: event.path.clone(),
            upstream_status: (event.upstream_status != 0).then_some(event.upstream_status),
            provider_code: detail.and_then(|detail| detail.provider_code.clone()),
            duration_ms: event.duration_ms,
            config_version: event.config_version.0,
            url_endpoint_version: event.endpoint_version.0,
            origin_version: event.origin_version.0,
        }
    }
}

impl EventWithDetailAnswer {
    /// The event with its explanation and its siblings.
    pub(super) fn new(stored: &StoredFailure, attempts: &[StoredFailure], names: &Names) -> Self {
        let event = &stored.event;
        let answer = EventAnswer::new(event, names);
        let endpoint = names.endpoint(event.endpoint_no);
        let detail = event.detail.as_deref();
        let context = AdviceContext {
            origin: names.origin(event.origin_no).map(|origin| &origin.settings),
            location: detail.and_then(|detail| detail.location.as_deref()),
            endpoint: endpoint.map(|endpoint| endpoint.settings.description.as_str()),
            endpoint_id: answer.url_endpoint_id.as_deref(),
            note: detail.and_then(|detail| detail.note.as_deref()),
        };
        let attempts = attempts.iter();
        Self {
            meaning: event.reason.row().meaning,
            advice: advice(event.reason, &context),
            snippet: snippet(event.reason, &context),
            ik_error: format!("{} - {}", answer.code, answer.message),
            attempts: attempts
                .map(|attempt| EventAnswer::new(&attempt.event, names))
                .collect(),
            node_id: stored.node.to_string(),
            batch_seq: stored.batch.0,
            detail: detail.cloned(),
            event: answer,
        }
    }
}
