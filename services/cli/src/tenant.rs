//! `limpid tenant …`: the operator's commands, from a terminal.

use limpid_dashboard_api::commands::{
    self, ChangeTenantSettings, CommandContext, CommandError, SetTenantLimits,
};
use limpid_domain::event::{Actor, ActorKind, EventMeta};
use limpid_domain::ids::ImagekitId;
use limpid_domain::refusal::Refusal;
use limpid_domain::tenant::{
    CreateTenant, EraseTenant, TenantLifecycle, TenantLimits, TenantSettingsChange,
};
use limpid_event_store::Database;
use limpid_event_store::vault::Vault;
use limpid_read_models::delivery_config::{self, TenantView};
use serde_json::{Map, Value, json};

use crate::arguments::{LimitsArguments, SettingsArguments};
use crate::database_commands::store_failure;
use crate::exit::{Failure, Kind};
use crate::output;

/// Creates a tenant and prints its names and key pair as JSON.
///
/// Errors: a name that is taken (conflict) or malformed (refused); the database.
pub(crate) async fn create(
    context: &CommandContext<'_>,
    id: &str,
    name: Option<&str>,
) -> Result<(), Failure> {
    let body = json!({ "imagekitId": id, "name": name.unwrap_or(id) });
    let create = CreateTenant::parse(body).map_err(refused)?;
    let created = commands::create_tenant(context, create)
        .await
        .map_err(|error| failure("create the tenant", &error))?;
    output::print_json(&json!({
        "imagekitId": created.imagekit_id,
        "name": created.name,
        "privateKey": created.private_key.expose(),
        "publicKey": created.public_key.to_string(),
    }))
}

/// Changes the settings that are named, and prints all of them.
///
/// Errors: an unknown tenant (not found), a value out of range (refused), the database.
pub(crate) async fn settings(
    context: &CommandContext<'_>,
    arguments: &SettingsArguments,
) -> Result<(), Failure> {
    let body = named([
        ("defaultQuality", arguments.default_quality.map(Value::from)),
        ("autoFormat", arguments.auto_format.map(Value::from)),
        ("autoAvif", arguments.auto_avif.map(Value::from)),
        ("dataSaver", arguments.data_saver.map(Value::from)),
        (
            "restrictUnsignedUrls",
            arguments.restrict_unsigned_urls.map(Value::from),
        ),
        (
            "restrictUnnamedTransformations",
            arguments.restrict_unnamed_transformations.map(Value::from),
        ),
    ]);
    let change = ChangeTenantSettings {
        change: TenantSettingsChange::parse(body).map_err(refused)?,
        expected: None,
    };
    let tenant = find(context, &arguments.id).await?;
    let changed = commands::change_tenant_settings(context, tenant.tenant_id, change)
        .await
        .map_err(|error| failure("change the settings", &error))?;
    let settings = changed.settings;
    output::print_json(&json!({
        "defaultQuality": settings.default_quality,
        "autoFormat": settings.auto_format,
        "autoAvif": settings.auto_avif,
        "dataSaver": settings.data_saver,
        "restrictUnsignedUrls": settings.restrictions.restrict_unsigned_urls,
        "restrictUnnamedTransformations": settings.restrictions.restrict_unnamed_transformations,
    }))
}

/// Sets the limits where any is named or all are to be reset, and prints them; what is not there follows the installation's.
///
/// Errors: an unknown tenant (not found), a value out of range (refused), the database.
pub(crate) async fn limits(
    context: &CommandContext<'_>,
    arguments: &LimitsArguments,
) -> Result<(), Failure> {
    let body = named([
        (
            "maxSourceBytes",
            arguments.max_source_bytes.map(Value::from),
        ),
        ("maxPixels", arguments.max_pixels.map(Value::from)),
        (
            "maxFramePixels",
            arguments.max_frame_pixels.map(Value::from),
        ),
        (
            "failureRetentionDays",
            arguments.failure_retention_days.map(Value::from),
        ),
    ]);
    let limits = TenantLimits::parse(body).map_err(refused)?;
    let tenant = find(context, &arguments.id).await?;
    if limits == TenantLimits::default() && !arguments.reset {
        return output::print_json(&tenant.limits);
    }
    let set = SetTenantLimits {
        limits,
        expected: None,
    };
    let changed = commands::set_tenant_limits(context, tenant.tenant_id, set)
        .await
        .map_err(|error| failure("set the limits", &error))?;
    output::print_json(&changed.limits)
}

/// Begins to erase a tenant and says so as JSON; the projector does the rest.
///
/// Errors: an unknown tenant (not found), another name as confirmation (refused), the database.
pub(crate) async fn erase(
    context: &CommandContext<'_>,
    (id, confirm): (&str, &str),
) -> Result<(), Failure> {
    let tenant = find(context, id).await?;
    let erase = EraseTenant {
        confirm: confirm.to_owned(),
    };
    commands::erase_tenant(context, tenant.tenant_id, erase)
        .await
        .map_err(|error| failure("erase the tenant", &error))?;
    output::print_json(&json!({ "imagekitId": id, "state": "running" }))
}

/// A body as the API takes it, of the fields that are given.
fn named<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<String, Value>>())
}

async fn find(context: &CommandContext<'_>, id: &str) -> Result<TenantView, Failure> {
    let not_found = || Failure::new(Kind::NotFound, "Tenant not found.");
    let id: ImagekitId = id.parse().map_err(|_no_id| not_found())?;
    let tenant = delivery_config::tenant_by_imagekit_id(context.database, &id)
        .await
        .map_err(|error| store_failure("find the tenant", &error))?;
    let tenant = tenant.filter(|tenant| tenant.lifecycle != TenantLifecycle::Erased);
    tenant.ok_or_else(not_found)
}

fn refused(refusal: Refusal) -> Failure {
    Failure::new(Kind::Refused, refusal)
}

/// The context of a command given in a terminal.
pub(crate) fn context<'a>(database: &'a Database, vault: &'a Vault) -> CommandContext<'a> {
    CommandContext {
        database,
        vault,
        meta: EventMeta {
            actor: Actor {
                kind: ActorKind::Operator,
                label: "limpid tenant".to_owned(),
            },
            source: None,
            request_id: None,
            command_id: None,
            expected_version: None,
            note: None,
        },
    }
}

fn failure(what: &str, error: &CommandError) -> Failure {
    let kind = match error {
        CommandError::NotFound { .. } => Kind::NotFound,
        CommandError::Refused { .. } => Kind::Refused,
        CommandError::Conflict | CommandError::Taken { .. } => Kind::Conflict,
        CommandError::Unavailable(_) | CommandError::InProgress => Kind::Unavailable,
        CommandError::Internal(_) => Kind::Failed,
    };
    Failure::caused(kind, what, error)
}
