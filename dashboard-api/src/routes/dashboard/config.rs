//! `GET /dashboard/v1/config` and `…/config/diff`: the configuration as it was, and what differs between two moments.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use limpid_domain::ids::{StreamId, TenantSeq};
use limpid_read_models::config_history::{ConfigState, Resource, Until, config_at, differences};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::changes::{FieldDiff, resource_of};
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::query::{Parameters, parse_moment};
use crate::router::ApiState;

/// The routes of this resource.
pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(get_config))
        .routes(routes!(get_config_diff))
}

/// A whole configuration, without secrets.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConfigAnswer {
    /// The configuration version; 0 before the first change.
    config_version: i64,
    /// When that was made.
    changed_at: Option<DateTime<Utc>>,
    /// Everything there was.
    resources: Vec<ResourceAnswer>,
}

/// One thing of a configuration.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ResourceAnswer {
    /// What it is: `tenant`, `key_pair`, `origin`, `url_endpoint`, `named_transformation`,
    /// `alert_rule` or `webhook`.
    resource: &'static str,
    /// Its id; of the account itself, null.
    resource_id: Option<Uuid>,
    /// Its own version.
    version: i32,
    /// When that was made.
    changed_at: DateTime<Utc>,
    /// Its fields; credentials as `v<version> #<fingerprint>`.
    #[schema(value_type = Object)]
    fields: Value,
}

/// What differs between two configurations.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ConfigDiffAnswer {
    /// The earlier configuration's version.
    from_version: i64,
    /// The later configuration's version.
    to_version: i64,
    /// The things that differ.
    changes: Vec<ResourceDiff>,
}

/// A thing that differs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ResourceDiff {
    /// What it is.
    resource: &'static str,
    /// Its id; of the account itself, null.
    resource_id: Option<Uuid>,
    /// `added`, `removed` or `changed`.
    change: &'static str,
    /// Its name or description, the later one.
    label: Option<String>,
    /// The fields that differ.
    fields: Vec<FieldDiff>,
}

/// Reads the account's configuration, as it is or as it was.
#[utoipa::path(get, path = "/dashboard/v1/config", tag = "changes", operation_id = "getConfig",
    security(("privateKey" = [])),
    params(("asOf" = Option<String>, Query, description = "A configuration version, or a time: RFC 3339, `now`, `now-6h`. Now where it is not given.")),
    responses((status = 200, description = "The configuration.", body = ConfigAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn get_config(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<ConfigAnswer>, ApiError> {
    let mut parameters = Parameters::parse(query.as_deref(), &["asOf"]);
    let until = read_until(&mut parameters, "asOf", state.config().clock.now());
    parameters.finish()?;
    let mut tx = state.configuration_question(tenant.id).await?;
    let config = config_at(&mut tx, until.unwrap_or(Until::Now)).await?;
    let resources = config.resources.iter();
    Ok(Json(ConfigAnswer {
        config_version: config.version.0,
        changed_at: config.changed_at,
        resources: resources
            .map(|(id, resource)| ResourceAnswer::new(*id, resource))
            .collect(),
    }))
}

/// Compares the account's configuration at two moments.
#[utoipa::path(get, path = "/dashboard/v1/config/diff", tag = "changes", operation_id = "getConfigDiff",
    security(("privateKey" = [])),
    params(("from" = String, Query, description = "The earlier configuration: a version or a time."),
        ("to" = Option<String>, Query, description = "The later configuration: a version or a time. Now where it is not given.")),
    responses((status = 200, description = "What differs.", body = ConfigDiffAnswer),
        (status = 400, description = "A parameter cannot be read.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
async fn get_config_diff(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<ConfigDiffAnswer>, ApiError> {
    let now = state.config().clock.now();
    let mut parameters = Parameters::parse(query.as_deref(), &["from", "to"]);
    let from = read_until(&mut parameters, "from", now);
    let to = read_until(&mut parameters, "to", now);
    if from.is_none() {
        parameters.refuse("from", format!("from is {EXPECTED}; it must be given."));
    }
    parameters.finish()?;
    let mut tx = state.configuration_question(tenant.id).await?;
    let before = config_at(&mut tx, from.unwrap_or(Until::Now)).await?;
    let after = config_at(&mut tx, to.unwrap_or(Until::Now)).await?;
    Ok(Json(ConfigDiffAnswer {
        from_version: before.version.0,
        to_version: after.version.0,
        changes: compare(&before, &after),
    }))
}

const EXPECTED: &str = "a configuration version, or a time like 2026-11-22T08:00:00Z, or now, or now-6h (s, m, h, d, w)";

fn read_until(parameters: &mut Parameters, name: &str, now: DateTime<Utc>) -> Option<Until> {
    let value = parameters.one(name)?;
    if let Ok(version) = value.parse::<i64>() {
        if version < 0 {
            parameters.refuse(
                name,
                format!("{name} is {EXPECTED}; versions begin with 0."),
            );
        }
        return Some(Until::Version(TenantSeq(version)));
    }
    let moment = parse_moment(&value, now);
    if moment.is_none() {
        parameters.refuse(name, format!("{name} is {EXPECTED}."));
    }
    moment.map(Until::Moment)
}

fn compare(before: &ConfigState, after: &ConfigState) -> Vec<ResourceDiff> {
    let mut ids: Vec<StreamId> = before.resources.keys().copied().collect();
    ids.extend(after.resources.keys().copied());
    ids.sort_unstable();
    ids.dedup();
    let compared = ids.into_iter().filter_map(|id| {
        let (earlier, later) = (before.resources.get(&id), after.resources.get(&id));
        let change = match (earlier, later) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let newest = later.or(earlier)?;
        let fields = differences(&before.fields(id), &after.fields(id));
        if fields.is_empty() {
            return None;
        }
        let (resource, resource_id) = resource_of(newest.kind, id);
        Some(ResourceDiff {
            resource,
            resource_id,
            change,
            label: label_of(newest),
            fields: fields.into_iter().map(FieldDiff::from).collect(),
        })
    });
    compared.collect()
}

/// What people call it.
fn label_of(resource: &Resource) -> Option<String> {
    let names = ["name", "description"];
    let label = names.iter().find_map(|name| resource.fields.get(name));
    label.and_then(Value::as_str).map(ToOwned::to_owned)
}

impl ResourceAnswer {
    fn new(id: StreamId, resource: &Resource) -> Self {
        let (name, resource_id) = resource_of(resource.kind, id);
        Self {
            resource: name,
            resource_id,
            version: resource.version.0,
            changed_at: resource.changed_at,
            fields: resource.fields.clone(),
        }
    }
}
