use super::*;
use crate::geometry::Size;

fn picture(width: u32, height: u32, color: impl Fn(u32, u32) -> [u8; 4]) -> Picture {
    let at = |index| color(index % width, index / width);
    Picture {
        size: Size { width, height },
        channels: Channels::Rgba,
        pixels: (0..width * height).flat_map(at).collect(),
    }
}

fn byte(number: u32) -> u8 {
    number.to_le_bytes()[0]
}

fn shade(x: u32, y: u32) -> [u8; 4] {
    [x, y, u32::midpoint(x, y), 255].map(|channel| u8::try_from(channel).unwrap_or(u8::MAX))
}

fn drawn(indexed: &Indexed) -> Vec<[u8; 4]> {
    let color = |index: &u8| indexed.colors.get(usize::from(*index)).copied();
    indexed.indices.iter().filter_map(color).collect()
}

/// Mean of the squared differences of channels.
fn error(picture: &Picture, indexed: &Indexed) -> f64 {
    let mut sum = 0.0;
    for (was, is) in colors_of(picture).zip(drawn(indexed)) {
        for (was, is) in was.into_iter().zip(is) {
            sum += (f64::from(was) - f64::from(is)).powi(2);
        }
    }
    sum / f64::from(picture.size.width * picture.size.height * 4)
}

#[test]
fn a_picture_of_256_colours_keeps_every_one() {
    let few = picture(64, 64, |x, y| {
        let [red, green, _, alpha] = shade(x / 4, y / 4);
        [red, green, 7, alpha]
    });
    let indexed = exact(&few, None).expect("in time");
    assert_eq!(
        indexed.as_ref().map(|indexed| indexed.colors.len()),
        Some(256)
    );
    let expected: Vec<_> = colors_of(&few).collect();
    assert_eq!(indexed.as_ref().map(drawn), Some(expected));
}

#[test]
fn a_257th_colour_is_one_too_many() {
    let many = picture(257, 1, |x, _| shade(x.min(255), x / 256));
    assert_eq!(exact(&many, None).expect("in time"), None);
}

#[test]
fn transparent_colours_come_first_in_an_exact_palette() {
    let half_clear = picture(8, 8, |x, y| {
        if x < 4 {
            [9, 9, 9, 255]
        } else {
            [200, 0, 0, u8::from(y > 3) * 90]
        }
    });
    let indexed = exact(&half_clear, None)
        .expect("in time")
        .map(|indexed| indexed.colors);
    assert_eq!(indexed, Some(vec![[0; 4], [200, 0, 0, 90], [9, 9, 9, 255]]));
}

#[test]
fn a_chosen_palette_is_small_and_near() {
    let smooth = picture(200, 200, shade);
    for colors in [2, 16, 255, 256] {
        let indexed = reduce(&smooth, colors, Dithering::Off, None).expect("in time");
        assert!(
            indexed.colors.len() <= colors,
            "{} colours of {colors}",
            indexed.colors.len()
        );
    }
    let of_16 = error(
        &smooth,
        &reduce(&smooth, 16, Dithering::Off, None).expect("in time"),
    );
    let of_256 = error(
        &smooth,
        &reduce(&smooth, 256, Dithering::Off, None).expect("in time"),
    );
    assert!(of_16 < 220.0, "{of_16}");
    assert!(of_256 < 16.0, "{of_256}");
}

#[test]
fn clear_pixels_have_the_first_colour_and_nothing_else_has_it() {
    let round = picture(100, 100, |x, y| {
        if x.abs_diff(50).pow(2) + y.abs_diff(50).pow(2) > 900 {
            [3, 4, 5, 0]
        } else {
            shade(x * 2, y * 2)
        }
    });
    for dithering in [Dithering::Off, Dithering::ErrorDiffusion] {
        let palette = Palette::of([&round], 32, None).expect("in time");
        assert_eq!(clear_index(palette.colors()), Some(0));
        let indices = palette.indices(&round, dithering, None).expect("in time");
        for (color, index) in colors_of(&round).zip(indices) {
            assert_eq!(color[3] == 0, index == 0);
        }
        assert!(palette.colors().iter().skip(1).all(|color| color[3] == 255));
    }
}

#[test]
fn error_diffusion_keeps_the_mean_of_an_area() {
    let gray = picture(64, 64, |x, y| {
        if (x, y) == (0, 0) {
            [0, 0, 0, 255]
        } else if x + y > 120 {
            [255; 4]
        } else {
            [130, 130, 130, 255]
        }
    });
    let indexed = reduce(&gray, 2, Dithering::ErrorDiffusion, None).expect("in time");
    let mean =
        |colors: Vec<[u8; 4]>| colors.iter().map(|color| f64::from(color[0])).sum::<f64>() / 4096.0;
    let (was, is) = (mean(colors_of(&gray).collect()), mean(drawn(&indexed)));
    assert!((was - is).abs() < 4.0, "{was} became {is}");
}

#[test]
fn the_search_finds_what_looking_at_all_would_find() {
    let points: Vec<Point> = (0..256_u32)
        .map(|i| Point::of(shade(i * 37 % 256, i * 101 % 256)))
        .collect();
    let nearest = Nearest::new(&points, 0);
    for i in 0..2_000_u32 {
        let wanted = Point::of([i * 7, i * 13, i * 29, 255].map(byte));
        let found = nearest.find(wanted, byte(i));
        let least = points.iter().map(|point| wanted.distance(*point)).min();
        assert_eq!(Some(wanted.distance(nearest.point(found))), least);
    }
}

#[test]
fn frames_share_a_palette() {
    let (red, blue) = (
        picture(4, 4, |_, _| [255, 0, 0, 255]),
        picture(4, 4, |_, _| [0, 0, 255, 255]),
    );
    let palette = Palette::of([&red, &blue], 256, None).expect("in time");
    assert_eq!(palette.colors(), [[0, 0, 255, 255], [255, 0, 0, 255]]);
    assert_eq!(
        palette
            .indices(&blue, Dithering::Off, None)
            .expect("in time"),
        vec![0; 16]
    );
}
