//! `POST /dashboard/v1/stream-tokens`: what a browser opens a stream with.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::router::ApiState;
use crate::stream_tokens::StreamToken;
use crate::throttle::TooOften;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create_stream_token))
}

/// A token that opens one stream.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StreamToken)]
struct TokenAnswer {
    /// The value of the stream's query parameter `token`.
    token: String,
    /// From then on it opens nothing.
    expires_at: DateTime<Utc>,
}

/// Gives a token that opens one stream within a minute, for clients that cannot send headers, such as a browser's `EventSource`. It reads the
/// account's stream and nothing else. 60 a minute.
#[utoipa::path(post, path = "/dashboard/v1/stream-tokens", tag = "origin errors", operation_id = "createStreamToken",
    security(("privateKey" = [])),
    responses((status = 201, description = "The token.", body = TokenAnswer),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody),
        (status = 429, description = "Asked too often.", body = ProblemBody)))]
async fn create_stream_token(
    tenant: Tenant,
    State(state): State<ApiState>,
) -> Result<(StatusCode, Json<TokenAnswer>), ApiError> {
    state
        .stream_tokens()
        .count(tenant.id, Instant::now())
        .map_err(|TooOften(wait)| ApiError::TooOften(wait.as_secs() + 1))?;
    let config = state.config();
    let whose = (tenant.id, tenant.key_pair_id);
    let (token, expires_at) = StreamToken::issue(&config.vault, whose, config.clock.now())?;
    Ok((StatusCode::CREATED, Json(TokenAnswer { token, expires_at })))
}
