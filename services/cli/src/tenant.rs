//! `limpid tenant create`: the operator's command, from a terminal.

use limpid_dashboard_api::commands::{self, CommandContext, CommandError};
use limpid_domain::event::{Actor, ActorKind, EventMeta};
use limpid_domain::tenant::CreateTenant;
use limpid_event_store::Database;
use limpid_event_store::vault::Vault;
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
    let create =
        CreateTenant::parse(body).map_err(|refusal| Failure::new(Kind::Refused, refusal))?;
    let created = commands::create_tenant(context, create)
        .await
        .map_err(|error| failure(&error))?;
    output::print_json(&json!({
        "imagekitId": created.imagekit_id,
        "name": created.name,
        "privateKey": created.private_key.expose(),
        "publicKey": created.public_key.to_string(),
    }))
}

/// The context of a command given in a terminal.
pub(crate) fn context<'a>(database: &'a Database, vault: &'a Vault) -> CommandContext<'a> {
    CommandContext {
        database,
        vault,
        meta: EventMeta {
            actor: Actor {
                kind: ActorKind::Operator,
                label: "limpid tenant create".to_owned(),
            },
            source: None,
            request_id: None,
            command_id: None,
        },
    }
}

fn failure(error: &CommandError) -> Failure {
    let kind = match error {
        CommandError::NotFound { .. } => Kind::NotFound,
        CommandError::Refused { .. } => Kind::Refused,
        CommandError::Conflict | CommandError::Taken { .. } => Kind::Conflict,
        CommandError::Unavailable(_) => Kind::Unavailable,
        CommandError::Internal(_) => Kind::Failed,
    };
    Failure::caused(kind, "create the tenant", error)
}
