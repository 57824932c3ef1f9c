//! How much work a document asks for, counted before any of it is done. References multiply: ten levels of ten `use` each are
//! ten thousand million shapes in a kilobyte.

use std::collections::HashMap;

use roxmltree::{Document, Node, NodeId};

use super::{policy, rejected, text_work};
use crate::error::ImagingError;

/// Elements after all references have been followed.
const MAX_ELEMENTS: u64 = 200_000;
/// Letters shaped for all text, see `text_work`. They take one to two seconds, in which nothing can stop the drawing library.
const MAX_LETTERS: u64 = 1_000_000;
/// Elements and references inside each other; a drawing library that recurses needs some KB of stack for each.
const MAX_DEPTH: usize = 100;
/// A filter works on up to this many times the canvas. Source: resvg's `max_filter_bbox`, 5 by 5.
const FILTER_AREA: u64 = 25;

/// What a document asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Work {
    elements: u64,
    /// How many times the area of the whole canvas is gone over.
    pub(super) layers: u64,
    letters: u64,
    /// The most that any of it is enlarged by.
    pub(super) enlargement: f64,
}

impl Work {
    fn plus(self, other: Self) -> Self {
        Self {
            elements: self.elements.saturating_add(other.elements),
            layers: self.layers.saturating_add(other.layers),
            letters: self.letters.saturating_add(other.letters),
            enlargement: self.enlargement.max(other.enlargement),
        }
    }
}

/// Counts the work of a sanitised document.
///
/// Errors: `SvgRejected` beyond measure.
pub(super) fn work_of(document: &Document<'_>) -> Result<Work, ImagingError> {
    let root = document.root_element();
    let by_id = root.descendants().filter_map(|node| {
        let id = node.attribute("id")?;
        Some((id, node))
    });
    let mut counter = Counter {
        by_id: by_id.collect(),
        known: HashMap::new(),
        everywhere: Vec::new(),
        longest_path: text_work::longest_path(document),
        longest_side: text_work::longest_side(document),
    };
    let sheets = root
        .descendants()
        .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "style")));
    let sheets: String = sheets.filter_map(|sheet| sheet.text()).collect();
    counter.everywhere = references(&sheets).collect();
    let work = counter.work(root, 0)?;
    if work.elements > MAX_ELEMENTS {
        return Err(rejected("its references multiply to too many elements"));
    }
    if work.letters > MAX_LETTERS {
        return Err(rejected("it has too much text"));
    }
    Ok(work)
}

struct Counter<'a, 'input> {
    by_id: HashMap<&'a str, Node<'a, 'input>>,
    /// `None` while an element is being counted: a circle is broken by whoever draws.
    known: HashMap<NodeId, Option<Work>>,
    /// What style sheets refer to, and so any element may.
    everywhere: Vec<String>,
    longest_path: u64,
    longest_side: f64,
}

impl<'a, 'input> Counter<'a, 'input> {
    fn work(&mut self, node: Node<'a, 'input>, depth: usize) -> Result<Work, ImagingError> {
        if depth > MAX_DEPTH {
            return Err(rejected("its elements or references are nested too deeply"));
        }
        if let Some(known) = self.known.get(&node.id()) {
            return Ok(known.unwrap_or_default());
        }
        self.known.insert(node.id(), None);
        let mut sum = own_work(node);
        if node.has_tag_name("text") {
            sum.letters = text_work::letters(node, self.longest_path);
        }
        for child in node.children().filter(Node::is_element) {
            sum = sum.plus(self.work(child, depth + 1)?);
        }
        let mut targets: Vec<String> = Vec::new();
        for attribute in node.attributes() {
            if attribute.name() == "href" {
                targets.extend(
                    attribute
                        .value()
                        .trim()
                        .strip_prefix('#')
                        .map(str::to_owned),
                );
            }
            targets.extend(references(attribute.value()));
        }
        if node.has_attribute("class") || node.has_attribute("id") {
            targets.extend(self.everywhere.iter().cloned());
        }
        for target in targets {
            if let Some(target) = self.by_id.get(target.as_str()).copied() {
                sum = sum.plus(self.work(target, depth + 1)?);
            }
        }
        sum.enlargement =
            sum.enlargement.max(1.0) * text_work::enlargement(node, self.longest_side);
        self.known.insert(node.id(), Some(sum));
        Ok(sum)
    }
}

fn own_work(node: Node<'_, '_>) -> Work {
    const LAYERS: [&str; 6] = [
        "opacity",
        "mask",
        "clip-path",
        "filter",
        "mix-blend-mode",
        "isolation",
    ];
    let name = node.tag_name().name();
    let style = node.attribute("style").unwrap_or_default();
    let is_layer = LAYERS
        .iter()
        .any(|property| node.has_attribute(*property) || style.contains(property));
    let layers = if name.starts_with("fe") {
        FILTER_AREA
    } else {
        u64::from(is_layer) + u64::from(matches!(name, "mask" | "clipPath" | "pattern" | "image"))
    };
    // dashes are cut one by one
    let is_dashed = node.has_attribute("stroke-dasharray") || style.contains("stroke-dasharray");
    Work {
        elements: if is_dashed { 100 } else { 1 },
        layers,
        ..Work::default()
    }
}

/// Names in `url(#…)`.
fn references(value: &str) -> impl Iterator<Item = String> {
    let names = value.split("url(").skip(1).filter_map(|rest| {
        let address = rest.split(')').next().unwrap_or_default();
        let name = address.trim().trim_matches(['"', '\'']).strip_prefix('#')?;
        Some(name.to_owned())
    });
    // style sheets may write the function's name in any case; such a document is counted as well as it can be
    let lower = policy::squeezed(value);
    let is_odd = lower.matches("url(").count() > value.matches("url(").count();
    names.chain(is_odd.then(String::new))
}
