//! What EXIF is asked for: the orientation, and where the whole of it is kept, a new orientation and density. Nothing else
//! in it is read; a directory is walked once, without following pointers, so that cycles and giant directories cost nothing.

use super::Orientation;

const ORIENTATION_TAG: u16 = 0x0112;
pub(crate) const BITS_PER_SAMPLE_TAG: u16 = 0x0102;
const SAMPLE_FORMAT_TAG: u16 = 0x0153;
const FLOATING_POINT: u16 = 3;
const FILL_ORDER_TAG: u16 = 0x010a;
const REVERSED_BITS: u16 = 2;
pub(crate) const PLANAR_CONFIGURATION_TAG: u16 = 0x011c;
pub(crate) const SEPARATE_PLANES: u16 = 2;
pub(crate) const TILE_WIDTH_TAG: u16 = 0x0142;
const EXTRA_SAMPLES_TAG: u16 = 0x0152;
/// Alpha with which the colours have been multiplied. Source: TIFF 6.0 section 18.
const ASSOCIATED_ALPHA: u16 = 1;
pub(crate) const TYPE_SHORT: u16 = 3;
pub(crate) const TYPE_LONG: u16 = 4;
const TYPE_RATIONAL: u16 = 5;
const X_RESOLUTION_TAG: u16 = 0x011a;
const Y_RESOLUTION_TAG: u16 = 0x011b;
const RESOLUTION_UNIT_TAG: u16 = 0x0128;
const UNIT_INCH: u16 = 2;
/// A first directory longer than this is nobody's camera.
const MAX_ENTRIES: usize = 1000;

/// Finds the orientation in a TIFF structure, as EXIF is one; upright when it is absent or unreadable.
///
/// Source: TIFF 6.0 section 2, EXIF 2.32 section 4.6.4.
pub(crate) fn orientation(tiff: &[u8]) -> Orientation {
    // some writers keep the name of the JPEG segment in front
    let tiff = tiff.strip_prefix(b"Exif\0\0").unwrap_or(tiff);
    find(tiff).map_or(Orientation::Upright, Orientation::from_exif)
}

/// Whether the pixels of a TIFF file are stored in a way that its decoder knows. It takes bits in reverse for bits in order
/// and whole numbers of 32 bits for fractions, and gives up with a panic on tiles that hold one channel each.
///
/// Source: TIFF 6.0 sections 8 (`FillOrder`, `PlanarConfiguration`), 15 and 19; `tiff` 0.11.
pub(crate) fn is_readable_layout(tiff: &[u8]) -> bool {
    let is_reversed = short(tiff, FILL_ORDER_TAG) == Some(REVERSED_BITS);
    let is_tiled = entry_of(tiff, TILE_WIDTH_TAG).is_some();
    let has_planes = short(tiff, PLANAR_CONFIGURATION_TAG) == Some(SEPARATE_PLANES);
    let is_wide = short(tiff, BITS_PER_SAMPLE_TAG).is_some_and(|bits| bits >= 32);
    let is_fraction = short(tiff, SAMPLE_FORMAT_TAG) == Some(FLOATING_POINT);
    let is_noise = is_reversed || (is_wide && !is_fraction);
    let is_panic = is_tiled && has_planes;
    !(is_noise || is_panic)
}

/// Whether the colours of a TIFF file have been multiplied with its alpha.
///
/// Source: TIFF 6.0 section 18.
pub(crate) fn has_associated_alpha(tiff: &[u8]) -> bool {
    short(tiff, EXTRA_SAMPLES_TAG) == Some(ASSOCIATED_ALPHA)
}

/// Makes the orientation upright, where there is one.
pub(crate) fn set_upright(tiff: &mut [u8]) {
    let Some((order, entry)) = entry_of(tiff, ORIENTATION_TAG) else {
        return;
    };
    let Some(kind) = order.u16(tiff, entry + 2) else {
        return;
    };
    match kind {
        TYPE_SHORT => order.put_u16(tiff, entry + 8, 1),
        TYPE_LONG => order.put_u32(tiff, entry + 8, 1),
        _ => {}
    }
}

/// Changes the density, where one is stored. Units: dots per inch.
pub(crate) fn set_density(tiff: &mut [u8], density: u16) {
    for tag in [X_RESOLUTION_TAG, Y_RESOLUTION_TAG] {
        let place = entry_of(tiff, tag).and_then(|(order, entry)| {
            let is_rational = order.u16(tiff, entry + 2) == Some(TYPE_RATIONAL);
            let offset = usize::try_from(order.u32(tiff, entry + 8)?).ok()?;
            is_rational.then_some((order, offset))
        });
        if let Some((order, offset)) = place {
            order.put_u32(tiff, offset, u32::from(density));
            order.put_u32(tiff, offset.saturating_add(4), 1);
        }
    }
    if let Some((order, entry)) = entry_of(tiff, RESOLUTION_UNIT_TAG) {
        order.put_u16(tiff, entry + 8, UNIT_INCH);
    }
}

/// The shortest EXIF that says a density. Units: dots per inch.
pub(crate) fn of_density(density: u16) -> Vec<u8> {
    const ENTRIES: u16 = 3;
    // header, count, three entries, no next directory
    const VALUES_AT: u32 = 8 + 2 + 3 * 12 + 4;
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    tiff.extend(ENTRIES.to_le_bytes());
    let mut entry = |tag: u16, kind: u16, value: u32| {
        tiff.extend(tag.to_le_bytes());
        tiff.extend(kind.to_le_bytes());
        tiff.extend(1_u32.to_le_bytes());
        tiff.extend(value.to_le_bytes());
    };
    entry(X_RESOLUTION_TAG, TYPE_RATIONAL, VALUES_AT);
    entry(Y_RESOLUTION_TAG, TYPE_RATIONAL, VALUES_AT);
    entry(RESOLUTION_UNIT_TAG, TYPE_SHORT, u32::from(UNIT_INCH));
    tiff.extend(0_u32.to_le_bytes());
    tiff.extend(u32::from(density).to_le_bytes());
    tiff.extend(1_u32.to_le_bytes());
    tiff
}

fn find(tiff: &[u8]) -> Option<u32> {
    let (order, entry) = entry_of(tiff, ORIENTATION_TAG)?;
    match order.u16(tiff, entry + 2)? {
        TYPE_SHORT => order.u16(tiff, entry + 8).map(u32::from),
        TYPE_LONG => order.u32(tiff, entry + 8),
        _ => None,
    }
}

/// The first value of a tag, which stands in its entry or, where there are more than two, where that points to.
fn short(tiff: &[u8], tag: u16) -> Option<u16> {
    let (order, entry) = entry_of(tiff, tag)?;
    if order.u16(tiff, entry + 2)? != TYPE_SHORT {
        return None;
    }
    if order.u32(tiff, entry + 4)? <= 2 {
        return order.u16(tiff, entry + 8);
    }
    let at = usize::try_from(order.u32(tiff, entry + 8)?).ok()?;
    order.u16(tiff, at)
}

/// Where the entry of a tag stands in the first directory.
pub(crate) fn entry_of(tiff: &[u8], tag: u16) -> Option<(ByteOrder, usize)> {
    let order = ByteOrder::of(*tiff.first_chunk()?)?;
    let at = usize::try_from(order.u32(tiff, 4)?).ok()?;
    let directory = tiff.get(at..)?;
    let count = usize::from(order.u16(directory, 0)?).min(MAX_ENTRIES);
    let index = directory
        .get(2..)?
        .chunks_exact(12)
        .take(count)
        .position(|entry| order.u16(entry, 0) == Some(tag))?;
    Some((order, at + 2 + index * 12))
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    pub(crate) fn of(start: [u8; 4]) -> Option<Self> {
        match &start {
            b"II*\0" => Some(Self::Little),
            b"MM\0*" => Some(Self::Big),
            _ => None,
        }
    }

    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(*field),
            Self::Big => u16::from_be_bytes(*field),
        })
    }

    pub(crate) const fn bytes_of_u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub(crate) const fn bytes_of_u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    /// Nothing where the bytes end before.
    fn put_u16(self, bytes: &mut [u8], at: usize, value: u16) {
        if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = self.bytes_of_u16(value);
        }
    }

    /// Nothing where the bytes end before.
    fn put_u32(self, bytes: &mut [u8], at: usize, value: u32) {
        if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = self.bytes_of_u32(value);
        }
    }

    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let field = bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(*field),
            Self::Big => u32::from_be_bytes(*field),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn big_endian(value: u16, count: u16) -> Vec<u8> {
        let mut tiff = b"MM\0*\0\0\0\x08".to_vec();
        tiff.extend(count.to_be_bytes());
        tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1]);
        tiff.extend(value.to_be_bytes());
        tiff.extend([0, 0]);
        tiff
    }

    #[test]
    fn all_eight_values_are_read_and_others_are_upright() {
        assert_eq!(orientation(&big_endian(6, 1)), Orientation::Turned90);
        assert_eq!(orientation(&big_endian(8, 1)), Orientation::Turned270);
        for nonsense in [0, 9, 65_535] {
            assert_eq!(orientation(&big_endian(nonsense, 1)), Orientation::Upright);
        }
        let mut with_name = b"Exif\0\0".to_vec();
        with_name.extend(big_endian(3, 1));
        assert_eq!(orientation(&with_name), Orientation::Turned180);
    }

    #[test]
    fn layouts_the_decoder_gets_wrong_are_not_readable() {
        let with = |entries: &[(u16, u8)]| {
            let mut tiff = b"II*\0\x08\0\0\0".to_vec();
            tiff.extend(u16::try_from(entries.len()).expect("few").to_le_bytes());
            for (tag, value) in entries {
                tiff.extend(tag.to_le_bytes());
                tiff.extend([3, 0, 1, 0, 0, 0, *value, 0, 0, 0]);
            }
            tiff
        };
        assert!(!is_readable_layout(&with(&[(FILL_ORDER_TAG, 2)])));
        let planes = (PLANAR_CONFIGURATION_TAG, 2);
        assert!(!is_readable_layout(&with(&[planes, (TILE_WIDTH_TAG, 64)])));
        assert!(is_readable_layout(&with(&[planes])));
        assert!(is_readable_layout(&with(&[(TILE_WIDTH_TAG, 64)])));
        assert!(is_readable_layout(&with(&[(FILL_ORDER_TAG, 1)])));
        let wide = (BITS_PER_SAMPLE_TAG, 32);
        assert!(!is_readable_layout(&with(&[wide])));
        assert!(is_readable_layout(&with(&[wide, (SAMPLE_FORMAT_TAG, 3)])));
    }

    #[test]
    fn only_the_alpha_that_colours_were_multiplied_with_is_associated() {
        let with = |kind: u8, count: u8| {
            let mut tiff = b"II*\0\x08\0\0\0\x01\0".to_vec();
            tiff.extend([0x52, 0x01, 3, 0, count, 0, 0, 0, kind, 0, 0, 0]);
            tiff
        };
        assert!(has_associated_alpha(&with(1, 1)));
        assert!(!has_associated_alpha(&with(2, 1)));
        // three values would stand elsewhere, here beyond the end
        assert!(!has_associated_alpha(&with(1, 3)));
        assert!(!has_associated_alpha(&big_endian(1, 1)));
    }

    #[test]
    fn a_directory_that_lies_about_its_length_or_place_is_upright() {
        assert_eq!(orientation(&big_endian(6, 65_535)), Orientation::Turned90);
        assert_eq!(
            orientation(b"MM\0*\xff\xff\xff\xff\0\x01"),
            Orientation::Upright
        );
        assert_eq!(orientation(b"II*\0"), Orientation::Upright);
        assert_eq!(orientation(b""), Orientation::Upright);
    }
}
