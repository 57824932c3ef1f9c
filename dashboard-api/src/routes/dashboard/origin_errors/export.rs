//! `GET /dashboard/v1/origin-errors/export`: exactly the filtered failures, as CSV or NDJSON, streamed.

mod csv;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderName, HeaderValue, header};
use limpid_domain::ids::TenantId;
use limpid_read_models::failure_log::{Cursor, MAX_PAGE, StoredFailure, events};
use limpid_read_models::filter::FailureFilter;

use super::Question;
use super::event_answer::EventAnswer;
use super::filter::{FILTER_NAMES, FilterParameters, FilterRequest};
use super::meta::META;
use super::names::Names;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;

/// The query that an export answers, so that a file can be told from another.
const QUERY: HeaderName = HeaderName::from_static("x-limpid-query");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Ndjson,
}

const FORMATS: [(&str, Format); 2] = [("csv", Format::Csv), ("ndjson", Format::Ndjson)];

/// Exports failures, newest first, as a file of any length.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/export", tag = "origin errors",
    operation_id = "exportOriginErrors", security(("privateKey" = [])),
    params(FilterParameters,
        ("format" = Option<String>, Query, description = "csv (default) or ndjson: one event a line, as the list shows it.")),
    responses((status = 200, description = "The file. CSV cells that a spreadsheet would take for a formula begin with an apostrophe.",
            content((String = "text/csv"), (String = "application/x-ndjson")),
            headers(("x-limpid-query" = String, description = "The query that was answered."),
                ("x-limpid-meta" = String, description = "`meta` of other answers, as JSON: what the file covers, how fresh and how complete it is."))),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
pub(super) async fn export_events(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let known = [FILTER_NAMES.as_slice(), &["format"]].concat();
    let mut parameters = Parameters::parse(query.as_deref(), &known);
    let request = FilterRequest::read(&mut parameters, state.config().clock.now());
    let format = parameters.choice("format", &FORMATS);
    parameters.finish()?;
    let (name, format) = format.unwrap_or(("csv", Format::Csv));
    let mut question = Question::open(&state, &tenant, request).await?;
    let window = question.filter.window;
    // Read before the events: what it promises must be among them.
    let meta = question.meta_of_events(window).await?;
    let meta = serde_json::to_string(&meta).map_err(|error| ApiError::Internal(error.into()))?;
    let export = Export {
        state,
        tenant_id: tenant.id,
        names: question.names,
        filter: question.filter,
        format,
        next: Next::Beginning,
    };
    // Each page in a transaction and a turn of its own: a slow reader holds neither.
    drop(question.tx);
    let body = Body::from_stream(stream::try_unfold(export, Export::page));
    let (from, to) = (window.from.timestamp(), window.to.timestamp());
    let disposition = format!("attachment; filename=\"origin-errors-{from}-{to}.{name}\"");
    let media_type = match format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Ndjson => "application/x-ndjson",
    };
    let mut response = ([(header::CONTENT_TYPE, media_type)], body).into_response();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if let Ok(value) = HeaderValue::try_from(meta) {
        headers.insert(META, value);
    }
    if let Ok(value) = HeaderValue::try_from(query.unwrap_or_default()) {
        headers.insert(QUERY, value);
    }
    Ok(response)
}

/// An export under way.
struct Export {
    state: ApiState,
    tenant_id: TenantId,
    names: Names,
    filter: FailureFilter,
    format: Format,
    next: Next,
}

enum Next {
    Beginning,
    After(Cursor),
    End,
}

impl Export {
    /// The next page as text. An error ends the answer before its end, which every client notices.
    async fn page(mut self) -> Result<Option<(Bytes, Self)>, ApiError> {
        let cursor = match &self.next {
            Next::Beginning => None,
            Next::After(cursor) => Some(cursor),
            Next::End => return Ok(None),
        };
        let mut tx = self.state.next_page(self.tenant_id).await?;
        let page = events(&mut tx, &self.filter, cursor, MAX_PAGE).await?;
        drop(tx);
        let mut text = String::new();
        if cursor.is_none() && self.format == Format::Csv {
            csv::push_head(&mut text);
        }
        for stored in &page.events {
            self.push(&mut text, stored)?;
        }
        self.next = page.next.map_or(Next::End, Next::After);
        Ok(Some((Bytes::from(text), self)))
    }

    fn push(&self, text: &mut String, stored: &StoredFailure) -> Result<(), ApiError> {
        let answer = EventAnswer::new(&stored.event, &self.names);
        match self.format {
            Format::Csv => csv::push_row(text, &answer),
            Format::Ndjson => {
                let line = serde_json::to_string(&answer)
                    .map_err(|error| ApiError::Internal(error.into()))?;
                text.push_str(&line);
                text.push('\n');
            }
        }
        Ok(())
    }
}
