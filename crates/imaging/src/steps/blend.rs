//! A layer and what lies under it become one picture. Only the pixels the layer covers are touched, except where its
//! shape cuts the rest away. Source of the formulas: W3C Compositing and Blending level 1, sections 5 and 10.

use std::time::Instant;

use limpid_delivery_url::transformation::LayerMode;

use super::background::over_pixel;
use crate::{
    deadline::Watch,
    error::ImagingError,
    picture::{Channels, Picture},
};

/// Lays `layer` over `base`, its top left corner at a column and a row that may lie outside.
///
/// Errors: `Timeout`.
pub(crate) fn lay(
    base: Picture,
    layer: &Picture,
    place: (i64, i64),
    mode: Option<LayerMode>,
    deadline: Option<Instant>,
) -> Result<Picture, ImagingError> {
    let over = Over {
        layer,
        place,
        deadline,
    };
    match mode {
        // `displace` needs more than a place
        None | Some(LayerMode::Displace) => over.cover(base, over_pixel),
        Some(LayerMode::Multiply) => over.cover(base, multiplied),
        Some(LayerMode::Cutout) => {
            let mut base = base.into_rgba();
            over.each_pair::<4>(&mut base, |pixel, [_, _, _, covered]| {
                fade(pixel, u8::MAX - covered);
            })?;
            Ok(base)
        }
        Some(LayerMode::Cutter) => over.cut_to_shape(base),
    }
}

/// A layer in its place.
struct Over<'a> {
    layer: &'a Picture,
    place: (i64, i64),
    deadline: Option<Instant>,
}

impl Over<'_> {
    fn cover(
        &self,
        mut base: Picture,
        blend: impl Fn([u8; 4], [u8; 4]) -> [u8; 4],
    ) -> Result<Picture, ImagingError> {
        match base.channels {
            // over an opaque pixel everything is opaque
            Channels::Rgb => {
                self.each_pair::<3>(&mut base, |pixel, front| {
                    let [red, green, blue] = *pixel;
                    let [red, green, blue, _] = blend(front, [red, green, blue, u8::MAX]);
                    *pixel = [red, green, blue];
                })?;
            }
            Channels::Rgba => {
                self.each_pair::<4>(&mut base, |pixel, front| {
                    *pixel = blend(front, *pixel);
                })?;
            }
        }
        Ok(base)
    }

    fn cut_to_shape(&self, base: Picture) -> Result<Picture, ImagingError> {
        let mut shaped = Picture::zeroed(base.size, Channels::Rgba);
        // what the shape keeps is copied, and the rest stays clear
        let mut kept = base.into_rgba();
        self.each_pair::<4>(&mut kept, |pixel, [_, _, _, covered]| {
            fade(pixel, covered);
        })?;
        let Some(window) = Window::of(&kept, self.layer, self.place) else {
            return Ok(shaped);
        };
        let (from, to) = (window.base_left * 4, (window.base_left + window.width) * 4);
        let rows = shaped.rows_mut().zip(kept.rows());
        for (row, kept) in rows.skip(window.base_top).take(window.height) {
            if let (Some(row), Some(kept)) = (row.get_mut(from..to), kept.get(from..to)) {
                row.copy_from_slice(kept);
            }
        }
        Ok(shaped)
    }

    /// Shows every pixel the layer covers with the layer's.
    fn each_pair<const N: usize>(
        &self,
        base: &mut Picture,
        change: impl Fn(&mut [u8; N], [u8; 4]),
    ) -> Result<(), ImagingError> {
        let Some(window) = Window::of(base, self.layer, self.place) else {
            return Ok(());
        };
        let mut watch = Watch::new(self.deadline);
        let rows = base.rows_mut().skip(window.base_top).take(window.height);
        for (row, over) in rows.zip(self.layer.rows().skip(window.layer_top)) {
            watch.count(window.width)?;
            let pixels = row.as_chunks_mut::<N>().0.iter_mut();
            let pixels = pixels.skip(window.base_left).take(window.width);
            match self.layer.channels {
                Channels::Rgb => {
                    let front = over.as_chunks::<3>().0.iter().skip(window.layer_left);
                    for (pixel, [red, green, blue]) in pixels.zip(front) {
                        change(pixel, [*red, *green, *blue, u8::MAX]);
                    }
                }
                Channels::Rgba => {
                    let front = over.as_chunks::<4>().0.iter().skip(window.layer_left);
                    for (pixel, front) in pixels.zip(front) {
                        change(pixel, *front);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The colours multiplied where both are, then over.
fn multiplied(front: [u8; 4], back: [u8; 4]) -> [u8; 4] {
    let [_, _, _, back_alpha] = back;
    let behind = u32::from(back_alpha);
    let mut mixed = front;
    for (channel, under) in mixed.iter_mut().zip(back).take(3) {
        let product = divided(u32::from(*channel) * u32::from(under));
        *channel = byte(divided(
            u32::from(*channel) * (255 - behind) + product * behind,
        ));
    }
    over_pixel(mixed, back)
}

fn fade(pixel: &mut [u8; 4], kept: u8) {
    let [_, _, _, alpha] = pixel;
    *alpha = byte(divided(u32::from(*alpha) * u32::from(kept)));
    if *alpha == 0 {
        *pixel = [0; 4];
    }
}

/// The part of a base that a layer covers. Units: px.
struct Window {
    base_left: usize,
    base_top: usize,
    layer_left: usize,
    layer_top: usize,
    width: usize,
    height: usize,
}

impl Window {
    fn of(base: &Picture, layer: &Picture, (left, top): (i64, i64)) -> Option<Self> {
        let across = overlap(base.size.width, layer.size.width, left)?;
        let down = overlap(base.size.height, layer.size.height, top)?;
        Some(Self {
            base_left: across.0,
            base_top: down.0,
            layer_left: across.1,
            layer_top: down.1,
            width: across.2,
            height: down.2,
        })
    }
}

/// Where the common part begins on the base and on the layer, and its length.
fn overlap(base: u32, layer: u32, start: i64) -> Option<(usize, usize, usize)> {
    let begin = start.max(0);
    let end = (start + i64::from(layer)).min(i64::from(base));
    let length = usize::try_from(end - begin)
        .ok()
        .filter(|length| *length > 0)?;
    let on_layer = usize::try_from(begin - start).ok()?;
    Some((usize::try_from(begin).ok()?, on_layer, length))
}

/// By 255, to the nearest.
fn divided(product: u32) -> u32 {
    (product + 127) / 255
}

fn byte(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Size;

    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 255];
    const HALF: [u8; 4] = [0, 0, 255, 128];

    fn filled(width: u32, height: u32, color: [u8; 4]) -> Picture {
        Picture::filled(Size { width, height }, Channels::Rgba, color)
    }

    fn laid(base: Picture, layer: &Picture, place: (i64, i64), mode: Option<LayerMode>) -> Picture {
        lay(base, layer, place, mode, None).expect("in time")
    }

    fn pixel(picture: &Picture, x: usize, y: usize) -> Vec<u8> {
        let count = picture.channels.count();
        let at = (y * picture.size.width as usize + x) * count;
        picture.pixels[at..at + count].to_vec()
    }

    #[test]
    fn a_layer_over_an_opaque_picture_leaves_it_without_alpha() {
        let base = filled(4, 4, RED).into_rgb();
        let result = laid(base, &filled(2, 2, HALF), (1, 2), None);
        assert_eq!(result.channels, Channels::Rgb);
        assert_eq!(pixel(&result, 1, 2), [127, 0, 128]);
        assert_eq!(pixel(&result, 0, 2), [255, 0, 0]);
        assert_eq!(pixel(&result, 3, 2), [255, 0, 0]);
        assert_eq!(pixel(&result, 1, 1), [255, 0, 0]);
    }

    #[test]
    fn over_a_clear_picture_a_layer_keeps_its_own_colour() {
        let result = laid(
            filled(2, 1, [9, 9, 9, 0]),
            &filled(1, 1, HALF),
            (0, 0),
            None,
        );
        assert_eq!(pixel(&result, 0, 0), HALF);
        assert_eq!(pixel(&result, 1, 0), [9, 9, 9, 0]);
    }

    #[test]
    fn what_hangs_over_the_edge_is_cut_off() {
        let mut layer = filled(3, 3, BLUE);
        layer.pixels[4 * 4..4 * 5].copy_from_slice(&[1, 2, 3, 255]);
        let result = laid(filled(2, 2, RED), &layer, (-1, -1), None);
        assert_eq!(pixel(&result, 0, 0), [1, 2, 3, 255]);
        assert_eq!(pixel(&result, 1, 1), BLUE);
        let beside = laid(filled(2, 2, RED), &layer, (2, 0), None);
        assert_eq!(beside, filled(2, 2, RED));
    }

    #[test]
    fn multiplying_darkens_and_white_changes_nothing() {
        let gray = [100, 100, 100, 255];
        let multiply = |front| {
            let mode = Some(LayerMode::Multiply);
            pixel(
                &laid(filled(1, 1, gray), &filled(1, 1, front), (0, 0), mode),
                0,
                0,
            )
        };
        assert_eq!(multiply([255; 4]), gray);
        assert_eq!(multiply([51, 0, 255, 255]), [20, 0, 100, 255]);
        assert_eq!(multiply([0, 0, 0, 0]), gray);
    }

    #[test]
    fn shapes_are_cut_out_of_the_picture_or_the_picture_to_them() {
        let shape = filled(1, 1, HALF);
        let out = laid(filled(2, 1, RED), &shape, (0, 0), Some(LayerMode::Cutout));
        assert_eq!(pixel(&out, 0, 0), [255, 0, 0, 127]);
        assert_eq!(pixel(&out, 1, 0), RED);
        let only = laid(filled(2, 1, RED), &shape, (0, 0), Some(LayerMode::Cutter));
        assert_eq!(pixel(&only, 0, 0), [255, 0, 0, 128]);
        assert_eq!(pixel(&only, 1, 0), [0; 4]);
    }
}
