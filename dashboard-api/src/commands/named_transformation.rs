//! Commands on named transformations.

use limpid_delivery_url::transformation;
use limpid_domain::ids::{NamedTransformationId, StreamVersion, TenantId};
use limpid_domain::named_transformation::{
    NamedTransformationChange, NamedTransformationCommand, NamedTransformationContext,
    NamedTransformationSettings, decide, evolve,
};
use limpid_domain::refusal::Refusal;
use limpid_event_store::StoreError;
use limpid_read_models::delivery_config::{self, NamedTransformationConfig};

use super::transaction::CommandTx;
use super::{CommandContext, CommandError};

/// Changes some fields of a named transformation.
#[derive(Debug)]
pub struct ChangeNamedTransformation {
    /// Which.
    pub id: NamedTransformationId,
    /// The fields to change.
    pub change: NamedTransformationChange,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Deletes a named transformation and frees its name.
#[derive(Debug, Clone, Copy)]
pub struct DeleteNamedTransformation {
    /// Which.
    pub id: NamedTransformationId,
    /// The version the caller has seen, if that matters.
    pub expected: Option<StreamVersion>,
}

/// Adds a named transformation.
///
/// Errors: [`CommandError::Refused`], [`CommandError::Taken`], [`CommandError::Unavailable`].
pub async fn create_named_transformation(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    settings: NamedTransformationSettings,
) -> Result<NamedTransformationConfig, CommandError> {
    check_grammar(&settings.transformation)?;
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = NamedTransformationId::mint();
    let others = other_names(&mut command, id).await?;
    let create = NamedTransformationCommand::Create(settings);
    let events = decide(None, create, &others)?;
    command.record(id.into(), StreamVersion(0), events).await?;
    finish(command, id).await
}

/// Changes the fields of a named transformation that were sent.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Refused`], [`CommandError::Taken`], [`CommandError::Conflict`],
/// [`CommandError::Unavailable`].
pub async fn change_named_transformation(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    change: ChangeNamedTransformation,
) -> Result<NamedTransformationConfig, CommandError> {
    if let Some(text) = &change.change.transformation {
        check_grammar(text)?;
    }
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = change.id;
    let loaded = command.load(id.into(), change.expected, evolve).await?;
    let others = other_names(&mut command, id).await?;
    let fields = NamedTransformationCommand::Change(change.change);
    let events = decide(loaded.state.as_ref(), fields, &others)?;
    if !events.is_empty() {
        command.record(id.into(), loaded.version, events).await?;
    }
    finish(command, id).await
}

/// Deletes a named transformation.
///
/// Errors: [`CommandError::NotFound`], [`CommandError::Conflict`], [`CommandError::Unavailable`].
pub async fn delete_named_transformation(
    context: &CommandContext<'_>,
    tenant_id: TenantId,
    delete: DeleteNamedTransformation,
) -> Result<(), CommandError> {
    let mut command = CommandTx::begin(context, tenant_id).await?;
    let id = delete.id;
    let loaded = command.load(id.into(), delete.expected, evolve).await?;
    let nothing = NamedTransformationContext::default();
    let events = decide(
        loaded.state.as_ref(),
        NamedTransformationCommand::Delete,
        &nothing,
    )?;
    command.record(id.into(), loaded.version, events).await?;
    command.commit().await
}

/// Refuses what could not be delivered anyway: no transformation, or one that needs another name to be explained.
fn check_grammar(text: &str) -> Result<(), Refusal> {
    let parsed = transformation::parse(text).map_err(|error| {
        Refusal::invalid(format!("transformation is not valid: {}", error.sentence()))
    })?;
    if parsed.is_named() {
        return Err(Refusal::invalid(
            "transformation must not use another named transformation (n-).",
        ));
    }
    if parsed.is_empty() {
        return Err(Refusal::invalid("transformation must not be empty."));
    }
    Ok(())
}

async fn other_names(
    command: &mut CommandTx<'_>,
    id: NamedTransformationId,
) -> Result<NamedTransformationContext, CommandError> {
    let all = delivery_config::named_transformations(&mut command.tx).await?;
    let others = all.into_iter().filter(|named| named.id != id);
    Ok(NamedTransformationContext {
        other_names: others.map(|named| named.settings.name).collect(),
    })
}

async fn finish(
    mut command: CommandTx<'_>,
    id: NamedTransformationId,
) -> Result<NamedTransformationConfig, CommandError> {
    let named = delivery_config::named_transformation(&mut command.tx, id).await?;
    let named = named.ok_or(StoreError::Corrupt(
        "a recorded named transformation is not in the projection",
    ))?;
    command.commit().await?;
    Ok(named)
}
