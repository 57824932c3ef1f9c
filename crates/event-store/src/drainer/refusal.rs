//! Finding the event that PostgreSQL refuses.

use limpid_domain::ids::NodeId;
use sqlx::{Connection, PgConnection};

use crate::error::StoreError;
use crate::failure_append::{Batch, append_batches};
use crate::spool::dead_letter::DeadLetter;

/// Takes the events that can't be stored out of `batch`, into the dead-letter file. Every event is tried by itself in a
/// transaction that is rolled back; if none is at fault alone, all of them are taken out. Whether what is left can be stored: not where the
/// ledger's row itself is refused.
pub(super) async fn remove_refused(
    connection: &mut PgConnection,
    node: NodeId,
    batch: &mut Batch,
    dead_letter: &DeadLetter,
) -> Result<bool, StoreError> {
    let Err(whole) = attempt(connection, node, batch).await? else {
        return Ok(true);
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
    Ok(attempt(connection, node, batch).await?.is_ok())
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
        Err(error) if error.is_refusal() => Ok(Err(std::error::Error::source(&error)
            .map_or_else(|| error.to_string(), ToString::to_string))),
        Err(error) => Err(error),
    }
}
