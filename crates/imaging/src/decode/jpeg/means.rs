//! Baseline files to planes of an eighth of their size: one sample for every block, its mean. What is between the means is
//! passed over at two places of the scan at once ([`super::lanes`]).
//!
//! The second place begins in the middle of the data, at any bit of any symbol. Huffman codes find their way by themselves: before
//! long what is read there are the blocks of the file. Where they begin is noted for the first ones, and once the first place, which
//! goes on beyond the middle, begins a block where the second did, all blocks after that are the same. Means are stored as
//! differences, so they need not be known where a place begins.

#![expect(
    unsafe_code,
    reason = "calls a safe function compiled for processors that have been asked for their features"
)]

use std::slice::Iter;

use super::{
    baseline::{plane_of, units_across, units_down},
    bits::{BitReader, Place, Window, WindowBytes},
    block::AcTables,
    dct,
    frame::{Headers, Scan},
    huffman::{SkipTable, SymbolTable, low_half},
    lanes::{MOST_PER_STRETCH, Phases, Standing, Starts, stretch},
    points::Points,
};
use crate::planes::Plane;

/// Largest size of a difference of means. Source: ITU-T T.81 section F.1.2.1.1, samples of 8 bits.
const LARGEST_SIZE: u8 = 11;
/// Data shorter than this is read at one place: what the second costs more would not come back.
const WORTH_TWO: usize = 64 << 10;
/// Blocks within which the second place has to find its way: usually it takes some tens to a hundred.
const NOTED: usize = 2048;

/// One place of the scan, and what was read there.
struct Track<'a> {
    reader: BitReader<'a>,
    standing: Standing,
    /// Differences of the means that were read.
    differences: Vec<i16>,
}

/// Where a block begins: after how many bits, and as which of the unit.
type Beginning = (u64, usize);

/// Whether the first place came upon a block of the second.
enum Meeting {
    /// At this one, counted from where the second began.
    At(usize),
    /// The second has not found its way.
    Nowhere,
}

/// Whether a scan can be read so: all of the picture in one, without restarts, in the codes of samples of 8 bits.
pub(super) fn fits(headers: &Headers<'_>, points: &[Points]) -> bool {
    points.iter().all(|points| *points == Points::One) && headers.restart_interval == 0
}

/// Decodes the scan that `headers` has just read.
pub(super) fn decode(
    bytes: &[u8],
    headers: &Headers<'_>,
    scan: &Scan,
    windows: &mut [Window; 2],
) -> Option<Vec<Plane>> {
    let tables = Tables::of(headers, scan)?;
    let phases = tables.phases(headers, scan)?;
    let blocks = units_across(headers) * units_down(headers) * phases.count();
    let file = File {
        bytes,
        data: scan.data,
        blocks,
    };
    let (differences, end) = file.differences(&phases, file.middle(), windows)?;
    // anything but the end of the image is for the other decoder to judge
    if bytes.get(end + 1) != Some(&0xd9) {
        return None;
    }
    planes(headers, &differences)
}

/// Tables of the codes that the scan uses.
struct Tables {
    dc: [Option<(SymbolTable, SkipTable)>; 4],
    ac: [Option<AcTables>; 4],
}

impl Tables {
    fn of(headers: &Headers<'_>, scan: &Scan) -> Option<Self> {
        let mut tables = Self {
            dc: [const { None }; 4],
            ac: [const { None }; 4],
        };
        for component in &scan.components {
            let code = headers.dc_codes.get(component.dc)?.as_ref()?;
            let slot = tables.dc.get_mut(component.dc)?;
            if slot.is_none() {
                code.has_sizes_up_to(LARGEST_SIZE).then_some(())?;
                *slot = Some((SymbolTable::of(code), SkipTable::of_dc(code)));
            }
            let code = headers.ac_codes.get(component.ac)?.as_ref()?;
            let slot = tables.ac.get_mut(component.ac)?;
            if slot.is_none() {
                *slot = Some(AcTables::of(code));
            }
        }
        Some(tables)
    }

    fn phases(&self, headers: &Headers<'_>, scan: &Scan) -> Option<Phases<'_>> {
        let mut blocks = Vec::with_capacity(10);
        for component in &scan.components {
            let (dc, dc_skips) = self.dc.get(component.dc)?.as_ref()?;
            let ac = self.ac.get(component.ac)?.as_ref()?;
            let shape = headers.components.get(component.index)?;
            let block = (dc, dc_skips, ac);
            blocks.extend(std::iter::repeat_n(block, shape.across * shape.down));
        }
        Phases::of(&blocks)
    }
}

/// What is read.
struct File<'a> {
    bytes: &'a [u8],
    /// Where the entropy-coded data begins.
    data: usize,
    /// All blocks of all components.
    blocks: usize,
}

impl File<'_> {
    /// The differences of all means in the order of the scan, and where its data ends; read at a second place from `middle` on.
    fn differences(
        &self,
        phases: &Phases<'_>,
        middle: Option<usize>,
        [first, second]: &mut [Window; 2],
    ) -> Option<(Vec<i16>, usize)> {
        let mut track = Track::new(self, self.data, first);
        let other = middle.and_then(|middle| {
            track.reader.stop_at(middle);
            let mut other = Track::new(self, middle, second);
            let beginnings = other.find_its_way(phases)?;
            Some((other, beginnings))
        });
        if let Some((mut other, beginnings)) = other {
            let is_sound = run_both(&mut track, &mut other, phases)?;
            let before = track.reader.go_on();
            if is_sound && let Meeting::At(block) = track.meet(phases, &beginnings, before)? {
                track.differences.extend(other.differences.get(block..)?);
                other.differences = track.differences;
                return other.finish(phases, self.blocks);
            }
        }
        track.reader.go_on();
        track.run(phases)?;
        track.finish(phases, self.blocks)
    }

    /// A byte in the middle of the data that is not the second of two. None where the data is short.
    fn middle(&self) -> Option<usize> {
        let length = self.bytes.len().checked_sub(self.data)?;
        let middle = self.data + length / 2;
        let is_second = self.bytes.get(middle - 1) == Some(&0xff);
        (length >= WORTH_TWO).then_some(middle + usize::from(is_second))
    }
}

/// Reads on until the first place is where the second began, and the second near the end. Gives whether the second met no
/// nonsense, as it may where it has not found its way. `None` where the first does.
fn run_both(first: &mut Track<'_>, second: &mut Track<'_>, phases: &Phases<'_>) -> Option<bool> {
    let mut starts: [Starts; 2] = Default::default();
    let mut is_sound = true;
    while is_sound && first.has_stretch()? && second.has_stretch() == Some(true) {
        is_sound = run_together(phases, first, second, &mut starts).is_some();
    }
    first.run(phases)?;
    Some(is_sound && second.run(phases).is_some())
}

/// Reads a stretch at both places. `None`, and the first as it was, where it makes no sense at one of them.
fn run_together(
    phases: &Phases<'_>,
    first: &mut Track<'_>,
    second: &mut Track<'_>,
    starts: &mut [Starts; 2],
) -> Option<()> {
    let (window, place) = first.reader.parts();
    let (other_window, other_place) = second.reader.parts();
    let mut places = [(place, first.standing), (other_place, second.standing)];
    advance(phases, [window, other_window], &mut places, starts)?;
    let [place, other_place] = places;
    let [starts, other_starts] = starts;
    second.take(phases, other_place, other_starts)?;
    first.take(phases, place, starts)
}

fn advance<const L: usize>(
    phases: &Phases<'_>,
    windows: [&WindowBytes; L],
    places: &mut [(Place, Standing); L],
    starts: &mut [Starts; L],
) -> Option<()> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has the features; the function is safe code otherwise.
        return unsafe { advance_with_any_shift(phases, windows, places, starts) };
    }
    stretch(phases, windows, places, starts)
}

/// The same with shifts by any register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi1,bmi2")]
fn advance_with_any_shift<const L: usize>(
    phases: &Phases<'_>,
    windows: [&WindowBytes; L],
    places: &mut [(Place, Standing); L],
    starts: &mut [Starts; L],
) -> Option<()> {
    stretch(phases, windows, places, starts)
}

impl<'a> Track<'a> {
    fn new(file: &File<'a>, at: usize, window: &'a mut Window) -> Self {
        // a block takes two bits at least, whatever the header says of their number
        let most = 4 * file.bytes.len().saturating_sub(at);
        Self {
            reader: BitReader::new(file.bytes, at, window),
            standing: Standing::default(),
            differences: Vec::with_capacity(file.blocks.min(most)),
        }
    }

    fn has_stretch(&mut self) -> Option<bool> {
        self.reader.has(MOST_PER_STRETCH)
    }

    /// Reads alone as far as there is data for stretches.
    fn run(&mut self, phases: &Phases<'_>) -> Option<()> {
        let mut starts = [Starts::default()];
        while self.has_stretch()? {
            let (window, place) = self.reader.parts();
            let mut places = [(place, self.standing)];
            advance(phases, [window], &mut places, &mut starts)?;
            let ([place], [starts]) = (places, &starts);
            self.take(phases, place, starts)?;
        }
        Some(())
    }

    /// Keeps what a stretch gave.
    fn take(
        &mut self,
        phases: &Phases<'_>,
        (place, standing): (Place, Standing),
        starts: &Starts,
    ) -> Option<()> {
        starts.add_differences(phases, &mut self.differences)?;
        self.reader.go_to(place);
        self.standing = standing;
        Some(())
    }

    /// Reads to the end of a block.
    fn block(&mut self, phases: &Phases<'_>) -> Option<()> {
        self.reader.top_up()?;
        let tables = phases.get(self.standing.phase)?;
        let mut bits = self.reader.bits();
        let mut coefficient = self.standing.coefficient;
        if coefficient == 0 {
            bits.refill();
            let difference = tables.dc.read(&mut bits)?.value;
            self.differences.push(low_half(difference));
            coefficient = 1;
        }
        tables
            .ac
            .skips
            .skip(&tables.ac.symbols, &mut bits, coefficient)?;
        let place = bits.place;
        self.reader.go_to(place);
        self.standing = Standing {
            phase: tables.next,
            coefficient: 0,
        };
        Some(())
    }

    /// Reads the first blocks from a bit that may be any of any symbol. Gives where they began.
    fn find_its_way(&mut self, phases: &Phases<'_>) -> Option<Vec<Beginning>> {
        let mut beginnings = Vec::with_capacity(NOTED);
        while beginnings.len() < NOTED {
            self.reader.top_up()?;
            beginnings.push((self.reader.bits_read(), self.standing.phase));
            if self.block(phases).is_none() {
                // no block begins here; perhaps one does a bit further
                self.differences.resize(beginnings.len(), 0);
                self.reader.pass_bit();
            }
        }
        Some(beginnings)
    }

    /// Reads on until a block begins where one began at the other place, which is `before` bits after the start of this one.
    fn meet(
        &mut self,
        phases: &Phases<'_>,
        beginnings: &[Beginning],
        before: u64,
    ) -> Option<Meeting> {
        if self.standing.coefficient > 0 {
            self.block(phases)?;
        }
        let mut others = beginnings.iter().enumerate().peekable();
        while let Some((number, (bits, phase))) = others.peek().copied() {
            let there = before + bits;
            let here = self.reader.bits_read();
            if here < there {
                self.block(phases)?;
            } else if here == there && *phase == self.standing.phase {
                return Some(Meeting::At(number));
            } else {
                others.next();
            }
        }
        Some(Meeting::Nowhere)
    }

    /// Reads what is left of all blocks, and sees that the data ends there. Gives all differences and where that is.
    fn finish(mut self, phases: &Phases<'_>, blocks: usize) -> Option<(Vec<i16>, usize)> {
        if self.standing.coefficient > 0 {
            self.block(phases)?;
        }
        while self.differences.len() < blocks {
            self.block(phases)?;
        }
        let end = self.reader.end()?;
        (self.differences.len() == blocks).then_some((self.differences, end))
    }
}

/// A component on its way to a plane.
struct Target {
    across: usize,
    down: usize,
    step: i32,
    mean: i32,
    plane: Plane,
}

/// Adds the differences up to means, block by block of every unit.
fn planes(headers: &Headers<'_>, differences: &[i16]) -> Option<Vec<Plane>> {
    let mut targets = Vec::with_capacity(headers.components.len());
    for (index, component) in headers.components.iter().enumerate() {
        let [step, ..] = headers.quantisation(index)?;
        targets.push(Target {
            across: component.across,
            down: component.down,
            step: i32::from(step),
            mean: 0,
            plane: plane_of(headers, index, Points::One)?,
        });
    }
    let mut differences = differences.iter();
    for y in 0..units_down(headers) {
        for x in 0..units_across(headers) {
            for target in &mut targets {
                target.unit((x, y), &mut differences)?;
            }
        }
    }
    Some(targets.into_iter().map(|target| target.plane).collect())
}

impl Target {
    fn unit(&mut self, (x, y): (usize, usize), differences: &mut Iter<'_, i16>) -> Option<()> {
        for row in y * self.down..(y + 1) * self.down {
            let start = row * self.plane.stride + x * self.across;
            let samples = self.plane.samples.get_mut(start..start + self.across)?;
            for (sample, difference) in samples.iter_mut().zip(differences.by_ref()) {
                self.mean = self.mean.wrapping_add(i32::from(*difference));
                *sample = dct::mean(self.mean.wrapping_mul(self.step));
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
