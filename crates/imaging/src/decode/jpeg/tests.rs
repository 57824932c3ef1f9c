//! Our decoder beside libjpeg-turbo, on files libjpeg-turbo made.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "test pictures are small and made from small numbers"
)]

use std::{ptr, time::Instant};

use super::*;
use crate::planes::{Plane, Planes};

const SAMPLINGS: [tj::TJSAMP; 5] = [
    tj::TJSAMP_TJSAMP_444,
    tj::TJSAMP_TJSAMP_422,
    tj::TJSAMP_TJSAMP_420,
    tj::TJSAMP_TJSAMP_440,
    tj::TJSAMP_TJSAMP_GRAY,
];

/// A picture that libjpeg-turbo is to write.
pub(super) struct Made {
    size: Size,
    sampling: tj::TJSAMP,
    parameters: Vec<(tj::TJPARAM, c_int)>,
}

impl Made {
    pub(super) fn of(width: u32, height: u32, sampling: tj::TJSAMP) -> Self {
        Self {
            size: Size { width, height },
            sampling,
            parameters: Vec::new(),
        }
    }

    pub(super) fn with(mut self, parameter: tj::TJPARAM, value: c_int) -> Self {
        self.parameters.push((parameter, value));
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let Size { width, height } = self.size;
        let mut noise = 0x2545_f491_u32;
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                noise ^= noise << 13;
                noise ^= noise >> 17;
                noise ^= noise << 5;
                let wave = (f64::from(x) / 7.0).sin() * 60.0 + (f64::from(y) / 9.0).cos() * 50.0;
                let level = wave + 120.0 + f64::from(noise % 16);
                pixels.extend([
                    level as u8,
                    (level / 2.0) as u8 + (x % 64) as u8,
                    255 - level as u8,
                ]);
            }
        }
        // SAFETY: the handle is live between these calls; pixels and sizes agree; the output is copied before it is freed.
        unsafe {
            let handle = tj::tj3Init(tj::TJINIT_TJINIT_COMPRESS.cast_signed());
            tj::tj3Set(handle, tj::TJPARAM_TJPARAM_QUALITY.cast_signed(), 85);
            tj::tj3Set(
                handle,
                tj::TJPARAM_TJPARAM_SUBSAMP.cast_signed(),
                self.sampling as c_int,
            );
            for (parameter, value) in &self.parameters {
                assert_eq!(tj::tj3Set(handle, parameter.cast_signed(), *value), 0);
            }
            let (mut data, mut length) = (ptr::null_mut(), 0);
            let status = tj::tj3Compress8(
                handle,
                pixels.as_ptr(),
                width as c_int,
                width as c_int * 3,
                height as c_int,
                tj::TJPF_TJPF_RGB,
                &raw mut data,
                &raw mut length,
            );
            assert_eq!(status, 0);
            let bytes = std::slice::from_raw_parts(data, length as usize).to_vec();
            tj::tj3Free(data.cast());
            tj::tj3Destroy(handle);
            bytes
        }
    }
}

fn ours(bytes: &[u8], size: Size, points: Points) -> Option<Planes> {
    planes(bytes, size, None, |_| Some((points, points)))
}

#[test]
fn a_deadline_that_has_passed_ends_the_decode_at_the_next_row() {
    let size = Size {
        width: 160,
        height: 96,
    };
    let file = || Made::of(size.width, size.height, tj::TJSAMP_TJSAMP_420);
    let passed = Some(Instant::now());
    for bytes in [
        file().bytes(),
        file().with(tj::TJPARAM_TJPARAM_PROGRESSIVE, 1).bytes(),
    ] {
        let decoded =
            |deadline| planes(&bytes, size, deadline, |_| Some((Points::Two, Points::Two)));
        assert!(decoded(None).is_some());
        assert!(decoded(passed).is_none());
        let info = header::Header::parse(&bytes).unwrap().info();
        let outcome = decode(&DecodeRequest {
            source: &bytes,
            info: &info,
            limits: &crate::limits::Limits::default(),
            shrink: 4,
            cut: None,
            deadline: passed,
        });
        assert_eq!(outcome.unwrap_err(), ImagingError::Timeout);
    }
}

/// Libjpeg-turbo's planes at 1/`shrink`, each with its width.
fn theirs(bytes: &[u8], size: Size, sampling: tj::TJSAMP, shrink: u32) -> Vec<(usize, Vec<u8>)> {
    let width = size.width.div_ceil(shrink) as c_int;
    let height = size.height.div_ceil(shrink) as c_int;
    let sampling = sampling as c_int;
    // SAFETY: the handle is live between these calls; the planes have the sizes the library says they have.
    unsafe {
        let handle = tj::tj3Init(tj::TJINIT_TJINIT_DECOMPRESS.cast_signed());
        tj::tj3DecompressHeader(handle, bytes.as_ptr(), bytes.len() as u64);
        tj::tj3SetScalingFactor(
            handle,
            tj::tjscalingfactor {
                num: 1,
                denom: shrink as c_int,
            },
        );
        let mut planes: Vec<(usize, Vec<u8>)> = (0..if sampling == 3 { 1 } else { 3 })
            .map(|index| {
                let (width, height) = (
                    tj::tj3YUVPlaneWidth(index, width, sampling) as usize,
                    tj::tj3YUVPlaneHeight(index, height, sampling) as usize,
                );
                (width, vec![0; width * height])
            })
            .collect();
        let mut pointers: Vec<*mut u8> = planes
            .iter_mut()
            .map(|(_, samples)| samples.as_mut_ptr())
            .collect();
        pointers.resize(3, ptr::null_mut());
        let status = tj::tj3DecompressToYUVPlanes8(
            handle,
            bytes.as_ptr(),
            bytes.len() as u64,
            pointers.as_mut_ptr(),
            ptr::null_mut(),
        );
        assert_eq!(status, 0);
        tj::tj3Destroy(handle);
        planes
    }
}

fn differences(ours: &Plane, (width, samples): &(usize, Vec<u8>)) -> Vec<u8> {
    let rows = ours.rows().zip(samples.chunks(*width));
    rows.flat_map(|(ours, theirs)| {
        ours.iter()
            .zip(theirs)
            .map(|(left, right)| left.abs_diff(*right))
    })
    .collect()
}

fn planes_of(planes: &Planes) -> Vec<&Plane> {
    std::iter::once(&planes.luma)
        .chain(planes.chroma.iter().flatten())
        .collect()
}

#[test]
fn an_eighth_is_what_libjpeg_turbo_makes_of_it() {
    for sampling in SAMPLINGS {
        for side in 1..=40 {
            let file = Made::of(side, 41 - side, sampling);
            let bytes = file.bytes();
            let ours = ours(&bytes, file.size, Points::One).unwrap();
            // of differences it makes an eighth of the picture, not of the plane; those are compared at full size
            let theirs = theirs(&bytes, file.size, sampling, 8);
            assert!(
                differences(&ours.luma, &theirs[0])
                    .iter()
                    .all(|difference| *difference == 0),
                "{sampling} {side}"
            );
        }
    }
}

#[test]
fn at_full_size_every_sample_is_within_one_of_libjpeg_turbos() {
    for sampling in SAMPLINGS {
        for side in 1..=40 {
            let file = Made::of(41 - side, side, sampling);
            let bytes = file.bytes();
            let ours = ours(&bytes, file.size, Points::Eight).unwrap();
            let theirs = theirs(&bytes, file.size, sampling, 1);
            assert_eq!(planes_of(&ours).len(), theirs.len());
            for (ours, theirs) in planes_of(&ours).into_iter().zip(&theirs) {
                let worst = differences(ours, theirs).into_iter().max();
                assert!(worst <= Some(1), "{sampling} {side}: {worst:?}");
            }
        }
    }
}

#[test]
fn other_sizes_are_near_libjpeg_turbos() {
    for sampling in SAMPLINGS {
        for (points, shrink) in [(Points::Two, 4), (Points::Four, 2)] {
            let file = Made::of(203, 157, sampling);
            let bytes = file.bytes();
            let ours = ours(&bytes, file.size, points).unwrap();
            let differences =
                differences(&ours.luma, &theirs(&bytes, file.size, sampling, shrink)[0]);
            let squares: f64 = differences
                .iter()
                .map(|difference| f64::from(*difference).powi(2))
                .sum();
            let decibels = 10.0 * (255.0 * 255.0 * differences.len() as f64 / squares).log10();
            assert!(decibels > 33.0, "{sampling} {points:?}: {decibels}");
        }
    }
}

#[test]
fn every_size_shows_the_same_picture() {
    let file = Made::of(128, 96, tj::TJSAMP_TJSAMP_420);
    let bytes = file.bytes();
    let mean = |plane: &Plane| {
        let samples: Vec<f64> = plane
            .rows()
            .flatten()
            .map(|sample| f64::from(*sample))
            .collect();
        samples.iter().sum::<f64>() / samples.len() as f64
    };
    let full = ours(&bytes, file.size, Points::Eight).unwrap();
    for points in Points::ALL {
        let planes = ours(&bytes, file.size, points).unwrap();
        assert_eq!(planes.luma.size.width as usize, 16 * points.count());
        for (plane, full) in planes_of(&planes).into_iter().zip(planes_of(&full)) {
            assert!((mean(plane) - mean(full)).abs() < 0.6, "{points:?}");
        }
    }
}

#[test]
fn restart_markers_change_nothing() {
    let plain = Made::of(150, 90, tj::TJSAMP_TJSAMP_420);
    let expected = ours(&plain.bytes(), plain.size, Points::Four).unwrap();
    for blocks in [1, 2, 7] {
        let file = Made::of(150, 90, tj::TJSAMP_TJSAMP_420)
            .with(tj::TJPARAM_TJPARAM_RESTARTBLOCKS, blocks);
        assert_eq!(
            ours(&file.bytes(), file.size, Points::Four),
            Some(expected.clone()),
            "{blocks}"
        );
    }
}

#[test]
fn a_progressive_file_gives_the_same_eighth_and_nearly_the_same_quarter() {
    for sampling in SAMPLINGS {
        for restarts in [0, 3] {
            let plain = Made::of(170, 131, sampling);
            let progressive = Made::of(170, 131, sampling)
                .with(tj::TJPARAM_TJPARAM_PROGRESSIVE, 1)
                .with(tj::TJPARAM_TJPARAM_RESTARTBLOCKS, restarts);
            let (plain_bytes, bytes) = (plain.bytes(), progressive.bytes());
            let expected = ours(&plain_bytes, plain.size, Points::One).unwrap();
            assert_eq!(
                ours(&bytes, plain.size, Points::One),
                Some(expected),
                "{sampling}"
            );
            let expected = ours(&plain_bytes, plain.size, Points::Two).unwrap();
            let found = ours(&bytes, plain.size, Points::Two).unwrap();
            let theirs = (expected.luma.stride, expected.luma.samples.clone());
            let worst = differences(&found.luma, &theirs).into_iter().max().unwrap();
            assert!(worst <= 8, "{sampling}: {worst}");
            assert_eq!(ours(&bytes, plain.size, Points::Three), None);
        }
    }
}

#[test]
fn no_prefix_of_a_file_is_taken_for_a_whole_one() {
    for progressive in [0, 1] {
        let file = Made::of(40, 33, tj::TJSAMP_TJSAMP_420)
            .with(tj::TJPARAM_TJPARAM_PROGRESSIVE, progressive);
        let bytes = file.bytes();
        for length in 0..bytes.len() {
            assert_eq!(
                ours(&bytes[..length], file.size, Points::Two),
                None,
                "{length}"
            );
        }
        assert!(ours(&bytes, file.size, Points::Two).is_some());
    }
}

fn is_accepted_by_the_library(bytes: &[u8], size: Size) -> bool {
    let mut decompressor = Decompressor::new().unwrap();
    let Ok(_) = decompressor.read_header(bytes, size) else {
        return false;
    };
    let mut picture = Picture::zeroed(size, Channels::Rgb);
    decompressor
        .decompress(bytes, &mut picture, tj::TJPF_TJPF_RGB)
        .is_ok()
}

#[test]
fn what_our_decoder_takes_of_damaged_files_libjpeg_turbo_takes_too() {
    let mut noise = 0x9e37_79b9_u32;
    let mut taken = 0;
    for sampling in SAMPLINGS {
        let file = Made::of(57, 43, sampling).with(tj::TJPARAM_TJPARAM_RESTARTBLOCKS, 5);
        let bytes = file.bytes();
        for _ in 0..1500 {
            let mut damaged = bytes.clone();
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let at = noise as usize % damaged.len();
            damaged[at] ^= 1 << (noise >> 29);
            for points in [Points::One, Points::Two, Points::Eight] {
                if ours(&damaged, file.size, points).is_some() {
                    taken += 1;
                    assert!(
                        is_accepted_by_the_library(&damaged, file.size),
                        "{sampling} {at} {points:?}"
                    );
                }
            }
        }
    }
    // most single bits of pixels can't be told from other pixels
    assert!(taken > 1000, "{taken}");
}

#[test]
fn rubbish_of_every_kind_never_panics() {
    let mut noise = 0x1234_5678_u32;
    for progressive in [0, 1] {
        let file = Made::of(64, 48, tj::TJSAMP_TJSAMP_420)
            .with(tj::TJPARAM_TJPARAM_PROGRESSIVE, progressive);
        let bytes = file.bytes();
        for _ in 0..3000 {
            let mut damaged = bytes.clone();
            for _ in 0..4 {
                noise ^= noise << 13;
                noise ^= noise >> 17;
                noise ^= noise << 5;
                let at = noise as usize % damaged.len();
                damaged[at] = (noise >> 24) as u8;
            }
            for points in [Points::One, Points::Two, Points::Five] {
                drop(ours(&damaged, file.size, points));
            }
        }
    }
}

#[test]
fn wide_vectors_give_the_same_samples() {
    let mut noise = 0x0bad_cafe_u32;
    for round in 0..4000_u32 {
        let mut coefficients = [0_i16; 64];
        for coefficient in &mut coefficients {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            // from ordinary ones to ones no picture has
            *coefficient = ((noise >> 16) as i16) >> (round % 14);
        }
        same_samples::<2>(&coefficients);
        same_samples::<3>(&coefficients);
        same_samples::<5>(&coefficients);
        same_samples::<6>(&coefficients);
        same_samples::<8>(&coefficients);
    }
}

fn same_samples<const N: usize>(coefficients: &dct::Coefficients) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        let (mut plain, mut wide) = ([7; 11 * 8], [7; 11 * 8]);
        dct::inverse::<N>(coefficients, &mut plain, 11);
        // SAFETY: the processor has the feature.
        unsafe { dct::wide::inverse::<N>(coefficients, &mut wide, 11) };
        assert_eq!(plain, wide, "{N} {coefficients:?}");
    }
}
