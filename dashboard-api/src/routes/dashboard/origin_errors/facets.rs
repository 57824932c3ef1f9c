//! `GET /dashboard/v1/origin-errors/facets`: the values of each filter with their counts.

use axum::Json;
use axum::extract::{RawQuery, State};
use limpid_read_models::breakdown::GroupBy;
use limpid_read_models::failure_facets::{Facet, facets};
use serde::Serialize;
use utoipa::ToSchema;

use super::Question;
use super::filter::{FILTER_NAMES, FilterParameters, FilterRequest};
use super::meta::MetaAnswer;
use super::names::Names;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::Parameters;
use crate::router::ApiState;

/// The fields, by the name of their filter parameter.
const FIELDS: [(&str, GroupBy); 9] = [
    ("code", GroupBy::Code),
    ("reason", GroupBy::Reason),
    ("stage", GroupBy::Stage),
    ("origin", GroupBy::Origin),
    ("endpoint", GroupBy::Endpoint),
    ("outcome", GroupBy::Outcome),
    ("status", GroupBy::UpstreamStatus),
    ("version", GroupBy::ConfigVersion),
    ("node", GroupBy::Node),
];

/// The values of each filter with their counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OriginErrorFacets)]
pub(super) struct FacetsAnswer {
    facets: Vec<FacetAnswer>,
    meta: MetaAnswer,
}

/// The values of one filter. Its own selection is ignored, all others are obeyed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OriginErrorFacet)]
struct FacetAnswer {
    /// The filter parameter.
    #[schema(example = "code")]
    field: &'static str,
    /// Values, most attempts first, 50 at most.
    values: Vec<ValueAnswer>,
    /// Attempts of all further values.
    others: i64,
}

/// One value of a filter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OriginErrorFacetValue)]
struct ValueAnswer {
    /// What to send as the filter's value.
    #[schema(example = "ENOENT")]
    value: String,
    /// What people call it, where that differs.
    label: Option<String>,
    /// Failed attempts with it.
    count: i64,
}

/// Counts the values of each filter.
#[utoipa::path(get, path = "/dashboard/v1/origin-errors/facets", tag = "origin errors",
    operation_id = "getOriginErrorFacets", security(("privateKey" = [])),
    params(FilterParameters,
        ("fields" = Option<Vec<String>>, Query, description = "Only these fields: code, reason, stage, origin, endpoint, outcome, status, version, node. Repeated or separated by commas.")),
    responses((status = 200, description = "The values.", body = FacetsAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
pub(super) async fn get_facets(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<FacetsAnswer>, ApiError> {
    let known = [FILTER_NAMES.as_slice(), &["fields"]].concat();
    let mut parameters = Parameters::parse(query.as_deref(), &known);
    let request = FilterRequest::read(&mut parameters, state.config().clock.now());
    let fields = read_fields(&mut parameters);
    parameters.finish()?;
    let mut question = Question::open(&state, &tenant, request).await?;
    let meta = question.meta(None).await?;
    let (names, by): (Vec<&str>, Vec<GroupBy>) = fields.into_iter().unzip();
    let counted = facets(&mut question.tx, &question.filter, &by).await?;
    let facets = names
        .into_iter()
        .zip(counted)
        .map(|(name, values)| FacetAnswer::new(name, values, &question.names));
    let facets = facets.collect();
    Ok(Json(FacetsAnswer { facets, meta }))
}

fn read_fields(parameters: &mut Parameters) -> Vec<(&'static str, GroupBy)> {
    let names = FIELDS.map(|(name, _)| name).join(", ");
    let chosen = parameters.many("fields", &format!("of {names}"), |text| {
        let parts = text.split(',').map(str::trim);
        let found = parts.map(|part| FIELDS.iter().find(|(name, _)| *name == part).copied());
        found.collect::<Option<Vec<_>>>()
    });
    let mut chosen: Vec<(&'static str, GroupBy)> = chosen.into_iter().flatten().collect();
    if chosen.is_empty() {
        return FIELDS.to_vec();
    }
    chosen.sort_by_key(|(name, _)| FIELDS.iter().position(|(known, _)| known == name));
    chosen.dedup_by_key(|(name, _)| *name);
    chosen
}

impl FacetAnswer {
    fn new(field: &'static str, facet: Facet, names: &Names) -> Self {
        let values = facet.values.into_iter();
        Self {
            field,
            values: values
                .map(|(key, count)| ValueAnswer {
                    value: names.public_key(key),
                    label: names.label(key),
                    count,
                })
                .collect(),
            others: facet.others,
        }
    }
}
