//! Segment files: names, and what recovery finds in one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use limpid_domain::ids::{BatchSeq, NodeId};

use super::SpoolError;
use super::frame::{Begins, HEADER_BYTES, begins_with, decode, resynchronise, seq_at};

const EXTENSION: &str = "segment";

/// One file of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// The number its first frame has or would have; its name.
    pub(super) first: BatchSeq,
    /// The number after its last frame's.
    pub(super) end: BatchSeq,
    /// Its size.
    pub(super) bytes: u64,
    /// How much of it is on disk and may be read.
    pub(super) readable: u64,
}

/// Where the file of the segment that begins with `first` is.
pub(super) fn path_of(dir: &Path, first: BatchSeq) -> PathBuf {
    dir.join(format!("{:020}.{EXTENSION}", first.0))
}

/// The first number of the segment in this file, or `None` if it is no segment.
pub(super) fn first_of(path: &Path) -> Option<BatchSeq> {
    if path.extension()? != EXTENSION {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok().map(BatchSeq)
}

/// What recovery finds at the end of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Where the last valid frame ends.
    pub(super) valid_bytes: u64,
    /// The number after the last one seen, in valid frames and in whole but damaged ones at the end.
    pub(super) next: BatchSeq,
    /// What follows the last valid frame: half a frame, or garbage.
    pub(super) rest: Vec<u8>,
}

/// Reads a segment to its end.
pub(super) fn find_tail(path: &Path, first: BatchSeq, node: NodeId) -> Result<Tail, SpoolError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(SpoolError::file("read", path))?;
    Ok(tail_of(&bytes, first, node))
}

fn tail_of(bytes: &[u8], first: BatchSeq, node: NodeId) -> Tail {
    let mut next = first;
    let mut offset = 0;
    while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
        let here = match begins_with(rest) {
            Begins::Frame { bytes: size } => rest
                .get(..size)
                .and_then(|frame| decode(frame, node))
                .map(|frame| (0, frame)),
            Begins::Incomplete | Begins::Damage => None,
        };
        let Some((skipped, frame)) = here.or_else(|| resynchronise(rest, node)) else {
            break;
        };
        next = BatchSeq(next.0.max(frame.batch_seq.0 + 1));
        offset += skipped + HEADER_BYTES + frame.payload.len();
    }
    let rest = bytes.get(offset..).unwrap_or_default().to_owned();
    Tail {
        valid_bytes: offset as u64,
        next: BatchSeq(next.0.max(burned(&rest, next))),
        rest,
    }
}

/// A frame at the end that is whole but damaged may have been handed out before it was: its number is not used again. (A
/// torn one was not: only synced frames are.)
fn burned(rest: &[u8], next: BatchSeq) -> i64 {
    match begins_with(rest) {
        Begins::Frame { bytes } if bytes <= rest.len() => {
            // The number itself may be the damaged part; believe it only when it is close.
            seq_at(rest).map_or(next.0 + 1, |seq| {
                (seq.0 + 1).clamp(next.0 + 1, next.0 + 1_000)
            })
        }
        Begins::Damage if rest.len() >= HEADER_BYTES => next.0 + 1,
        Begins::Frame { .. } | Begins::Incomplete | Begins::Damage => next.0,
    }
}
