//! A webhook whose receiver wants no more messages, or never answers, gets no more. It is a change of the configuration like any other, so
//! people see it among the changes, with its reason.

use limpid_domain::event::{Actor, ActorKind, EventMeta};
use limpid_domain::ids::{CommandId, StreamVersion, TenantId, WebhookId};
use limpid_domain::webhook::{
    WebhookCommand, WebhookContext, WebhookDisabledReason, decide, evolve,
};
use limpid_event_store::config_log::{self, Appended, NewEvent};
use limpid_event_store::{Database, StoreError};
use limpid_read_models::delivery_config;

pub(super) async fn disable(
    database: &Database,
    (tenant_id, webhook_id): (TenantId, WebhookId),
    reason: WebhookDisabledReason,
) -> Result<(), StoreError> {
    let mut tx = database.tenant_tx(tenant_id).await?;
    config_log::lock(&mut tx).await?;
    let past = config_log::load(&mut tx, webhook_id.into()).await?;
    let version = past.last().map_or(StreamVersion(0), |event| event.version);
    let state = past
        .iter()
        .fold(None, |state, stored| evolve(state, &stored.event));
    let command = WebhookCommand::Disable(reason);
    // Nothing refuses it: what is gone or disabled already stays as it is.
    let events = decide(state.as_ref(), command, &WebhookContext::default()).unwrap_or_default();
    if events.is_empty() {
        return Ok(());
    }
    let events: Vec<NewEvent> = events.into_iter().map(NewEvent::from).collect();
    let appended = config_log::append(
        &mut tx,
        webhook_id.into(),
        version,
        &events,
        &by_projector(),
    )
    .await?;
    let Appended::Now(stored) = appended else {
        return Err(StoreError::Corrupt("an event id repeats"));
    };
    for event in &stored {
        delivery_config::apply(&mut tx, event).await?;
    }
    tx.commit().await?;
    tracing::info!(webhook = %webhook_id, reason = reason.as_str(), "disabled a webhook");
    Ok(())
}

fn by_projector() -> EventMeta {
    EventMeta {
        actor: Actor {
            kind: ActorKind::System,
            label: "projector".to_owned(),
        },
        source: None,
        request_id: None,
        command_id: Some(CommandId::mint()),
        expected_version: None,
        note: None,
    }
}
