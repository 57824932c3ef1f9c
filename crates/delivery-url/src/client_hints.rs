//! Client hints: `w-auto` and `dpr-auto` become numbers before anything is planned. Source: `imagekit.md` 5.12.

use crate::transformation::{
    Computable, Conditional, DevicePixelRatio, Layer, Length, Step, Transformation,
};

/// Widths are rounded up to a multiple of this, so that few variants serve many windows. Units: px. Source: `imagekit.md` 5.12.
const WIDTH_STEP: u32 = 100;

/// Wider than any dimension may be: not a hint but noise. Units: px. Source: `imagekit.md` section 2.
const MAX_WIDTH: u32 = 65_500;

/// What a browser says about its screen. A hint that makes no sense is none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClientHints {
    /// `Sec-CH-Width`, or the older `Width`: how wide the picture will be drawn. Units: device px.
    width: Option<u32>,
    /// `Sec-CH-DPR`, or the older `DPR`: device px per CSS px.
    device_pixel_ratio: Option<f64>,
}

/// Which hints an answer depends on, whether or not the request brought them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct HintUse {
    /// `w-auto`: width, and the ratio for `Content-DPR`.
    pub width: bool,
    /// `dpr-auto` beside a dimension.
    pub device_pixel_ratio: bool,
}

/// A transformation that no longer asks for hints.
#[derive(Debug, Clone, PartialEq)]
pub struct Hinted {
    /// With the hints as numbers; an `auto` whose hint is missing stays and means nothing.
    pub transformation: Transformation,
    /// What it depends on.
    pub uses: HintUse,
    /// `Content-DPR`: device px delivered per CSS px, two decimals; where a width hint and a ratio hint chose the width.
    pub content_dpr: Option<String>,
}

impl ClientHints {
    /// Reads the values of the two header fields.
    pub fn new(width: Option<&str>, device_pixel_ratio: Option<&str>) -> Self {
        let width = width.and_then(|text| text.trim().parse().ok());
        let ratio = device_pixel_ratio.and_then(|text| text.trim().parse().ok());
        Self {
            width: width.filter(|width| (1..=MAX_WIDTH).contains(width)),
            device_pixel_ratio: ratio.filter(|ratio| DevicePixelRatio::RANGE.contains(ratio)),
        }
    }

    /// Puts the hints into `transformation`, in every branch and layer.
    pub fn apply(&self, transformation: &Transformation) -> Hinted {
        let mut uses = HintUse::default();
        let transformation = self.apply_to_steps(transformation, &mut uses);
        Hinted {
            transformation,
            content_dpr: uses.width.then(|| self.content_dpr()).flatten(),
            uses,
        }
    }

    /// The width that `w-auto` stands for. Units: px.
    fn selected_width(&self) -> Option<u32> {
        let width = self.width?;
        Some(width.div_ceil(WIDTH_STEP) * WIDTH_STEP)
    }

    fn content_dpr(&self) -> Option<String> {
        let drawn = f64::from(self.width?) / self.device_pixel_ratio?;
        Some(format!("{:.2}", f64::from(self.selected_width()?) / drawn))
    }

    fn apply_to_steps(
        &self,
        transformation: &Transformation,
        uses: &mut HintUse,
    ) -> Transformation {
        let steps = transformation.steps.iter();
        Transformation {
            steps: steps.map(|step| self.apply_to_step(step, uses)).collect(),
        }
    }

    fn apply_to_step(&self, step: &Step, uses: &mut HintUse) -> Step {
        let mut step = step.clone();
        if step.width_auto {
            uses.width = true;
            if let Some(width) = self.selected_width() {
                step.width = Some(Length::Pixels(width));
                step.width_auto = false;
            }
        }
        if step.device_pixel_ratio == Some(DevicePixelRatio::Auto) && has_dimension(&step) {
            uses.device_pixel_ratio = true;
            if let Some(ratio) = self.device_pixel_ratio {
                step.device_pixel_ratio = Some(DevicePixelRatio::Times(ratio));
            }
        }
        step.layers = step
            .layers
            .iter()
            .map(|layer| Layer {
                transformation: self.apply_to_steps(&layer.transformation, uses),
                ..layer.clone()
            })
            .collect();
        step.conditional = step.conditional.as_deref().map(|block| {
            Box::new(Conditional {
                condition: block.condition.clone(),
                then: self.apply_to_steps(&block.then, uses),
                otherwise: self.apply_to_steps(&block.otherwise, uses),
            })
        });
        step
    }
}

/// Without one there is nothing that a pixel ratio could multiply.
fn has_dimension(step: &Step) -> bool {
    let is_computed = step
        .expressions
        .iter()
        .any(|computed| matches!(computed.parameter, Computable::Width | Computable::Height));
    step.width.is_some() || step.height.is_some() || is_computed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transformation::parse;

    fn hinted(text: &str, width: &str, ratio: &str) -> Hinted {
        ClientHints::new(Some(width), Some(ratio)).apply(&parse(text).unwrap())
    }

    #[test]
    fn the_documented_example() {
        let found = hinted("w-auto", "212", "2");
        assert_eq!(found.transformation.to_string(), "w-300");
        assert_eq!(found.content_dpr.as_deref(), Some("2.83"));
        let ratio = hinted("w-100,dpr-auto", "", "2.0");
        assert_eq!(ratio.transformation, parse("w-100,dpr-2").unwrap());
        assert_eq!(ratio.content_dpr, None);
    }

    #[test]
    fn widths_are_rounded_up_to_the_next_hundred() {
        for (hint, width) in [
            ("1", "w-100"),
            ("100", "w-100"),
            ("101", "w-200"),
            (" 65500 ", "w-65500"),
        ] {
            let found = hinted("w-auto", hint, "1");
            assert_eq!(found.transformation.to_string(), width, "{hint}");
        }
    }

    #[test]
    fn a_hint_that_is_missing_or_makes_no_sense_changes_nothing_but_still_matters() {
        for (width, ratio) in [
            ("", ""),
            ("0", "0"),
            ("-5", "NaN"),
            ("9999999999", "6"),
            ("x", "inf"),
        ] {
            let found = hinted("w-auto:h-9,dpr-auto", width, ratio);
            assert_eq!(found.transformation, parse("w-auto:h-9,dpr-auto").unwrap());
            assert_eq!(found.content_dpr, None);
            assert!(found.uses.width && found.uses.device_pixel_ratio);
        }
    }

    #[test]
    fn a_transformation_that_does_not_ask_depends_on_nothing() {
        for text in ["w-300", "dpr-auto", "w-300,dpr-2"] {
            let found = hinted(text, "212", "2");
            assert_eq!(found.transformation, parse(text).unwrap());
            assert_eq!((found.uses, found.content_dpr), (HintUse::default(), None));
        }
    }

    #[test]
    fn branches_layers_and_computed_dimensions_are_reached() {
        let text = "if-w_gt_9,w-auto,if-else,l-image,i-a,w-auto,l-end,if-end:w-iw_div_2,dpr-auto";
        let found = hinted(text, "150", "1.5");
        let expected = "if-w_gt_9,w-200,if-else,l-image,i-a,w-200,l-end,if-end:w-iw_div_2,dpr-1.5";
        assert_eq!(found.transformation, parse(expected).unwrap());
    }
}
