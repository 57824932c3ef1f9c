//! What a transformation needs, so that an executor refuses what it cannot do instead of ignoring it.

use std::fmt;

use super::{Backdrop, Crop, Focus, Layer, LayerSource, Step, Transformation};

/// One ability of an executor beyond reading and writing pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the parameters")]
pub enum Feature {
    Resize,
    Crop,
    FocusAnchor,
    FocusAuto,
    FocusFace,
    FocusObject,
    Zoom,
    /// Any of the extract modes.
    Extract,
    DevicePixelRatio,
    WidthAuto,
    Rotate,
    Flip,
    Background,
    BackgroundBlurred,
    BackgroundDominant,
    Trim,
    Radius,
    Border,
    Opacity,
    Blur,
    Grayscale,
    Contrast,
    Sharpen,
    UnsharpMask,
    Shadow,
    Gradient,
    Colorize,
    Distort,
    ReplaceColor,
    ImageLayer,
    CanvasLayer,
    TextLayer,
    Quality,
    Format,
    Original,
    Progressive,
    Lossless,
    ColorProfile,
    Metadata,
    Density,
    ContentCredentials,
    Pages,
    DefaultImage,
    Named,
    Expression,
    Conditional,
}

impl Feature {
    /// The parameter as people write it.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Resize => "w and h",
            Self::Crop => "c",
            Self::FocusAnchor => "fo",
            Self::FocusAuto => "fo-auto",
            Self::FocusFace => "fo-face",
            Self::FocusObject => "fo with object names",
            Self::Zoom => "z",
            Self::Extract => "cm-extract",
            Self::DevicePixelRatio => "dpr",
            Self::WidthAuto => "w-auto",
            Self::Rotate => "rt",
            Self::Flip => "fl",
            Self::Background => "bg",
            Self::BackgroundBlurred => "bg-blurred",
            Self::BackgroundDominant => "bg-dominant",
            Self::Trim => "t",
            Self::Radius => "r",
            Self::Border => "b",
            Self::Opacity => "o",
            Self::Blur => "bl",
            Self::Grayscale => "e-grayscale",
            Self::Contrast => "e-contrast",
            Self::Sharpen => "e-sharpen",
            Self::UnsharpMask => "e-usm",
            Self::Shadow => "e-shadow",
            Self::Gradient => "e-gradient",
            Self::Colorize => "e-colorize",
            Self::Distort => "e-distort",
            Self::ReplaceColor => "cr",
            Self::ImageLayer => "l-image",
            Self::CanvasLayer => "l-image,i-ik_canvas",
            Self::TextLayer => "l-text",
            Self::Quality => "q",
            Self::Format => "f",
            Self::Original => "orig",
            Self::Progressive => "pr",
            Self::Lossless => "lo",
            Self::ColorProfile => "cp",
            Self::Metadata => "md",
            Self::Density => "dn",
            Self::ContentCredentials => "c2pa",
            Self::Pages => "pg",
            Self::DefaultImage => "di",
            Self::Named => "n",
            Self::Expression => "an expression",
            Self::Conditional => "if",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parameter())
    }
}

impl Transformation {
    /// The first thing it needs that is not among `supported`, in every branch and layer.
    pub fn unsupported_by(&self, supported: &[Feature]) -> Option<Feature> {
        let mut needed = Vec::new();
        collect(self, &mut needed);
        needed
            .into_iter()
            .find(|feature| !supported.contains(feature))
    }
}

fn collect(transformation: &Transformation, needed: &mut Vec<Feature>) {
    for step in &transformation.steps {
        geometry(step, needed);
        look(step, needed);
        effects(step, needed);
        delivery(step, needed);
        for layer in &step.layers {
            of_layer(layer, needed);
        }
        if let Some(block) = &step.conditional {
            needed.push(Feature::Conditional);
            collect(&block.then, needed);
            collect(&block.otherwise, needed);
        }
    }
}

fn geometry(step: &Step, needed: &mut Vec<Feature>) {
    let mut need = |is_used: bool, feature| needed.extend(is_used.then_some(feature));
    let extract = matches!(
        step.crop,
        Some(Crop::Extract | Crop::PadExtract | Crop::PadExtractNoShrink)
    );
    let has_place =
        step.x.is_some() || step.y.is_some() || step.x_center.is_some() || step.y_center.is_some();
    need(
        step.width.is_some() || step.height.is_some() || step.aspect_ratio.is_some(),
        Feature::Resize,
    );
    need(step.crop.is_some() && !extract, Feature::Crop);
    need(extract || has_place, Feature::Extract);
    need(step.width_auto, Feature::WidthAuto);
    need(step.device_pixel_ratio.is_some(), Feature::DevicePixelRatio);
    need(
        matches!(step.focus, Some(Focus::Anchor(_))),
        Feature::FocusAnchor,
    );
    need(
        matches!(step.focus, Some(Focus::Auto | Focus::Custom)),
        Feature::FocusAuto,
    );
    need(matches!(step.focus, Some(Focus::Face)), Feature::FocusFace);
    need(
        matches!(step.focus, Some(Focus::Objects(_))),
        Feature::FocusObject,
    );
    need(step.zoom.is_some(), Feature::Zoom);
    need(step.rotation.is_some(), Feature::Rotate);
    need(step.flip.is_some(), Feature::Flip);
    need(!step.expressions.is_empty(), Feature::Expression);
}

fn look(step: &Step, needed: &mut Vec<Feature>) {
    let mut need = |is_used: bool, feature| needed.extend(is_used.then_some(feature));
    need(step.background.is_some(), Feature::Background);
    need(
        matches!(step.backdrop, Some(Backdrop::Blurred { .. })),
        Feature::BackgroundBlurred,
    );
    need(
        matches!(
            step.backdrop,
            Some(Backdrop::Dominant | Backdrop::GradientDominant { .. })
        ),
        Feature::BackgroundDominant,
    );
    need(step.trim.is_some(), Feature::Trim);
    need(step.radius.is_some(), Feature::Radius);
    need(step.border.is_some(), Feature::Border);
    need(step.opacity.is_some(), Feature::Opacity);
}

fn effects(step: &Step, needed: &mut Vec<Feature>) {
    let mut need = |is_used: bool, feature| needed.extend(is_used.then_some(feature));
    let effects = &step.effects;
    need(effects.blur.is_some(), Feature::Blur);
    need(effects.grayscale, Feature::Grayscale);
    need(effects.contrast, Feature::Contrast);
    need(effects.sharpen.is_some(), Feature::Sharpen);
    need(effects.unsharp_mask.is_some(), Feature::UnsharpMask);
    need(effects.shadow.is_some(), Feature::Shadow);
    need(effects.gradient.is_some(), Feature::Gradient);
    need(effects.colorize.is_some(), Feature::Colorize);
    need(effects.distort.is_some(), Feature::Distort);
    need(effects.replace_color.is_some(), Feature::ReplaceColor);
}

fn delivery(step: &Step, needed: &mut Vec<Feature>) {
    let mut need = |is_used: bool, feature| needed.extend(is_used.then_some(feature));
    need(step.quality.is_some(), Feature::Quality);
    need(step.format.is_some(), Feature::Format);
    need(step.original, Feature::Original);
    need(step.output.progressive.is_some(), Feature::Progressive);
    need(step.output.lossless.is_some(), Feature::Lossless);
    need(step.output.color_profile.is_some(), Feature::ColorProfile);
    need(step.output.metadata.is_some(), Feature::Metadata);
    need(step.output.density.is_some(), Feature::Density);
    need(
        step.output.content_credentials.is_some(),
        Feature::ContentCredentials,
    );
    need(step.pages.is_some(), Feature::Pages);
    need(step.default_image.is_some(), Feature::DefaultImage);
    need(step.named.is_some(), Feature::Named);
}

fn of_layer(layer: &Layer, needed: &mut Vec<Feature>) {
    needed.push(match layer.source {
        LayerSource::Image(_) => Feature::ImageLayer,
        LayerSource::Canvas { .. } => Feature::CanvasLayer,
        LayerSource::Text(_) => Feature::TextLayer,
    });
    if !layer.expressions.is_empty() {
        needed.push(Feature::Expression);
    }
    collect(&layer.transformation, needed);
}
