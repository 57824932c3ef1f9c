//! The rows of one or many AV1 pictures that lie beside and below each other.

use std::mem::take;

use super::{av1, yuv};
use crate::{
    decode::DecodeRequest,
    error::ImagingError,
    geometry::Size,
    probe::{
        avif::{CodePoints, Plane},
        corrupt,
    },
    steps::check_deadline,
};

pub(super) struct Tiles<'a> {
    plane: &'a Plane<'a>,
    request: DecodeRequest<'a>,
    size: Size,
    declared: Option<CodePoints>,
    code_points: CodePoints,
    /// The tiles from left to right that the next row goes through.
    beside: Vec<yuv::Rows>,
    /// Rows that these still have.
    left: u32,
    /// The tile that is decoded next.
    next: usize,
    /// Rows in the tiles decoded so far.
    covered: u32,
}

impl<'a> Tiles<'a> {
    /// Decodes the first row of tiles. Colours mean what is declared or, where nothing is, what each tile says.
    pub(super) fn open(
        plane: &'a Plane<'a>,
        size: Size,
        request: &DecodeRequest<'a>,
        declared: Option<CodePoints>,
    ) -> Result<Self, ImagingError> {
        let mut tiles = Self {
            plane,
            request: *request,
            size,
            declared,
            code_points: USUAL_CODE_POINTS,
            beside: Vec::new(),
            left: 0,
            next: 0,
            covered: 0,
        };
        tiles.load()?;
        Ok(tiles)
    }

    /// What colours mean in the tiles decoded last.
    pub(super) fn code_points(&self) -> CodePoints {
        self.code_points
    }

    /// Puts red, green and blue of the next row into `row`.
    pub(super) fn read(&mut self, row: &mut [u8]) -> Result<(), ImagingError> {
        if self.left == 0 {
            self.load()?;
        }
        let mut rest = row;
        for tile in &mut self.beside {
            let bytes = (tile.size().width as usize * 3).min(rest.len());
            let (part, others) = take(&mut rest).split_at_mut(bytes);
            tile.read(part);
            rest = others;
        }
        self.left -= 1;
        Ok(())
    }

    /// Decodes the tiles below the last row that was read.
    pub(super) fn finish(&mut self) -> Result<(), ImagingError> {
        while self.next < self.plane.tiles.len() {
            self.load()?;
        }
        Ok(())
    }

    /// The next tiles from left to right.
    fn load(&mut self) -> Result<(), ImagingError> {
        // before there are twice as many
        self.beside.clear();
        let tiles = self.plane.tiles.get(self.next..).unwrap_or_default();
        for tile in tiles.iter().take(self.plane.columns) {
            check_deadline(self.request.deadline)?;
            let coded = av1::decode(tile, self.request.limits)?;
            self.code_points = self.declared.unwrap_or(coded.code_points);
            self.beside.push(yuv::Rows::new(coded, self.code_points)?);
            self.next += 1;
        }
        self.left = self.check()?;
        self.covered = self.covered.saturating_add(self.left);
        Ok(())
    }

    /// Rows of the tiles that are loaded, if they are equally high and cover the picture.
    fn check(&self) -> Result<u32, ImagingError> {
        let height = self.beside.first().map_or(0, |tile| tile.size().height);
        let width = self.beside.iter().map(|tile| u64::from(tile.size().width));
        let width: u64 = width.sum();
        if self.plane.tiles.len() == 1 {
            let coded = (width, height);
            return if coded == (u64::from(self.size.width), self.size.height) {
                Ok(height)
            } else {
                Err(corrupt(
                    "the coded picture has another size than the file declares",
                ))
            };
        }
        let is_even = self.beside.iter().all(|tile| tile.size().height == height);
        let is_last = self.next == self.plane.tiles.len();
        let is_high = !is_last || self.covered.saturating_add(height) >= self.size.height;
        if is_even && is_high && height > 0 && width >= u64::from(self.size.width) {
            Ok(height)
        } else {
            Err(corrupt("the tiles don't cover the picture"))
        }
    }
}

/// What colours mean where neither file nor picture says it.
const USUAL_CODE_POINTS: CodePoints = CodePoints {
    primaries: 1,
    transfer: 13,
    matrix: 6,
    is_full_range: true,
};
