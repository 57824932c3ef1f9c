//! JPEG headers as our own decoder needs them. It takes the common shapes only; whatever else it meets is `None`, and
//! libjpeg-turbo, asked instead, decides what to make of it.
//!
//! Source: ITU-T T.81 annex B; colour spaces as libjpeg's `default_decompress_parms` tells them apart.

use super::{huffman::Code, points::Shape};
use crate::geometry::Size;

/// Blocks of one minimum coded unit. Source: ITU-T T.81 section B.2.3.
pub(super) const MAX_BLOCKS_PER_UNIT: usize = 10;
const BASELINE: u8 = 0xc0;
const EXTENDED: u8 = 0xc1;
const PROGRESSIVE: u8 = 0xc2;

/// One component of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    identifier: u8,
    /// Blocks of a minimum coded unit, across and down.
    pub(super) across: usize,
    pub(super) down: usize,
    quantisation: usize,
}

/// What one scan holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) components: Vec<ScanComponent>,
    /// First and last coefficient in zigzag order.
    pub(super) first: u8,
    pub(super) last: u8,
    /// Bit positions before and after; 0 before means that this is the first pass.
    pub(super) high: u8,
    pub(super) low: u8,
    /// Where the entropy-coded data begins.
    pub(super) data: usize,
}

/// What comes next in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Scan(Scan),
    End,
}

/// Which component, decoded with which tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScanComponent {
    pub(super) index: usize,
    pub(super) dc: usize,
    pub(super) ac: usize,
}

/// The headers read so far.
#[derive(Debug)]
pub(super) struct Headers<'a> {
    bytes: &'a [u8],
    at: usize,
    pub(super) size: Size,
    pub(super) is_progressive: bool,
    /// Luma, or luma and two differences.
    pub(super) components: Vec<Component>,
    quantisation: [Option<[u16; 64]>; 4],
    pub(super) dc_codes: [Option<Code>; 4],
    pub(super) ac_codes: [Option<Code>; 4],
    /// Minimum coded units between restart markers; 0 for none.
    pub(super) restart_interval: usize,
    is_jfif: bool,
    adobe_transform: Option<u8>,
    scans: usize,
}

impl<'a> Headers<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        bytes.starts_with(&[0xff, 0xd8]).then_some(Self {
            bytes,
            at: 2,
            size: Size {
                width: 0,
                height: 0,
            },
            is_progressive: false,
            components: Vec::new(),
            quantisation: [None; 4],
            dc_codes: [const { None }; 4],
            ac_codes: [const { None }; 4],
            restart_interval: 0,
            is_jfif: false,
            adobe_transform: None,
            scans: 0,
        })
    }

    /// Reads up to the next scan's data, or the end of the image.
    pub(super) fn next_scan(&mut self) -> Option<Next> {
        loop {
            let [0xff, marker] = *self.bytes.get(self.at..)?.first_chunk()? else {
                return None;
            };
            if marker == 0xd9 {
                return Some(Next::End);
            }
            let length = usize::from(u16::from_be_bytes(
                *self.bytes.get(self.at + 2..)?.first_chunk()?,
            ));
            let payload = self.bytes.get(self.at + 4..self.at + 2 + length)?;
            self.at += 2 + length;
            match marker {
                BASELINE | EXTENDED | PROGRESSIVE => self.read_frame(marker, payload)?,
                0xc4 => self.read_codes(payload)?,
                0xdb if self.scans == 0 => self.read_quantisation(payload)?,
                0xdd => {
                    self.restart_interval =
                        usize::from(u16::from_be_bytes(*payload.first_chunk()?));
                }
                0xda => {
                    self.scans += 1;
                    return Some(Next::Scan(self.read_scan(payload)?));
                }
                0xe0 => self.is_jfif |= payload.len() >= 14 && payload.starts_with(b"JFIF\0"),
                0xee if payload.len() >= 12 && payload.starts_with(b"Adobe") => {
                    self.adobe_transform = payload.get(11).copied();
                }
                0xe1..=0xef | 0xfe => {}
                _ => return None,
            }
        }
    }

    /// Says where the entropy-coded data of the last scan ended.
    pub(super) fn continue_at(&mut self, at: usize) {
        self.at = at;
    }

    /// The quantisation steps of a component, in zigzag order.
    pub(super) fn quantisation(&self, component: usize) -> Option<[u16; 64]> {
        let table = self.components.get(component)?.quantisation;
        *self.quantisation.get(table)?
    }

    /// Blocks of a minimum coded unit across and down, of the component that has the most.
    pub(super) fn unit(&self) -> (usize, usize) {
        let across = self.components.iter().map(|component| component.across);
        let down = self.components.iter().map(|component| component.down);
        (across.max().unwrap_or(1), down.max().unwrap_or(1))
    }

    /// Whether the components are luma, or luma and the two differences of BT.601.
    pub(super) fn is_luma_and_differences(&self) -> bool {
        let identifiers: Vec<u8> = self
            .components
            .iter()
            .map(|component| component.identifier)
            .collect();
        match (self.components.len(), self.adobe_transform) {
            (1, _) | (3, Some(1)) => true,
            (3, None) => self.is_jfif || identifiers == [1, 2, 3],
            _ => false,
        }
    }

    /// What the components look like.
    #[expect(clippy::cast_precision_loss, reason = "sampling factors are at most 4")]
    pub(super) fn shape(&self) -> Shape {
        let (across, down) = self.unit();
        let chroma = self.components.get(1).map(|blue| {
            (
                blue.across as f64 / across as f64,
                blue.down as f64 / down as f64,
            )
        });
        Shape {
            size: self.size,
            chroma,
        }
    }

    fn read_frame(&mut self, marker: u8, payload: &[u8]) -> Option<()> {
        let [
            8,
            height_high,
            height_low,
            width_high,
            width_low,
            count,
            components @ ..,
        ] = payload
        else {
            return None;
        };
        self.size = Size {
            width: u32::from(u16::from_be_bytes([*width_high, *width_low])),
            height: u32::from(u16::from_be_bytes([*height_high, *height_low])),
        };
        let (components, rest) = components.as_chunks::<3>();
        let is_first = self.components.is_empty();
        if !is_first
            || !matches!(*count, 1 | 3)
            || components.len() != usize::from(*count)
            || !rest.is_empty()
            || self.size.area() == 0
        {
            return None;
        }
        self.is_progressive = marker == PROGRESSIVE;
        self.components = components
            .iter()
            .map(|[identifier, sampling, quantisation]| Component {
                identifier: *identifier,
                across: usize::from(sampling >> 4),
                down: usize::from(sampling & 15),
                quantisation: usize::from(*quantisation),
            })
            .collect();
        self.has_common_sampling().then_some(())?;
        if let [luma] = self.components.as_mut_slice() {
            // a single component is never interleaved, whatever its factors say
            (luma.across, luma.down) = (1, 1);
        }
        Some(())
    }

    fn has_common_sampling(&self) -> bool {
        let unit = self.unit();
        let blocks: usize = self
            .components
            .iter()
            .map(|component| component.across * component.down)
            .sum();
        let is_common = |component: &Component| {
            matches!(component.across, 1 | 2 | 4) && matches!(component.down, 1 | 2 | 4)
        };
        let differences = self.components.get(1..).unwrap_or_default();
        blocks <= MAX_BLOCKS_PER_UNIT
            && self.components.iter().all(is_common)
            && self.components.first().map(|luma| (luma.across, luma.down)) == Some(unit)
            && differences.first().map(|blue| (blue.across, blue.down))
                == differences.last().map(|red| (red.across, red.down))
    }

    fn read_codes(&mut self, payload: &[u8]) -> Option<()> {
        let mut rest = payload;
        while let [class, tail @ ..] = rest {
            let (code, tail) = Code::read(tail)?;
            let tables = match class >> 4 {
                0 => &mut self.dc_codes,
                1 => &mut self.ac_codes,
                _ => return None,
            };
            *tables.get_mut(usize::from(class & 15))? = Some(code);
            rest = tail;
        }
        Some(())
    }

    fn read_quantisation(&mut self, payload: &[u8]) -> Option<()> {
        let mut rest = payload;
        while let [precision, tail @ ..] = rest {
            let table = self.quantisation.get_mut(usize::from(precision & 15))?;
            let mut steps = [0_u16; 64];
            rest = match precision >> 4 {
                0 => {
                    let (bytes, tail) = tail.split_first_chunk::<64>()?;
                    steps = bytes.map(u16::from);
                    tail
                }
                1 => {
                    let (bytes, tail) = tail.split_first_chunk::<128>()?;
                    for (step, pair) in steps.iter_mut().zip(bytes.as_chunks::<2>().0) {
                        *step = u16::from_be_bytes(*pair);
                    }
                    tail
                }
                _ => return None,
            };
            *table = Some(steps);
        }
        Some(())
    }

    fn read_scan(&self, payload: &[u8]) -> Option<Scan> {
        let (count, rest) = payload.split_first()?;
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(*count))?;
        let [first, last, approximation] = *rest else {
            return None;
        };
        let mut components: Vec<ScanComponent> = Vec::with_capacity(3);
        for [identifier, tables] in selectors.as_chunks::<2>().0 {
            let index = self
                .components
                .iter()
                .position(|component| component.identifier == *identifier)?;
            // components come in the order of the frame
            if components
                .last()
                .is_some_and(|before| before.index >= index)
            {
                return None;
            }
            components.push(ScanComponent {
                index,
                dc: usize::from(tables >> 4),
                ac: usize::from(tables & 15),
            });
        }
        (!components.is_empty() && last <= 63 && first <= last).then_some(Scan {
            components,
            first,
            last,
            high: approximation >> 4,
            low: approximation & 15,
            data: self.at,
        })
    }
}
