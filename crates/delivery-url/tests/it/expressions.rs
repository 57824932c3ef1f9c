//! Arithmetic (R120, R121; `imagekit.md` 5.10).

use limpid_delivery_url::transformation::{
    AspectRatio, ComputeError, DevicePixelRatio, ExpressionError, Extent, Length, Step, Variables,
    parse,
};

const OUTSIDE: Variables = Variables {
    initial: Extent {
        width: 1000.0,
        height: 500.0,
    },
    current: Extent {
        width: 400.0,
        height: 300.0,
    },
    base: None,
};

fn computed(text: &str) -> Result<Step, ComputeError> {
    parse(text).expect(text).steps.remove(0).computed(&OUTSIDE)
}

fn width(expression: &str) -> Option<Length> {
    computed(&format!("w-{expression}"))
        .expect(expression)
        .width
}

#[test]
fn precedence_is_the_documented_one() {
    assert_eq!(width("2_pow_3_add_1"), Some(Length::Pixels(16)));
    assert_eq!(width("10_add_5_mod_4"), Some(Length::Pixels(3)));
    assert_eq!(width("iw_add_10_mul_2"), Some(Length::Pixels(1020)));
    assert_eq!(
        width("ih_mul_0.8_add_iw_mul_0.4"),
        Some(Length::Pixels(800))
    );
    assert_eq!(width("100_div_10_mul_2_sub_5"), Some(Length::Pixels(15)));
}

#[test]
fn results_go_into_their_fields() {
    let step = computed("w-cw_div_2,h-ch,ar-iar_div_2,dpr-2_mul_1.5,x-iw_sub_cw,b-ih_mul_0.01_red,e-gradient-sp-ih_mul_0.5").unwrap();
    assert!(step.expressions.is_empty());
    assert_eq!(
        (step.width, step.height, step.x),
        (
            Some(Length::Pixels(200)),
            Some(Length::Pixels(300)),
            Some(600)
        )
    );
    assert_eq!(
        step.aspect_ratio,
        Some(AspectRatio {
            width: 1.0,
            height: 1.0
        })
    );
    assert_eq!(step.device_pixel_ratio, Some(DevicePixelRatio::Times(3.0)));
    assert_eq!(step.border.map(|border| border.width), Some(5));
}

#[test]
fn results_out_of_range_are_ignored_as_literals_are() {
    assert_eq!(width("iw_mul_100"), None);
    assert_eq!(width("iw_div_10000"), Some(Length::Pixels(1)));
    assert_eq!(computed("dpr-iw,w-5").unwrap().device_pixel_ratio, None);
}

#[test]
fn results_without_meaning_are_errors_that_name_the_parameter() {
    for (text, reason, sentence) in [
        (
            "w-iw_div_0",
            ExpressionError::DivisionByZero,
            "w-iw_div_0: the expression divides by zero",
        ),
        (
            "h-iw_mod_0",
            ExpressionError::DivisionByZero,
            "h-iw_mod_0: the expression divides by zero",
        ),
        (
            "w-10_sub_iw",
            ExpressionError::Negative,
            "w-10_sub_iw: the expression has a negative result; it has to be 0 or more",
        ),
        (
            "dpr-iw_pow_9999,w-5",
            ExpressionError::NotFinite,
            "dpr-iw_pow_9999: the expression has no finite result",
        ),
        (
            "b-1_sub_iw_red",
            ExpressionError::Negative,
            "b-1_sub_iw: the expression has a negative result; it has to be 0 or more",
        ),
    ] {
        let error = computed(text).unwrap_err();
        assert_eq!(error.reason(), reason, "{text}");
        assert_eq!(error.to_string(), sentence);
    }
    let long = format!("w-iw{}_div_0", "_add_1".repeat(30));
    assert!(computed(&long).unwrap_err().to_string().len() < 100);
}

#[test]
fn base_exists_only_in_layers() {
    assert!(
        parse("w-bw_div_2")
            .unwrap_err()
            .sentence()
            .contains("layer")
    );
    assert!(parse("l-image,i-a.png,w-bw_mul_0.5,lx-bw_div_4,l-end").is_ok());
    assert!(
        parse("l-text,i-a,fs-iw_div_2,l-end")
            .unwrap_err()
            .sentence()
            .contains("bw")
    );
    let layer = parse("l-text,i-a,fs-bw_div_2,l-end")
        .unwrap()
        .steps
        .remove(0)
        .layers
        .remove(0);
    let base = Variables {
        base: Some(OUTSIDE.initial),
        ..OUTSIDE
    };
    assert_eq!(layer.expressions[0].expression.evaluate(&base), Ok(500.0));
    assert_eq!(
        layer.expressions[0].expression.evaluate(&OUTSIDE),
        Err(ExpressionError::NoBase)
    );
}
