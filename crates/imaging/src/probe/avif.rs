//! AVIF headers: which items make the picture, where their bytes are, and what the item properties say.
//!
//! Source: ISO/IEC 14496-12 (boxes), ISO/IEC 23008-12 (items and properties), AV1 Image File Format 1.1.

use std::borrow::Cow;

use super::{ImageInfo, Orientation, corrupt, fields::be16, fields::be32, fields::required};
use crate::{error::ImagingError, format::ImageFormat, geometry::Size};

mod boxes;
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
        let alpha_item = table.items.iter().find(|item| is_alpha_of(item, primary));
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
            color: plane(&table, primary)?,
            alpha: alpha_item.map(|item| plane(&table, item)).transpose()?,
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
        }
    }
}

fn size_of(item: &Item<'_>) -> Option<Size> {
    item.properties.iter().find_map(|property| match property {
        Property::Size(size) => Some(*size),
        _ => None,
    })
}

fn is_alpha_of(item: &Item<'_>, primary: &Item<'_>) -> bool {
    item.refers_to(*b"auxl", primary.id)
        && item
            .properties
            .iter()
            .any(|property| matches!(property, Property::Alpha))
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
