//! The smallest pictures and the largest parameters, alone and together: a picture or a reason, never a panic.

use limpid_delivery_url::transformation::Step;
use limpid_imaging::ImagingError;
use proptest::prelude::*;

use crate::{
    asked::steps,
    pictures::{half_clear, photograph, png, run},
};

const OPERATIONS: &[&str] = &[
    "t-1",
    "t-99",
    "r-max",
    "r-65535",
    "r-0_65535_1_max",
    "b-1_FF000050",
    "b-300_FF0000",
    "r-max,b-40_FF000050",
    "o-0",
    "o-37,bg-00FF0010",
    "bl-1",
    "bl-100",
    "e-grayscale",
    "e-contrast",
    "e-sharpen-99",
    "e-usm-1000-1000-1000-0",
    "e-usm-0.01-0.01-0.01-1000",
    "e-usm-3-900-5-0",
    "e-shadow",
    "e-shadow-bl-15_st-100_x-N100_y-100",
    "e-gradient-ld-359_sp-65535",
    "e-gradient-ld-45_sp-0.01",
    "e-colorize-co-FF0000_in-99",
    "e-distort-a-360",
    "e-distort-a-N359",
    "e-distort-a-0.02",
    "e-distort-p-0_0_1_0_1_1_0_1",
    "e-distort-p-0_0_500_1_500_2_0_3",
    "e-distort-p-N400_N400_400_N399_3_3_N399_400",
    "cr-FF000050_100",
    "cr-FF0000_0_00FF00",
    "rt-33",
    "rt-N0.001",
    "w-40,h-30,cm-pad_resize,bg-blurred_100_255",
    "w-1,h-300,cm-pad_resize,bg-blurred",
    "w-300,h-1,cm-pad_resize,bg-gradient_dominant_4",
    "w-3,h-200,cm-pad_resize,bg-dominant",
    "w-50,h-40,fo-auto",
    "w-1,h-1,fo-face,z-100",
    "w-64,h-3,fo-face,z-0.01",
    "w-5,h-5,cm-extract,fo-auto",
    "w-90,h-5,cm-pad_extract,fo-person",
];

#[track_caller]
fn try_all(source: &[u8], steps: &[Step]) {
    let outcome = run(source, steps);
    let is_answer = matches!(
        outcome,
        Ok(_)
            | Err(ImagingError::InvalidTransformation { .. } | ImagingError::OutputTooLarge { .. })
    );
    assert!(is_answer, "{steps:?}: {outcome:?}");
}

#[test]
fn every_operation_takes_slivers_and_single_pixels() {
    for (width, height) in [(1, 1), (1, 2), (2, 1), (1, 300), (300, 1), (3, 3)] {
        for source in [
            png(photograph(width, height)),
            png(half_clear(width, height)),
        ] {
            for asked in OPERATIONS {
                try_all(&source, &steps(asked));
            }
        }
    }
}

/// Whatever an encoder cannot write has to be refused before: of what passes, nothing may fail in it.
#[test]
fn every_encoder_writes_the_longest_sides_it_is_asked_for() {
    let source = png(half_clear(2, 2));
    for (format, longest) in [
        ("webp", 16_383),
        ("webp,lo-true", 16_383),
        ("jpg", 65_500),
        ("jpg,pr-true", 65_500),
        ("png", 65_535),
        ("png,lo-true", 65_535),
        ("avif", 65_535),
    ] {
        // 1 would be the whole side, a share of it
        for (width, height) in [(longest, 2), (2, longest)] {
            let asked = format!("w-{width},h-{height},c-force,f-{format}");
            let made = run(&source, &steps(&asked));
            let made = made.unwrap_or_else(|error| panic!("{asked}: {error}"));
            assert_eq!((made.width, made.height), (width, height), "{asked}");
        }
        let beyond = format!("w-{},h-2,c-force,f-{format}", longest + 1);
        let refused = run(&source, &steps(&beyond));
        let is_limit = matches!(refused, Err(ImagingError::OutputTooLarge { .. }));
        // a side that no parameter may have is left out of the request
        assert!(is_limit || longest == 65_535, "{beyond}: {refused:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn any_chain_of_operations_gives_a_picture_or_a_reason(
        width in 1_u32..70,
        height in 1_u32..70,
        chain in proptest::collection::vec(prop::sample::select(OPERATIONS.to_vec()), 1..4),
        is_clear in any::<bool>(),
    ) {
        let source = if is_clear { png(half_clear(width, height)) } else { png(photograph(width, height)) };
        try_all(&source, &steps(&chain.join(":")));
    }
}
