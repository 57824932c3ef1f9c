//! Where the strips or tiles of a TIFF lie, so that some of them can be decoded as a file of their own.
//!
//! Source: TIFF 6.0 sections 2 (directories), 3 (strips), 8 (planes) and 15 (tiles).

use std::ops::Range;

use super::{bands::Bands, spliced::Spliced};
use crate::{
    geometry::Size,
    probe::exif::{
        BITS_PER_SAMPLE_TAG, ByteOrder, PLANAR_CONFIGURATION_TAG, SEPARATE_PLANES, TILE_WIDTH_TAG,
        TYPE_LONG, TYPE_SHORT, entry_of,
    },
};

const IMAGE_LENGTH_TAG: u16 = 257;
const COMPRESSION_TAG: u16 = 259;
const STRIP_OFFSETS_TAG: u16 = 273;
const SAMPLES_PER_PIXEL_TAG: u16 = 277;
const ROWS_PER_STRIP_TAG: u16 = 278;
const STRIP_BYTE_COUNTS_TAG: u16 = 279;
const TILE_LENGTH_TAG: u16 = 323;
const TILE_OFFSETS_TAG: u16 = 324;
const TILE_BYTE_COUNTS_TAG: u16 = 325;
const CHROMA_SUBSAMPLING_TAG: u16 = 530;
const NO_COMPRESSION: u32 = 1;
const ENTRY_BYTES: usize = 12;
const HEADER_BYTES: usize = 8;

/// A TIFF of strips or tiles ("chunks") that are stacked.
#[derive(Debug)]
pub(super) struct Strips<'a> {
    source: &'a [u8],
    order: ByteOrder,
    /// The entries of the first directory.
    entries: Vec<[u8; ENTRY_BYTES]>,
    offsets: Field,
    byte_counts: Field,
    height: u32,
    /// Rows of pixels in a row of chunks.
    rows: u32,
    across: u32,
    planes: u32,
    /// Bytes of a row of pixels, where the only strip can be divided between any two of them.
    dividable: Option<u32>,
}

/// Numbers of a tag.
#[derive(Debug, Clone, Copy)]
struct Field {
    tag: u16,
    kind: u16,
    count: u32,
    /// Where the first one stands.
    at: usize,
}

impl Field {
    /// `None` also for numbers of another kind.
    fn of(tiff: &[u8], tag: u16) -> Option<Self> {
        let (order, entry) = entry_of(tiff, tag)?;
        let kind = order.u16(tiff, entry + 2)?;
        let count = order.u32(tiff, entry + 4)?;
        if !matches!(kind, TYPE_SHORT | TYPE_LONG) || count == 0 {
            return None;
        }
        let field = Self {
            tag,
            kind,
            count,
            at: entry + 8,
        };
        let bytes = field.number_bytes().checked_mul(count as usize)?;
        let at = if bytes <= 4 {
            field.at
        } else {
            order.u32(tiff, entry + 8)? as usize
        };
        tiff.get(at..)?.get(..bytes)?;
        Some(Self { at, ..field })
    }

    const fn number_bytes(self) -> usize {
        if self.kind == TYPE_SHORT { 2 } else { 4 }
    }

    fn number(self, tiff: &[u8], order: ByteOrder, index: u32) -> Option<u32> {
        if index >= self.count {
            return None;
        }
        let at = self.at + index as usize * self.number_bytes();
        match self.kind {
            TYPE_SHORT => order.u16(tiff, at).map(u32::from),
            _ => order.u32(tiff, at),
        }
    }
}

impl<'a> Strips<'a> {
    /// `None` where the file has fewer or more of them than its size asks for, one reaches beyond its end, or the only one can't
    /// be divided.
    pub(super) fn of(source: &'a [u8], size: Size) -> Option<Self> {
        let order = ByteOrder::of(*source.first_chunk()?)?;
        let first = |tag| Field::of(source, tag)?.number(source, order, 0);
        let tile_width = first(TILE_WIDTH_TAG);
        let (tags, across, rows) = match tile_width {
            Some(width) => (
                (TILE_OFFSETS_TAG, TILE_BYTE_COUNTS_TAG),
                size.width.div_ceil(width.max(1)),
                first(TILE_LENGTH_TAG)?,
            ),
            None => (
                (STRIP_OFFSETS_TAG, STRIP_BYTE_COUNTS_TAG),
                1,
                first(ROWS_PER_STRIP_TAG).unwrap_or(size.height),
            ),
        };
        let rows = rows.clamp(1, size.height.max(1));
        let has_planes = first(PLANAR_CONFIGURATION_TAG) == Some(u32::from(SEPARATE_PLANES));
        let samples = first(SAMPLES_PER_PIXEL_TAG).unwrap_or(1);
        let strips = Self {
            source,
            order,
            entries: entries(source, order)?,
            offsets: Field::of(source, tags.0)?,
            byte_counts: Field::of(source, tags.1)?,
            height: size.height,
            rows,
            across,
            planes: if has_planes { samples } else { 1 },
            dividable: None,
        };
        let down = size.height.div_ceil(rows);
        let expected = down.checked_mul(across)?.checked_mul(strips.planes)?;
        if strips.offsets.count != expected || strips.byte_counts.count != expected {
            return None;
        }
        // what lies beyond the end would be read from a band's directory
        (0..expected).try_for_each(|chunk| strips.has_chunk(chunk))?;
        if down > 1 {
            return Some(strips);
        }
        // a tile has padding
        let row_bytes = strips
            .plain_row_bytes(size)
            .filter(|_| tile_width.is_none())?;
        (expected == 1).then_some(Self {
            dividable: Some(row_bytes),
            ..strips
        })
    }

    fn has_chunk(&self, index: u32) -> Option<()> {
        let number = |field: Field| field.number(self.source, self.order, index);
        let offset = number(self.offsets)? as usize;
        let chunk = self.source.get(offset..)?;
        chunk.get(..number(self.byte_counts)? as usize).map(drop)
    }

    /// Bytes of a row in a strip without compression that has no more and no fewer than the picture's.
    fn plain_row_bytes(&self, size: Size) -> Option<u32> {
        let field = |tag| Field::of(self.source, tag);
        let number = |field: Field, index| field.number(self.source, self.order, index);
        let compression = field(COMPRESSION_TAG).and_then(|found| number(found, 0));
        if compression.is_some_and(|kind| kind != NO_COMPRESSION)
            || field(CHROMA_SUBSAMPLING_TAG).is_some()
        {
            return None;
        }
        let bits = field(BITS_PER_SAMPLE_TAG)?;
        let bits: u64 = (0..bits.count.min(8))
            .filter_map(|index| number(bits, index))
            .map(u64::from)
            .sum();
        let row_bytes = (bits * u64::from(size.width)).div_ceil(8);
        let stored = number(self.byte_counts, 0).map(u64::from);
        let is_exact = stored == row_bytes.checked_mul(u64::from(size.height));
        u32::try_from(row_bytes).ok().filter(|_| is_exact)
    }

    /// The numbers that a band has of a field, one plane after the other, as they are stored.
    fn of_band(&self, field: Field, chunks: &Range<u32>) -> Option<Vec<u8>> {
        let per_plane = field.count / self.planes.max(1);
        let mut numbers = Vec::new();
        for plane in 0..self.planes {
            let from = (plane * per_plane + chunks.start) as usize * field.number_bytes();
            let bytes = chunks.len() * field.number_bytes();
            numbers.extend_from_slice(self.source.get(field.at + from..)?.get(..bytes)?);
        }
        Some(numbers)
    }

    /// Offsets and byte counts of rows of pixels in the only strip.
    fn divided(&self, first: u32, rows: u32, row_bytes: u32) -> Option<[Value; 2]> {
        let offset = self.offsets.number(self.source, self.order, 0)?;
        let offset = first.checked_mul(row_bytes)?.checked_add(offset)?;
        Some([
            Value::long(self.offsets.tag, offset, self.order),
            Value::long(
                self.byte_counts.tag,
                rows.checked_mul(row_bytes)?,
                self.order,
            ),
        ])
    }

    fn chunks_of(&self, first: u32, rows: u32) -> Option<[Value; 2]> {
        let from = first / self.rows * self.across;
        let chunks = from..from + rows.div_ceil(self.rows) * self.across;
        let value = |field: Field| {
            Some(Value {
                tag: field.tag,
                kind: field.kind,
                bytes: self.of_band(field, &chunks)?,
            })
        };
        Some([value(self.offsets)?, value(self.byte_counts)?])
    }

    /// The file with another directory behind it.
    fn with(&self, values: &[Value]) -> Option<Spliced<'a>> {
        let end = u32::try_from(self.source.len()).ok()?;
        // directories begin at even places
        let directory_at = end.checked_add(end % 2)?;
        let mut tail = vec![0; (end % 2) as usize];
        let directory_bytes = 2 + self.entries.len() * ENTRY_BYTES + 4;
        let mut values_at = directory_at.checked_add(u32::try_from(directory_bytes).ok()?)?;
        tail.extend(
            self.order
                .bytes_of_u16(u16::try_from(self.entries.len()).ok()?),
        );
        let mut behind: Vec<u8> = Vec::new();
        for entry in &self.entries {
            let tag = self.order.u16(entry, 0);
            let Some(value) = values.iter().find(|value| Some(value.tag) == tag) else {
                tail.extend(entry);
                continue;
            };
            tail.extend(self.order.bytes_of_u16(value.tag));
            tail.extend(self.order.bytes_of_u16(value.kind));
            tail.extend(self.order.bytes_of_u32(value.count()?));
            if let Some(room) = 4_usize.checked_sub(value.bytes.len()) {
                tail.extend(&value.bytes);
                tail.extend(vec![0; room]);
            } else {
                tail.extend(self.order.bytes_of_u32(values_at));
                values_at = values_at.checked_add(u32::try_from(value.bytes.len()).ok()?)?;
                behind.extend(&value.bytes);
            }
        }
        tail.extend([0; 4]);
        tail.extend(behind);
        let mut head = self.source.get(..4)?.to_vec();
        head.extend(self.order.bytes_of_u32(directory_at));
        Some(Spliced::new(head, self.source.get(HEADER_BYTES..)?, tail))
    }
}

/// What a band's directory says instead.
struct Value {
    tag: u16,
    kind: u16,
    bytes: Vec<u8>,
}

impl Value {
    fn long(tag: u16, number: u32, order: ByteOrder) -> Self {
        Self {
            tag,
            kind: TYPE_LONG,
            bytes: order.bytes_of_u32(number).to_vec(),
        }
    }

    fn count(&self) -> Option<u32> {
        let number_bytes = if self.kind == TYPE_SHORT { 2 } else { 4 };
        u32::try_from(self.bytes.len() / number_bytes).ok()
    }
}

impl<'a> Bands<'a> for Strips<'a> {
    fn band(&self, first: u32, wanted: u32) -> Option<(u32, Spliced<'a>)> {
        let left = self.height.checked_sub(first)?;
        let (rows, [offsets, byte_counts]) = if let Some(row_bytes) = self.dividable {
            let rows = wanted.min(left).max(1);
            (rows, self.divided(first, rows, row_bytes)?)
        } else {
            let whole = (wanted / self.rows).max(1).saturating_mul(self.rows);
            let rows = whole.min(left);
            (rows, self.chunks_of(first, rows)?)
        };
        let height = Value::long(IMAGE_LENGTH_TAG, rows, self.order);
        Some((rows, self.with(&[height, offsets, byte_counts])?))
    }
}

/// `None` where the first directory is cut or has a tag twice, of which each reader may take another.
fn entries(tiff: &[u8], order: ByteOrder) -> Option<Vec<[u8; ENTRY_BYTES]>> {
    const MAX_ENTRIES: usize = 1000;
    let at = order.u32(tiff, 4)? as usize;
    let directory = tiff.get(at..)?;
    let count = usize::from(order.u16(directory, 0)?);
    let bytes = directory.get(2..)?.get(..count * ENTRY_BYTES)?;
    let entries = bytes.as_chunks::<ENTRY_BYTES>().0.to_vec();
    let mut tags: Vec<_> = entries.iter().map(|entry| order.u16(entry, 0)).collect();
    tags.sort_unstable();
    tags.dedup();
    (tags.len() == count && count <= MAX_ENTRIES).then_some(entries)
}
