//! `limpid tenant create`: the operator's command, from a terminal.

use limpid_dashboard_api::commands::{self, CommandContext, CommandError};
use limpid_domain::tenant::CreateTenant;
use serde_json::json;

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
    let create = CreateTenant::parse(body).map_err(|refusal| Failure::new(Kind::Refused, refusal))?;
    let created = commands::create_tenant(context, create).await.map_err(|error| failure(&error))?;
    output::print_json(&json!({
        "imagekitId": created.imagekit_id,
        "name": created.name,
        "privateKey": created.private_key.expose(),
        "publicKey": created.public_key.to_string(),
    }))
}

fn failure(error: &CommandError) -> Failure {
    let kind = match error {
        CommandError::NotFound { .. } => Kind::NotFound,
        CommandError::Refused { message } if message.contains("taken") => Kind::Conflict,
        CommandError::Refused { .. } => Kind::Refused,
        CommandError::Conflict => Kind::Conflict,
        CommandError::Unavailable(_) => Kind::Unavailable,
        CommandError::Internal(_) => Kind::Failed,
    };
    Failure::caused(kind, "create the tenant", error)
}
