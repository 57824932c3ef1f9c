//! AVIF of several tiles, beside a picture put together of them.

use std::borrow::Cow;

use super::*;
use crate::probe::avif::{Container, Plane};

const TILE: Size = Size {
    width: 64,
    height: 48,
};

const COLUMNS: usize = 3;
const ROWS: usize = 2;

/// Less wide and high than its tiles are together.
const GRID: Size = Size {
    width: 170,
    height: 90,
};

/// Files of one tile each.
fn tiles() -> Vec<Vec<u8>> {
    let bytes = TILE.width as usize * TILE.height as usize * 3;
    let samples = noise(bytes * COLUMNS * ROWS);
    let files = samples.chunks(bytes).map(|pixels| {
        let picture = Picture {
            size: TILE,
            channels: Channels::Rgb,
            pixels: pixels.to_vec(),
        };
        let wanted = Wanted {
            quality: Quality {
                asked: Some(60),
                usual: 60,
            },
            is_progressive: false,
            is_lossless: false,
            deadline: None,
        };
        encode(picture, Encoding::One(ImageFormat::Avif), wanted)
            .unwrap()
            .bytes
    });
    files.collect()
}

fn plane(files: &[Vec<u8>], columns: usize) -> Plane<'static> {
    let tile = |file: &Vec<u8>| {
        let container = Container::parse(file).unwrap();
        Cow::Owned(container.color.tiles.first().unwrap().to_vec())
    };
    Plane {
        columns,
        tiles: files.iter().map(tile).collect(),
    }
}

fn decode_grid(container: &Container<'_>, cut: Option<Cut>) -> Result<Decoded, ImagingError> {
    let info = container.info();
    avif::decode_container(
        container,
        &DecodeRequest {
            source: &[],
            info: &info,
            limits: &Limits::default(),
            shrink: 1,
            cut,
            deadline: None,
        },
    )
}

fn grid(color: Plane<'static>, alpha: Option<Plane<'static>>) -> Container<'static> {
    Container {
        size: GRID,
        orientation: crate::probe::Orientation::Upright,
        color,
        alpha,
        is_premultiplied: false,
        profile: None,
        code_points: None,
    }
}

/// Each tile decoded as a file of its own, laid beside each other.
fn put_together(files: &[Vec<u8>], columns: usize) -> Picture {
    let mut canvas = Picture::zeroed(GRID, Channels::Rgb);
    for (index, file) in files.iter().enumerate() {
        let tile = cut_while_decoding(file, None).unwrap().picture;
        let (left, top) = (index % columns, index / columns);
        canvas.paste(
            &tile,
            left * TILE.width as usize,
            top * TILE.height as usize,
        );
    }
    canvas
}

#[test]
fn tiles_by_rows_are_what_each_is_alone_whole_and_cut() {
    let files = tiles();
    let expected = put_together(&files, COLUMNS);
    let container = grid(plane(&files, COLUMNS), None);
    let whole = decode_grid(&container, None).unwrap().picture;
    assert!(whole == expected);
    let regions = [
        ((0.0, 0.0, 170.0, 90.0), (60, 30)),
        ((60.0, 40.0, 10.0, 15.0), (10, 15)),
        ((3.5, 50.25, 160.0, 39.0), (80, 20)),
        ((0.0, 0.0, 20.0, 20.0), (10, 10)),
    ];
    for (region, to) in regions {
        let cut = cut(region, to);
        let decoded = decode_grid(&container, Some(cut)).unwrap();
        let resized = resize(expected.clone(), cut.region, cut.to, None).unwrap();
        assert!(decoded.is_cut && decoded.picture == resized, "{cut:?}");
    }
}

#[test]
fn alpha_may_lie_in_other_tiles_than_colours() {
    let files = tiles();
    let mut reversed = files.clone();
    reversed.reverse();
    let container = grid(plane(&files, COLUMNS), Some(plane(&reversed, COLUMNS)));
    let decoded = decode_grid(&container, None).unwrap().picture;
    let (colors, grays) = (
        put_together(&files, COLUMNS),
        put_together(&reversed, COLUMNS),
    );
    let expected = colors.pixels.as_chunks::<3>().0.iter();
    let expected = expected.zip(grays.pixels.as_chunks::<3>().0);
    let expected = expected.map(|([red, green, blue], [_, gray, _])| [*red, *green, *blue, *gray]);
    assert!(expected.eq(decoded.pixels.as_chunks::<4>().0.iter().copied()));
}

#[test]
fn a_damaged_or_missing_tile_is_refused_wherever_the_cut_ends() {
    let files = tiles();
    let above = cut((0.0, 0.0, 20.0, 20.0), (10, 10));
    let reason = |plane: Plane<'static>, cut| decode_grid(&grid(plane, None), cut).map(|_| ());
    for damaged in 0..files.len() {
        let with_damage = || {
            let mut plane = plane(&files, COLUMNS);
            plane.tiles[damaged].to_mut().truncate(10);
            plane
        };
        let whole = reason(with_damage(), None).unwrap_err();
        assert_eq!(reason(with_damage(), Some(above)), Err(whole), "{damaged}");
    }
    for few in [
        plane(&files[..COLUMNS], COLUMNS),
        plane(&files[..4], COLUMNS),
        plane(&files, 2),
    ] {
        let refused = reason(few, Some(above)).unwrap_err();
        let why = refused.to_string();
        assert!(why.contains("the tiles don't cover the picture"), "{why}");
    }
}
