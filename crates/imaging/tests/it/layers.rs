//! Pictures and blocks laid over a picture: where, how, and what under them.

use image::{Rgba, RgbaImage};
use limpid_delivery_url::transformation::{Format, Step, parse};
use limpid_imaging::{
    AcceptedFormats, ImageSettings, ImagingError, Inputs, Limits, TransformRequest, Transformed,
    transform,
};

use crate::pictures::{look_at, photograph, png};

const BLUE: Rgba<u8> = Rgba([0, 0, 255, 255]);
const GRAY: Rgba<u8> = Rgba([100, 100, 100, 255]);
const RED: Rgba<u8> = Rgba([255, 0, 0, 255]);
const WHITE: Rgba<u8> = Rgba([255, 255, 255, 255]);

fn even(width: u32, height: u32, color: Rgba<u8>) -> RgbaImage {
    RgbaImage::from_pixel(width, height, color)
}

/// A red block with a margin of three white pixels.
fn framed() -> RgbaImage {
    RgbaImage::from_fn(16, 12, |x, y| {
        let is_inside = (3..13).contains(&x) && (3..9).contains(&y);
        if is_inside { RED } else { WHITE }
    })
}

pub(crate) fn run_with(
    source: &[u8],
    text: &str,
    files: &[(&str, &[u8])],
    limits: &Limits,
) -> Result<Transformed, ImagingError> {
    let mut transformation = parse(text).unwrap();
    transformation.steps.push(Step {
        format: Some(Format::Png),
        ..Step::default()
    });
    transform(&TransformRequest {
        source,
        transformation: &transformation,
        inputs: &files.iter().copied().collect::<Inputs<'_>>(),
        accept: AcceptedFormats::default(),
        settings: ImageSettings::default(),
        limits,
        deadline: None,
    })
}

/// What a transformation with these files makes of a picture, exactly.
#[track_caller]
pub(crate) fn laid(base: &RgbaImage, text: &str, files: &[(&str, &[u8])]) -> RgbaImage {
    let done = run_with(&png(base.clone()), text, files, &Limits::default());
    look_at(&done.unwrap().bytes)
}

/// On a gray picture of 40 × 30, what is red: left, top, width, height.
#[track_caller]
fn red_box(text: &str) -> (u32, u32, u32, u32) {
    let logo = png(framed());
    let picture = laid(&even(40, 30, GRAY), text, &[("logo.png", &logo)]);
    let red = picture
        .enumerate_pixels()
        .filter(|(_, _, pixel)| **pixel == RED);
    let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
    for (x, y, _) in red {
        left = left.min(x);
        top = top.min(y);
        right = right.max(x + 1);
        bottom = bottom.max(y + 1);
    }
    (left, top, right - left, bottom - top)
}

#[test]
fn a_picture_is_trimmed_and_centred_unless_told_otherwise() {
    assert_eq!(red_box("l-image,i-logo.png,l-end"), (15, 12, 10, 6));
    let logo = png(framed());
    let whole = laid(
        &even(40, 30, GRAY),
        "l-image,i-logo.png,t-false,l-end",
        &[("logo.png", &logo)],
    );
    assert_eq!(whole.get_pixel(12, 9), &WHITE);
    assert_eq!(whole.get_pixel(11, 9), &GRAY);
    assert_eq!(whole.get_pixel(27, 20), &WHITE);
    assert_eq!(whole.get_pixel(15, 12), &RED);
}

#[test]
fn a_drawing_is_laid_over_as_sharp_as_it_is_large() {
    let drawing = br##"<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4">
        <rect width="2" height="4" fill="#ff0000"/><rect x="2" width="2" height="4" fill="#0000ff"/></svg>"##;
    let files: [(&str, &[u8]); 1] = [("logo.svg", drawing)];
    let base = even(40, 30, GRAY);
    let small = laid(&base, "l-image,i-logo.svg,lx-0,ly-0,l-end", &files);
    assert_eq!(
        [1, 2, 3, 4].map(|x| *small.get_pixel(x, 0)),
        [RED, BLUE, BLUE, GRAY]
    );
    let large = laid(&base, "l-image,i-logo.svg,w-20,lx-0,ly-0,l-end", &files);
    let across = [9, 10, 19, 20].map(|x| *large.get_pixel(x, 5));
    assert_eq!(across, [RED, BLUE, BLUE, GRAY], "enlarged without blur");
}

#[test]
fn coordinates_count_from_both_edges_and_stay_inside() {
    for (position, left, top) in [
        ("lx-3,ly-4", 3, 4),
        ("lx-N5,ly-N2", 25, 22),
        ("lx-500,ly-N500", 30, 0),
        ("lfo-bottom_right", 30, 24),
        ("lfo-bottom_right,lx-1,ly-2", 1, 2),
        ("lxc-20,lyc-15", 15, 12),
        ("lxc-20,lyc-15,lap-top_left", 15, 12),
        ("lap-bottom_right,lx-N12,ly-N8", 28, 22),
    ] {
        let text = format!("l-image,i-logo.png,{position},l-end");
        assert_eq!(red_box(&text), (left, top, 10, 6), "{position}");
    }
}

#[test]
fn expressions_know_the_base_the_overlay_and_the_finished_layer() {
    let sized = red_box("l-image,i-logo.png,w-bw_div_2,h-bh_div_3,c-force,lx-bw_sub_cw,ly-0,l-end");
    assert_eq!(sized, (20, 0, 20, 10));
    assert_eq!(
        red_box("l-image,i-logo.png,w-iw_mul_2,h-ih_mul_2,c-force,lx-0,ly-0,l-end"),
        (0, 0, 32, 24),
        "inside a layer iw is the overlay's, margins included"
    );
    assert_eq!(
        red_box("w-20,h-15:l-image,i-ik_canvas,bg-FF0000,w-bw_div_4,h-bh_div_3,lx-0,ly-0,l-end"),
        (0, 0, 5, 5)
    );
}

#[test]
fn a_layer_is_changed_like_a_picture_of_its_own() {
    let bordered = red_box("l-image,i-logo.png,b-2_0000FF,lx-0,ly-0,l-end");
    assert_eq!(bordered, (2, 2, 10, 6));
    let turned = red_box("l-image,i-logo.png,rt-90,lx-0,ly-0,l-end");
    assert_eq!(turned, (0, 0, 6, 10));
    let chained = red_box("l-image,i-logo.png,h-12:rt-90,lx-0,ly-0,l-end");
    assert_eq!(chained, (0, 0, 12, 20));
}

#[test]
fn a_translucent_layer_mixes_and_an_opaque_result_stays_opaque() {
    let picture = laid(
        &even(4, 4, RED),
        "l-image,i-ik_canvas,bg-0000FF50,w-2,h-2,lfo-top_left,l-end",
        &[],
    );
    assert_eq!(picture.get_pixel(0, 0), &Rgba([127, 0, 128, 255]));
    assert_eq!(picture.get_pixel(2, 2), &RED);
    let faded = laid(
        &even(4, 4, RED),
        "l-image,i-ik_canvas,bg-0000FF,al-5,w-2,h-2,lfo-top_left,l-end",
        &[],
    );
    assert_eq!(faded.get_pixel(0, 0), &Rgba([127, 0, 128, 255]));
    let own = laid(
        &even(4, 4, RED),
        "l-image,i-ik_canvas,bg-0000FF50,al-1,w-2,h-2,lfo-top_left,l-end",
        &[],
    );
    assert_eq!(
        own, picture,
        "al beside a colour with its own opacity is ignored"
    );
}

#[test]
fn blocks_default_to_the_size_of_their_base_and_may_be_gradients() {
    let whole = laid(&even(6, 4, RED), "l-image,i-ik_canvas,bg-0000FF,l-end", &[]);
    assert_eq!(whole, even(6, 4, BLUE));
    let ramp = laid(
        &even(64, 64, RED),
        "l-image,i-ik_canvas,e-gradient-ld-bottom_from-0000FF_to-FFFFFF,w-64,h-32,lfo-top,l-end",
        &[],
    );
    let (top, middle, below) = (
        ramp.get_pixel(5, 0),
        ramp.get_pixel(5, 16),
        ramp.get_pixel(5, 33),
    );
    assert!(top.0[0] < 12 && top.0[2] == 255, "{top:?}");
    assert!((110..150).contains(&middle.0[0]), "{middle:?}");
    assert_eq!(below, &RED);
    let round = laid(
        &even(20, 20, RED),
        "l-image,i-ik_canvas,bg-0000FF,w-20,h-20,r-max,l-end",
        &[],
    );
    assert_eq!(
        (round.get_pixel(0, 0), round.get_pixel(10, 10)),
        (&RED, &BLUE)
    );
}

#[test]
fn layers_are_laid_in_written_order_and_after_the_step_they_stand_in() {
    let picture = laid(
        &even(40, 40, RED),
        "l-image,i-ik_canvas,bg-00FF00,w-4,h-4,lx-0,ly-0,l-end,l-image,i-ik_canvas,bg-0000FF,w-2,h-2,lx-0,ly-0,l-end,w-10,h-10",
        &[],
    );
    assert_eq!(picture.dimensions(), (10, 10));
    assert_eq!(picture.get_pixel(1, 1), &BLUE);
    assert_eq!(picture.get_pixel(3, 3), &Rgba([0, 255, 0, 255]));
    assert_eq!(picture.get_pixel(4, 4), &RED);
}

#[test]
fn nested_layers_lie_on_their_parent_and_are_clipped_by_it() {
    let nested = "l-image,i-ik_canvas,bg-0000FF,w-20,h-10,lx-5,ly-5,l-image,i-ik_canvas,bg-00FF00,w-bw_div_2,h-4,lfo-bottom_right,\
        l-image,i-ik_canvas,bg-FFFFFF,w-2,h-2,lfo-top_left,l-end,l-end,l-end";
    let picture = laid(&even(40, 30, RED), nested, &[]);
    let green = Rgba([0, 255, 0, 255]);
    assert_eq!(picture.get_pixel(4, 5), &RED);
    assert_eq!(picture.get_pixel(5, 5), &BLUE);
    assert_eq!(picture.get_pixel(24, 10), &BLUE);
    assert_eq!(picture.get_pixel(15, 11), &WHITE);
    assert_eq!(picture.get_pixel(17, 13), &green);
    assert_eq!(picture.get_pixel(24, 14), &green);
    assert_eq!(picture.get_pixel(25, 14), &RED);
}

#[test]
fn modes_multiply_cut_out_cut_to_and_displace() {
    let base = even(20, 20, Rgba([200, 100, 50, 255]));
    let multiplied = laid(
        &base,
        "l-image,i-ik_canvas,bg-808080,w-4,h-4,lfo-top_left,lm-multiply,l-end",
        &[],
    );
    assert_eq!(multiplied.get_pixel(0, 0), &Rgba([100, 50, 25, 255]));
    assert_eq!(multiplied.get_pixel(5, 5), base.get_pixel(0, 0));
    let out = laid(&base, "l-image,i-ik_canvas,w-4,h-4,lm-cutout,l-end", &[]);
    assert_eq!(out.get_pixel(10, 10).0[3], 0);
    assert_eq!(out.get_pixel(0, 0), base.get_pixel(0, 0));
    let only = laid(&base, "l-image,i-ik_canvas,w-4,h-4,lm-cutter,l-end", &[]);
    assert_eq!(only.get_pixel(10, 10), base.get_pixel(0, 0));
    assert_eq!(only.get_pixel(0, 0).0[3], 0);
    let stripes = RgbaImage::from_fn(20, 20, |x, _| if x < 10 { RED } else { BLUE });
    let moved = laid(
        &stripes,
        "l-image,i-ik_canvas,bg-FFFFFF,lm-displace,lx-4,ly-0,l-end",
        &[],
    );
    assert_eq!(
        (moved.get_pixel(5, 3), moved.get_pixel(6, 3)),
        (&RED, &BLUE)
    );
    let still = laid(
        &stripes,
        "l-image,i-ik_canvas,bg-FFFFFF,lm-displace,l-end",
        &[],
    );
    assert_eq!(still, stripes);
}

#[test]
fn layers_of_a_branch_that_is_not_taken_are_not_drawn() {
    let text =
        "if-w_gt_10,l-image,i-ik_canvas,bg-0000FF,l-end,if-else,l-image,i-logo.png,l-end,if-end";
    assert_eq!(laid(&even(20, 20, RED), text, &[]), even(20, 20, BLUE));
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let base = png(photograph(120, 80));
    let logo = png(framed());
    let files: [(&str, &[u8]); 1] = [("logo.png", &logo)];
    let text =
        "w-100,l-image,i-logo.png,w-30,rt-17,lfo-left,l-end,l-text,i-Same%20again,fs-20,l-end";
    let bytes = || {
        run_with(&base, text, &files, &Limits::default())
            .unwrap()
            .bytes
    };
    assert_eq!(bytes(), bytes());
}
