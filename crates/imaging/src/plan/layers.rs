//! Layers before any pixel exists: what each is made from, how it is changed, and that all of it keeps to the limits.
//!
//! A picture is trimmed before it is laid over unless `t-false` says otherwise, and what that leaves only its pixels can
//! tell. Its steps are therefore planned here as if nothing were cut off, so that a size too large is refused at once, and
//! planned again when the edge is known. A drawing is not trimmed unless `t` asks for it.
//!
//! Source: `imagekit.md` 5.9.

use limpid_delivery_url::{
    Transformation,
    transformation::{Color, Layer, LayerSource, Step, TextLayer, Trim, Variables},
};

use super::{Surroundings, extent, framing::requested_sides, invalid, plan_in};
use crate::{
    error::ImagingError,
    geometry::Size,
    probe::probe,
    sniff::{Sniffed, sniff},
    svg::raster::Drawing,
    text,
};

/// Colour of a block without `bg`. Source: `imagekit.md` 5.7.
const BLACK: Color = super::BLACK;
const CLEAR: Color = Color { alpha: 0, ..BLACK };

/// A layer that can be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedLayer {
    /// As it was asked for.
    pub layer: Layer,
    /// What it is made from.
    pub content: PlannedContent,
    /// What is done to that.
    pub transformation: Transformation,
    /// Size of what it lies on. Units: px.
    pub base: Size,
}

/// What a layer is made from.
#[derive(Debug, Clone, PartialEq)]
pub enum PlannedContent {
    /// The file with this path.
    Image(String),
    /// A block of one colour.
    Canvas {
        /// Units: px.
        size: Size,
        /// Its colour.
        color: Color,
    },
    /// Text, its expressions evaluated.
    Text(Box<TextLayer>),
}

/// Plans what lies over a picture of size `base`.
pub(super) fn plan_all(
    layers: &[Layer],
    base: Size,
    surroundings: &Surroundings<'_>,
) -> Result<Vec<PlannedLayer>, ImagingError> {
    let surroundings = Surroundings {
        base: Some(base),
        trimmed: &[],
        ..*surroundings
    };
    let planned = layers.iter().map(|layer| plan(layer, base, &surroundings));
    planned.collect()
}

fn plan(
    layer: &Layer,
    base: Size,
    surroundings: &Surroundings<'_>,
) -> Result<PlannedLayer, ImagingError> {
    let (content, transformation) = match &layer.source {
        LayerSource::Image(path) => {
            // a drawing is drawn as large as it is shown, which trimming its pixels first would not allow
            let transformation = match sniff(file(path, surroundings)?) {
                Sniffed::Svg => layer.transformation.clone(),
                _ => trimmed_by_default(&layer.transformation),
            };
            let size = named(path, image_size(path, surroundings))?;
            plan_in(&transformation, size, surroundings)?;
            (PlannedContent::Image(path.clone()), transformation)
        }
        LayerSource::Canvas { alpha } => canvas(layer, *alpha, base, surroundings)?,
        LayerSource::Text(_) => written(layer, base, surroundings)?,
    };
    Ok(PlannedLayer {
        layer: layer.clone(),
        content,
        transformation,
        base,
    })
}

/// Says which file an error is about.
pub(crate) fn named<T>(path: &str, outcome: Result<T, ImagingError>) -> Result<T, ImagingError> {
    outcome.map_err(|error| match error {
        ImagingError::InvalidTransformation { .. }
        | ImagingError::OutputTooLarge { .. }
        | ImagingError::Layer { .. }
        | ImagingError::Timeout => error,
        error => ImagingError::Layer {
            input: path.to_owned(),
            error: Box::new(error),
        },
    })
}

/// The bytes of a file a layer needs.
pub(crate) fn file<'a>(
    path: &str,
    surroundings: &Surroundings<'a>,
) -> Result<&'a [u8], ImagingError> {
    let file = surroundings.inputs.get(path);
    file.ok_or_else(|| invalid(format!("the layer's file {path} was not given")))
}

fn image_size(path: &str, surroundings: &Surroundings<'_>) -> Result<Size, ImagingError> {
    let bytes = file(path, surroundings)?;
    surroundings.limits.check_source_bytes(bytes.len())?;
    if sniff(bytes) == Sniffed::Svg {
        return Ok(Drawing::open(bytes)?.info().size());
    }
    let info = probe(bytes)?;
    surroundings
        .limits
        .check_source(info.stored_size, info.frames)?;
    Ok(info.size())
}

/// Cuts off the edges first unless a step says something about that.
fn trimmed_by_default(transformation: &Transformation) -> Transformation {
    let mut transformation = transformation.clone();
    if transformation.steps.iter().any(|step| step.trim.is_some()) {
        return transformation;
    }
    if transformation.steps.is_empty() {
        transformation.steps.push(Step::default());
    }
    if let Some(first) = transformation.steps.first_mut() {
        first.trim = Some(Trim::Default);
    }
    transformation
}

/// A block takes its size and colour from its first step, which does the rest to it; a side that isn't given is the base's.
fn canvas(
    layer: &Layer,
    alpha: Option<u8>,
    base: Size,
    surroundings: &Surroundings<'_>,
) -> Result<(PlannedContent, Transformation), ImagingError> {
    let mut steps = layer.transformation.steps.iter().cloned();
    let first = steps.next().unwrap_or_default();
    let first = first
        .computed(&variables(base))
        .map_err(|error| invalid(error.to_string()))?;
    if first.backdrop.is_some() {
        return Err(invalid("bg of a block is a colour; use e-gradient for two"));
    }
    let (width, height) = requested_sides(&first, base);
    let size = Size {
        width: width.unwrap_or(base.width),
        height: height.unwrap_or(base.height),
    };
    surroundings.limits.check_step(size)?;
    let is_gradient = first.effects.gradient.is_some();
    let color = first
        .background
        .unwrap_or(if is_gradient { CLEAR } else { BLACK });
    // beside a colour's own opacity `al` has no effect
    let opacity = alpha.filter(|_| color.alpha == u8::MAX || is_gradient);
    let fades = opacity.map(|tenths| Step {
        opacity: Some(tenths.min(10) * 10),
        ..Step::default()
    });
    let rest = Step {
        rotation: first.rotation,
        flip: first.flip,
        radius: first.radius,
        border: first.border,
        opacity: first.opacity,
        effects: first.effects,
        layers: first.layers,
        ..Step::default()
    };
    let changed = [rest].into_iter().chain(fades).chain(steps);
    let transformation = untouched_without_steps(changed);
    plan_in(&transformation, size, surroundings)?;
    Ok((PlannedContent::Canvas { size, color }, transformation))
}

/// Text is laid out, then rounded, turned and mirrored.
fn written(
    layer: &Layer,
    base: Size,
    surroundings: &Surroundings<'_>,
) -> Result<(PlannedContent, Transformation), ImagingError> {
    let text = layer
        .computed_text(&variables(base))
        .map_err(|error| invalid(error.to_string()))?
        .unwrap_or_default();
    let (layout, _) = laid_out(&text, surroundings)?;
    surroundings.limits.check_step(layout.size)?;
    let rounded = Step {
        radius: text.radius,
        ..Step::default()
    };
    let turned = Step {
        rotation: text.rotation,
        flip: text.flip,
        ..Step::default()
    };
    let steps = layer.transformation.steps.iter().cloned();
    let transformation = untouched_without_steps([rounded, turned].into_iter().chain(steps));
    plan_in(&transformation, layout.size, surroundings)?;
    Ok((PlannedContent::Text(Box::new(text)), transformation))
}

/// Every glyph in its place, in a built-in font or the file that `ff` names.
pub(crate) fn laid_out<'a>(
    text: &TextLayer,
    surroundings: &Surroundings<'a>,
) -> Result<(text::Layout, text::Faces<'a>), ImagingError> {
    let path = text.font.as_deref();
    let path = path.filter(|name| !text::is_built_in_font(name));
    match path {
        None => text::lay_out(text, None),
        Some(path) => {
            let font = file(path, surroundings)?;
            named(path, text::lay_out(text, Some(font)))
        }
    }
}

fn untouched_without_steps(steps: impl Iterator<Item = Step>) -> Transformation {
    Transformation {
        steps: steps.filter(|step| *step != Step::default()).collect(),
    }
}

/// Blocks and texts know the size of their base only.
fn variables(base: Size) -> Variables {
    Variables {
        initial: extent(base),
        current: extent(base),
        base: Some(extent(base)),
    }
}
