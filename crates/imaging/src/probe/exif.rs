//! The one thing EXIF is asked for: the orientation. Everything else in it is dropped, so nothing else is read; a
//! directory is walked once, without following pointers, so that cycles and giant directories cost nothing.

use super::Orientation;

const ORIENTATION_TAG: u16 = 0x0112;
const TYPE_SHORT: u16 = 3;
const TYPE_LONG: u16 = 4;
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

fn find(tiff: &[u8]) -> Option<u32> {
    let order = ByteOrder::of(*tiff.first_chunk()?)?;
    let directory = tiff.get(usize::try_from(order.u32(tiff, 4)?).ok()?..)?;
    let count = usize::from(order.u16(directory, 0)?).min(MAX_ENTRIES);
    let entry = directory
        .get(2..)?
        .chunks_exact(12)
        .take(count)
        .find(|entry| order.u16(entry, 0) == Some(ORIENTATION_TAG))?;
    match order.u16(entry, 2)? {
        TYPE_SHORT => order.u16(entry, 8).map(u32::from),
        TYPE_LONG => order.u32(entry, 8),
        _ => None,
    }
}

#[derive(Clone, Copy)]
enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    fn of(start: [u8; 4]) -> Option<Self> {
        match &start {
            b"II*\0" => Some(Self::Little),
            b"MM\0*" => Some(Self::Big),
            _ => None,
        }
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(*field),
            Self::Big => u16::from_be_bytes(*field),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
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
