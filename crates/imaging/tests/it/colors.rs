//! Embedded profiles become sRGB.

use image::{
    ExtendedColorType, ImageEncoder as _, codecs::jpeg::JpegEncoder, codecs::png::PngEncoder,
};
use limpid_imaging::probe;
use moxcms::ColorProfile;

use crate::pictures::{assert_color, pixels, run, width};

const SIDE: u32 = 32;

fn with_profile(color: [u8; 3], profile: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let raw = color.repeat((SIDE * SIDE) as usize);
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 98);
    encoder.set_icc_profile(profile.clone()).unwrap();
    encoder
        .write_image(&raw, SIDE, SIDE, ExtendedColorType::Rgb8)
        .unwrap();
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(profile).unwrap();
    encoder
        .write_image(&raw, SIDE, SIDE, ExtendedColorType::Rgb8)
        .unwrap();
    (jpeg, png)
}

#[test]
fn display_p3_becomes_srgb_before_and_after_a_resize() {
    // computed with another colour library: Display P3 (180, 120, 90) is sRGB (189, 118, 84)
    let (jpeg, png) = with_profile(
        [180, 120, 90],
        ColorProfile::new_display_p3().encode().unwrap(),
    );
    for source in [jpeg, png] {
        assert!(probe(&source).unwrap().has_profile);
        for steps in [vec![], vec![width(8)]] {
            let picture = pixels(&source, &steps);
            let [red, green, blue, _] = picture.get_pixel(3, 3).0;
            let worst = [red.abs_diff(189), green.abs_diff(118), blue.abs_diff(84)]
                .into_iter()
                .max();
            assert!(worst <= Some(4), "{:?}", picture.get_pixel(3, 3));
        }
    }
}

#[test]
fn an_srgb_profile_changes_nothing() {
    let (_, png) = with_profile([180, 120, 90], ColorProfile::new_srgb().encode().unwrap());
    assert_eq!(pixels(&png, &[]).get_pixel(3, 3).0, [180, 120, 90, 255]);
}

#[test]
fn a_broken_profile_is_dropped_and_the_picture_kept() {
    let whole = ColorProfile::new_display_p3().encode().unwrap();
    for profile in [
        b"not a profile".to_vec(),
        whole[..whole.len() / 2].to_vec(),
        vec![0xff; 300],
    ] {
        let (jpeg, _) = with_profile([180, 120, 90], profile);
        assert_color(&pixels(&jpeg, &[]), (3, 3), [180, 120, 90]);
    }
}

#[test]
fn no_profile_is_left_in_the_result() {
    let (jpeg, _) = with_profile(
        [180, 120, 90],
        ColorProfile::new_display_p3().encode().unwrap(),
    );
    let result = run(&jpeg, &[]).unwrap();
    assert!(!probe(&result.bytes).unwrap().has_profile);
}
