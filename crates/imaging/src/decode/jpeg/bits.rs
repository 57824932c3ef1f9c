//! Entropy-coded data bit by bit. Stuffed bytes are taken out a window at a time, so memory doesn't grow with the file.

#![expect(
    clippy::inline_always,
    reason = "these make up one loop, compiled twice: for any processor and for those with wide vectors"
)]

use std::time::Instant;

use memchr::memchr;

use crate::steps::check_deadline;

/// Bytes of the window. Small enough to stay in the first-level cache beside the tables.
const WINDOW: usize = 16 << 10;
/// More bytes than one minimum coded unit can take: 10 blocks of 64 symbols of at most 31 bits, and one load more.
const MOST_PER_UNIT: usize = 10 * 64 * 4 + 16;
/// Data ends here at the latest, so that as many zeroes fit behind it.
const FULL: usize = WINDOW - MOST_PER_UNIT;
const LOAD: usize = 8;

/// The bytes of a window, with room for one load behind them.
pub(super) type WindowBytes = [u8; WINDOW + LOAD];

/// The window's memory, reused from picture to picture, and how long data may be read through it.
#[derive(Debug)]
pub(super) struct Window {
    memory: Box<WindowBytes>,
    /// When nobody waits for the picture any more.
    pub(super) deadline: Option<Instant>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            memory: zeroes(),
            deadline: None,
        }
    }
}

#[expect(
    clippy::large_stack_arrays,
    reason = "a few times per thread, and 16 KB are no large part of a stack"
)]
fn zeroes() -> Box<WindowBytes> {
    Box::new([0; WINDOW + LOAD])
}

/// A place in the window, kept in registers while a block is read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// The first byte of the window whose bits `count` doesn't count.
    pub(super) position: usize,
    /// The next bits, from the top.
    pub(super) buffer: u64,
    pub(super) count: u32,
}

impl Place {
    /// Makes at least 56 bits ready. The window has to hold them: one has been topped up for what is read between.
    #[inline(always)]
    pub(super) fn refill(&mut self, window: &WindowBytes) {
        // never beyond the window, as above
        let start = self.position & (WINDOW - 1);
        let bytes = window
            .get(start..start + LOAD)
            .and_then(<[u8]>::first_chunk);
        let next = bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.buffer |= next >> (self.count & 63);
        self.position += ((63 - self.count) >> 3) as usize;
        self.count |= 0b11_1000;
    }
}

/// Bits of one minimum coded unit, all of which are in the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'w> {
    window: &'w WindowBytes,
    pub(super) place: Place,
}

impl<'w> Bits<'w> {
    #[inline(always)]
    pub(super) fn at(window: &'w WindowBytes, place: Place) -> Self {
        Self { window, place }
    }

    /// Makes at least 56 bits ready.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        self.place.refill(self.window);
    }

    /// The bits that are ready, from the top.
    #[inline(always)]
    pub(super) fn ready(&self) -> u64 {
        self.place.buffer
    }

    /// Drops bits that are ready; at most 56 between two calls of [`Self::refill`].
    #[inline(always)]
    pub(super) fn consume(&mut self, count: u32) {
        self.place.buffer <<= count & 63;
        self.place.count = self.place.count.wrapping_sub(count);
    }
}

/// Reads from the start of a scan's data, from the highest bit of every byte down.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    source: &'a [u8],
    /// The first byte of `source` that isn't in the window yet.
    at: usize,
    /// Where reading ends for the time being: zeroes are read from there on.
    stop: usize,
    /// Bytes without stuffing that have left the window.
    passed: u64,
    window: &'a mut WindowBytes,
    filled: usize,
    /// Whether the byte at `at` begins a marker.
    is_at_marker: bool,
    place: Place,
    deadline: Option<Instant>,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(source: &'a [u8], at: usize, window: &'a mut Window) -> Self {
        Self {
            source,
            at,
            stop: source.len(),
            passed: 0,
            window: &mut window.memory,
            filled: 0,
            is_at_marker: false,
            place: Place::default(),
            deadline: window.deadline,
        }
    }

    /// Gives up once nobody waits any more. Asked once per row of minimum coded units: some microseconds to half a
    /// millisecond of work, and 30 ns for the question.
    pub(super) fn in_time(&self) -> Option<()> {
        check_deadline(self.deadline).ok()
    }

    /// Ends reading at a byte of the source, which is not the second of two.
    pub(super) fn stop_at(&mut self, stop: usize) {
        self.stop = stop.min(self.source.len());
    }

    /// Reads on beyond where it was to stop. Gives how many bits were before that.
    pub(super) fn go_on(&mut self) -> u64 {
        self.stop = self.source.len();
        8 * (self.passed + self.filled as u64)
    }

    /// How many bits were read since the start.
    pub(super) fn bits_read(&self) -> u64 {
        8 * (self.passed + self.place.position as u64) - u64::from(self.place.count)
    }

    /// Whether this many bytes are in the window, or can be brought there.
    pub(super) fn has(&mut self, bytes: usize) -> Option<bool> {
        if self.place.position + bytes <= self.filled {
            return Some(true);
        }
        self.in_time()?;
        self.fill()?;
        Some(self.place.position + bytes <= self.filled)
    }

    /// Passes over a bit. The window holds it: it has been topped up.
    pub(super) fn pass_bit(&mut self) {
        let mut bits = self.bits();
        bits.refill();
        bits.consume(1);
        let place = bits.place;
        self.go_to(place);
    }

    /// The window and the next bits' place in it; give the place back with [`Self::go_to`].
    #[inline(always)]
    pub(super) fn parts(&self) -> (&WindowBytes, Place) {
        (self.window, self.place)
    }

    /// The bits from here on; give the place back with [`Self::go_to`].
    #[inline(always)]
    pub(super) fn bits(&self) -> Bits<'_> {
        Bits {
            window: self.window,
            place: self.place,
        }
    }

    #[inline(always)]
    pub(super) fn go_to(&mut self, place: Place) {
        self.place = place;
    }

    /// Sees to it that a whole minimum coded unit can be read: from data, or zeroes where the data ends. `None` where the
    /// source ends without a marker, or data that was read isn't there.
    #[inline(always)]
    pub(super) fn top_up(&mut self) -> Option<()> {
        if self.place.position + MOST_PER_UNIT <= self.filled {
            return Some(());
        }
        self.fill()
    }

    #[cold]
    fn fill(&mut self) -> Option<()> {
        if self.is_at_marker {
            return (self.unread_bits()? >= 0).then_some(());
        }
        let start = self.place.position.min(self.filled);
        self.window.copy_within(start..self.filled, 0);
        self.filled -= start;
        self.passed += start as u64;
        self.place.position = 0;
        while self.filled < FULL {
            if self.at >= self.stop && self.stop < self.source.len() {
                self.window.get_mut(self.filled..)?.fill(0);
                return Some(());
            }
            let rest = self.source.get(self.at..self.stop.max(self.at))?;
            let rest = rest.get(..FULL - self.filled).unwrap_or(rest);
            let found = memchr(0xff, rest);
            let plain = rest.get(..found.unwrap_or(rest.len()))?;
            self.window
                .get_mut(self.filled..self.filled + plain.len())?
                .copy_from_slice(plain);
            self.filled += plain.len();
            self.at += plain.len();
            if found.is_some() {
                match self.source.get(self.at + 1)? {
                    0 => {
                        *self.window.get_mut(self.filled)? = 0xff;
                        self.filled += 1;
                        self.at += 2;
                    }
                    // fill bytes are rare enough to be left to the other decoder
                    0xff => return None,
                    _ => {
                        self.is_at_marker = true;
                        self.window.get_mut(self.filled..)?.fill(0);
                        return Some(());
                    }
                }
            } else if self.at >= self.source.len() {
                return None;
            }
        }
        Some(())
    }

    fn unread_bits(&self) -> Option<i64> {
        let read = i64::try_from(self.place.position * 8).ok()? - i64::from(self.place.count);
        Some(i64::try_from(self.filled * 8).ok()? - read)
    }

    /// Ends a stretch of data: everything up to the marker has been read but for padding. Gives where the marker is.
    pub(super) fn end(&mut self) -> Option<usize> {
        if !self.is_at_marker {
            self.fill()?;
        }
        (self.is_at_marker && (0..8).contains(&self.unread_bits()?)).then_some(self.at)
    }

    /// Ends a stretch at a restart marker of this number and goes on behind it.
    pub(super) fn restart(&mut self, number: u8) -> Option<()> {
        let at = self.end()?;
        if self.source.get(at + 1) != Some(&(0xd0 | (number & 7))) {
            return None;
        }
        self.at = at + 2;
        self.filled = 0;
        self.place = Place::default();
        self.is_at_marker = false;
        self.fill()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(reader: &mut BitReader<'_>, count: u32) -> u64 {
        let mut bits = reader.bits();
        bits.refill();
        let taken = bits.ready() >> (64 - count);
        bits.consume(count);
        let place = bits.place;
        reader.go_to(place);
        taken
    }

    fn read_all(source: &[u8]) -> Option<(Vec<u8>, usize)> {
        let mut window = Window::default();
        let mut reader = BitReader::new(source, 0, &mut window);
        let mut read = Vec::new();
        let expected = source.windows(2).filter(|pair| *pair == [0xff, 0]).count();
        for _ in 0..source.len() - 2 - expected {
            reader.top_up()?;
            read.push(u8::try_from(take(&mut reader, 8)).unwrap());
        }
        Some((read, reader.end()?))
    }

    #[test]
    fn stuffed_bytes_are_taken_out_across_windows() {
        let mut source: Vec<u8> = (0..100_000_u32)
            .map(|number| (number % 251) as u8)
            .collect();
        for at in (0..source.len()).step_by(997) {
            source.splice(at..at, [0xff, 0]);
        }
        let expected: Vec<u8> = {
            let mut plain = Vec::new();
            let mut bytes = source.iter();
            while let Some(byte) = bytes.next() {
                plain.push(*byte);
                if *byte == 0xff {
                    bytes.next();
                }
            }
            plain
        };
        source.extend([0xff, 0xd9]);
        let (read, end) = read_all(&source).unwrap();
        assert_eq!(read, expected);
        assert_eq!(end, source.len() - 2);
    }

    #[test]
    fn data_without_a_marker_behind_it_is_refused() {
        assert_eq!(read_all(&[1, 2, 3, 4]), None);
        assert!(read_all(&[1, 2, 0xff, 0xd9]).is_some());
    }

    #[test]
    fn reading_past_the_marker_is_noticed() {
        let mut window = Window::default();
        let mut reader = BitReader::new(&[1, 0xff, 0xd9], 0, &mut window);
        reader.top_up().unwrap();
        take(&mut reader, 9);
        assert_eq!(reader.top_up(), None);
        assert_eq!(reader.end(), None);
    }

    #[test]
    fn a_restart_goes_on_at_a_byte() {
        let mut window = Window::default();
        let mut reader = BitReader::new(&[0x80, 0xff, 0xd3, 0x40, 0xff, 0xd9], 0, &mut window);
        reader.top_up().unwrap();
        assert_eq!(take(&mut reader, 1), 1);
        assert_eq!(reader.restart(3), Some(()));
        assert_eq!(take(&mut reader, 2), 1);
        assert_eq!(reader.restart(4), None);
    }
}
