//! Storing a batch of which the database refuses something: the rest is stored, and what is refused is set aside.

use sqlx::{Connection as _, PgConnection};

use super::{BatchHead, BatchRows};
use crate::error::StoreError;

/// What was set aside of a batch that is done with.
#[derive(Debug)]
pub(super) struct Refused<R> {
    /// The rows that are not stored.
    pub(super) rows: R,
    /// The database's reason.
    pub(super) reason: String,
}

/// Stores a batch, without the rows that are at fault where there are some. Where what the batch says beside its rows is at fault, nothing
/// of it is stored: no batch holds up those behind it.
pub(super) async fn store<R: BatchRows>(
    connection: &mut PgConnection,
    head: BatchHead,
    rows: &R,
) -> Result<Option<Refused<R>>, StoreError> {
    let error = match rows.append(connection, head).await {
        Ok(()) => return Ok(None),
        Err(error) if error.is_refusal() => error,
        Err(error) => return Err(error),
    };
    let reason =
        std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
    let set_aside = |rows| Ok(Some(Refused { rows, reason }));
    if !is_accepted(connection, head, &R::default()).await? {
        return set_aside(rows.clone());
    }
    // The batch stays whole until something of it is stored: the connection may be lost meanwhile.
    let (accepted, refused) = sort_out(connection, head, rows.clone()).await?;
    match accepted.append(connection, head).await {
        Ok(()) => set_aside(refused),
        Err(error) if error.is_refusal() => {
            R::default().append(connection, head).await?;
            set_aside(rows.clone())
        }
        Err(error) => Err(error),
    }
}

/// The rows that the database would take, and those that it would not. Nothing is stored.
async fn sort_out<R: BatchRows>(
    connection: &mut PgConnection,
    head: BatchHead,
    rows: R,
) -> Result<(R, R), StoreError> {
    let mut waiting = vec![rows];
    let (mut accepted, mut refused) = (R::default(), R::default());
    while let Some(rows) = waiting.pop() {
        if is_accepted(connection, head, &rows).await? {
            accepted = accepted.joined(rows);
            continue;
        }
        match rows.halves() {
            Ok([first, second]) => waiting.extend([second, first]),
            Err(alone) => refused = refused.joined(alone),
        }
    }
    Ok((accepted, refused))
}

/// Whether the database would take the rows.
async fn is_accepted<R: BatchRows>(
    connection: &mut PgConnection,
    head: BatchHead,
    rows: &R,
) -> Result<bool, StoreError> {
    let mut attempt = connection.begin().await?;
    let outcome = rows.append(&mut attempt, head).await;
    attempt.rollback().await?;
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.is_refusal() => Ok(false),
        Err(error) => Err(error),
    }
}
