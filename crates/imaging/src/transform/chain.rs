//! A plan carried out on a decoded picture. What only pixels can tell is filled in on the way: what `t` leaves, after
//! which the rest is planned again and judged by the limits again, and where the focus is.

use super::{TransformRequest, layers};
use crate::{
    color,
    decode::Decoded,
    error::ImagingError,
    geometry::Size,
    picture::Picture,
    plan::{Plan, PlannedStep, Surroundings, plan_in},
    probe::{ImageInfo, Orientation},
    rows::Cut,
    steps::{self, Kept, check_deadline, focus, orient, resize},
};

/// Why a crop lies elsewhere than asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FocusFallback {
    /// `fo-face`, and no face was found.
    NoFace,
    /// Names of objects, which this engine can't find.
    Objects,
}

impl FocusFallback {
    /// For machines: `no-face` or `objects-not-recognised`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoFace => "no-face",
            Self::Objects => "objects-not-recognised",
        }
    }
}

/// What has been found in the pixels, in the order of the steps that asked. Later frames of a moving picture are given what
/// the first one found, so that they stay in step.
#[derive(Debug, Default)]
pub(super) struct Findings {
    trims: Vec<Kept>,
    places: Vec<focus::Place>,
}

impl Findings {
    /// The last thing that was looked for in vain.
    pub(super) fn focus_fallback(&self) -> Option<FocusFallback> {
        self.places.iter().rev().find_map(|place| place.fallback)
    }
}

/// What the first step leaves of the stored picture, where that is known without its pixels and no more than is there.
pub(super) fn first_cut(plan: &Plan, info: &ImageInfo) -> Option<Cut> {
    let step = plan.steps.first()?;
    let cut = Cut {
        region: info.orientation.stored_region(step.crop, info.stored_size),
        to: stored_size(step, info.orientation),
    };
    (step.trim.is_none() && step.focus.is_none() && cut.makes_smaller()).then_some(cut)
}

/// The size of what a step leaves before it is turned upright.
fn stored_size(step: &PlannedStep, orientation: Orientation) -> Size {
    if orientation.swaps_sides() {
        step.scaled.transposed()
    } else {
        step.scaled
    }
}

/// A finished picture, not yet encoded.
pub(super) struct Done {
    pub(super) picture: Picture,
    /// As it was carried out.
    pub(super) plan: Plan,
}

/// `base` is the size of what the picture will lie on, where it is a layer.
///
/// The first step's crop and resize come before the picture is turned upright and its colours converted: what is cut away
/// or scaled down needs neither.
pub(super) fn apply(
    decoded: Decoded,
    info: &ImageInfo,
    (request, base): (&TransformRequest<'_>, Option<Size>),
    plan: Plan,
    findings: &mut Findings,
) -> Result<Done, ImagingError> {
    let mut chain = Chain {
        request,
        base,
        source: info.size(),
        plan,
        trimmed: Vec::new(),
        placed: 0,
        findings,
    };
    let picture = chain.run(decoded, info)?;
    Ok(Done {
        picture,
        plan: chain.plan,
    })
}

struct Chain<'a> {
    request: &'a TransformRequest<'a>,
    base: Option<Size>,
    source: Size,
    plan: Plan,
    /// What each step with `t` has left so far.
    trimmed: Vec<Size>,
    /// How many crops have been placed so far.
    placed: usize,
    findings: &'a mut Findings,
}

/// A picture as it is stored.
#[derive(Clone, Copy)]
struct Stored {
    orientation: Orientation,
    size: Size,
    /// Pixels there are per stored pixel, across and down.
    scale: (f64, f64),
}

impl Chain<'_> {
    fn run(&mut self, decoded: Decoded, info: &ImageInfo) -> Result<Picture, ImagingError> {
        let deadline = self.request.deadline;
        let Decoded {
            picture,
            scale,
            profile,
            is_cut,
        } = decoded;
        let stored = Stored {
            orientation: info.orientation,
            size: info.stored_size,
            scale,
        };
        let resized = if is_cut {
            picture
        } else {
            self.crop_and_resize(picture, 0, stored)?
        };
        check_deadline(deadline)?;
        let upright = orient(resized, info.orientation, deadline)?;
        let mut picture = match &profile {
            Some(profile) => color::to_srgb(upright, profile, deadline)?,
            None => upright,
        };
        let mut index = 0;
        while let Some(step) = self.plan.steps.get(index) {
            picture = steps::finish(picture, step, deadline)?;
            if let Some(layers) = self.plan.layers.get(index) {
                picture = layers::lay(picture, layers, self.request)?;
            }
            index += 1;
            let stored = Stored {
                orientation: Orientation::Upright,
                size: picture.size,
                scale: (1.0, 1.0),
            };
            picture = self.crop_and_resize(picture, index, stored)?;
        }
        Ok(picture)
    }

    /// What comes first in step `index`, if there is one.
    fn crop_and_resize(
        &mut self,
        picture: Picture,
        index: usize,
        stored: Stored,
    ) -> Result<Picture, ImagingError> {
        let Some(step) = self.plan.steps.get(index).copied() else {
            return Ok(picture);
        };
        let (picture, step, stored) = match step.trim {
            Some(levels) => self.trim(picture, levels, (index, step), stored)?,
            None => (picture, step, stored),
        };
        let Stored {
            orientation,
            size,
            scale,
        } = stored;
        let mut region = orientation.stored_region(step.crop, size).scaled_by(scale);
        if let Some(target) = step.focus {
            let known = self.findings.places.get(self.placed).copied();
            let place = match known {
                Some(place) => place,
                None => focus::place(&picture, region, target, orientation)?,
            };
            if known.is_none() {
                self.findings.places.push(place);
            }
            self.placed += 1;
            region = place.region;
        }
        let to = stored_size(&step, orientation);
        resize(picture, region, to, self.request.deadline)
    }

    /// Trims and plans again what follows.
    fn trim(
        &mut self,
        picture: Picture,
        levels: u8,
        (index, step): (usize, PlannedStep),
        stored: Stored,
    ) -> Result<(Picture, PlannedStep, Stored), ImagingError> {
        let known = self.findings.trims.get(self.trimmed.len()).copied();
        let kept = match known {
            Some(kept) => kept,
            None => Kept::of(&picture, levels, self.request.deadline)?,
        };
        if known.is_none() {
            self.findings.trims.push(kept);
        }
        let picture = kept.cut(picture);
        let stored = Stored {
            size: picture.size,
            ..stored
        };
        self.trimmed.push(if stored.orientation.swaps_sides() {
            picture.size.transposed()
        } else {
            picture.size
        });
        let surroundings = Surroundings {
            limits: self.request.limits,
            inputs: self.request.inputs,
            base: self.base,
            trimmed: &self.trimmed,
        };
        self.plan = plan_in(self.request.transformation, self.source, &surroundings)?;
        let step = self.plan.steps.get(index).copied().unwrap_or(step);
        Ok((picture, step, stored))
    }
}
