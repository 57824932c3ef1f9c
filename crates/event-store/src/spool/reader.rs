//! The reading end: the drainer.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use limpid_domain::ids::{BatchSeq, NodeId};

use super::dead_letter::DeadLetter;
use super::directory::Directory;
use super::frame::{Begins, Frame, HEADER_BYTES, begins_with, decode, resynchronise};
use super::segment::{Segment, path_of};
use super::unread::Unread;
use super::{Backlog, SpoolError};

/// Hands out frames in order, each once per opening of the spool, beginning after the newest acknowledged one.
#[derive(Debug)]
pub struct SpoolReader {
    directory: Directory,
    shared: Arc<Unread>,
    /// The newest frame handed out.
    delivered: BatchSeq,
    current: Option<Open>,
}

/// The segment that is read.
#[derive(Debug)]
struct Open {
    first: BatchSeq,
    file: File,
    offset: u64,
}

impl SpoolReader {
    pub(super) fn new(directory: Directory, shared: Arc<Unread>, acked: BatchSeq) -> Self {
        // After a lost `ack` everything that is still there is handed out again; what was deleted is not missing.
        let oldest = shared
            .lock()
            .segments
            .front()
            .map_or(0, |segment| segment.first.0);
        Self {
            directory,
            shared,
            delivered: BatchSeq(acked.0.max(oldest - 1)),
            current: None,
        }
    }

    /// This spool's identity.
    pub fn node(&self) -> NodeId {
        self.directory.node
    }

    /// Where to put what can't be stored.
    pub fn dead_letter(&self) -> &DeadLetter {
        &self.directory.dead_letter
    }

    /// The next frames: at least one if there is any, then as many as keep the sum at `max_events`. Empty when there is nothing
    /// new. Damage is skipped, counted and kept in the dead-letter file.
    ///
    /// # Errors
    /// [`SpoolError::File`]; trying again is safe.
    pub fn next_frames(&mut self, max_events: usize) -> Result<Vec<Frame>, SpoolError> {
        let mut frames = Vec::new();
        let mut events = 0;
        while events < max_events {
            let Some((frame, size)) = self.peek()? else {
                break;
            };
            if frame.batch_seq > self.delivered {
                events += frame.count as usize;
                if events > max_events && !frames.is_empty() {
                    break;
                }
                self.count_missing(frame.batch_seq);
                self.delivered = frame.batch_seq;
                frames.push(frame);
            }
            if let Some(open) = &mut self.current {
                open.offset += size;
            }
        }
        Ok(frames)
    }

    /// Waits until there may be more to read.
    pub async fn changed(&self) {
        self.shared.readable.notified().await;
    }

    /// Remembers that PostgreSQL has everything up to `seq`, and deletes the segments that nobody needs any more.
    ///
    /// # Errors
    /// [`SpoolError::File`]; the acknowledgement may be repeated.
    pub fn ack(&mut self, seq: BatchSeq) -> Result<(), SpoolError> {
        self.directory.write_ack(seq)?;
        let acknowledged = {
            let mut state = self.shared.lock();
            state.acked = state.acked.max(seq);
            state.take_acknowledged()
        };
        for segment in acknowledged {
            let path = path_of(&self.directory.path, segment.first);
            std::fs::remove_file(&path).map_err(SpoolError::file("remove", &path))?;
        }
        Ok(())
    }

    /// How much waits for PostgreSQL.
    pub fn backlog(&self) -> Backlog {
        self.shared.backlog()
    }

    /// The next valid frame and its size, opening segments and skipping damage on the way.
    fn peek(&mut self) -> Result<Option<(Frame, u64)>, SpoolError> {
        loop {
            let Some((segment, is_newest)) = self.segment_to_read() else {
                return Ok(None);
            };
            let offset = self.open(segment)?;
            if offset >= segment.readable {
                if is_newest {
                    return Ok(None);
                }
                if segment.end.0 > self.delivered.0 + 1 {
                    self.count_missing(segment.end);
                    self.delivered = BatchSeq(segment.end.0 - 1);
                }
                self.current = None;
                continue;
            }
            if let Some(found) = self.frame_at(offset, segment.readable)? {
                return Ok(Some(found));
            }
            self.skip_damage(offset, segment.readable)?;
        }
    }

    /// The first segment with something that was not handed out, and whether it is still written to.
    fn segment_to_read(&self) -> Option<(Segment, bool)> {
        let state = self.shared.lock();
        let position = state
            .segments
            .iter()
            .position(|segment| segment.end.0 > self.delivered.0 + 1)
            .or_else(|| state.segments.len().checked_sub(1))?;
        let segment = state.segments.get(position).copied()?;
        Some((segment, position + 1 == state.segments.len()))
    }

    /// Makes `segment` the current one; where to read on.
    fn open(&mut self, segment: Segment) -> Result<u64, SpoolError> {
        if let Some(open) = &self.current
            && open.first == segment.first
        {
            return Ok(open.offset);
        }
        let path = path_of(&self.directory.path, segment.first);
        let file = File::open(&path).map_err(SpoolError::file("open", &path))?;
        self.current = Some(Open {
            first: segment.first,
            file,
            offset: 0,
        });
        Ok(0)
    }

    fn frame_at(&self, offset: u64, end: u64) -> Result<Option<(Frame, u64)>, SpoolError> {
        let header = self.read(offset, end.min(offset + HEADER_BYTES as u64))?;
        let Begins::Frame { bytes: size } = begins_with(&header) else {
            return Ok(None);
        };
        let size = size as u64;
        if offset + size > end {
            return Ok(None);
        }
        let bytes = self.read(offset, offset + size)?;
        Ok(decode(&bytes, self.directory.node).map(|frame| (frame, size)))
    }

    /// Moves on to the next valid frame, or to the end of what may be read.
    fn skip_damage(&mut self, offset: u64, end: u64) -> Result<(), SpoolError> {
        let rest = self.read(offset, end)?;
        let length = resynchronise(&rest, self.directory.node).map_or(rest.len(), |(at, _)| at);
        let Some(open) = &mut self.current else {
            return Ok(());
        };
        let path = path_of(&self.directory.path, open.first);
        let damage = rest.get(..length).unwrap_or_default();
        self.directory
            .dead_letter
            .write_damage(&path, offset, damage);
        open.offset += length as u64;
        self.shared.lock().damaged_bytes += length as u64;
        Ok(())
    }

    fn read(&self, from: u64, to: u64) -> Result<Vec<u8>, SpoolError> {
        let Some(open) = &self.current else {
            return Ok(Vec::new());
        };
        let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or(0)];
        open.file.read_exact_at(&mut bytes, from).map_err(|error| {
            SpoolError::file("read", &path_of(&self.directory.path, open.first))(error)
        })?;
        Ok(bytes)
    }

    fn count_missing(&self, seq: BatchSeq) {
        let missing = u64::try_from(seq.0 - self.delivered.0 - 1).unwrap_or(0);
        if missing > 0 {
            tracing::error!(
                missing,
                before = seq.0,
                "frames are missing in the failure spool"
            );
            self.shared.lock().missing_frames += missing;
        }
    }
}
