//! JPEG files no encoder at hand makes: progressive ones, of which a shrunk decode skips what it wouldn't show, and four inks.
//!
//! `progressive.jpg` (320 × 240, quality 60) is made from a formula like [`crate::pictures::photograph`] by mozjpeg;
//! `four_inks.jpg` (64 × 32: cyan left, black right, Adobe's inverted inks, no profile) by libjpeg.

use image::{DynamicImage, imageops::FilterType};
use limpid_imaging::ImagingError;

use crate::pictures::{assert_color, difference, look_at, pixels, run, width};

const PROGRESSIVE: &[u8] = include_bytes!("progressive.jpg");
const FOUR_INKS: &[u8] = include_bytes!("four_inks.jpg");

#[test]
fn a_shrunk_progressive_picture_shows_what_all_its_scans_do() {
    for to in [300, 140, 80, 40, 20] {
        let full = DynamicImage::from(look_at(PROGRESSIVE));
        let expected = full
            .resize_exact(to, to * 3 / 4, FilterType::Lanczos3)
            .into_rgba8();
        let difference = difference(&pixels(PROGRESSIVE, &[width(to)]), &expected);
        assert!(difference < 3.0, "{to}: {difference}");
    }
}

#[test]
fn a_cut_progressive_picture_is_truncated_even_where_the_missing_scans_are_skipped() {
    for length in (600..PROGRESSIVE.len())
        .step_by(89)
        .chain([PROGRESSIVE.len() - 1])
    {
        for to in [300, 40] {
            let outcome = run(&PROGRESSIVE[..length], &[width(to)]);
            assert_eq!(
                outcome.unwrap_err(),
                ImagingError::Truncated,
                "{length} to {to}"
            );
        }
    }
}

#[test]
fn four_inks_become_light() {
    let picture = pixels(FOUR_INKS, &[]);
    assert_eq!(picture.dimensions(), (64, 32));
    assert_color(&picture, (10, 16), [0, 255, 255]);
    assert_color(&picture, (54, 16), [0, 0, 0]);
}
