//! AVIF headers: which items make the picture, where their bytes are, and what the item properties say.
//!
//! Source: ISO/IEC 14496-12 (boxes), ISO/IEC 23008-12 (items and properties), AV1 Image File Format 1.1.

use std::borrow::Cow;

use super::{ImageInfo, Orientation, corrupt, fields::be16, fields::be32, fields::required};
use crate::{error::ImagingError, format::ImageFormat, geometry::Size};

mod items;

use items::{Item, ItemTable, Property};

/// Tiles of a grid; larger grids than this are nobody's camera.
const MAX_TILES: usize = 256;

/// The items that make the picture.
#[derive(Debug)]
pub(crate) struct Container<'a> {
    /// Size of the whole picture as stored.
    pub(crate) size: Size,
    pub(crate) orientation: Orientation,
    pub(crate) color: Plane<'a>,
    pub(crate) alpha: Option<Plane<'a>>,
    /// Whether the colours were multiplied by alpha.
    pub(crate) is_premultiplied: bool,
    pub(crate) profile: Option<&'a [u8]>,
    /// Colour description by code points; wins over what the coded picture says.
    pub(crate) code_points: Option<CodePoints>,
}

/// One coded picture, or a grid of them.
#[derive(Debug)]
pub(crate) struct Plane<'a> {
    pub(crate) columns: usize,
    /// The AV1 bytes of each tile, row by row.
    pub(crate) tiles: Vec<Cow<'a, [u8]>>,
}

/// What the file says about the picture.
#[derive(Debug)]
pub(crate) struct Descriptions<'a> {
    /// How many bytes follow before the TIFF structure, in four bytes, and what follows.
    pub(crate) exif: Option<Cow<'a, [u8]>>,
    pub(crate) xmp: Option<Cow<'a, [u8]>>,
}

impl<'a> Descriptions<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, ImagingError> {
        let table = ItemTable::parse(bytes)?;
        Ok(Self {
            exif: table.description(|item| item.kind == *b"Exif"),
            xmp: table.description(Item::is_xmp),
        })
    }
}

/// Colour description by code points. Source: ITU-T H.273.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodePoints {
    pub(crate) primaries: u16,
    pub(crate) transfer: u16,
    pub(crate) matrix: u16,
    pub(crate) is_full_range: bool,
}

impl<'a> Container<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ImagingError> {
        let table = ItemTable::parse(bytes)?;
        let primary = table.primary().ok_or(ImagingError::FormatUnsupported {
            found: "AVIF without a still picture",
        })?;
        let size = size_of(primary).ok_or_else(|| corrupt("the picture declares no size"))?;
        let alpha_item = alpha_of(&table, primary);
        let color = plane(&table, primary)?;
        let alpha = match alpha_item {
            Some(item) => Some(plane(&table, item)?),
            None => alpha_of_tiles(&table, primary, color.columns)?,
        };
        let profile = primary
            .properties
            .iter()
            .find_map(|property| match property {
                Property::Profile(profile) => Some(*profile),
                _ => None,
            });
        let code_points = primary
            .properties
            .iter()
            .find_map(|property| match property {
                Property::CodePoints(code_points) => Some(*code_points),
                _ => None,
            });
        Ok(Self {
            size,
            orientation: orientation_of(primary),
            color,
            alpha,
            is_premultiplied: alpha_item.is_some_and(|item| primary.refers_to(*b"prem", item.id)),
            profile,
            code_points,
        })
    }

    pub(crate) fn info(&self) -> ImageInfo {
        ImageInfo {
            format: ImageFormat::Avif,
            stored_size: self.size,
            orientation: self.orientation,
            has_alpha: self.alpha.is_some(),
            frames: 1,
            has_profile: self.profile.is_some(),
            quality: None,
        }
    }
}

fn size_of(item: &Item<'_>) -> Option<Size> {
    item.properties.iter().find_map(|property| match property {
        Property::Size(size) => Some(*size),
        _ => None,
    })
}

fn alpha_of<'t, 'a>(table: &'t ItemTable<'a>, picture: &Item<'_>) -> Option<&'t Item<'a>> {
    table.items.iter().find(|item| {
        item.refers_to(*b"auxl", picture.id)
            && item
                .properties
                .iter()
                .any(|property| matches!(property, Property::Alpha))
    })
}

/// A grid without alpha of its own whose tiles all have some: that is the alpha of the whole.
fn alpha_of_tiles<'a>(
    table: &ItemTable<'a>,
    grid: &Item<'_>,
    columns: usize,
) -> Result<Option<Plane<'a>>, ImagingError> {
    let tiles = grid.references(*b"dimg");
    let alphas = tiles.iter().map(|id| alpha_of(table, table.item(*id)?));
    let Some(alphas) = alphas.collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    if alphas.is_empty() || alphas.iter().any(|alpha| alpha.kind != *b"av01") {
        return Ok(None);
    }
    let tiles = alphas.into_iter().map(|alpha| table.data(alpha));
    Ok(Some(Plane {
        columns,
        tiles: tiles.collect::<Result<_, _>>()?,
    }))
}

/// Rotation first, then the mirror, whatever their order in the file; the standard asks for that order.
fn orientation_of(item: &Item<'_>) -> Orientation {
    let (mut turns, mut mirror) = (0, None);
    for property in &item.properties {
        match property {
            Property::Rotation(quarter_turns) => turns = *quarter_turns,
            Property::Mirror(axis) => mirror = Some(*axis),
            _ => {}
        }
    }
    match (turns, mirror) {
        (1, None) => Orientation::Turned270,
        (2, None) => Orientation::Turned180,
        (3, None) => Orientation::Turned90,
        (0, Some(0)) | (2, Some(1)) => Orientation::MirroredDown,
        (0 | 2, Some(_)) => Orientation::MirroredAcross,
        (1, Some(0)) | (3, Some(1)) => Orientation::Transposed,
        (1 | 3, Some(_)) => Orientation::Transversed,
        _ => Orientation::Upright,
    }
}

fn plane<'a>(table: &ItemTable<'a>, item: &Item<'a>) -> Result<Plane<'a>, ImagingError> {
    match &item.kind {
        b"av01" => Ok(Plane {
            columns: 1,
            tiles: vec![table.data(item)?],
        }),
        b"grid" => grid(table, item),
        _ => Err(ImagingError::FormatUnsupported {
            found: "AVIF with a derived picture",
        }),
    }
}

fn grid<'a>(table: &ItemTable<'a>, item: &Item<'a>) -> Result<Plane<'a>, ImagingError> {
    let layout = table.data(item)?;
    let rows = usize::from(*required(layout.get(2))?) + 1;
    let columns = usize::from(*required(layout.get(3))?) + 1;
    let is_wide = required(layout.get(1))? & 1 != 0;
    let side = |at: usize| {
        if is_wide {
            be32(&layout, 4 + at * 4)
        } else {
            be16(&layout, 4 + at * 2).map(u32::from)
        }
    };
    let declared = Size {
        width: required(side(0))?,
        height: required(side(1))?,
    };
    let tiles = item.references(*b"dimg");
    if tiles.len() != rows * columns || tiles.len() > MAX_TILES {
        return Err(corrupt("the grid has more or fewer tiles than places"));
    }
    if size_of(item).is_some_and(|size| size != declared) {
        return Err(corrupt("the grid declares two sizes"));
    }
    let tiles = tiles.iter().map(|id| {
        let tile = table
            .item(*id)
            .filter(|tile| tile.kind == *b"av01")
            .ok_or_else(|| corrupt("a tile of the grid is missing"))?;
        table.data(tile)
    });
    Ok(Plane {
        columns,
        tiles: tiles.collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &str, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let length = u32::try_from(body.len() + 8).expect("short");
        [&length.to_be_bytes(), kind.as_bytes(), &body].concat()
    }

    fn reference(kind: &str, from: u8, to: &[u8]) -> Vec<u8> {
        let count = u8::try_from(to.len()).expect("few");
        let to: Vec<u8> = to.iter().flat_map(|id| [0, *id]).collect();
        boxed(kind, &[&[0, from, 0, count], &to])
    }

    /// Item 1 is a grid of items 2 and 3; 4 and 5 are the alpha of what `alpha_of` says.
    fn grid_with_alpha_of(alpha_of: [u8; 2]) -> Vec<u8> {
        let none: &[u8] = &[0; 4];
        let layout = [0, 0, 0, 1, 0, 8, 0, 4];
        let data = [&layout[..], b"abcd"].concat();
        let kinds = ["grid", "av01", "av01", "av01", "av01"];
        let items: Vec<u8> = (1u8..)
            .zip(kinds)
            .flat_map(|(id, kind)| {
                boxed("infe", &[&[2, 0, 0, 0, 0, id, 0, 0], kind.as_bytes(), &[0]])
            })
            .collect();
        let places: Vec<u8> = [(1, 0, 8), (2, 8, 1), (3, 9, 1), (4, 10, 1), (5, 11, 1)]
            .into_iter()
            .flat_map(|(id, offset, length)| {
                [0, id, 0, 1, 0, 0, 0, 1, 0, 0, 0, offset, 0, 0, 0, length]
            })
            .collect();
        let size = boxed("ispe", &[none, &[0, 0, 0, 8, 0, 0, 0, 4]]);
        let urn = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0";
        let is_alpha = boxed("auxC", &[none, urn]);
        let properties = boxed("ipco", &[&size, &is_alpha]);
        let owners = boxed(
            "ipma",
            &[none, &[0, 0, 0, 3, 0, 1, 1, 1, 0, 4, 1, 2, 0, 5, 1, 2]],
        );
        let [first, second] = alpha_of;
        let meta = boxed(
            "meta",
            &[
                none,
                &boxed("pitm", &[none, &[0, 1]]),
                &boxed("iinf", &[none, &[0, 5], &items]),
                &boxed("iloc", &[&[1, 0, 0, 0, 0x44, 0, 0, 5], &places]),
                &boxed("iprp", &[&properties, &owners]),
                &boxed(
                    "iref",
                    &[
                        none,
                        &reference("dimg", 1, &[2, 3]),
                        &reference("auxl", 4, &[first]),
                        &reference("auxl", 5, &[second]),
                    ],
                ),
                &boxed("idat", &[&data]),
            ],
        );
        [boxed("ftyp", &[b"avif\0\0\0\0avif"]), meta].concat()
    }

    #[test]
    fn the_alpha_of_all_tiles_of_a_grid_is_the_alpha_of_the_picture() {
        let file = grid_with_alpha_of([2, 3]);
        let container = Container::parse(&file).expect("a grid");
        assert_eq!(container.color.tiles, [&b"a"[..], b"b"]);
        let alpha = container.alpha.expect("alpha");
        assert_eq!(alpha.tiles, [&b"c"[..], b"d"]);
        assert_eq!(alpha.columns, 2);
    }

    #[test]
    fn a_grid_of_which_only_some_tiles_have_alpha_is_opaque() {
        let file = grid_with_alpha_of([2, 2]);
        assert!(Container::parse(&file).expect("a grid").alpha.is_none());
    }
}
