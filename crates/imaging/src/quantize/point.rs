//! A colour as a place: distances between places are how different colours look.

use super::CLEAR;

/// How much a channel counts in a squared distance: red, green, blue, alpha. Source: proportions of the "redmean" formula's
/// middle, (2.5, 4, 2.5), with blue lowered, because the eye resolves it least; alpha moves all of them.
pub(super) const WEIGHTS: [i32; 4] = [3, 5, 2, 6];
/// Sum of the weights.
pub(super) const WEIGHT_SUM: i32 = WEIGHTS[0] + WEIGHTS[1] + WEIGHTS[2] + WEIGHTS[3];

/// Red, green and blue multiplied by alpha, and alpha; each 0 to 255, or a little beyond where an error was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point(pub(super) [i32; 4]);

impl Point {
    /// The place of a colour.
    pub(super) fn of(color: [u8; 4]) -> Self {
        let [red, green, blue, alpha] = color.map(i32::from);
        if alpha == 255 {
            return Self([red, green, blue, alpha]);
        }
        let multiplied = |channel: i32| (channel * alpha + 127) / 255;
        Self([multiplied(red), multiplied(green), multiplied(blue), alpha])
    }

    /// Squared, weighted distance.
    pub(super) fn distance(self, other: Self) -> i32 {
        let mut sum = 0;
        for ((a, b), weight) in self.0.into_iter().zip(other.0).zip(WEIGHTS) {
            sum += weight * (a - b) * (a - b);
        }
        sum
    }

    /// A number that differs by no more than the root of `WEIGHT_SUM` times the distance.
    pub(super) fn key(self) -> i32 {
        self.0
            .into_iter()
            .zip(WEIGHTS)
            .map(|(channel, weight)| channel * weight)
            .sum()
    }
}

/// The mean of many places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Center(pub(super) [f32; 4]);

impl Center {
    /// The nearest colour there is.
    pub(super) fn to_color(self) -> [u8; 4] {
        let [red, green, blue, alpha] = self.0;
        let opacity = to_byte(alpha);
        if opacity == 0 {
            return CLEAR;
        }
        let straight = |channel: f32| to_byte(channel * 255.0 / alpha);
        [straight(red), straight(green), straight(blue), opacity]
    }

    /// The nearest place there is.
    pub(super) fn to_point(self) -> Point {
        Point(self.0.map(|channel| i32::from(to_byte(channel))))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of a byte first"
)]
fn to_byte(value: f32) -> u8 {
    (value + 0.5).clamp(0.0, 255.0) as u8
}
