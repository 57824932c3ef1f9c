//! Error diffusion: what a pixel's colour was missed by is made up for by its neighbours.

use super::{colors_of, nearest::Nearest, point::Point};
use crate::{deadline::Watch, error::ImagingError, picture::Picture};

/// Of 16: how much of the error goes to the pixel ahead, and below it behind, straight and ahead. Source: Floyd and Steinberg.
const AHEAD: i32 = 7;
const BELOW: [i32; 3] = [3, 5, 1];
/// Of 16: how much of an error is passed on. All of it makes noise travel far on pictures with few colours near.
const STRENGTH: i32 = 13;
/// No error counts for more than this many levels, or an edge would smear.
const MAX_ERROR: i32 = 24;

/// Errors times 16 that a row passes on, with a pixel more at both ends.
type Errors = Vec<[i32; 4]>;

/// One index for each pixel; rows go to and fro, so that errors don't all drift one way.
///
/// Errors: `Timeout`.
pub(super) fn indices(
    picture: &Picture,
    nearest: &Nearest,
    clear: Option<u8>,
    mut watch: Watch,
) -> Result<Vec<u8>, ImagingError> {
    let width = picture.size.width as usize;
    let mut indices: Vec<u8> = Vec::with_capacity(width * picture.size.height as usize);
    let mut colors = colors_of(picture);
    let mut row = vec![[0; 4]; width];
    let mut indexed = vec![0; width];
    let (mut here, mut below): (Errors, Errors) =
        (vec![[0; 4]; width + 2], vec![[0; 4]; width + 2]);
    for number in 0..picture.size.height {
        watch.count(width)?;
        row.iter_mut()
            .zip(&mut colors)
            .for_each(|(to, color)| *to = color);
        let is_reversed = number % 2 == 1;
        if is_reversed {
            row.reverse();
            here.reverse();
        }
        below.fill([0; 4]);
        diffuse_row(&row, &mut indexed, (&here, &mut below), (nearest, clear));
        if is_reversed {
            indexed.reverse();
            below.reverse();
        }
        indices.extend_from_slice(&indexed);
        std::mem::swap(&mut here, &mut below);
    }
    Ok(indices)
}

fn diffuse_row(
    colors: &[[u8; 4]],
    indexed: &mut [u8],
    (here, below): (&Errors, &mut Errors),
    (nearest, clear): (&Nearest, Option<u8>),
) {
    let mut ahead = [0; 4];
    let mut index = 0;
    for (position, ((color, errors), to)) in colors
        .iter()
        .zip(here.iter().skip(1))
        .zip(indexed)
        .enumerate()
    {
        if let ([_, _, _, 0], Some(clear)) = (color, clear) {
            *to = clear;
            ahead = [0; 4];
            continue;
        }
        let mut wanted = Point::of(*color);
        for ((channel, error), ahead) in wanted.0.iter_mut().zip(errors).zip(ahead) {
            let error = ((error + ahead) / 16).clamp(-MAX_ERROR, MAX_ERROR);
            *channel = (*channel + error).clamp(0, 255);
        }
        index = nearest.find(wanted, index);
        *to = index;
        let found = nearest.point(index);
        let mut missed = [0; 4];
        for ((missed, wanted), found) in missed.iter_mut().zip(wanted.0).zip(found.0) {
            *missed = (wanted - found) * STRENGTH / 16;
        }
        ahead = missed.map(|error| error * AHEAD);
        if let Some(three) = below.get_mut(position..position + 3) {
            for (errors, share) in three.iter_mut().zip(BELOW) {
                errors
                    .iter_mut()
                    .zip(missed)
                    .for_each(|(sum, error)| *sum += error * share);
            }
        }
    }
}
