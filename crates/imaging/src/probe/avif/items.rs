//! The `meta` box: items, where their bytes are, their properties and references.

use std::borrow::Cow;

use super::{
    super::{
        boxes::{Cursor, IsoBox, boxes},
        corrupt,
        fields::required,
        jpeg::MAX_PROFILE_BYTES,
    },
    CodePoints,
};
use crate::{error::ImagingError, geometry::Size};

/// Items of one file; a grid of 256 tiles with alpha has about 520.
const MAX_ITEMS: usize = 1024;
const MAX_PROPERTIES: usize = 4096;
/// Extents of one item; encoders write one.
const MAX_EXTENTS: usize = 64;
/// Source: XMP part 3, 1.1.
const XMP_TYPE: &[u8] = b"application/rdf+xml";

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Property<'a> {
    Size(Size),
    /// Quarter turns against the clock.
    Rotation(u8),
    /// 0: top and bottom change places; 1: left and right do.
    Mirror(u8),
    Alpha,
    Profile(&'a [u8]),
    CodePoints(CodePoints),
    /// Nothing this reader needs.
    Other,
}

#[derive(Debug)]
pub(super) struct Item<'a> {
    pub(super) id: u32,
    pub(super) kind: [u8; 4],
    pub(super) properties: Vec<Property<'a>>,
    /// Whether it is text of the type that XMP has.
    is_xmp: bool,
    references: Vec<([u8; 4], Vec<u32>)>,
    is_in_meta: bool,
    extents: Vec<(u64, u64)>,
}

impl Item<'_> {
    pub(super) fn is_xmp(&self) -> bool {
        self.is_xmp
    }

    pub(super) fn refers_to(&self, kind: [u8; 4], id: u32) -> bool {
        self.references(kind).contains(&id)
    }

    pub(super) fn references(&self, kind: [u8; 4]) -> &[u32] {
        let found = self
            .references
            .iter()
            .find(|(candidate, _)| *candidate == kind);
        found.map_or(&[], |(_, ids)| ids.as_slice())
    }
}

#[derive(Debug)]
pub(super) struct ItemTable<'a> {
    file: &'a [u8],
    meta_data: &'a [u8],
    primary: u32,
    pub(super) items: Vec<Item<'a>>,
}

impl<'a> ItemTable<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, ImagingError> {
        let mut table = Self {
            file,
            meta_data: &[],
            primary: 0,
            items: Vec::new(),
        };
        for found in boxes(file) {
            let found = found?;
            if &found.kind == b"meta" {
                table.read_meta(&found)?;
                return Ok(table);
            }
        }
        Err(ImagingError::FormatUnsupported {
            found: "AVIF sequence",
        })
    }

    /// The bytes of an item that describes the picture.
    pub(super) fn description(
        &self,
        is_wanted: impl Fn(&Item<'a>) -> bool,
    ) -> Option<Cow<'a, [u8]>> {
        let mut items = self.items.iter();
        let found = items.find(|item| is_wanted(item) && item.refers_to(*b"cdsc", self.primary))?;
        self.data(found).ok()
    }

    pub(super) fn primary(&self) -> Option<&Item<'a>> {
        self.item(self.primary)
    }

    pub(super) fn item(&self, id: u32) -> Option<&Item<'a>> {
        self.items.iter().find(|item| item.id == id)
    }

    /// The bytes of an item; copied only where they lie in several places.
    pub(super) fn data(&self, item: &Item<'a>) -> Result<Cow<'a, [u8]>, ImagingError> {
        let source = if item.is_in_meta {
            self.meta_data
        } else {
            self.file
        };
        let extent = |(offset, length): &(u64, u64)| {
            let rest = source.get(usize::try_from(*offset).ok()?..)?;
            // length 0 stands for "to the end"
            if *length == 0 {
                Some(rest)
            } else {
                rest.get(..usize::try_from(*length).ok()?)
            }
        };
        match item.extents.as_slice() {
            [] => Err(corrupt("an item has no bytes")),
            [single] => required(extent(single)).map(Cow::Borrowed),
            several => {
                let mut joined = Vec::new();
                for part in several {
                    joined.extend_from_slice(required(extent(part))?);
                    // extents may overlap, so their sum isn't bounded by the file by itself
                    if joined.len() > self.file.len() {
                        return Err(corrupt("an item is longer than its file"));
                    }
                }
                Ok(Cow::Owned(joined))
            }
        }
    }

    fn read_meta(&mut self, meta: &IsoBox<'a>) -> Result<(), ImagingError> {
        let (_, _, body) = meta.versioned()?;
        let children: Vec<IsoBox<'a>> = boxes(body).collect::<Result<_, _>>()?;
        // item infos come first, whatever the order in the file: everything else refers to them
        for child in children.iter().filter(|child| &child.kind == b"iinf") {
            self.read_infos(child)?;
        }
        for child in &children {
            match &child.kind {
                b"pitm" => self.primary = read_primary(child)?,
                b"iloc" => self.read_locations(child)?,
                b"iref" => self.read_references(child)?,
                b"iprp" => self.read_properties(child)?,
                b"idat" => self.meta_data = child.body,
                _ => {}
            }
        }
        Ok(())
    }

    fn item_mut(&mut self, id: u32) -> Option<&mut Item<'a>> {
        self.items.iter_mut().find(|item| item.id == id)
    }

    fn read_infos(&mut self, iinf: &IsoBox<'a>) -> Result<(), ImagingError> {
        let (version, _, body) = iinf.versioned()?;
        let entries = body
            .get(if version == 0 { 2 } else { 4 }..)
            .unwrap_or_default();
        for entry in boxes(entries) {
            let (version, _, body) = entry?.versioned()?;
            let mut fields = Cursor::new(body);
            let id = fields.item_id(version >= 3)?;
            fields.u16()?;
            let (kind, names) = required(fields.rest().split_first_chunk())?;
            let is_xmp = kind == b"mime" && content_type(names) == Some(XMP_TYPE);
            if self.items.len() >= MAX_ITEMS {
                return Err(corrupt("too many items"));
            }
            let (properties, references, extents) = (Vec::new(), Vec::new(), Vec::new());
            self.items.push(Item {
                id,
                kind: *kind,
                is_xmp,
                properties,
                references,
                is_in_meta: false,
                extents,
            });
        }
        Ok(())
    }

    fn read_locations(&mut self, iloc: &IsoBox<'a>) -> Result<(), ImagingError> {
        let (version, _, body) = iloc.versioned()?;
        let mut fields = Cursor::new(body);
        let (sizes, more_sizes) = (fields.u8()?, fields.u8()?);
        let (offset_bytes, length_bytes) = (
            usize::from(sizes >> 4).min(8),
            usize::from(sizes & 15).min(8),
        );
        let base_bytes = usize::from(more_sizes >> 4).min(8);
        let index_bytes = if version == 0 {
            0
        } else {
            usize::from(more_sizes & 15).min(8)
        };
        let count = fields.item_id(version >= 2)?;
        for _ in 0..count {
            let id = fields.item_id(version >= 2)?;
            let method = if version == 0 { 0 } else { fields.u16()? & 15 };
            fields.u16()?;
            let base = fields.uint(base_bytes)?;
            let extent_count = usize::from(fields.u16()?);
            if extent_count > MAX_EXTENTS {
                return Err(corrupt("an item is in too many pieces"));
            }
            let mut extents = Vec::with_capacity(extent_count);
            for _ in 0..extent_count {
                fields.uint(index_bytes)?;
                let offset = base.saturating_add(fields.uint(offset_bytes)?);
                extents.push((offset, fields.uint(length_bytes)?));
            }
            if let Some(item) = self.item_mut(id).filter(|_| method <= 1) {
                item.is_in_meta = method == 1;
                item.extents = extents;
            }
        }
        Ok(())
    }

    fn read_references(&mut self, iref: &IsoBox<'a>) -> Result<(), ImagingError> {
        let (version, _, body) = iref.versioned()?;
        for reference in boxes(body) {
            let reference = reference?;
            let mut fields = Cursor::new(reference.body);
            let from = fields.item_id(version >= 1)?;
            let count = fields.u16()?;
            let to = (0..count)
                .map(|_| fields.item_id(version >= 1))
                .collect::<Result<_, _>>()?;
            if let Some(item) = self.item_mut(from) {
                item.references.push((reference.kind, to));
            }
        }
        Ok(())
    }

    fn read_properties(&mut self, iprp: &IsoBox<'a>) -> Result<(), ImagingError> {
        let children: Vec<IsoBox<'a>> = boxes(iprp.body).collect::<Result<_, _>>()?;
        let mut properties = Vec::new();
        for child in children.iter().filter(|child| &child.kind == b"ipco") {
            for property in boxes(child.body) {
                if properties.len() >= MAX_PROPERTIES {
                    return Err(corrupt("too many properties"));
                }
                properties.push(read_property(&property?)?);
            }
        }
        for child in children.iter().filter(|child| &child.kind == b"ipma") {
            self.associate(child, &properties)?;
        }
        Ok(())
    }

    fn associate(
        &mut self,
        ipma: &IsoBox<'a>,
        properties: &[Property<'a>],
    ) -> Result<(), ImagingError> {
        let (version, flags, body) = ipma.versioned()?;
        let mut fields = Cursor::new(body);
        let count = fields.u32()?;
        for _ in 0..count {
            let id = fields.item_id(version >= 1)?;
            for _ in 0..fields.u8()? {
                let index = if flags & 1 == 0 {
                    usize::from(fields.u8()? & 0x7f)
                } else {
                    usize::from(fields.u16()? & 0x7fff)
                };
                let property = index.checked_sub(1).and_then(|index| properties.get(index));
                if let (Some(property), Some(item)) = (property, self.item_mut(id)) {
                    item.properties.push(*property);
                }
            }
        }
        Ok(())
    }
}

/// The second of the names behind an item's type.
fn content_type(names: &[u8]) -> Option<&[u8]> {
    names.split(|byte| *byte == 0).nth(1)
}

fn read_primary(pitm: &IsoBox<'_>) -> Result<u32, ImagingError> {
    let (version, _, body) = pitm.versioned()?;
    Cursor::new(body).item_id(version >= 1)
}

fn read_property<'a>(found: &IsoBox<'a>) -> Result<Property<'a>, ImagingError> {
    Ok(match &found.kind {
        b"ispe" => {
            let (_, _, body) = found.versioned()?;
            let mut fields = Cursor::new(body);
            Property::Size(Size {
                width: fields.u32()?,
                height: fields.u32()?,
            })
        }
        b"irot" => Property::Rotation(Cursor::new(found.body).u8()? & 3),
        b"imir" => Property::Mirror(Cursor::new(found.body).u8()? & 1),
        b"auxC" => {
            let (_, _, body) = found.versioned()?;
            let is_alpha = body.starts_with(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
                || body.starts_with(b"urn:mpeg:hevc:2015:auxid:1\0");
            if is_alpha {
                Property::Alpha
            } else {
                Property::Other
            }
        }
        b"colr" => read_color(found.body)?,
        _ => Property::Other,
    })
}

fn read_color(body: &[u8]) -> Result<Property<'_>, ImagingError> {
    let (kind, rest) = required(body.split_at_checked(4))?;
    Ok(match kind {
        b"nclx" => {
            let mut fields = Cursor::new(rest);
            Property::CodePoints(CodePoints {
                primaries: fields.u16()?,
                transfer: fields.u16()?,
                matrix: fields.u16()?,
                is_full_range: fields.u8()? & 0x80 != 0,
            })
        }
        b"prof" | b"rICC" if rest.len() <= MAX_PROFILE_BYTES => Property::Profile(rest),
        _ => Property::Other,
    })
}
