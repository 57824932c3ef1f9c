//! Tables that decode Huffman codes: one symbol with the size of its value, or as many symbols as fit into an index where
//! their values aren't wanted.
//!
//! Source: ITU-T T.81 annexes C and F.2.

#![expect(
    clippy::inline_always,
    reason = "these make up one loop, compiled twice: for any processor and for those with wide vectors"
)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "lengths, sizes and values of at most 16 bits"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "indices are shifted or masked to the length of the array they index"
)]

use super::bits::Bits;

/// Bits looked up at once for one symbol. Longer codes are rare and take a loop.
const SYMBOL_BITS: u32 = 10;
/// Bits looked up at once for the symbols of a skip: about two on average.
const SKIP_BITS: u32 = 13;
/// Added to the advance of a skip that ends its block.
const END_OF_BLOCK: u16 = 128;
const LAST: usize = 63;
/// Bits of an entry of [`Skips`] below its advance.
pub(super) const ADVANCE: u32 = 8;
/// Set in what an entry adds up to when it leads past the last coefficient without ending the block.
pub(super) const PAST_LAST: u32 = (LAST as u32 + 1) << ADVANCE;
/// Set in an entry that ends its block.
pub(super) const ENDS_BLOCK: u32 = (END_OF_BLOCK as u32) << ADVANCE;
/// Advance of an entry for what the table doesn't know: past the last coefficient from wherever it is added.
const UNKNOWN: u16 = LAST as u16 + 1;

/// What to pass over, by the next [`SKIP_BITS`] bits: how many bits (8), and coefficients (7), with [`ENDS_BLOCK`] where the
/// block ends there.
pub(super) type Skips = [u16; 1 << SKIP_BITS];

/// The place of the next bits in [`Skips`].
#[inline(always)]
pub(super) fn skip_index(ready: u64) -> usize {
    (ready >> (64 - SKIP_BITS)) as usize
}

/// A code as its header gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    /// Codes of 1 to 16 bits.
    counts: [u8; 16],
    symbols: [u8; 256],
}

impl Code {
    /// Reads one code and gives what follows it. `None` where it is cut or has more codes than bits allow.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (counts, rest) = bytes.split_first_chunk::<16>()?;
        let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
        let (listed, rest) = rest.split_at_checked(total)?;
        let mut symbols = [0; 256];
        symbols.get_mut(..total)?.copy_from_slice(listed);
        let code = Self {
            counts: *counts,
            symbols,
        };
        let mut free = 1_u32;
        for count in counts {
            free = (2 * free).checked_sub(u32::from(*count))?;
        }
        // the code of ones only is reserved
        (free > 0).then_some((code, rest))
    }

    /// Every code with its length and symbol, in rising order.
    fn codes(&self) -> impl Iterator<Item = (u32, u32, u8)> {
        let lengths = (1_u32..).zip(self.counts);
        let lengths =
            lengths.flat_map(|(length, count)| std::iter::repeat_n(length, usize::from(count)));
        let mut next = 0_u32;
        let mut before = 1;
        lengths.zip(self.symbols).map(move |(length, symbol)| {
            next <<= length - before;
            before = length;
            let code = next;
            next += 1;
            (code, length, symbol)
        })
    }

    /// Whether all symbols are sizes up to `largest`, as those of DC codes are.
    pub(super) fn has_sizes_up_to(&self, largest: u8) -> bool {
        self.codes().all(|(_, _, symbol)| symbol <= largest)
    }
}

/// One symbol: how many zeroes come before the value, and how many bits the value has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    pub(super) run: usize,
    pub(super) size: u32,
    /// The value; 0 of size 0.
    pub(super) value: i32,
}

/// Decodes symbols together with their values.
#[derive(Debug)]
pub(super) struct SymbolTable {
    /// Bits of code and value (5), size (4), run (4); 0 where the code is longer than the index or doesn't exist.
    entries: Box<[u16; 1 << SYMBOL_BITS]>,
    /// For every length: one more than its largest code aligned to 16 bits, and what to add to a code to index `symbols`.
    limits: [(u32, u32); 17],
    symbols: [u8; 256],
}

impl SymbolTable {
    pub(super) fn of_dc(code: &Code) -> Option<Self> {
        code.has_sizes_up_to(15).then(|| Self::of(code))
    }

    pub(super) fn of(code: &Code) -> Self {
        let mut entries = Box::new([0; 1 << SYMBOL_BITS]);
        let mut limits = [(0, 0); 17];
        for (index, (code, length, symbol)) in (0_u32..).zip(code.codes()) {
            limits[(length & 31).min(16) as usize] =
                ((code + 1) << (16 - length), index.wrapping_sub(code));
            if let Some(free) = SYMBOL_BITS.checked_sub(length) {
                let size = u16::from(symbol & 15);
                let entry = (length as u16 + size) | (size << 5) | (u16::from(symbol >> 4) << 9);
                let first = (code << free) as usize;
                if let Some(slots) = entries.get_mut(first..first + (1 << free)) {
                    slots.fill(entry);
                }
            }
        }
        Self {
            entries,
            limits,
            symbols: code.symbols,
        }
    }

    /// Reads a symbol and its value. At least 31 bits have to be ready, and as many are afterwards if 56 were.
    /// `None` where no code begins with the next bits.
    #[inline(always)]
    pub(super) fn read(&self, bits: &mut Bits<'_>) -> Option<Symbol> {
        let entry = u32::from(self.entries[(bits.ready() >> (64 - SYMBOL_BITS)) as usize]);
        if entry == 0 {
            let (length, symbol) = self.long((bits.ready() >> 48) as u32)?;
            bits.consume(length);
            let size = u32::from(symbol & 15);
            let value = value_of(bits.ready(), size);
            bits.consume(size);
            bits.refill();
            return Some(Symbol {
                run: usize::from(symbol >> 4),
                size,
                value,
            });
        }
        let total = entry & 31;
        let size = (entry >> 5) & 15;
        let value = value_of(bits.ready() << (total - size), size);
        bits.consume(total);
        Some(Symbol {
            run: (entry >> 9) as usize,
            size,
            value,
        })
    }

    /// The value of the symbol that begins with the top bits of `ready`.
    #[inline(always)]
    pub(super) fn value_at(&self, ready: u64) -> Option<i32> {
        let entry = u32::from(self.entries[(ready >> (64 - SYMBOL_BITS)) as usize]);
        if entry == 0 {
            let (length, symbol) = self.long((ready >> 48) as u32)?;
            return Some(value_of(ready << length, u32::from(symbol & 15)));
        }
        let size = (entry >> 5) & 15;
        Some(value_of(ready << ((entry & 31) - size), size))
    }

    /// Length and symbol of a code longer than the index.
    #[cold]
    fn long(&self, next: u32) -> Option<(u32, u8)> {
        let limits = &self.limits[SYMBOL_BITS as usize + 1..];
        for (length, (limit, offset)) in (SYMBOL_BITS + 1..=16).zip(limits) {
            if next < *limit {
                let index = (next >> (16 - length)).wrapping_add(*offset);
                return Some((length, *self.symbols.get(index as usize)?));
            }
        }
        None
    }
}

/// What is beyond 16 bits only in files that aren't pictures.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "wanted")]
pub(super) fn low_half(value: i32) -> i16 {
    value as i16
}

/// The value in the top bits of `bits`: the lower half of a size's range is negative. Source: ITU-T T.81 table F.1.
#[inline(always)]
fn value_of(bits: u64, size: u32) -> i32 {
    let magnitude = ((bits >> 1) >> (63 - size)) as i32;
    let is_negative = !(bits.cast_signed() >> 63) as i32;
    magnitude + (is_negative & (1 - (1 << size)))
}

/// Decodes symbols whose values aren't wanted, several at once.
#[derive(Debug)]
pub(super) struct SkipTable {
    pub(super) entries: Box<Skips>,
}

impl SkipTable {
    pub(super) fn of(code: &Code) -> Self {
        // one symbol by what the index begins with: length of the code, bits of code and value, coefficients passed
        let mut single = vec![(0_u32, 0_u32, 0_u16); 1 << SKIP_BITS];
        for (code, length, symbol) in code.codes() {
            if let Some(free) = SKIP_BITS.checked_sub(length) {
                let size = u32::from(symbol & 15);
                let passed = match (symbol >> 4, size) {
                    (15, 0) => 16,
                    (_, 0) => END_OF_BLOCK,
                    (run, _) => u16::from(run) + 1,
                };
                let first = (code << free) as usize;
                if let Some(slots) = single.get_mut(first..first + (1 << free)) {
                    slots.fill((length, length + size, passed));
                }
            }
        }
        let mut entries = Box::new([0; 1 << SKIP_BITS]);
        for (index, entry) in (0_usize..).zip(entries.iter_mut()) {
            *entry = combined(&single, index);
        }
        Self { entries }
    }

    /// Passes over the difference of a mean, the one symbol of a DC code.
    pub(super) fn of_dc(code: &Code) -> Self {
        let mut entries = Box::new([UNKNOWN << ADVANCE; 1 << SKIP_BITS]);
        for (code, length, size) in code.codes() {
            if let Some(free) = SKIP_BITS.checked_sub(length) {
                let first = (code << free) as usize;
                if let Some(slots) = entries.get_mut(first..first + (1 << free)) {
                    slots.fill((length as u16 + u16::from(size)) | (1 << ADVANCE));
                }
            }
        }
        Self { entries }
    }

    /// Passes over the rest of a block from coefficient `at`. `None` where the data makes no sense.
    #[inline(always)]
    pub(super) fn skip(&self, symbols: &SymbolTable, bits: &mut Bits<'_>, at: usize) -> Option<()> {
        let mut at = at;
        while at <= LAST {
            bits.refill();
            // two entries are at most 2 × (12 + 16) bits
            for _ in 0..2 {
                let entry = u32::from(self.entries[skip_index(bits.ready())]);
                let next = at + (entry >> ADVANCE) as usize;
                if next <= LAST {
                    bits.consume(entry & 63);
                    at = next;
                    continue;
                }
                let ends_inside =
                    next >= usize::from(END_OF_BLOCK) && next <= usize::from(END_OF_BLOCK) + LAST;
                if ends_inside || next == LAST + 1 {
                    bits.consume(entry & 63);
                    return Some(());
                }
                // a long code, or an entry that reaches into the next block
                bits.refill();
                let symbol = symbols.read(bits)?;
                match (symbol.run, symbol.size) {
                    (15, 0) => at += 16,
                    (_, 0) => return Some(()),
                    (run, _) => at += run + 1,
                }
                break;
            }
        }
        (at == LAST + 1).then_some(())
    }
}

fn combined(single: &[(u32, u32, u16)], index: usize) -> u16 {
    let (mut bits, mut passed) = (0_u32, 0_u16);
    while bits < SKIP_BITS {
        let rest = (index << bits) & ((1 << SKIP_BITS) - 1);
        let Some((length, total, step)) = single.get(rest).copied() else {
            break;
        };
        let is_known = length > 0 && length <= SKIP_BITS - bits;
        // the first may have value bits beyond the index: they are passed over unseen
        let fits = bits == 0
            || (bits + total <= SKIP_BITS
                && (step == END_OF_BLOCK || usize::from(passed + step) <= LAST));
        if !is_known || !fits {
            break;
        }
        bits += total;
        passed += step;
        if step == END_OF_BLOCK {
            break;
        }
    }
    if bits == 0 {
        passed = UNKNOWN;
    }
    (bits as u16) | (passed << ADVANCE)
}
