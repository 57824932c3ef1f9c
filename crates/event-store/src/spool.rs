//! The spool: a durable queue of failure events on local disk, between the recorder and PostgreSQL.
//!
//! One writer (the recorder's thread) and one reader (the drainer) share a directory:
//!
//! | file | holds |
//! |---|---|
//! | `node` | this spool's [`NodeId`], drawn when the directory was created |
//! | `<first batch_seq>.segment` | frames, in order, back to back; see [`frame`] |
//! | `ack` | the newest batch that PostgreSQL has |
//! | `dead-letter.jsonl` | what could not be read or was refused, one JSON object a line |
//! | `lock` | held by the process that has the spool open |
//!
//! **Never twice the same number.** `(node, batch_seq)` is what makes the ingest idempotent, so a number must not be reused, even
//! by a power cut that takes the page cache: the reader hands out only frames that are on disk, the newest segment is
//! never deleted and carries the next number in its name, and a directory with segments but without `node` is refused.
//!
//! **Losing nothing that was answered.** `append` returns after `write`: a killed process loses nothing. `sync` puts it on disk:
//! with [`FsyncPolicy::Every`] a power cut may take the last interval, with [`FsyncPolicy::Always`] nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use limpid_domain::ids::BatchSeq;
#[cfg(doc)]
use limpid_domain::ids::NodeId;

pub mod dead_letter;
mod directory;
pub mod frame;
mod reader;
mod segment;
mod unread;
mod writer;

pub use frame::Frame;
pub use reader::SpoolReader;
pub use writer::SpoolWriter;

/// Where and how to spool.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// The directory; created if missing. One process at a time.
    pub dir: PathBuf,
    /// When written means on disk.
    pub fsync: FsyncPolicy,
    /// A segment is closed above this size, and deleted when all of it has been acknowledged.
    pub segment_bytes: u64,
    /// Size of all segments above which [`SpoolWriter::append`] refuses.
    pub max_bytes: u64,
}

impl SpoolConfig {
    /// The defaults: 50 ms, 64 MiB a segment, 10 GiB in all.
    ///
    /// Source: `docs/EVENTS.md`, the chain of "none lost".
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            fsync: FsyncPolicy::Every(Duration::from_millis(50)),
            segment_bytes: 64 << 20,
            max_bytes: 10 << 30,
        }
    }
}

/// When written means on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FsyncPolicy {
    /// `append` waits for the disk.
    Always,
    /// The writer's owner calls `sync` at least this often while there is something to sync.
    Every(Duration),
}

/// How much waits for PostgreSQL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Frames written and not acknowledged.
    pub frames: u64,
    /// Size of all segments, acknowledged parts included.
    pub bytes: u64,
    /// The newest acknowledged batch, 0 if none.
    pub acked: i64,
    /// Bytes that were skipped because they were no valid frame.
    pub damaged_bytes: u64,
    /// Frames missing between two valid ones.
    pub missing_frames: u64,
}

/// Why the spool refuses.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk's fault, or the machine's owner's.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// PostgreSQL was away for too long: nothing more is accepted until it takes some.
    #[error("the spool holds {bytes} bytes, which is its limit of {max_bytes}")]
    Full {
        /// Size of all segments.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// Segments whose node is unknown: appending would reuse numbers.
    #[error("{} holds segments but no `node` file; restore the file or move the segments away", dir.display())]
    NodeUnknown {
        /// The directory.
        dir: PathBuf,
    },
    /// Another process has it open.
    #[error("another process uses the spool in {}", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// An event that has no encoding: our fault.
    #[error("cannot encode a failure event")]
    Encode(#[source] postcard::Error),
}

impl SpoolError {
    /// For `map_err` on file operations.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}

/// Opens a spool, creating it if need be, and cuts off what a crash left half written.
///
/// # Errors
/// [`SpoolError::InUse`], [`SpoolError::NodeUnknown`], [`SpoolError::File`].
pub fn open(config: SpoolConfig) -> Result<(SpoolWriter, SpoolReader), SpoolError> {
    let directory = directory::Directory::open(&config.dir)?;
    let recovered = directory.recover()?;
    let acked = directory.read_ack();
    let next = BatchSeq(recovered.next.0.max(acked.0 + 1));
    let node = directory.node;
    let shared = unread::Unread::new(recovered.segments, acked, next);
    let writer = SpoolWriter::new(config, &directory, std::sync::Arc::clone(&shared), next)?;
    let reader = SpoolReader::new(directory, shared, acked);
    tracing::info!(%node, next = next.0, acked = acked.0, "the failure spool is open");
    Ok((writer, reader))
}
