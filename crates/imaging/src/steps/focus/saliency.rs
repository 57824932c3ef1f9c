//! What catches the eye: colours far from the picture's own mean, edges, strong colours and skin, summed over every place
//! a crop could have.
//!
//! The first is Achanta et al., "Frequency-tuned salient region detection" (2009), in a plainer colour space.

use crate::picture::{Channels, Picture};

/// How much a pixel's difference from its neighbours counts beside its difference from the mean.
const EDGE_WEIGHT: i64 = 3;
/// How much skin counts: as much as a colour at the other end of the scale.
const SKIN_WEIGHT: i64 = 200;

/// The place for a crop that takes a `share` of the sketch's width and height, as the part of the free space left of it and
/// above it. The middle, where all places are alike.
pub(super) fn best(sketch: &Picture, share: (f64, f64)) -> (f64, f64) {
    let (width, height) = (sketch.size.width as usize, sketch.size.height as usize);
    let map = saliency(sketch, width);
    let sums = Sums::of(&map, width);
    let window = (part(width, share.0), part(height, share.1));
    let free = (width - window.0, height - window.1);
    let mut best = (i64::MIN, usize::MAX, (0, 0));
    for top in 0..=free.1 {
        for left in 0..=free.0 {
            let score = sums.inside(left, top, window) + sums.inside_middle(left, top, window);
            // of equals the one nearest to the middle
            let off = (2 * left).abs_diff(free.0) + (2 * top).abs_diff(free.1);
            if score > best.0 || (score == best.0 && off < best.1) {
                best = (score, off, (left, top));
            }
        }
    }
    let (left, top) = best.2;
    (fraction(left, free.0), fraction(top, free.1))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a sketch's sides are at most 128 px, and the part is clamped to them"
)]
fn part(whole: usize, share: f64) -> usize {
    ((whole as f64 * share).round().max(1.0) as usize).min(whole)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a sketch's sides are at most 128 px"
)]
fn fraction(offset: usize, free: usize) -> f64 {
    if free == 0 {
        0.5
    } else {
        offset as f64 / free as f64
    }
}

/// A colour as brightness and two opponents, and how opaque it is.
#[derive(Clone, Copy, Default)]
struct Seen {
    light: i64,
    red_green: i64,
    blue_yellow: i64,
    strength: i64,
    skin: i64,
    alpha: i64,
}

impl Seen {
    fn of([red, green, blue, alpha]: [u8; 4]) -> Self {
        let (r, g, b) = (i64::from(red), i64::from(green), i64::from(blue));
        Self {
            light: (r + 2 * g + b) / 4,
            red_green: r - g,
            blue_yellow: b - i64::midpoint(r, g),
            strength: r.max(g).max(b) - r.min(g).min(b),
            skin: skin(r, g, b),
            alpha: i64::from(alpha),
        }
    }

    fn distance(self, mean: Self) -> i64 {
        (self.light - mean.light).abs()
            + (self.red_green - mean.red_green).abs()
            + (self.blue_yellow - mean.blue_yellow).abs()
    }
}

/// How strong a colour skin can have at most; overalls are stronger. Units: levels.
const STRONGEST_SKIN: i64 = 120;

/// 1 for what can be skin. Source of the bounds: Kovač, Peer, Solina, "Human skin colour clustering for face detection" (2003).
fn skin(red: i64, green: i64, blue: i64) -> i64 {
    let strength = red.max(green).max(blue) - red.min(green).min(blue);
    let is_skin = red > 95
        && green > 40
        && blue > 20
        && (16..STRONGEST_SKIN).contains(&strength)
        && red - green > 15
        && red > blue;
    i64::from(is_skin)
}

fn saliency(sketch: &Picture, width: usize) -> Vec<i64> {
    let seen: Vec<Seen> = match sketch.channels {
        Channels::Rgb => {
            let pixels = sketch.pixels.as_chunks::<3>().0.iter();
            pixels
                .map(|[red, green, blue]| Seen::of([*red, *green, *blue, 255]))
                .collect()
        }
        Channels::Rgba => {
            let pixels = sketch.pixels.as_chunks::<4>().0.iter();
            pixels.map(|pixel| Seen::of(*pixel)).collect()
        }
    };
    let mean = mean(&seen);
    let light_at = |index: usize, own: i64| seen.get(index).map_or(own, |other| other.light);
    let value = |(index, own): (usize, &Seen)| {
        let right = light_at(index + 1, own.light);
        let below = light_at(index + width, own.light);
        let edge = (own.light - right).abs() + (own.light - below).abs();
        let skin = own.skin * SKIN_WEIGHT;
        (own.distance(mean) + EDGE_WEIGHT * edge + own.strength / 2 + skin) * own.alpha / 255
    };
    seen.iter().enumerate().map(value).collect()
}

fn mean(seen: &[Seen]) -> Seen {
    let mut sum = Seen::default();
    for own in seen {
        sum.light += own.light * own.alpha;
        sum.red_green += own.red_green * own.alpha;
        sum.blue_yellow += own.blue_yellow * own.alpha;
        sum.alpha += own.alpha;
    }
    let count = sum.alpha.max(1);
    Seen {
        light: sum.light / count,
        red_green: sum.red_green / count,
        blue_yellow: sum.blue_yellow / count,
        ..Seen::default()
    }
}

/// Sums over everything left of and above a corner, so that any window costs four look-ups.
struct Sums {
    sums: Vec<i64>,
    stride: usize,
}

impl Sums {
    fn of(map: &[i64], width: usize) -> Self {
        let stride = width + 1;
        let mut sums = vec![0; stride];
        for row in map.chunks_exact(width.max(1)) {
            let above = sums.len() - stride;
            let mut across = 0;
            sums.push(0);
            for (column, value) in row.iter().enumerate() {
                across += value;
                let before = sums.get(above + column + 1).copied().unwrap_or_default();
                sums.push(before + across);
            }
        }
        Self { sums, stride }
    }

    fn inside(&self, left: usize, top: usize, (width, height): (usize, usize)) -> i64 {
        let corner = |x: usize, y: usize| {
            let index = y * self.stride + x;
            self.sums.get(index).copied().unwrap_or_default()
        };
        corner(left + width, top + height) - corner(left, top + height) - corner(left + width, top)
            + corner(left, top)
    }

    /// The middle counts twice, so that what matters isn't left at an edge of the crop.
    fn inside_middle(&self, left: usize, top: usize, (width, height): (usize, usize)) -> i64 {
        let middle = (width.div_ceil(2), height.div_ceil(2));
        self.inside(left + width / 4, top + height / 4, middle)
    }
}
