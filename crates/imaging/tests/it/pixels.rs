//! Where pixels end up, and how near a shrunk decode comes to a full one.

use image::{DynamicImage, imageops::FilterType};
use limpid_delivery_url::transformation::{
    Anchor, Color, Crop, Flip, Focus, Format, Rotation, Step,
};

use crate::pictures::{
    BLUE, GREEN, RED, YELLOW, assert_color, difference, half_clear, jpeg, photograph, pixels, png,
    quarters, sized, stored_as, width,
};

const GRAY: Color = Color {
    red: 0xf3,
    green: 0xf3,
    blue: 0xf3,
    alpha: 255,
};

fn cropped(width: u32, height: u32, crop: Crop) -> Step {
    Step {
        crop: Some(crop),
        ..sized(width, height)
    }
}

#[test]
fn an_extract_copies_pixels_exactly() {
    let source = photograph(100, 80);
    let step = Step {
        x: Some(13),
        y: Some(7),
        ..cropped(40, 30, Crop::Extract)
    };
    let expected = DynamicImage::from(source.clone())
        .crop_imm(13, 7, 40, 30)
        .into_rgba8();
    assert_eq!(pixels(&png(source), &[step]), expected);
}

#[test]
fn the_anchor_says_what_is_kept() {
    let source = png(quarters(100, 100));
    for (anchor, color) in [
        (Anchor::TopLeft, RED),
        (Anchor::TopRight, GREEN),
        (Anchor::BottomLeft, BLUE),
        (Anchor::BottomRight, YELLOW),
    ] {
        let step = Step {
            focus: Some(Focus::Anchor(anchor)),
            ..cropped(40, 40, Crop::Extract)
        };
        assert_color(&pixels(&source, &[step]), (20, 20), color);
    }
    let left = Step {
        focus: Some(Focus::Anchor(Anchor::Left)),
        ..sized(20, 80)
    };
    let picture = pixels(&source, &[left]);
    assert_eq!(picture.dimensions(), (20, 80));
    assert_color(&picture, (15, 10), RED);
}

#[test]
fn padding_has_its_colour_and_the_picture_its_place() {
    let source = png(quarters(100, 50));
    let step = Step {
        background: Some(GRAY),
        ..cropped(100, 100, Crop::PadResize)
    };
    let picture = pixels(&source, std::slice::from_ref(&step));
    assert_color(&picture, (50, 10), [0xf3, 0xf3, 0xf3]);
    assert_color(&picture, (50, 90), [0xf3, 0xf3, 0xf3]);
    assert_color(&picture, (10, 30), RED);
    let top = pixels(
        &source,
        &[Step {
            focus: Some(Focus::Anchor(Anchor::Top)),
            ..step
        }],
    );
    assert_color(&top, (10, 2), RED);
    assert_color(&top, (10, 60), [0xf3, 0xf3, 0xf3]);
    let black = pixels(&source, &[cropped(100, 100, Crop::PadResize)]);
    assert_color(&black, (50, 10), [0, 0, 0]);
}

#[test]
fn a_padded_extract_keeps_every_pixel_in_the_middle() {
    let source = photograph(20, 10);
    let padded = pixels(&png(source.clone()), &[cropped(30, 30, Crop::PadExtract)]);
    let middle = DynamicImage::from(padded.clone())
        .crop_imm(5, 10, 20, 10)
        .into_rgba8();
    assert_eq!(middle, DynamicImage::from(source).into_rgba8());
    assert_color(&padded, (0, 0), [0, 0, 0]);
}

#[test]
fn translucent_padding_makes_a_transparent_picture() {
    let color = Color { alpha: 128, ..GRAY };
    let step = Step {
        background: Some(color),
        ..cropped(40, 80, Crop::PadResize)
    };
    let picture = pixels(&png(quarters(40, 40)), &[step]);
    assert_eq!(picture.get_pixel(5, 5).0, [0xf3, 0xf3, 0xf3, 128]);
    assert_color(&picture, (5, 30), RED);
}

#[test]
fn a_background_fills_what_is_clear() {
    let step = Step {
        background: Some(GRAY),
        ..Step::default()
    };
    let picture = pixels(&png(half_clear(40, 40)), &[step]);
    assert_color(&picture, (5, 35), [0xf3, 0xf3, 0xf3]);
    assert_color(&picture, (5, 5), RED);
}

#[test]
fn clear_pixels_do_not_bleed_into_their_neighbours() {
    let picture = pixels(&png(half_clear(400, 400)), &[width(100)]);
    assert_color(&picture, (10, 48), RED);
    assert_eq!(picture.get_pixel(10, 60).0[3], 0);
}

#[test]
fn turns_and_flips_move_the_corners() {
    let source = png(quarters(60, 40));
    let turned = pixels(
        &source,
        &[Step {
            rotation: Some(Rotation::Degrees(90.0)),
            ..Step::default()
        }],
    );
    assert_eq!(turned.dimensions(), (40, 60));
    assert_color(&turned, (5, 5), BLUE);
    assert_color(&turned, (35, 5), RED);
    let back = pixels(
        &source,
        &[Step {
            rotation: Some(Rotation::Degrees(-90.0)),
            ..Step::default()
        }],
    );
    assert_color(&back, (5, 5), GREEN);
    let flipped = pixels(
        &source,
        &[Step {
            flip: Some(Flip::Horizontal),
            ..Step::default()
        }],
    );
    assert_color(&flipped, (5, 5), GREEN);
}

#[test]
fn any_other_angle_keeps_the_middle_and_fills_the_corners() {
    let tilt = |degrees, background| Step {
        rotation: Some(Rotation::Degrees(degrees)),
        background,
        ..Step::default()
    };
    let clockwise = pixels(&png(quarters(100, 100)), &[tilt(45.0, Some(GRAY))]);
    assert_eq!(clockwise.dimensions(), (141, 141));
    assert_color(&clockwise, (2, 2), [0xf3, 0xf3, 0xf3]);
    assert_color(&clockwise, (70, 20), RED);
    assert_color(&clockwise, (120, 70), GREEN);
    let opaque = pixels(&png(quarters(100, 100)), &[tilt(-40.0, None)]);
    assert_color(&opaque, (1, 1), [0, 0, 0]);
    let clear = pixels(&png(half_clear(100, 100)), &[tilt(30.0, None)]);
    assert_eq!(clear.get_pixel(0, 0).0[3], 0);
}

#[test]
fn a_shrunk_decode_shows_what_a_full_one_does() {
    // neither size is a multiple of the DCT's blocks, so a source box that is off by a fraction would show
    let source = photograph(1013, 757);
    for to in [40, 99, 200, 480, 700] {
        let full = DynamicImage::from(source.clone());
        let height = (f64::from(to) * 757.0 / 1013.0).round() as u32;
        let expected = full
            .resize_exact(to, height, FilterType::Lanczos3)
            .into_rgba8();
        for bytes in [
            jpeg(source.clone()),
            stored_as(source.clone(), image::ImageFormat::WebP),
        ] {
            let found = pixels(&bytes, &[width(to)]);
            let difference = difference(&found, &expected);
            assert!(difference < 3.0, "{to}: {difference}");
        }
    }
}

#[test]
fn a_crop_of_a_shrunk_decode_is_where_it_should_be() {
    let source = jpeg(quarters(1601, 1201));
    let step = Step {
        focus: Some(Focus::Anchor(Anchor::Right)),
        ..sized(50, 100)
    };
    let picture = pixels(&source, &[step]);
    assert_color(&picture, (40, 48), GREEN);
    assert_color(&picture, (40, 52), YELLOW);
}

#[test]
fn chains_work_on_the_result_of_the_step_before() {
    let source = png(quarters(100, 60));
    let turn = || Step {
        rotation: Some(Rotation::Degrees(90.0)),
        ..Step::default()
    };
    let resize = || cropped(40, 30, Crop::Force);
    assert_eq!(pixels(&source, &[resize(), turn()]).dimensions(), (30, 40));
    let other = pixels(&source, &[turn(), resize()]);
    assert_eq!(other.dimensions(), (40, 30));
    assert_color(&other, (3, 3), BLUE);
    let last = Step {
        format: Some(Format::Jpeg),
        ..width(20)
    };
    assert_eq!(pixels(&source, &[resize(), last]).dimensions(), (20, 15));
}
