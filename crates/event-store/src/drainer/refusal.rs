//! Finding the event that PostgreSQL refuses.

use limpid_domain::ids::NodeId;
use sqlx::{Connection, PgConnection};

use crate::error::StoreError;
use crate::failure_append::{Batch, append_batches};
use crate::spool::dead_letter::DeadLetter;

/// Whether a value is at fault, and not the connection, the schema or a permission: only then is anything set aside.
///
/// Source: PostgreSQL manual, appendix A: classes 22 (data exception), 23 (integrity constraint), 54 (program limit).
pub(super) fn is_refusal(error: &StoreError) -> bool {
    match error {
        StoreError::Taken { .. } => true,
        StoreError::Database(error) => match error.as_ref() {
            sqlx::Error::Database(refused) => refused.code().is_some_and(|code| {
                ["22", "23", "54"]
                    .iter()
                    .any(|class| code.starts_with(class))
            }),
            other => matches!(other, sqlx::Error::Encode(_)),
        },
        _ => false,
    }
}

/// Takes the events that can't be stored out of `batch`, into the dead-letter file. Every event is tried by itself in a
/// transaction that is rolled back; if none is at fault alone, all of them are taken out.
pub(super) async fn remove_refused(
    connection: &mut PgConnection,
    node: NodeId,
    batch: &mut Batch,
    dead_letter: &DeadLetter,
) -> Result<(), StoreError> {
    let Err(whole) = attempt(connection, node, batch).await? else {
        return Ok(());
    };
    let mut accepted = Vec::with_capacity(batch.events.len());
    let mut refused = Vec::new();
    for event in batch.events.drain(..) {
        let alone = Batch {
            seq: batch.seq,
            events: vec![event.clone()],
            refused: 0,
        };
        match attempt(connection, node, &alone).await? {
            Ok(()) => accepted.push(event),
            Err(reason) => refused.push((event, reason)),
        }
    }
    if refused.is_empty() {
        refused.extend(accepted.drain(..).map(|event| (event, whole.clone())));
    }
    for (event, reason) in &refused {
        dead_letter.write_refused(batch.seq, event, reason);
    }
    batch.refused += i32::try_from(refused.len()).unwrap_or(i32::MAX);
    batch.events = accepted;
    Ok(())
}

/// Tries to store a batch without storing it: `Err` inside is the database's reason to refuse it.
async fn attempt(
    connection: &mut PgConnection,
    node: NodeId,
    batch: &Batch,
) -> Result<Result<(), String>, StoreError> {
    let mut transaction = connection.begin().await?;
    let outcome = append_batches(&mut transaction, node, std::slice::from_ref(batch)).await;
    transaction.rollback().await?;
    match outcome {
        Ok(_) => Ok(Ok(())),
        Err(error) if is_refusal(&error) => Ok(Err(std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), ToString::to_string))),
        Err(error) => Err(error),
    }
}
