//! What parameters do together: steps, places, colours, layers in layers, moving pictures. Source: `imagekit.md` 5.3 to 5.11.

use image::{Rgba, RgbaImage};
use limpid_imaging::{ImageFormat, ImagingError, Limits};

use crate::{
    animation::{WEBP, assert_looks_the_same, frames_of, moving_square},
    asked::{made, planned_size, refusal, steps},
    layers::laid,
    pictures::{even, framed, half_clear, look_at, photograph, png, quarters, run, run_with},
};

const GREEN: Rgba<u8> = Rgba([0, 255, 0, 255]);
const BLACK: Rgba<u8> = Rgba([0, 0, 0, 255]);
const RED: Rgba<u8> = Rgba([200, 30, 30, 255]);

const ANCHORS: [(&str, u32, u32); 9] = [
    ("center", 1, 1),
    ("top", 1, 0),
    ("left", 0, 1),
    ("bottom", 1, 2),
    ("right", 2, 1),
    ("top_left", 0, 0),
    ("top_right", 2, 0),
    ("bottom_left", 0, 2),
    ("bottom_right", 2, 2),
];

/// Left, top, width and height of everything of one colour.
fn box_of(picture: &RgbaImage, color: Rgba<u8>) -> (u32, u32, u32, u32) {
    let (mut left, mut top, mut right, mut bottom) = (u32::MAX, u32::MAX, 0, 0);
    for (x, y, pixel) in picture.enumerate_pixels() {
        if *pixel == color {
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
        }
    }
    assert!(right > 0, "nothing has the colour {color:?}");
    (left, top, right - left, bottom - top)
}

#[test]
fn every_padding_mode_puts_the_picture_where_the_focus_is() {
    let source = png(even(40, 20, RED.0));
    for (anchor, across, down) in ANCHORS {
        for (asked, size) in [
            ("w-60,h-60,cm-pad_resize", (60, 30)),
            ("w-60,h-60,cm-pad_resize_no_enlarge", (40, 20)),
            ("w-60,h-60,cm-pad_extract", (40, 20)),
            ("w-60,h-60,cm-pad_extract_no_shrink", (40, 20)),
        ] {
            let free = (60 - size.0, 60 - size.1);
            let place = (free.0 * across / 2, free.1 * down / 2);
            let padded = made(&source, &format!("{asked},fo-{anchor},bg-00FF00"));
            assert_eq!(padded.dimensions(), (60, 60));
            assert_eq!(
                box_of(&padded, RED),
                (place.0, place.1, size.0, size.1),
                "{asked} {anchor}"
            );
            let padding = padded.pixels().filter(|pixel| **pixel == GREEN).count();
            assert_eq!(padding as u32, 3600 - size.0 * size.1, "{asked} {anchor}");
        }
    }
}

#[test]
fn a_padded_extract_cuts_one_direction_and_pads_the_other() {
    let source = png(quarters(60, 20));
    let mixed = made(&source, "w-30,h-40,cm-pad_extract,fo-right");
    assert_eq!(mixed.dimensions(), (30, 40));
    assert_eq!(*mixed.get_pixel(0, 0), BLACK, "black where no bg is given");
    assert_eq!(box_of(&mixed, Rgba([10, 250, 10, 255])), (0, 10, 30, 10));
    let whole = made(&source, "w-30,h-40,cm-pad_extract_no_shrink,fo-bottom");
    assert_eq!(whole.dimensions(), (60, 40));
    assert_eq!(box_of(&whole, Rgba([250, 10, 10, 255])), (0, 20, 30, 10));
}

#[test]
fn any_turn_means_the_same_a_circle_later_and_shows_the_colour_behind_in_its_corners() {
    let source = png(quarters(40, 20));
    for (asked, same) in [
        ("rt-450", "rt-90"),
        ("rt-N90", "rt-270"),
        ("rt-N270", "rt-90"),
        ("rt-360", "rt-0"),
        ("rt-90.0", "rt-90"),
        ("rt-405,bg-00FF00", "rt-45,bg-00FF00"),
        ("rt-N315,bg-00FF00", "rt-45,bg-00FF00"),
    ] {
        assert_eq!(made(&source, asked), made(&source, same), "{asked}");
    }
    for degrees in ["30", "N12.5", "137", "400.25"] {
        let turned = made(&source, &format!("rt-{degrees},bg-00FF00"));
        let (width, height) = turned.dimensions();
        for corner in [
            (0, 0),
            (width - 1, 0),
            (0, height - 1),
            (width - 1, height - 1),
        ] {
            let found = *turned.get_pixel(corner.0, corner.1);
            assert_eq!(found, GREEN, "{degrees} {corner:?}");
        }
    }
    let dark = made(&source, "rt-45");
    assert_eq!(*dark.get_pixel(0, 0), BLACK);
    let clear = made(&png(half_clear(40, 20)), "rt-45");
    assert_eq!(clear.get_pixel(0, 0).0[3], 0);
    let half = made(&source, "rt-45,bg-00FF0050");
    assert_eq!(*half.get_pixel(0, 0), Rgba([0, 255, 0, 128]));
}

#[test]
fn ratios_and_device_pixels_meet_their_limits_together() {
    let source = (1200, 800);
    for (asked, size) in [
        ("w-100,ar-1-1,dpr-2", (200, 200)),
        ("h-100,ar-2-1,dpr-0.5", (100, 50)),
        // the side that ar gives would be too long, so dpr is ignored for both
        ("w-300,ar-1-10,dpr-2", (300, 3000)),
        ("w-2500,dpr-2", (5000, 3333)),
        ("w-2501,dpr-2", (2501, 1667)),
        ("w-4,h-4,dpr-0.2", (4, 4)),
        ("w-4,h-5,dpr-0.25", (1, 1)),
        ("w-0.5,dpr-2", (1200, 800)),
        ("w-100,dpr-6", (100, 67)),
        ("w-100,dpr-0.05", (100, 67)),
        ("w-70000,h-100", (150, 100)),
        ("w-100,h-70000", (100, 67)),
        ("w-2,h-70000,ar-1-1", (2, 2)),
        ("w-100,dpr-auto", (100, 67)),
        ("w-auto,h-100", (150, 100)),
        ("w-auto,dpr-2", (1200, 800)),
    ] {
        assert_eq!(planned_size(source, asked), size, "{asked}");
    }
}

#[test]
fn conditions_see_the_chain_and_the_original() {
    for (asked, size) in [
        ("w-600:if-w_eq_600_and_iw_eq_1200,h-30,if-end", (45, 30)),
        ("w-600:if-w_eq_1200,h-30,if-else,h-60,if-end", (90, 60)),
        ("w-600:if-h_eq_400,w-300:rt-90,if-end:h-30", (20, 30)),
        // and before or: true or (false and false)
        ("if-w_gt_1_or_w_gt_9999_and_h_gt_9999,w-10,if-end", (10, 7)),
        ("if-w_gt_9999_and_h_gt_1_or_w_gt_1,w-10,if-end", (10, 7)),
        ("if-w_gt_9999_and_h_gt_1_or_w_lt_1,w-10,if-end", (1200, 800)),
        ("if-ar_eq_3-2,w-10,if-end", (10, 7)),
        ("rt-90:if-ar_lt_1-1_and_iar_gt_1-1,w-10,if-end", (10, 15)),
        (
            "if-w_lte_1200,if-h_gte_800,w-10,if-else,w-20,if-end,if-else,w-30,if-end",
            (10, 7),
        ),
        ("if-w_ne_1200,w-10,if-end:w-50", (50, 33)),
    ] {
        assert_eq!(planned_size((1200, 800), asked), size, "{asked}");
    }
}

#[test]
fn arithmetic_binds_as_documented_wherever_it_stands() {
    for (asked, size) in [
        ("w-2_pow_3_add_1,h-10", (16, 10)),
        ("w-10_add_5_mod_4,h-10", (3, 10)),
        ("w-iw_add_10_mul_2,h-10", (1220, 10)),
        ("w-ih_mul_0.8_add_iw_mul_0.4,h-10", (1120, 10)),
        ("w-100_sub_10_sub_20,h-10", (70, 10)),
        ("w-100_div_10_div_2,h-10", (5, 10)),
        ("w-600:w-cw_div_2,h-ch_div_2", (300, 200)),
        ("w-600:w-iw_div_2,h-ih_div_2", (600, 400)),
        ("w-200,ar-car_mul_2", (200, 67)),
        ("w-100,dpr-iw_div_600", (200, 133)),
    ] {
        assert_eq!(planned_size((1200, 800), asked), size, "{asked}");
    }
    let source = png(even(20, 10, RED.0));
    for (asked, word) in [
        ("w-iw_div_0", "zero"),
        ("w-iw_mod_0", "zero"),
        ("h-10_sub_iw", "negative"),
        ("w-iw_pow_9999", "finite"),
        ("cm-extract,w-5,h-5,x-iw_div_0", "zero"),
        ("b-iw_div_0_red", "zero"),
        ("e-gradient-sp-iw_div_0", "zero"),
    ] {
        let sentence = refusal(&source, asked);
        assert!(sentence.contains(word), "{asked}: {sentence}");
    }
}

#[test]
fn an_extract_outside_the_picture_is_told_what_lies_inside() {
    let source = png(quarters(40, 30));
    for (asked, reason) in [
        (
            "w-10,h-10,cm-extract,x-40",
            "x-40 begins the extract outside the picture; 0 to 39 is inside",
        ),
        (
            "w-10,h-10,cm-extract,y-N1",
            "y-N1 begins the extract outside the picture; 0 to 29 is inside",
        ),
        (
            "w-10,h-10,cm-extract,xc-4",
            "xc-4 moves the extract of 10 px out of the 40 px that there are; take a centre from 5 to 35",
        ),
        (
            "w-10,h-10,cm-extract,yc-N4",
            "yc-N4 moves the extract of 10 px out of the 30 px that there are; take a centre from 5 to 25",
        ),
        (
            "w-50,h-10,cm-extract,xc-20",
            "xc-20 moves the extract of 50 px out of the 40 px that there are; ask for a smaller one",
        ),
    ] {
        let sentence = refusal(&source, asked);
        assert!(sentence.ends_with(reason), "{asked}: {sentence}");
    }
    for inside in ["xc-5", "xc-35,yc-25", "x-30", "x-39,y-29"] {
        made(&source, &format!("w-10,h-10,cm-extract,{inside}"));
    }
}

#[test]
fn corners_borders_and_colours_of_one_step_fit_each_other() {
    let source = png(even(60, 40, RED.0));
    let framed = made(&source, "r-max,b-4_00FF00");
    assert_eq!(framed.dimensions(), (68, 48));
    assert_eq!(framed.get_pixel(0, 0).0[3], 0);
    assert_eq!(*framed.get_pixel(34, 1), GREEN);
    assert_eq!(*framed.get_pixel(1, 24), GREEN);
    assert_eq!(*framed.get_pixel(34, 24), RED);
    // only two corners: the others are square, inside and out
    let two = made(&source, "r-10_0_max_0,b-4_00FF00");
    let alpha = |x, y| two.get_pixel(x, y).0[3];
    assert_eq!(
        [alpha(0, 0), alpha(67, 0), alpha(67, 47), alpha(0, 47)],
        [0, 255, 0, 255]
    );
    // on a format without transparency, bg fills what the corners cut off
    let filled = run(&source, &steps("r-20:bg-00FF00,f-jpg")).unwrap();
    let corner = *look_at(&filled.bytes).get_pixel(0, 0);
    assert!(corner.0[1] > 230 && corner.0[0] < 25, "{corner:?}");
    // opacity comes before the border, which stays opaque
    let faded = made(&source, "o-50,b-4_00FF00");
    assert_eq!(*faded.get_pixel(1, 1), GREEN);
    assert_eq!(faded.get_pixel(30, 20).0[3], 128);
}

#[test]
fn a_shadow_follows_its_numbers() {
    let source = framed(100, (30, 30, 40, 40), [200, 100, 50, 255], [0, 0, 0, 0]);
    let bytes = png(source);
    let alpha = |asked: &str, x, y| made(&bytes, asked).get_pixel(x, y).0[3];
    assert_eq!(
        made(&bytes, "e-shadow"),
        made(&bytes, "e-shadow-bl-10_st-30_x-2_y-2")
    );
    assert_eq!(
        made(&bytes, "e-shadow-y-5_x-9_st-80_bl-0"),
        made(&bytes, "e-shadow-bl-0_st-80_x-9_y-5")
    );
    // sharp: moved by a tenth of the side, and as strong as asked
    assert_eq!(alpha("e-shadow-bl-0_st-100_x-10_y-10", 75, 75), 255);
    assert_eq!(alpha("e-shadow-bl-0_st-40_x-10_y-10", 75, 75), 102);
    assert_eq!(alpha("e-shadow-bl-0_st-100_x-10_y-10", 81, 75), 0);
    assert_eq!(alpha("e-shadow-bl-0_st-100_x-N10_y-N10", 25, 25), 255);
    assert_eq!(alpha("e-shadow-bl-0_st-0_x-10_y-10", 75, 75), 0);
    assert_eq!(
        alpha("e-shadow-bl-0_st-100_x-100_y-0", 95, 50),
        0,
        "moved out of sight"
    );
    // soft: beyond the sharp edge there is some
    let soft = alpha("e-shadow-bl-15_st-100_x-10_y-10", 84, 50);
    assert!((40..120).contains(&soft), "{soft}");
}

#[test]
fn every_direction_of_a_gradient_leads_where_its_name_says() {
    let bytes = png(even(61, 61, BLACK.0));
    for (name, degrees, light, dark) in [
        ("top", 0, (30, 60), (30, 0)),
        ("top_right", 45, (0, 60), (60, 0)),
        ("right", 90, (0, 30), (60, 30)),
        ("bottom_right", 135, (0, 0), (60, 60)),
        ("bottom", 180, (30, 0), (30, 60)),
        ("bottom_left", 225, (60, 0), (0, 60)),
        ("left", 270, (60, 30), (0, 30)),
        ("top_left", 315, (60, 60), (0, 0)),
    ] {
        let named = made(&bytes, &format!("e-gradient-ld-{name}"));
        assert_eq!(
            named,
            made(&bytes, &format!("e-gradient-ld-{degrees}")),
            "{name}"
        );
        let red = |(x, y): (u32, u32)| named.get_pixel(x, y).0[0];
        assert!(
            red(light) > 245 && red(dark) < 10,
            "{name}: {} {}",
            red(light),
            red(dark)
        );
    }
    let solid = made(&bytes, "e-gradient-from-FF000000_to-00FF00_sp-0.01");
    assert_eq!(*solid.get_pixel(30, 40), GREEN);
}

#[test]
fn a_trim_of_one_colour_or_of_nothing_keeps_the_picture() {
    for color in [[9, 9, 9, 255], [0, 0, 0, 0], [200, 0, 0, 10]] {
        let uniform = even(12, 7, color);
        assert_eq!(
            made(&png(uniform), "t-true").dimensions(),
            (12, 7),
            "{color:?}"
        );
    }
    // edges whose colours have nothing to do with each other aren't edges
    let plain = png(quarters(20, 20));
    assert_eq!(made(&plain, "t-1").dimensions(), (20, 20));
    // one side only
    let one_side = RgbaImage::from_fn(30, 10, |x, _| if x < 12 { BLACK } else { RED });
    assert_eq!(made(&png(one_side), "t-true").dimensions(), (18, 10));
    let single = even(1, 1, RED.0);
    assert_eq!(made(&png(single), "t-true").dimensions(), (1, 1));
}

#[test]
fn layers_three_deep_are_clipped_turned_and_faded_by_those_around_them() {
    let base = even(60, 40, [100, 100, 100, 255]);
    let text = "l-image,i-ik_canvas,bg-C81E1E,w-40,h-20,lx-10,ly-10,\
        l-image,i-ik_canvas,bg-00FF00,w-20,h-10,lx-30,ly-5,\
        l-image,i-ik_canvas,bg-000000,w-bw_div_2,h-bh,lx-0,ly-0,l-end,\
        l-end,l-end";
    let nested = laid(&base, text, &[]);
    assert_eq!(box_of(&nested, RED), (10, 10, 40, 20));
    // a layer stays inside its parent: lx-30 of 40 leaves room for 20 only from 20 on
    assert_eq!(box_of(&nested, GREEN), (40, 15, 10, 10));
    assert_eq!(box_of(&nested, BLACK), (30, 15, 10, 10));
    // the outermost is turned with everything on it
    let turned = text.replace("ly-10,l-image", "ly-10,rt-90,l-image");
    let turned = laid(&even(60, 60, [100, 100, 100, 255]), &turned, &[]);
    assert_eq!(box_of(&turned, RED).2, 20);
    let faded = text.replacen("lx-10,ly-10", "lx-10,ly-10,al-5", 1);
    let faded = laid(&base, &faded, &[]);
    assert_eq!(faded.get_pixel(0, 0), base.get_pixel(0, 0));
    let Rgba([red, green, ..]) = *faded.get_pixel(12, 12);
    assert!(red > green && red < 200, "{red} {green}");
}

#[test]
fn text_nests_in_pictures_and_blocks() {
    let base = even(120, 60, [255, 255, 255, 255]);
    let on_picture = laid(
        &base,
        "l-image,i-ik_canvas,bg-C81E1E,w-100,h-40,l-text,i-Hi,fs-36,co-00FF00,l-end,l-end",
        &[],
    );
    let letters = on_picture.pixels().filter(|pixel| **pixel == GREEN).count();
    assert!(letters > 40, "{letters}");
    let mark = png(even(100, 40, RED.0));
    let on_a_picture = laid(
        &base,
        "l-image,i-mark.png,t-false,l-text,i-Hi,fs-36,co-00FF00,l-end,l-end",
        &[("mark.png", &mark)],
    );
    assert_eq!(on_a_picture, on_picture);
}

#[test]
fn a_moving_picture_is_resized_cut_framed_and_laid_over_in_every_frame() {
    let moving = moving_square(4, None);
    for asked in [
        "w-16,h-16,fo-left",
        "w-16,h-16,cm-pad_resize,bg-00FF00",
        "w-20,h-10,cm-extract,x-2,y-3",
        "r-max",
        "rt-90",
        "w-16:b-2_00FF00",
        "e-grayscale,bl-2",
        "l-image,i-ik_canvas,bg-00FF00,w-8,h-8,lx-0,ly-0,l-end",
        "l-text,i-Hi,fs-10,lx-0,ly-0,l-end",
    ] {
        let still_moves = run_with(&moving, &steps(asked), WEBP, &Limits::default()).unwrap();
        assert_eq!(still_moves.format, ImageFormat::WebP, "{asked}");
        assert_eq!(frames_of(&still_moves.bytes, ImageFormat::WebP).len(), 4);
        let done = run(&moving, &steps(&format!("{asked}:f-png"))).unwrap();
        let frames = frames_of(&done.bytes, ImageFormat::Png);
        assert_eq!(frames.len(), 4, "{asked}");
        for (number, (frame, _)) in (1..).zip(&frames) {
            let alone = made(&moving, &format!("pg-{number}:{asked}"));
            assert_looks_the_same(frame, &alone, &format!("{asked}, frame {number}"));
        }
    }
    assert!(matches!(
        run(&moving, &steps("pg-5")),
        Err(ImagingError::InvalidTransformation { .. })
    ));
}

#[test]
fn a_still_picture_has_one_page() {
    let still = png(photograph(20, 10));
    assert_eq!(made(&still, "pg-1,w-10").dimensions(), (10, 5));
    assert!(refusal(&still, "pg-2").contains("pg-2"));
    for lists in ["pg-1_3_5", "pg-2-4", "pg-4-", "pg-name-\"a\""] {
        assert!(refusal(&still, lists).contains("Photoshop"), "{lists}");
    }
}
