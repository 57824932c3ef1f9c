//! Wherever the second place begins, and whatever is wrong with the data, the result is that of one place.

use turbojpeg_sys as tj;

use super::*;
use crate::{
    decode::jpeg::{frame::Next, own, tests::Made},
    geometry::Size,
};

const SIZE: Size = Size {
    width: 1610,
    height: 1190,
};

fn made(sampling: tj::TJSAMP) -> Made {
    Made::of(SIZE.width, SIZE.height, sampling)
}

/// What reading gives with the second place at `middle`, and where the data begins.
fn read(bytes: &[u8], middle: impl FnOnce(usize) -> Option<usize>) -> Option<(Vec<i16>, usize)> {
    let mut headers = Headers::of(bytes).unwrap();
    let Some(Next::Scan(scan)) = headers.next_scan() else {
        panic!("no scan");
    };
    let tables = Tables::of(&headers, &scan)?;
    let phases = tables.phases(&headers, &scan)?;
    let file = File {
        bytes,
        data: scan.data,
        blocks: units_across(&headers) * units_down(&headers) * phases.count(),
    };
    file.differences(&phases, middle(scan.data), &mut <[Window; 2]>::default())
}

fn noise(seed: &mut u32) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    *seed as usize
}

#[test]
fn the_second_place_may_begin_anywhere() {
    for sampling in [
        tj::TJSAMP_TJSAMP_444,
        tj::TJSAMP_TJSAMP_422,
        tj::TJSAMP_TJSAMP_420,
        tj::TJSAMP_TJSAMP_GRAY,
    ] {
        for optimised in [0, 1] {
            let file = made(sampling).with(tj::TJPARAM_TJPARAM_OPTIMIZE, optimised);
            let bytes = file.bytes();
            let expected = read(&bytes, |_| None);
            assert!(expected.is_some());
            for part in 0..60 {
                let at = |data: usize| Some(data + (bytes.len() - data) * part / 60 + part);
                assert_eq!(read(&bytes, at), expected, "{sampling} {optimised} {part}");
            }
        }
    }
}

#[test]
fn damage_is_seen_alike_from_one_place_and_from_two() {
    let bytes = made(tj::TJSAMP_TJSAMP_420).bytes();
    let mut seed = 0x2545_f491;
    let mut refused = 0;
    for _ in 0..200 {
        let mut damaged = bytes.clone();
        let at = 700 + noise(&mut seed) % (bytes.len() - 702);
        damaged[at] ^= 1 << (noise(&mut seed) % 8);
        if noise(&mut seed).is_multiple_of(4) {
            damaged.truncate(at + 1);
        }
        let one = read(&damaged, |_| None);
        let two = read(&damaged, |data| Some(data + (damaged.len() - data) / 2));
        refused += usize::from(one.is_none());
        assert_eq!(one, two, "{at}");
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn long_data_is_read_at_two_places_and_gives_what_restarts_give() {
    for sampling in [tj::TJSAMP_TJSAMP_420, tj::TJSAMP_TJSAMP_GRAY] {
        let plain = made(sampling).bytes();
        assert!(plain.len() > WORTH_TWO + 1000, "{}", plain.len());
        let restarting = made(sampling)
            .with(tj::TJPARAM_TJPARAM_RESTARTBLOCKS, 7)
            .bytes();
        let planes = |bytes: &[u8]| {
            own::planes(bytes, SIZE, None, |_| Some((Points::One, Points::One))).unwrap()
        };
        assert_eq!(planes(&plain), planes(&restarting));
    }
}
