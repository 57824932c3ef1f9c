//! `/problems/{code}`: the page that a problem's `type` points at.

use axum::Json;
use axum::extract::Path;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, Kind, kind_named};
use crate::router::ApiState;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get_problem_kind))
}

/// A kind of problem.
#[derive(Debug, Serialize, ToSchema)]
struct ProblemKind {
    /// As in the problem itself.
    #[serde(rename = "type")]
    #[schema(example = "/problems/refused")]
    kind: String,
    /// The kind in a few words.
    title: &'static str,
    /// The HTTP status it comes with.
    status: u16,
    /// What it means and what to do.
    meaning: &'static str,
}

impl From<&Kind> for ProblemKind {
    fn from(kind: &Kind) -> Self {
        Self {
            kind: format!("/problems/{}", kind.code),
            title: kind.title,
            status: kind.status.as_u16(),
            meaning: kind.meaning,
        }
    }
}

/// Explains a kind of problem.
#[utoipa::path(get, path = "/problems/{code}", tag = "problems", operation_id = "getProblemKind",
    params(("code" = String, Path, description = "The problem's `code`.", example = "refused")),
    responses((status = 200, description = "The kind.", body = ProblemKind),
        (status = 404, description = "No such kind.", body = crate::error::ProblemBody)))]
async fn get_problem_kind(Path(code): Path<String>) -> Result<Json<ProblemKind>, ApiError> {
    let kind = kind_named(&code).ok_or(ApiError::RouteNotFound)?;
    Ok(Json(kind.into()))
}
