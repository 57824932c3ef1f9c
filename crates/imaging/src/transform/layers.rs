//! Layers are drawn, each like a picture of its own, and laid over what is there, in written order.

use limpid_delivery_url::transformation::{EdgeOffset, LayerMode, LayerPosition, Variables};

use super::{
    TransformRequest,
    chain::{self, Findings},
    drawn_for, useful_shrink,
};
use crate::{
    decode::{DecodeRequest, Decoded, animation::still, decode},
    error::ImagingError,
    format::ImageFormat,
    geometry::Size,
    picture::{Channels, Picture},
    plan::{
        Surroundings, extent, invalid,
        layers::{PlannedContent, PlannedLayer, file, laid_out, named},
        place, plan_in,
    },
    probe::{ImageInfo, Orientation, probe},
    sniff::{Sniffed, sniff},
    steps::{blend, check_deadline, displace::displace},
    svg::raster::Drawing,
    text,
};

/// Lays the layers of one step over its result.
pub(super) fn lay(
    picture: Picture,
    layers: &[PlannedLayer],
    request: &TransformRequest<'_>,
) -> Result<Picture, ImagingError> {
    let mut picture = picture;
    for layer in layers {
        check_deadline(request.deadline)?;
        let drawn = draw(layer, request)?;
        let size = extent(drawn.size);
        let variables = Variables {
            initial: size,
            current: size,
            base: Some(extent(picture.size)),
        };
        let position = layer
            .layer
            .computed_position(&variables)
            .map_err(|error| invalid(error.to_string()))?;
        picture = match layer.layer.mode {
            Some(LayerMode::Displace) => {
                let strength = (strength(position.x), strength(position.y));
                // `lx` and `ly` say how far here, not where
                let position = LayerPosition {
                    x: None,
                    y: None,
                    ..position
                };
                let at = place(&position, picture.size, drawn.size);
                displace(picture, &drawn, (at, strength), request.deadline)?
            }
            mode => {
                let at = place(&position, picture.size, drawn.size);
                blend::lay(picture, &drawn, at, mode, request.deadline)?
            }
        };
    }
    Ok(picture)
}

fn strength(offset: Option<EdgeOffset>) -> i64 {
    match offset {
        Some(EdgeOffset::FromStart(pixels)) => i64::from(pixels),
        Some(EdgeOffset::FromEnd(pixels)) => -i64::from(pixels),
        None => 0,
    }
}

fn draw(layer: &PlannedLayer, request: &TransformRequest<'_>) -> Result<Picture, ImagingError> {
    let surroundings = Surroundings {
        limits: request.limits,
        inputs: request.inputs,
        base: Some(layer.base),
        trimmed: &[],
    };
    match &layer.content {
        PlannedContent::Image(path) => {
            let source = file(path, &surroundings)?;
            let request = TransformRequest {
                source,
                transformation: &layer.transformation,
                ..*request
            };
            named(path, image(&request, &surroundings))
        }
        PlannedContent::Canvas { size, color } => {
            let color = [color.red, color.green, color.blue, color.alpha];
            let block = Picture::filled(*size, Channels::Rgba, color);
            changed(block, layer, request, &surroundings)
        }
        PlannedContent::Text(text) => {
            let (layout, faces) = laid_out(text, &surroundings)?;
            let drawn = text::draw(text, &layout, &faces, request.deadline)?;
            changed(drawn, layer, request, &surroundings)
        }
    }
}

fn image(
    request: &TransformRequest<'_>,
    surroundings: &Surroundings<'_>,
) -> Result<Picture, ImagingError> {
    let TransformRequest {
        source,
        limits,
        deadline,
        ..
    } = *request;
    let drawing = match sniff(source) {
        Sniffed::Svg => Some(Drawing::open(source)?),
        _ => None,
    };
    let info = match &drawing {
        Some(drawing) => drawing.info(),
        None => probe(source)?,
    };
    let plan = plan_in(request.transformation, info.size(), surroundings)?;
    let wanted = DecodeRequest {
        source,
        info: &info,
        limits,
        shrink: plan.steps.first().map_or(1, useful_shrink),
        cut: chain::first_cut(&plan, &info),
        deadline,
    };
    let decoded = match (&drawing, plan.frame) {
        (_, Some(number)) if number > info.frames => {
            return Err(invalid(format!(
                "pg-{number} asks for a frame that is not there; the layer's file has {}",
                info.frames
            )));
        }
        (Some(drawing), _) => drawn_for(&plan, (drawing, &info), limits)?,
        (None, Some(number)) if info.frames > 1 => still(&wanted, number.saturating_sub(1))?,
        _ => decode(&wanted)?,
    };
    let (request, mut findings) = ((request, surroundings.base), Findings::default());
    let done = chain::apply(decoded, &info, request, plan, &mut findings)?;
    Ok(done.picture)
}

/// What is made from something drawn.
fn changed(
    picture: Picture,
    layer: &PlannedLayer,
    request: &TransformRequest<'_>,
    surroundings: &Surroundings<'_>,
) -> Result<Picture, ImagingError> {
    if layer.transformation.steps.is_empty() {
        return Ok(picture);
    }
    let info = drawn_info(picture.size);
    let plan = plan_in(&layer.transformation, picture.size, surroundings)?;
    let request = TransformRequest {
        transformation: &layer.transformation,
        ..*request
    };
    let decoded = Decoded::unscaled(picture, None);
    let (request, mut findings) = ((&request, Some(layer.base)), Findings::default());
    let done = chain::apply(decoded, &info, request, plan, &mut findings)?;
    Ok(done.picture)
}

/// As if the header of a file had said so.
fn drawn_info(size: Size) -> ImageInfo {
    ImageInfo {
        format: ImageFormat::Png,
        stored_size: size,
        orientation: Orientation::Upright,
        has_alpha: true,
        frames: 1,
        has_profile: false,
        quality: None,
    }
}
