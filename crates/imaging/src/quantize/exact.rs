//! The colours of a picture that has few, exactly.

use std::time::Instant;

use super::{Indexed, MAX_COLORS, colors_of};
use crate::{deadline::Watch, error::ImagingError, picture::Picture};

/// Four times as many slots as colours, so that a look-up seldom meets another colour first.
const SLOT_BITS: u32 = 10;
/// Of a slot without colour.
const NONE: u16 = u16::MAX;

/// The picture by its own colours, or none where there are more than 256. Photographs are told after a few rows.
///
/// Errors: `Timeout`.
pub(crate) fn exact(
    picture: &Picture,
    deadline: Option<Instant>,
) -> Result<Option<Indexed>, ImagingError> {
    let mut watch = Watch::new(deadline);
    let mut table = Table::new();
    let mut indices = Vec::with_capacity(picture.pixels.len() / picture.channels.count());
    let mut last: Option<([u8; 4], u8)> = None;
    for color in colors_of(picture) {
        watch.count(1)?;
        let index = match last {
            Some((seen, index)) if seen == color => index,
            _ => match table.index_of(color) {
                Some(index) => index,
                None => return Ok(None),
            },
        };
        last = Some((color, index));
        indices.push(index);
    }
    Ok(Some(ordered(table.colors, indices)))
}

/// Clear first, then others with alpha, so that a PNG has to name the alpha of no more; else as they were seen first, top left to bottom right.
fn ordered(colors: Vec<[u8; 4]>, mut indices: Vec<u8>) -> Indexed {
    if colors.iter().all(|color| color[3] == u8::MAX) {
        return Indexed { colors, indices };
    }
    let mut order: Vec<(u8, [u8; 4])> = (0..=u8::MAX).zip(colors).collect();
    order.sort_by_key(|(_, color)| (color[3] == u8::MAX, color[3] != 0));
    let mut new_index = [0_u8; MAX_COLORS];
    for (new, (old, _)) in (0..=u8::MAX).zip(&order) {
        if let Some(slot) = new_index.get_mut(usize::from(*old)) {
            *slot = new;
        }
    }
    for index in &mut indices {
        *index = new_index.get(usize::from(*index)).copied().unwrap_or(0);
    }
    let colors = order.into_iter().map(|(_, color)| color).collect();
    Indexed { colors, indices }
}

/// Colours and where to find them.
struct Table {
    colors: Vec<[u8; 4]>,
    slots: Vec<u16>,
}

impl Table {
    fn new() -> Self {
        Self {
            colors: Vec::new(),
            slots: vec![NONE; 1 << SLOT_BITS],
        }
    }

    /// The index of a colour, given one if it has none; none beyond 256.
    fn index_of(&mut self, color: [u8; 4]) -> Option<u8> {
        let mask = self.slots.len() - 1;
        // Knuth's multiplicative hash: the upper bits of a product with 2³² divided by the golden ratio
        let hash = u32::from_le_bytes(color).wrapping_mul(0x9E37_79B1) >> (u32::BITS - SLOT_BITS);
        let mut position = hash as usize & mask;
        loop {
            let slot = self.slots.get_mut(position)?;
            if *slot == NONE {
                let index = u8::try_from(self.colors.len()).ok()?;
                *slot = index.into();
                self.colors.push(color);
                return Some(index);
            }
            if self.colors.get(usize::from(*slot)) == Some(&color) {
                return u8::try_from(*slot).ok();
            }
            position = (position + 1) & mask;
        }
    }
}
