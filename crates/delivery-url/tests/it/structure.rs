//! Steps, layers and conditionals (R43, R44, R112, R114, R122, R143; `imagekit.md` 5.1, 5.9, 5.10).

use limpid_delivery_url::Transformation;
use limpid_delivery_url::transformation::{
    Anchor, Color, Comparison, EdgeOffset, ExpansionError, ExpressionError, Extent, Feature, Layer,
    LayerInput, LayerMode, LayerSource, Length, Property, TextLayer, Variables, parse,
};

fn parsed(text: &str) -> Transformation {
    parse(text).expect(text)
}

fn layer(text: &str) -> Layer {
    parsed(text).steps.remove(0).layers.remove(0)
}

fn text_layer(text: &str) -> TextLayer {
    let LayerSource::Text(layer) = layer(text).source else {
        unreachable!("not a text layer")
    };
    *layer
}

#[test]
fn colons_separate_steps_and_commas_parameters() {
    let steps = parsed("w-400,h-300:rt-90:q-50").steps;
    assert_eq!(steps.len(), 3);
    assert_eq!(
        (steps[0].width, steps[0].height),
        (Some(Length::Pixels(400)), Some(Length::Pixels(300)))
    );
    assert_eq!(parsed("tr:w-400"), parsed("w-400"));
    assert!(parsed("").steps.is_empty());
}

#[test]
fn fully_encoded_value_is_decoded_before_it_is_split() {
    assert_eq!(parsed("h-300%2Cw-400%3Art-90"), parsed("h-300,w-400:rt-90"));
    assert_eq!(parsed("w%2d300"), parsed("w-300"));
}

#[test]
fn encoded_separators_beside_raw_ones_belong_to_the_value() {
    assert_eq!(
        text_layer("l-text,i-Hello%2C%20W%3A1,l-end").text,
        "Hello, W:1"
    );
}

#[test]
fn separators_inside_a_layer_do_not_split_the_outer_step() {
    let steps = parsed("w-400,l-image,i-logo.png,w-10:rt-90,l-end,h-300:q-50").steps;
    assert_eq!(steps.len(), 2);
    assert_eq!(
        (steps[0].height, steps[0].layers.len()),
        (Some(Length::Pixels(300)), 1)
    );
    assert_eq!(steps[0].layers[0].transformation, parsed("w-10:rt-90"));
}

#[test]
fn layers_have_a_source_a_mode_and_a_position() {
    let read = layer("l-image,i-dir@@logo.png,lm-displace,lx-50,ly-N10,lap-top_left,l-end");
    assert_eq!(read.source, LayerSource::Image("dir/logo.png".into()));
    assert_eq!(
        (read.mode, read.position.anchor_point),
        (Some(LayerMode::Displace), Some(Anchor::TopLeft))
    );
    assert_eq!(
        (read.position.x, read.position.y),
        (
            Some(EdgeOffset::FromStart(50)),
            Some(EdgeOffset::FromEnd(10))
        )
    );
    assert_eq!(
        layer("l-image,i-a.png,lfo-left,l-end").position.focus,
        Some(Anchor::Left)
    );
    assert_eq!(
        layer("l-image,i-a.png,lfo-left,lx-1,l-end").position.focus,
        None
    );
    assert_eq!(
        layer("l-image,i-ik_canvas,bg-FF0000,w-10,h-10,al-5,l-end").source,
        LayerSource::Canvas { alpha: Some(5) }
    );
}

#[test]
fn encoded_input_wins_over_plain_in_either_alphabet() {
    let path = "customer_logo/Ñykaa.png";
    assert_eq!(
        layer("l-image,ie-Y3VzdG9tZXJfbG9nby%2FDkXlrYWEucG5n,l-end").source,
        LayerSource::Image(path.into())
    );
    assert_eq!(
        layer("l-image,i-x.png,ie-Y3VzdG9tZXJfbG9nby_DkXlrYWEucG5n,l-end").source,
        LayerSource::Image(path.into())
    );
    assert_eq!(
        text_layer("l-text,ie-TGV0J3MgdXNlIMKpLCDCriwg4oSiLCBldGM%3D,l-end").text,
        "Let's use ©, ®, ™, etc"
    );
}

#[test]
fn long_texts_are_cut() {
    let plain = text_layer(&format!("l-text,i-{},l-end", "a".repeat(2100)));
    assert_eq!(plain.text.len(), 2000);
    let encoded = text_layer(&format!("l-text,ie-{},l-end", "YWFh".repeat(900)));
    assert_eq!(encoded.text.len(), 2500);
}

#[test]
fn text_parameters_are_read() {
    let text = text_layer(
        "l-text,i-Hi%20there,fs-20,ff-fonts@@A.ttf,co-0000ff,ia-left,pa-25_50_75_100,al-7,tg-b_i,bg-F0F0F0,w-300,l-end",
    );
    assert_eq!(
        (text.text.as_str(), text.font.as_deref()),
        ("Hi there", Some("fonts/A.ttf"))
    );
    assert_eq!(
        (text.padding, text.alpha, text.width),
        (Some([25, 50, 75, 100]), Some(7), Some(300))
    );
    assert!(text.typography.bold && text.typography.italic);
    assert_eq!(
        text.color,
        Some(Color {
            red: 0,
            green: 0,
            blue: 255,
            alpha: 255
        })
    );
    assert_eq!(text_layer("l-text,i-a,al-7,co-red,l-end").alpha, None);
    assert_eq!(
        text_layer("l-text,i-a,pa-5_10,l-end").padding,
        Some([5, 10, 5, 10])
    );
}

#[test]
fn layers_nest_three_deep() {
    let nested = |depth: usize| {
        format!(
            "{}{}",
            "l-image,i-a.png,".repeat(depth),
            vec!["l-end"; depth].join(",")
        )
    };
    assert!(parse(&nested(3)).is_ok());
    assert!(parse(&nested(4)).unwrap_err().sentence().contains("3 deep"));
    let LayerSource::Text(_) = layer("l-image,i-a.png,l-text,i-Hi,l-end,l-end")
        .transformation
        .steps[0]
        .layers[0]
        .source
    else {
        panic!("the inner layer is text");
    };
}

#[test]
fn conditions_choose_a_branch_and_bind_and_tighter() {
    let steps =
        parsed("if-h_gte_100_and_h_lte_400_or_ar_lt_4-3,w-100:rt-90,if-else,w-50,if-end:q-50")
            .steps;
    assert_eq!(steps.len(), 2);
    let block = steps[0].conditional.as_deref().expect("a conditional");
    assert_eq!(
        block
            .condition
            .any_of
            .iter()
            .map(Vec::len)
            .collect::<Vec<_>>(),
        [2, 1]
    );
    let test = block.condition.any_of[1][0];
    assert_eq!(
        (test.property, test.comparison),
        (Property::CurrentAspectRatio, Comparison::Less)
    );
    let original = Extent {
        width: 1000.0,
        height: 1000.0,
    };
    let branch = |width: f64, height: f64| block.branch(original, Extent { width, height }).clone();
    assert_eq!(branch(4000.0, 300.0), parsed("w-100:rt-90"));
    assert_eq!(branch(4000.0, 900.0), parsed("w-50"));
    assert_eq!(branch(900.0, 900.0), parsed("w-100:rt-90"));
    assert_eq!(branch(1024.0, 768.0), parsed("w-50"));
}

#[test]
fn conditionals_nest_and_may_lack_an_else() {
    let outer = parsed("if-iw_gt_100,if-w_eq_5,w-1:h-2,if-end,if-end")
        .steps
        .remove(0)
        .conditional
        .expect("outer");
    assert!(outer.otherwise.steps.is_empty());
    assert!(outer.then.steps[0].conditional.is_some());
}

#[test]
fn named_transformations_expand_once() {
    let stored = parsed("w-100:rt-90");
    let chained = parsed("n-thumb");
    let lookup = |name: &str| match name {
        "small" => Some(&stored),
        "chained" => Some(&chained),
        _ => None,
    };
    let expanded = |text: &str| parsed(text).expand(&lookup);
    assert_eq!(expanded("n-small"), Ok(parsed("w-100:rt-90")));
    assert_eq!(
        expanded("h-5:n-small,q-50"),
        Ok(parsed("h-5:w-100:rt-90:q-50"))
    );
    assert_eq!(
        expanded("if-w_gt_1,n-small,if-end"),
        Ok(parsed("if-w_gt_1,w-100:rt-90,if-end"))
    );
    assert_eq!(
        expanded("n-Small"),
        Err(ExpansionError::Unknown("Small".into()))
    );
    assert_eq!(
        expanded("n-chained"),
        Err(ExpansionError::Nested("chained".into()))
    );
    assert!(parsed("n-small").is_only_named());
    assert!(!parsed("n-small,w-1").is_only_named());
    for (text, first) in [
        ("n-small", None),
        ("n-small:n-other", None),
        ("n-small,h-2,w-1", Some("w")),
        ("n-small:l-image,i-a.png,l-end", Some("l")),
        ("if-w_gt_1,n-small,if-else,n-other,if-end", Some("if")),
        ("orig-true", Some("orig")),
        ("w-auto", Some("w")),
    ] {
        assert_eq!(parsed(text).first_unnamed().as_deref(), first, "{text}");
    }
}

#[test]
fn names_that_stand_for_too_much_are_refused() {
    let stored = parsed(&["w-5"; 60].join(":"));
    let lookup = |_: &str| Some(&stored);
    assert_eq!(parsed("n-a").expand(&lookup).unwrap().steps.len(), 60);
    for text in [
        "n-a:n-a",
        "if-w_gt_1,n-a,if-else,n-a,if-end",
        "n-a:if-w_gt_1,w-9,if-end:n-a",
    ] {
        assert_eq!(
            parsed(text).expand(&lookup),
            Err(ExpansionError::TooLong),
            "{text}"
        );
    }
    assert!(parse(&format!("n-{}", "a".repeat(101))).is_err());
}

#[test]
fn what_an_executor_lacks_is_named() {
    let supported = [Feature::Resize, Feature::Quality, Feature::Original];
    assert_eq!(parsed("w-1,q-2:orig-true").unsupported_by(&supported), None);
    assert_eq!(
        parsed("w-1,e-shadow").unsupported_by(&supported),
        Some(Feature::Shadow)
    );
    assert_eq!(
        parsed("w-1:l-text,i-a,l-end").unsupported_by(&supported),
        Some(Feature::TextLayer)
    );
    assert_eq!(
        parsed("w-iw_div_2").unsupported_by(&supported),
        Some(Feature::Expression)
    );
    assert_eq!(
        parsed("if-w_gt_1,w-1,if-end").unsupported_by(&supported),
        Some(Feature::Conditional)
    );
    let inside = parsed("l-image,i-a,bl-5,l-end").unsupported_by(&[Feature::ImageLayer]);
    assert_eq!(inside.map(Feature::parameter), Some("bl"));
}

#[test]
fn questions_about_the_whole_are_answered() {
    assert!(parsed("w-1:orig").wants_original());
    assert!(parsed("w-70000").is_empty());
    assert_eq!(parsed("di-a.jpg:w-1").default_image(), Some("a.jpg"));
}

#[test]
fn the_files_of_all_layers_are_listed_once_at_every_depth_and_in_every_branch() {
    let transformation = parsed(
        "l-image,i-b.png,l-text,i-x,ff-fonts@@own.ttf,l-end,l-end,l-image,i-b.png,l-end:\
         if-w_gt_10,l-image,i-a.png,l-end,if-else,l-text,i-y,ff-Lora,l-end,if-end:l-image,i-ik_canvas,l-end",
    );
    assert_eq!(
        transformation.inputs(),
        [
            LayerInput::Image("b.png"),
            LayerInput::Font("fonts/own.ttf"),
            LayerInput::Image("a.png"),
            LayerInput::Font("Lora"),
        ]
    );
}

#[test]
fn expressions_of_a_layer_know_its_base_and_its_own_size() {
    let extent = |width, height| Extent { width, height };
    let variables = Variables {
        initial: extent(10.0, 10.0),
        current: extent(30.0, 20.0),
        base: Some(extent(100.0, 80.0)),
    };
    let placed = layer("l-image,i-a.png,lx-bw_sub_cw,lyc-bh_div_2,l-end");
    let position = placed.computed_position(&variables).unwrap();
    assert_eq!(position.x, Some(EdgeOffset::FromStart(70)));
    assert_eq!(position.y_center, Some(EdgeOffset::FromStart(40)));
    let written = layer("l-text,i-x,fs-bh_div_4,pa-bw_div_50,w-bw_mul_9999,l-end");
    let text = written.computed_text(&variables).unwrap().unwrap();
    assert_eq!(
        (text.font_size, text.padding, text.width),
        (Some(20), Some([2; 4]), Some(16_383))
    );
    assert_eq!(placed.computed_text(&variables), Ok(None));
    let divided = layer("l-image,i-a.png,lx-bw_div_0,l-end");
    assert_eq!(
        divided
            .computed_position(&variables)
            .map_err(|error| error.reason()),
        Err(ExpressionError::DivisionByZero)
    );
}
