//! Usage by one thing after the other.

use std::collections::BTreeMap;

use limpid_domain::ids::UrlEndpointNo;
use limpid_domain::usage::{UsageCounts, UsageDimension};
use limpid_read_models::delivery_config::UrlEndpointConfig;
use limpid_read_models::delivery_usage::{TopKey, UsageCell};
use serde::Serialize;
use utoipa::ToSchema;

use crate::routes::dashboard::csv::push_line;

/// Usage by one thing after the other, most requests first. The lists of endpoints, statuses, caches and formats are complete; of the others
/// they hold the 20 with most requests and the 20 with most bytes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeliveryUsageBreakdowns)]
pub(super) struct Breakdowns {
    /// Ids of URL endpoints; `none` where the request was refused before one was found.
    endpoint: Vec<NamedUsage>,
    /// HTTP statuses.
    status: Vec<NamedUsage>,
    /// What the cache had: `hit`, `miss`, `coalesced`, `negative`, `stale`, `busy`, `none`.
    cache: Vec<NamedUsage>,
    /// Media types.
    format: Vec<NamedUsage>,
    /// Paths of images.
    image: Vec<NamedUsage>,
    /// Paths of files that are no images.
    other_asset: Vec<NamedUsage>,
    /// As the URL has them.
    transformation: Vec<NamedUsage>,
    /// Hosts of the pages that asked.
    referrer: Vec<NamedUsage>,
    /// As sent.
    user_agent: Vec<NamedUsage>,
    browser: Vec<NamedUsage>,
    device: Vec<NamedUsage>,
}

/// How many requests and bytes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeliveryUsageCounts)]
struct NamedUsage {
    value: String,
    /// What people call it, where that differs.
    label: Option<String>,
    requests: i64,
    bytes: i64,
}

impl Breakdowns {
    /// By everything there is.
    pub(super) fn new(
        cells: &[UsageCell],
        tops: &[TopKey],
        endpoints: &[UrlEndpointConfig],
    ) -> Self {
        let endpoint = |no: UrlEndpointNo| endpoints.iter().find(|endpoint| endpoint.no == no);
        let top = |dimensions: &[UsageDimension]| {
            let keys = tops
                .iter()
                .filter(|top| dimensions.contains(&top.dimension));
            most_first(keys.map(|top| ((top.key.clone(), None), top.counts)))
        };
        let of_cells = |name: &dyn Fn(&UsageCell) -> (String, Option<String>)| {
            most_first(cells.iter().map(|cell| (name(cell), cell.counts)))
        };
        Self {
            endpoint: of_cells(&|cell| match endpoint(cell.endpoint_no) {
                Some(known) => (known.api_id(), Some(known.settings.description.clone())),
                None => ("none".to_owned(), None),
            }),
            status: of_cells(&|cell| (cell.status.to_string(), None)),
            cache: of_cells(&|cell| (cell.cache.as_str().to_owned(), None)),
            format: of_cells(&|cell| (cell.format.as_str().to_owned(), None)),
            image: top(&[UsageDimension::Image]),
            other_asset: top(&[UsageDimension::OtherAsset, UsageDimension::Video]),
            transformation: top(&[
                UsageDimension::ImageTransformation,
                UsageDimension::VideoTransformation,
            ]),
            referrer: top(&[UsageDimension::Referrer]),
            user_agent: top(&[UsageDimension::UserAgent]),
            browser: top(&[UsageDimension::Browser]),
            device: top(&[UsageDimension::Device]),
        }
    }
}

impl Breakdowns {
    /// Appends every entry as a line, named like the members of the JSON.
    pub(super) fn push_to(&self, text: &mut String) {
        let lists = [
            ("endpoint", &self.endpoint),
            ("status", &self.status),
            ("cache", &self.cache),
            ("format", &self.format),
            ("image", &self.image),
            ("otherAsset", &self.other_asset),
            ("transformation", &self.transformation),
            ("referrer", &self.referrer),
            ("userAgent", &self.user_agent),
            ("browser", &self.browser),
            ("device", &self.device),
        ];
        for (by, named) in lists {
            for usage in named {
                let cells = [
                    by.to_owned(),
                    usage.value.clone(),
                    usage.label.clone().unwrap_or_default(),
                    usage.requests.to_string(),
                    usage.bytes.to_string(),
                ];
                push_line(text, cells);
            }
        }
    }
}

/// Adds up what has one name; most requests first, equals in the order of their names.
fn most_first(
    named: impl Iterator<Item = ((String, Option<String>), UsageCounts)>,
) -> Vec<NamedUsage> {
    let mut sums: BTreeMap<(String, Option<String>), UsageCounts> = BTreeMap::new();
    for (name, counts) in named {
        sums.entry(name).or_default().add(counts);
    }
    let all = sums.into_iter().map(|((value, label), counts)| NamedUsage {
        value,
        label,
        requests: counts.requests,
        bytes: counts.bytes,
    });
    let mut all: Vec<NamedUsage> = all.collect();
    all.sort_by_key(|named| std::cmp::Reverse(named.requests));
    all
}
