//! Which of the files that a transformation names the picture at hand needs: those of the branches it takes.

use limpid_delivery_url::Transformation;
use limpid_delivery_url::transformation::{Extent, LayerInput, Step};
use limpid_imaging::geometry::Size;
use limpid_imaging::plan::plan;
use limpid_imaging::{Limits, probe};

use super::{LayerFile, LayerFiles};
use crate::picture;

impl LayerFiles {
    /// The files to fetch for `original`. Where it can't be known before pixels exist which branch is taken, those of all.
    pub(crate) fn needed_for(
        &self,
        transformation: &Transformation,
        original: &[u8],
        limits: &Limits,
    ) -> Vec<&LayerFile> {
        if self.files.is_empty() || picture::passes_untouched(original, transformation) {
            return Vec::new();
        }
        let taken = taken(transformation, original, limits);
        let inputs = taken.as_ref().unwrap_or(transformation).inputs();
        let is_needed = |file: &&LayerFile| {
            inputs.iter().any(|input| match input {
                LayerInput::Image(name) | LayerInput::Font(name) => *name == file.name,
            })
        };
        self.files.iter().filter(is_needed).collect()
    }
}

/// The transformation without its conditionals: the branches that the engine's planner takes for a picture of this size. None
/// where the planner doesn't know sizes from numbers alone: drawings, `t`, and what is refused anyway.
fn taken(
    transformation: &Transformation,
    original: &[u8],
    limits: &Limits,
) -> Option<Transformation> {
    let is_conditional = |step: &Step| step.conditional.is_some();
    if !transformation.steps.iter().any(is_conditional) {
        return None;
    }
    let size = probe(original).ok()?.size();
    let mut taken = Transformation::default();
    take(&mut taken, transformation, (size, limits))?;
    Some(taken)
}

fn take(
    taken: &mut Transformation,
    transformation: &Transformation,
    (initial, limits): (Size, &Limits),
) -> Option<()> {
    for step in &transformation.steps {
        let Some(block) = &step.conditional else {
            if step.trim.is_some() {
                return None;
            }
            taken.steps.push(step.clone());
            continue;
        };
        // A layer changes pixels, never the size of what it lies on.
        let current = plan(&without_layers(taken), initial, limits).ok()?.size;
        let branch = block.branch(extent(initial), extent(current));
        take(taken, branch, (initial, limits))?;
    }
    Some(())
}

fn without_layers(transformation: &Transformation) -> Transformation {
    let steps = transformation.steps.iter().map(|step| Step {
        layers: Vec::new(),
        ..step.clone()
    });
    Transformation {
        steps: steps.collect(),
    }
}

fn extent(size: Size) -> Extent {
    Extent {
        width: f64::from(size.width),
        height: f64::from(size.height),
    }
}

#[cfg(test)]
mod tests {
    use limpid_delivery_url::FilePath;
    use limpid_delivery_url::transformation::parse;
    use limpid_domain::failure::LayerInputNumber;
    use limpid_testkit::fake_origin::script::PHOTO_JPEG;

    use super::*;

    fn needed(text: &str, original: &[u8]) -> Vec<String> {
        let transformation = parse(text).unwrap();
        let inputs = transformation.inputs();
        let files = inputs.iter().map(|input| {
            let (LayerInput::Image(name) | LayerInput::Font(name)) = input;
            LayerFile {
                name: (*name).to_owned(),
                path: FilePath::from_decoded(name).unwrap(),
                number: LayerInputNumber { number: 1, of: 1 },
            }
        });
        let files = LayerFiles {
            files: files.collect(),
            endpoint: None,
        };
        let needed = files.needed_for(&transformation, original, &Limits::default());
        needed.iter().map(|file| file.name.clone()).collect()
    }

    #[test]
    fn only_the_branch_that_is_taken_needs_its_files() {
        let both = "l-image,i-big.png,l-end,if-else,l-image,i-small.png,l-end,if-end";
        for (condition, expected) in [("iw_gt_10", "big.png"), ("iw_lt_10", "small.png")] {
            let text = format!("w-100:if-{condition},{both}");
            assert_eq!(needed(&text, PHOTO_JPEG), [expected], "{text}");
        }
        // by the size that earlier steps have left
        assert_eq!(
            needed(&format!("w-9:if-w_gt_10,{both}"), PHOTO_JPEG),
            ["small.png"]
        );
        let nested = format!("l-image,i-under.png,l-end:if-w_gt_1,if-iw_lt_9,{both},if-end");
        assert_eq!(needed(&nested, PHOTO_JPEG), ["under.png", "small.png"]);
    }

    #[test]
    fn what_only_pixels_can_tell_needs_the_files_of_all_branches() {
        let text = "t-true:if-w_gt_10,l-image,i-a.png,l-end,if-else,l-image,i-b.png,l-end,if-end";
        assert_eq!(needed(text, PHOTO_JPEG), ["a.png", "b.png"]);
    }

    #[test]
    fn what_passes_through_needs_none() {
        let drawing = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>";
        assert!(needed("l-image,i-a.png,l-end", drawing).is_empty());
        assert_eq!(needed("f-png,l-image,i-a.png,l-end", drawing), ["a.png"]);
    }
}
