//! The dead-letter file: what could not be read or stored, kept for people, out of the way of everything else.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::BatchSeq;
use serde_json::json;

use super::frame::Unreadable;
use crate::flusher::BatchHead;

/// Beyond this size further letters are only counted and logged.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// Of one stretch of damage.
const MAX_LETTER_BYTES: usize = 1 << 20;

/// Appends to the file, one JSON object a line. Cheap to clone. Failing to write is logged, never an error: a dead letter must
/// not hold up the living ones.
#[derive(Debug, Clone)]
pub struct DeadLetter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    written: AtomicU64,
}

impl DeadLetter {
    /// Letters go to `path`, which is created with the first one.
    pub fn new(path: PathBuf) -> Self {
        Self(Arc::new(Inner {
            path,
            written: AtomicU64::new(0),
        }))
    }

    /// How many letters this process wrote.
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    /// Bytes of a segment that are no frame.
    pub(super) fn write_damage(&self, segment: &Path, offset: u64, bytes: &[u8]) {
        let kept = bytes.get(..MAX_LETTER_BYTES).unwrap_or(bytes);
        self.write(&json!({
            "kind": "damage",
            "segment": segment.file_name().map(|name| name.to_string_lossy()),
            "offset": offset,
            "length": bytes.len(),
            "base64": STANDARD.encode(kept),
        }));
    }

    /// An event that this version cannot read.
    pub(crate) fn write_unreadable(&self, batch_seq: BatchSeq, unreadable: &Unreadable) {
        self.write(&json!({
            "kind": "unreadable",
            "batchSeq": batch_seq,
            "reason": unreadable.reason,
            "base64": STANDARD.encode(&unreadable.bytes),
        }));
    }

    /// An event that the database refuses.
    pub(crate) fn write_refused(&self, batch_seq: BatchSeq, event: &FailureEvent, reason: &str) {
        self.write(&json!({
            "kind": "refused",
            "batchSeq": batch_seq,
            "reason": reason,
            "event": event,
        }));
    }

    /// Rows of a flusher's batch that the database refuses.
    pub(crate) fn write_refused_rows(
        &self,
        name: &str,
        head: &BatchHead,
        (rows, reason): (&impl fmt::Debug, &str),
    ) {
        let mut rows = format!("{rows:?}");
        rows.truncate(rows.floor_char_boundary(MAX_LETTER_BYTES));
        self.write(&json!({
            "kind": "refused",
            "of": name,
            "run": head.run,
            "batchSeq": head.seq,
            "countedTo": head.counted_to,
            "reason": reason,
            "rows": rows,
        }));
    }

    fn write(&self, letter: &serde_json::Value) {
        self.0.written.fetch_add(1, Ordering::Relaxed);
        tracing::error!(kind = %letter["kind"], reason = %letter["reason"], "what cannot be stored goes to the dead-letter file");
        if let Err(error) = self.append(letter) {
            tracing::error!(%error, file = %self.0.path.display(), "cannot write a dead letter");
        }
    }

    fn append(&self, letter: &serde_json::Value) -> std::io::Result<()> {
        let mut file: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.0.path)?;
        if file.metadata()?.len() > MAX_FILE_BYTES {
            return Err(std::io::Error::other("the dead-letter file is full"));
        }
        let mut line = letter.to_string();
        line.push('\n');
        file.write_all(line.as_bytes())
    }
}
