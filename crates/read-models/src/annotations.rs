//! Notes that people put on the time line.

use chrono::{DateTime, Utc};
use limpid_domain::ids::NoteId;
use limpid_event_store::{StoreError, TenantTx};
use uuid::Uuid;

use crate::filter::Window;

/// The most notes of an answer.
pub const MAX_NOTES: i64 = 200;

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// The moment it is about.
    pub at: DateTime<Utc>,
    /// What it says.
    pub text: String,
    /// Who wrote it.
    pub author: String,
}

/// Adds a note.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn add_note(tx: &mut TenantTx, note: &Note) -> Result<(), StoreError> {
    sqlx::query(
        "insert into annotation (tenant_id, annotation_id, at, note, author) values ($1, $2, $3, $4, $5)",
    )
    .bind(tx.tenant_id().0)
    .bind(note.id.0)
    .bind(note.at)
    .bind(&note.text)
    .bind(&note.author)
    .execute(tx.as_conn())
    .await?;
    Ok(())
}

/// Removes a note; whether there was one.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn remove_note(tx: &mut TenantTx, id: NoteId) -> Result<bool, StoreError> {
    let removed = sqlx::query("delete from annotation where tenant_id = $1 and annotation_id = $2")
        .bind(tx.tenant_id().0)
        .bind(id.0)
        .execute(tx.as_conn())
        .await?;
    Ok(removed.rows_affected() > 0)
}

/// The latest notes about a window, oldest first.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database does not answer in time.
pub async fn notes(tx: &mut TenantTx, window: Window) -> Result<Vec<Note>, StoreError> {
    let rows: Vec<(Uuid, DateTime<Utc>, String, String)> = sqlx::query_as(
        "select annotation_id, at, note, author from annotation
         where tenant_id = $1 and at >= $2 and at < $3 order by at desc, annotation_id limit $4",
    )
    .bind(tx.tenant_id().0)
    .bind(window.from)
    .bind(window.to)
    .bind(MAX_NOTES)
    .fetch_all(tx.as_conn())
    .await?;
    let oldest_first = rows.into_iter().rev();
    let notes = oldest_first.map(|(id, at, text, author)| Note {
        id: NoteId(id),
        at,
        text,
        author,
    });
    Ok(notes.collect())
}
