//! The writing end: the recorder's thread.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, NodeId};

use super::directory::{Directory, create_segment};
use super::frame::{MAX_EVENTS, encode};
use super::segment::{Segment, path_of};
use super::unread::Unread;
use super::{Backlog, FsyncPolicy, SpoolConfig, SpoolError};

/// Appends batches. Blocking; belongs on a thread of its own.
#[derive(Debug)]
pub struct SpoolWriter {
    config: SpoolConfig,
    node: NodeId,
    shared: Arc<Unread>,
    file: File,
    path: PathBuf,
    /// Size of the current segment.
    offset: u64,
    next: BatchSeq,
    /// Written and not yet synced.
    dirty: bool,
    /// A failed sync may have dropped pages silently: the file is not written to again.
    suspect: bool,
}

impl SpoolWriter {
    pub(super) fn new(
        config: SpoolConfig,
        directory: &Directory,
        shared: Arc<Unread>,
        next: BatchSeq,
    ) -> Result<Self, SpoolError> {
        let newest = shared.lock().segments.back().copied();
        let (first, offset) = newest.map_or((next, 0), |segment| (segment.first, segment.bytes));
        Ok(Self {
            file: create_segment(&directory.path, first)?,
            path: path_of(&directory.path, first),
            config,
            node: directory.node,
            shared,
            offset,
            next,
            dirty: false,
            suspect: false,
        })
    }

    /// This spool's identity.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Writes events as one frame, or several above [`MAX_EVENTS`]; returns the number of the last one. When it returns, a
    /// killed process loses nothing of it; see [`Self::sync`] for power cuts. After an error nothing of it was written.
    ///
    /// # Errors
    /// [`SpoolError::Full`] and [`SpoolError::File`]: the caller must not acknowledge the events to anyone.
    pub fn append(&mut self, events: &[FailureEvent]) -> Result<BatchSeq, SpoolError> {
        let mut bytes = Vec::new();
        let mut seq = self.next;
        for events in events.chunks(MAX_EVENTS) {
            encode(self.node, seq, events, &mut bytes)?;
            seq = BatchSeq(seq.0 + 1);
        }
        self.make_room(bytes.len() as u64)?;
        if let Err(error) = self.file.write_all_at(&bytes, self.offset) {
            // Half a frame at the end: cut it off, or the reader finds damage after the next append.
            let _stays_until_overwritten = self.file.set_len(self.offset).is_err();
            return Err(SpoolError::file("write", &self.path)(error));
        }
        self.offset += bytes.len() as u64;
        self.next = seq;
        self.dirty = true;
        {
            let mut state = self.shared.lock();
            state.next = seq;
            if let Some(segment) = state.segments.back_mut() {
                segment.bytes = self.offset;
                segment.end = seq;
            }
        }
        if self.config.fsync == FsyncPolicy::Always {
            self.sync()?;
        }
        Ok(BatchSeq(seq.0 - 1))
    }

    /// Puts everything written on disk, and so within the reader's reach.
    ///
    /// # Errors
    /// [`SpoolError::File`]; the next append goes to a new segment.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        if !self.dirty {
            return Ok(());
        }
        let synced = self.file.sync_data();
        self.suspect = synced.is_err();
        // Also after a failure: what can still be read is worth delivering, and its numbers are not reused by this process.
        self.dirty = false;
        if let Some(segment) = self.shared.lock().segments.back_mut() {
            segment.readable = segment.bytes;
        }
        self.shared.readable.notify_one();
        synced.map_err(SpoolError::file("sync", &self.path))
    }

    /// When written means on disk.
    pub fn fsync(&self) -> FsyncPolicy {
        self.config.fsync
    }

    /// Whether something waits for [`Self::sync`].
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// How much waits for PostgreSQL.
    pub fn backlog(&self) -> Backlog {
        self.shared.backlog()
    }

    /// Checks the bound and begins a new segment when the current one is full or suspect.
    fn make_room(&mut self, bytes: u64) -> Result<(), SpoolError> {
        let (used, all_acked) = {
            let state = self.shared.lock();
            (state.bytes(), state.acked.0 + 1 >= state.next.0)
        };
        let full = used + bytes > self.config.max_bytes;
        let segment_full = self.offset > 0 && self.offset + bytes > self.config.segment_bytes;
        if segment_full || self.suspect || (full && all_acked && self.offset > 0) {
            self.begin_segment()?;
        }
        let used = self.shared.lock().bytes();
        if used > 0 && used + bytes > self.config.max_bytes {
            return Err(SpoolError::Full {
                bytes: used,
                max_bytes: self.config.max_bytes,
            });
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<(), SpoolError> {
        if self.dirty
            && let Err(error) = self.sync()
        {
            tracing::error!(%error, "closing a segment of the failure spool that is not known to be on disk");
        }
        self.file = create_segment(&self.config.dir, self.next)?;
        self.path = path_of(&self.config.dir, self.next);
        self.offset = 0;
        self.suspect = false;
        let acknowledged = {
            let mut state = self.shared.lock();
            state.segments.push_back(Segment {
                first: self.next,
                end: self.next,
                bytes: 0,
                readable: 0,
            });
            state.take_acknowledged()
        };
        for segment in acknowledged {
            let path = path_of(&self.config.dir, segment.first);
            std::fs::remove_file(&path).map_err(SpoolError::file("remove", &path))?;
        }
        Ok(())
    }
}

impl Drop for SpoolWriter {
    fn drop(&mut self) {
        if let Err(error) = self.sync() {
            tracing::error!(%error, "the last failures may not be on disk");
        }
    }
}
