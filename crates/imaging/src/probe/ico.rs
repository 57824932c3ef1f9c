//! ICO: which of its pictures is shown, where that one is a PNG file. Those are read by the decoder for PNG, since icons hold
//! every kind of it; older pictures are bitmaps without a file header.

use super::fields::{le16, le32};

const DIRECTORY_BYTES: usize = 6;
const ENTRY_BYTES: usize = 16;
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The PNG file of the deepest and, among those, largest picture; `None` where that one is a bitmap or isn't there.
pub(crate) fn embedded_png(bytes: &[u8]) -> Option<&[u8]> {
    let count = usize::from(le16(bytes, 4)?);
    let entries = bytes.get(DIRECTORY_BYTES..)?.chunks_exact(ENTRY_BYTES);
    // a side of 256 is stored as 0
    let side = |field: Option<&u8>| field.map_or(0, |side| (u32::from(*side) + 255) % 256 + 1);
    let shown = entries.take(count).max_by_key(|entry| {
        let area = side(entry.first()) * side(entry.get(1));
        (le16(entry, 6), area)
    })?;
    let length = usize::try_from(le32(shown, 8)?).ok()?;
    let start = usize::try_from(le32(shown, 12)?).ok()?;
    let picture = bytes.get(start..start.checked_add(length)?)?;
    picture.starts_with(PNG_SIGNATURE).then_some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn icon(entries: &[(u8, u8, u16, &[u8])]) -> Vec<u8> {
        let mut icon = vec![0, 0, 1, 0, 0, 0];
        if let Some(count) = icon.get_mut(4) {
            *count = u8::try_from(entries.len()).expect("few");
        }
        let mut start = DIRECTORY_BYTES + entries.len() * ENTRY_BYTES;
        for (width, height, depth, picture) in entries {
            icon.extend([*width, *height, 0, 0, 1, 0]);
            icon.extend(depth.to_le_bytes());
            icon.extend(u32::try_from(picture.len()).expect("short").to_le_bytes());
            icon.extend(u32::try_from(start).expect("short").to_le_bytes());
            start += picture.len();
        }
        for (_, _, _, picture) in entries {
            icon.extend_from_slice(picture);
        }
        icon
    }

    #[test]
    fn the_deepest_picture_counts_and_then_the_largest() {
        let png = |name: &[u8]| [PNG_SIGNATURE, name].concat();
        let (small, large, shallow) = (png(b"small"), png(b"large"), png(b"shallow"));
        let icon = icon(&[
            (0, 0, 8, &shallow),
            (0, 16, 32, &large),
            (16, 16, 32, &small),
        ]);
        assert_eq!(embedded_png(&icon), Some(large.as_slice()));
    }

    #[test]
    fn bitmaps_and_pictures_beyond_the_end_are_none() {
        assert_eq!(embedded_png(&icon(&[(16, 16, 32, b"\x28\0\0\0")])), None);
        let mut cut = icon(&[(16, 16, 32, PNG_SIGNATURE)]);
        cut.pop();
        assert_eq!(embedded_png(&cut), None);
        assert_eq!(embedded_png(b"\0\0\x01\0\x05\0"), None);
        assert_eq!(embedded_png(b""), None);
    }
}
