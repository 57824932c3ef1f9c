//! Frames: the bytes of one batch of failure events.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `LFR1` |
//! | 4 | 4 | length of the payload |
//! | 8 | 4 | CRC-32 of everything after this field, and of the length |
//! | 12 | 4 | number of events |
//! | 16 | 8 | node |
//! | 24 | 8 | `batch_seq` |
//! | 32 | 2 | schema of the events |
//! | 34 | 2 | reserved, 0 |
//! | 36 | … | payload: per event its length (4 bytes) and its `postcard` encoding |
//!
//! All numbers are little-endian. Independent of PostgreSQL's types: the frame is also the record for any other sink. Schema 1 is
//! the encoding of [`FailureEvent`] as it was first, schema 2 has the number of a layer's file after it; a golden file holds one frame of each
//! for ever.

use limpid_domain::failure::FailureEvent;
use limpid_domain::ids::{BatchSeq, NodeId};

use super::SpoolError;

/// First bytes of a frame; what a reader looks for after damage.
pub const MAGIC: [u8; 4] = *b"LFR1";
/// Bytes before the payload.
pub const HEADER_BYTES: usize = 36;
/// Schema that this version writes.
pub const SCHEMA: u16 = 2;
/// Without the last field of the detail, `layer_input`.
const SCHEMA_WITHOUT_LAYER_INPUT: u16 = 1;
/// How the encoding says that there is none.
const ABSENT: u8 = 0;
/// More events make several frames.
pub const MAX_EVENTS: usize = 1_000;
/// A longer length field is damage.
pub const MAX_PAYLOAD_BYTES: usize = 64 << 20;
/// An event longer than this is spooled without its detail.
pub const MAX_EVENT_BYTES: usize = 256 << 10;
/// Where the checksummed part of the header after the checksum begins.
const AFTER_CRC: usize = 12;

/// One batch, as it lies in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its number at this node.
    pub batch_seq: BatchSeq,
    /// How its events are encoded.
    pub schema: u16,
    /// How many events it says it has.
    pub count: u32,
    /// The encoded events.
    pub payload: Vec<u8>,
}

/// An event of a valid frame that this version cannot read: written by a newer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The event's bytes.
    pub bytes: Vec<u8>,
    /// Why not.
    pub reason: String,
}

impl Frame {
    /// Reads the events one by one: one that can't be read does not hide the others.
    pub fn events(&self) -> (Vec<FailureEvent>, Vec<Unreadable>) {
        let mut events = Vec::with_capacity(self.count as usize);
        let mut unreadable = Vec::new();
        let mut rest = self.payload.as_slice();
        while !rest.is_empty() {
            let Some((bytes, tail)) = split_length_prefixed(rest) else {
                unreadable.push(Unreadable {
                    bytes: rest.to_owned(),
                    reason: "the event's length points past the frame".to_owned(),
                });
                break;
            };
            rest = tail;
            match self.decode_event(bytes) {
                Ok(event) => events.push(event),
                Err(reason) => unreadable.push(Unreadable {
                    bytes: bytes.to_owned(),
                    reason,
                }),
            }
        }
        (events, unreadable)
    }

    fn decode_event(&self, bytes: &[u8]) -> Result<FailureEvent, String> {
        match self.schema {
            SCHEMA_WITHOUT_LAYER_INPUT => {
                // the detail is the event's last field, and what is missing is the detail's last; without a detail nothing reads it
                let completed = [bytes, &[ABSENT]].concat();
                postcard::from_bytes(&completed).map_err(|error| error.to_string())
            }
            SCHEMA => postcard::from_bytes(bytes).map_err(|error| error.to_string()),
            newer => Err(format!("unknown schema {newer}")),
        }
    }
}

/// What a stretch of bytes begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    /// A whole header; the frame is this long.
    Frame { bytes: usize },
    /// Too little to say.
    Incomplete,
    /// Something else.
    Damage,
}

/// Appends one frame to `out`. At most [`MAX_EVENTS`] events.
pub(super) fn encode(
    node: NodeId,
    batch_seq: BatchSeq,
    events: &[FailureEvent],
    out: &mut Vec<u8>,
) -> Result<(), SpoolError> {
    let mut payload = Vec::with_capacity(events.len() * 256);
    for event in events {
        let mut bytes = postcard::to_stdvec(event).map_err(SpoolError::Encode)?;
        if bytes.len() > MAX_EVENT_BYTES {
            bytes = postcard::to_stdvec(&without_detail(event)).map_err(SpoolError::Encode)?;
        }
        payload.extend_from_slice(&length_field(bytes.len()));
        payload.extend_from_slice(&bytes);
    }
    let length = length_field(payload.len());
    let mut tail = Vec::with_capacity(HEADER_BYTES - AFTER_CRC + payload.len());
    tail.extend_from_slice(&length_field(events.len()));
    tail.extend_from_slice(&node.0.to_le_bytes());
    tail.extend_from_slice(&batch_seq.0.to_le_bytes());
    tail.extend_from_slice(&SCHEMA.to_le_bytes());
    tail.extend_from_slice(&0_u16.to_le_bytes());
    tail.extend_from_slice(&payload);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, &tail).to_le_bytes());
    out.extend_from_slice(&tail);
    Ok(())
}

/// Looks at a header, without its checksum.
pub(super) fn begins_with(bytes: &[u8]) -> Begins {
    let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        let seen = bytes.len().min(MAGIC.len());
        return if bytes.get(..seen) == MAGIC.get(..seen) {
            Begins::Incomplete
        } else {
            Begins::Damage
        };
    };
    let length = u32_at(header, 4).map_or(usize::MAX, |length| length as usize);
    if header.starts_with(&MAGIC) && length <= MAX_PAYLOAD_BYTES {
        Begins::Frame {
            bytes: HEADER_BYTES + length,
        }
    } else {
        Begins::Damage
    }
}

/// Reads the frame that `bytes` is, or `None` when the checksum or the node says otherwise.
pub(super) fn decode(bytes: &[u8], node: NodeId) -> Option<Frame> {
    let length: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
    let expected = u32_at(bytes, 8)?;
    let tail = bytes.get(AFTER_CRC..)?;
    if !bytes.starts_with(&MAGIC) || checksum(length, tail) != expected {
        return None;
    }
    let payload = bytes.get(HEADER_BYTES..)?;
    let written_by = i64::from_le_bytes(bytes.get(16..24)?.try_into().ok()?);
    (payload.len() == u32::from_le_bytes(length) as usize && written_by == node.0).then_some(())?;
    Some(Frame {
        batch_seq: seq_at(bytes)?,
        schema: u16::from_le_bytes(bytes.get(32..34)?.try_into().ok()?),
        count: u32_at(bytes, AFTER_CRC)?,
        payload: payload.to_owned(),
    })
}

/// The number in a header, valid or not.
pub(super) fn seq_at(header: &[u8]) -> Option<BatchSeq> {
    let bytes = header.get(24..32)?.try_into().ok()?;
    Some(BatchSeq(i64::from_le_bytes(bytes)))
}

/// Finds the first valid frame in `bytes` after damage: its offset and itself.
pub(super) fn resynchronise(bytes: &[u8], node: NodeId) -> Option<(usize, Frame)> {
    bytes
        .windows(MAGIC.len())
        .enumerate()
        .filter(|(_, window)| *window == MAGIC)
        .find_map(|(offset, _)| {
            let rest = bytes.get(offset..)?;
            let Begins::Frame { bytes: size } = begins_with(rest) else {
                return None;
            };
            Some((offset, decode(rest.get(..size)?, node)?))
        })
}

/// The event without what may be long: never dropped for its size.
fn without_detail(event: &FailureEvent) -> FailureEvent {
    let mut path = event.path.clone();
    path.truncate(path.floor_char_boundary(MAX_EVENT_BYTES / 2));
    FailureEvent {
        path,
        detail: None,
        ..event.clone()
    }
}

fn checksum(length: [u8; 4], tail: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(tail);
    hasher.finalize()
}

fn split_length_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = bytes.get(offset..offset + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

/// Lengths are bounded far below 4 GiB; a longer one would be refused as damage when read.
fn length_field(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}
