//! Metadata in AVIF: EXIF and XMP are items that describe the picture, a colour profile is a property of it. The coded picture
//! stays as it is; what says where its bytes lie moves with them.
//!
//! Source: ISO/IEC 14496-12, 8.11 (items); ISO/IEC 23008-12, 6.5.5 (`colr`) and annex A (EXIF, XMP).

use super::Metadata;
use crate::probe::{
    avif::Descriptions,
    boxes::{Cursor, IsoBox, boxes},
    exif,
};

const HEADER_BYTES: usize = 8;
/// Version and flags, none of them set.
const PLAIN: [u8; 4] = [0; 4];
/// An `infe` box has types of items from this version on.
const TYPED: [u8; 4] = [2, 0, 0, 0];
const XMP_TYPE: &[u8] = b"application/rdf+xml";
/// The index of a property, where it takes one byte of which one bit says whether it is essential.
const MAX_PROPERTIES: usize = 127;
/// Offsets and lengths of four bytes each, no base offsets: the only layout of `iloc` that is written here.
const LOCATION_LAYOUT: [u8; 2] = [0x44, 0];

pub(super) fn read(source: &[u8]) -> Metadata {
    let Ok(found) = Descriptions::read(source) else {
        return Metadata::default();
    };
    Metadata {
        exif: found.exif.and_then(|item| tiff_of(&item)),
        xmp: found.xmp.map(Vec::from),
        ..Metadata::default()
    }
}

/// The item begins with how many bytes follow before the TIFF structure does.
fn tiff_of(item: &[u8]) -> Option<Vec<u8>> {
    let (skipped, rest) = item.split_first_chunk()?;
    let skipped = usize::try_from(u32::from_be_bytes(*skipped)).ok()?;
    let tiff = rest.get(skipped..)?;
    // some writers leave JPEG's name in front and say that nothing is
    Some(tiff.strip_prefix(b"Exif\0\0").unwrap_or(tiff).to_vec())
}

pub(super) fn embed(metadata: &Metadata, encoded: &[u8]) -> Option<Vec<u8>> {
    let density = metadata.density.map(exif::of_density);
    let exif = metadata.exif.as_ref().or(density.as_ref());
    let mut items = Vec::new();
    if let Some(exif) = exif {
        items.push(Item {
            kind: *b"Exif",
            content_type: None,
            data: [&[0; 4], exif.as_slice()].concat(),
        });
    }
    if let Some(xmp) = &metadata.xmp {
        items.push(Item {
            kind: *b"mime",
            content_type: Some(XMP_TYPE),
            data: xmp.clone(),
        });
    }
    let found: Vec<IsoBox<'_>> = boxes(encoded).collect::<Result<_, _>>().ok()?;
    let meta = found.iter().find(|found| &found.kind == b"meta")?;
    let additions = Additions::new(meta, &items, metadata.profile.as_deref())?;

    // offsets take the same room whatever they are, so the first pass finds out how far everything moves
    let grown = additions.meta(meta, Offsets::default())?;
    let growth = grown.len().checked_sub(meta.body.len() + HEADER_BYTES)?;
    let end = encoded.len() + growth + HEADER_BYTES;
    let offsets = Offsets {
        moved_by: u32::try_from(growth).ok()?,
        items_from: u32::try_from(end).ok()?,
    };
    let mut output = Vec::with_capacity(end);
    for found in &found {
        if &found.kind == b"meta" {
            output.extend(additions.meta(meta, offsets)?);
        } else {
            output.extend(boxed(found.kind, &[found.body])?);
        }
    }
    if !items.is_empty() {
        let data: Vec<&[u8]> = items.iter().map(|item| item.data.as_slice()).collect();
        output.extend(boxed(*b"mdat", &data)?);
    }
    Some(output)
}

/// An item to be added.
struct Item {
    kind: [u8; 4],
    content_type: Option<&'static [u8]>,
    data: Vec<u8>,
}

/// Units: bytes.
#[derive(Clone, Copy, Default)]
struct Offsets {
    /// How far what follows the `meta` box moves.
    moved_by: u32,
    /// Where the bytes of the added items begin.
    items_from: u32,
}

/// What is added to a `meta` box.
struct Additions<'a> {
    items: &'a [Item],
    profile: Option<&'a [u8]>,
    /// The picture.
    primary: u16,
    /// Of the first added item.
    first_id: u16,
}

impl<'a> Additions<'a> {
    fn new(meta: &IsoBox<'_>, items: &'a [Item], profile: Option<&'a [u8]>) -> Option<Self> {
        let pitm = child(meta, *b"pitm")?;
        let iinf = child(meta, *b"iinf")?;
        let mut last_id = 0;
        for entry in boxes(iinf.body.get(6..)?) {
            last_id = last_id.max(Cursor::new(entry.ok()?.body.get(4..)?).u16().ok()?);
        }
        Some(Self {
            items,
            profile,
            primary: Cursor::new(unversioned(&pitm)?).u16().ok()?,
            first_id: last_id.checked_add(1)?,
        })
    }

    fn ids(&self) -> impl Iterator<Item = u16> {
        self.first_id..
    }

    /// The box with everything in it that is to be there.
    fn meta(&self, meta: &IsoBox<'_>, offsets: Offsets) -> Option<Vec<u8>> {
        let mut body = PLAIN.to_vec();
        let has_references = child(meta, *b"iref").is_some();
        for child in boxes(meta.body.get(4..)?) {
            let child = child.ok()?;
            match &child.kind {
                b"iinf" => body.extend(self.infos(&child)?),
                b"iloc" => body.extend(self.locations(&child, offsets)?),
                b"iref" => body.extend(self.references(unversioned(&child)?)?),
                b"iprp" => body.extend(self.properties(&child)?),
                _ => body.extend(boxed(child.kind, &[child.body])?),
            }
        }
        if !has_references && !self.items.is_empty() {
            body.extend(self.references(&[])?);
        }
        boxed(*b"meta", &[&body])
    }

    fn infos(&self, iinf: &IsoBox<'_>) -> Option<Vec<u8>> {
        let (count, mut entries) = counted(unversioned(iinf)?)?;
        for (id, item) in self.ids().zip(self.items) {
            let mut entry = TYPED.to_vec();
            entry.extend(id.to_be_bytes());
            // not protected, and no name
            entry.extend([0, 0]);
            entry.extend(item.kind);
            entry.push(0);
            if let Some(content_type) = item.content_type {
                entry.extend_from_slice(content_type);
                entry.push(0);
            }
            entries.extend(boxed(*b"infe", &[&entry])?);
        }
        let count = self.more_than(count)?.to_be_bytes();
        boxed(*b"iinf", &[&PLAIN, &count, &entries])
    }

    fn locations(&self, iloc: &IsoBox<'_>, offsets: Offsets) -> Option<Vec<u8>> {
        let rest = unversioned(iloc)?.strip_prefix(&LOCATION_LAYOUT)?;
        let mut fields = Cursor::new(rest);
        let count = fields.u16().ok()?;
        let mut entries = Vec::new();
        for _ in 0..count {
            // id, place of the data (this file)
            entries.extend(fields.u32().ok()?.to_be_bytes());
            let extents = fields.u16().ok()?;
            entries.extend(extents.to_be_bytes());
            for _ in 0..extents {
                let offset = fields.u32().ok()?.checked_add(offsets.moved_by)?;
                entries.extend(offset.to_be_bytes());
                entries.extend(fields.u32().ok()?.to_be_bytes());
            }
        }
        let mut offset = offsets.items_from;
        for (id, item) in self.ids().zip(self.items) {
            let length = u32::try_from(item.data.len()).ok()?;
            entries.extend(id.to_be_bytes());
            entries.extend([0, 0, 0, 1]);
            entries.extend(offset.to_be_bytes());
            entries.extend(length.to_be_bytes());
            offset = offset.checked_add(length)?;
        }
        let count = self.more_than(count)?.to_be_bytes();
        boxed(*b"iloc", &[&PLAIN, &LOCATION_LAYOUT, &count, &entries])
    }

    /// Every added item describes the picture.
    fn references(&self, present: &[u8]) -> Option<Vec<u8>> {
        let mut body = PLAIN.to_vec();
        body.extend_from_slice(present);
        for (id, _) in self.ids().zip(self.items) {
            let (from, to) = (id.to_be_bytes(), self.primary.to_be_bytes());
            body.extend(boxed(*b"cdsc", &[&from, &[0, 1], &to])?);
        }
        boxed(*b"iref", &[&body])
    }

    fn properties(&self, iprp: &IsoBox<'_>) -> Option<Vec<u8>> {
        let Some(profile) = self.profile else {
            return boxed(iprp.kind, &[iprp.body]);
        };
        let mut index = 0;
        let mut body = Vec::new();
        for child in boxes(iprp.body) {
            let child = child.ok()?;
            match &child.kind {
                b"ipco" => {
                    let present = boxes(child.body).collect::<Result<Vec<_>, _>>().ok()?;
                    index = u8::try_from(present.len() + 1).ok()?;
                    let color = boxed(*b"colr", &[b"prof", profile])?;
                    body.extend(boxed(*b"ipco", &[child.body, &color])?);
                }
                b"ipma" => body.extend(self.associations(&child, index)?),
                _ => body.extend(boxed(child.kind, &[child.body])?),
            }
        }
        boxed(*b"iprp", &[&body])
    }

    /// Gives the picture one property more.
    fn associations(&self, ipma: &IsoBox<'_>, index: u8) -> Option<Vec<u8>> {
        if usize::from(index) > MAX_PROPERTIES {
            return None;
        }
        let mut fields = Cursor::new(unversioned(ipma)?);
        let count = fields.u32().ok()?;
        let mut body = PLAIN.to_vec();
        body.extend(count.to_be_bytes());
        for _ in 0..count {
            let id = fields.u16().ok()?;
            let is_picture = id == self.primary;
            let present = fields.u8().ok()?;
            body.extend(id.to_be_bytes());
            body.push(present.checked_add(u8::from(is_picture))?);
            for _ in 0..present {
                body.push(fields.u8().ok()?);
            }
            if is_picture {
                body.push(index);
            }
        }
        boxed(*b"ipma", &[&body])
    }

    fn more_than(&self, count: u16) -> Option<u16> {
        count.checked_add(u16::try_from(self.items.len()).ok()?)
    }
}

fn child<'a>(meta: &IsoBox<'a>, kind: [u8; 4]) -> Option<IsoBox<'a>> {
    boxes(meta.body.get(4..)?)
        .filter_map(Result::ok)
        .find(|child| child.kind == kind)
}

/// What follows version and flags, if there are none of either: the layouts of later versions differ.
fn unversioned<'a>(found: &IsoBox<'a>) -> Option<&'a [u8]> {
    found.body.strip_prefix(&PLAIN)
}

/// A count, and what it counts.
fn counted(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let (count, entries) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*count), entries.to_vec()))
}

fn boxed(kind: [u8; 4], parts: &[&[u8]]) -> Option<Vec<u8>> {
    let length = HEADER_BYTES + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut written = Vec::with_capacity(length);
    written.extend(u32::try_from(length).ok()?.to_be_bytes());
    written.extend(kind);
    for part in parts {
        written.extend_from_slice(part);
    }
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encode::{Quality, Wanted, encode},
        format::{Encoding, ImageFormat},
        geometry::Size,
        picture::{Channels, Picture},
        probe::avif::Container,
    };

    fn picture(channels: Channels) -> Vec<u8> {
        let size = Size {
            width: 24,
            height: 16,
        };
        let wanted = Wanted {
            quality: Quality {
                asked: None,
                usual: 80,
            },
            is_progressive: false,
            is_lossless: false,
            deadline: None,
        };
        let picture = Picture::filled(size, channels, [90, 120, 30, 200]);
        let encoding = Encoding::One(ImageFormat::Avif);
        encode(picture, encoding, wanted).expect("encodes").bytes
    }

    fn everything() -> Metadata {
        Metadata {
            exif: Some(exif::of_density(300)),
            xmp: Some(b"<x:xmpmeta/>".to_vec()),
            iptc: None,
            profile: Some(vec![7; 5000]),
            density: None,
        }
    }

    #[test]
    fn what_was_written_is_read_and_the_coded_picture_stays_what_it_was() {
        for channels in [Channels::Rgb, Channels::Rgba] {
            let plain = picture(channels);
            let told = embed(&everything(), &plain).expect("embeds");
            let (before, after) = (
                Container::parse(&plain).expect("plain"),
                Container::parse(&told).expect("told"),
            );
            assert_eq!(before.color.tiles, after.color.tiles, "{channels:?}");
            let tiles = |container: &Container<'_>| {
                container.alpha.as_ref().map(|alpha| alpha.tiles.concat())
            };
            assert_eq!(tiles(&before), tiles(&after));
            assert_eq!(after.alpha.is_some(), channels == Channels::Rgba);
            assert_eq!(after.profile, everything().profile.as_deref());
            let read = read(&told);
            assert_eq!((read.exif, read.xmp), (everything().exif, everything().xmp));
        }
    }

    #[test]
    fn each_alone_leaves_the_others_absent() {
        let plain = picture(Channels::Rgb);
        let only = Metadata {
            density: Some(96),
            ..Metadata::default()
        };
        let told = embed(&only, &plain).expect("embeds");
        let found = read(&told);
        assert_eq!((found.exif, found.xmp), (Some(exif::of_density(96)), None));
        let only = Metadata {
            profile: Some(vec![1; 200]),
            ..Metadata::default()
        };
        let told = embed(&only, &plain).expect("embeds");
        assert_eq!(read(&told), Metadata::default());
        assert_eq!(told.len(), plain.len() + 200 + 4 + HEADER_BYTES + 1);
    }

    #[test]
    fn a_container_of_another_shape_is_left_alone() {
        let plain = picture(Channels::Rgb);
        for name in [b"meta", b"pitm", b"iinf", b"iloc"] {
            let at = plain
                .windows(4)
                .position(|window| window == name)
                .expect("is there");
            let mut other = plain.clone();
            if let Some(letter) = other.get_mut(at + 3) {
                *letter = b'?';
            }
            // without `iloc` the box is copied, and nothing points to what was added
            let told = embed(&everything(), &other);
            assert!(told.is_none_or(|told| read(&told) == Metadata::default()));
        }
        for length in 0..plain.len() {
            let cut = plain.get(..length).unwrap_or_default();
            let _outcome = embed(&everything(), cut);
        }
    }

    #[test]
    fn exif_behind_a_name_and_an_offset_beyond_the_end_are_told_apart() {
        assert_eq!(tiff_of(b"\0\0\0\x06Exif\0\0II*\0"), Some(b"II*\0".to_vec()));
        assert_eq!(tiff_of(b"\0\0\0\0MM\0*"), Some(b"MM\0*".to_vec()));
        assert_eq!(tiff_of(b"\0\0\0\0Exif\0\0MM\0*"), Some(b"MM\0*".to_vec()));
        assert_eq!(tiff_of(b"\xff\xff\xff\xffMM\0*"), None);
        assert_eq!(tiff_of(b"\0\0"), None);
    }
}
