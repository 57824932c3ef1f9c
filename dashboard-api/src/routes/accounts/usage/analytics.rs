//! `GET /v1/accounts/usage-analytics`: what was delivered, to whom and from where.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use limpid_domain::ids::UrlEndpointNo;
use limpid_domain::usage::{CacheResult, UsageCounts, UsageDimension};
use limpid_read_models::delivery_config::{self, UrlEndpointConfig};
use limpid_read_models::delivery_usage::{TopKey, UsageCell, tops, usage};
use limpid_read_models::failure_summary::{Summary, summary};
use limpid_read_models::filter::FailureFilter;
use limpid_read_models::missing_assets::{MissingAsset, missing_assets};
use serde::Serialize;
use utoipa::ToSchema;

use super::days::{Days, LastDay};
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::router::ApiState;

/// Entries of a list.
const LIST_LENGTH: usize = 50;

/// What was delivered in a period of UTC days. Lists hold the 50 largest.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UsageAnalytics)]
pub(super) struct AnalyticsAnswer {
    /// First day.
    #[schema(value_type = String, format = Date)]
    start_date: String,
    /// Last day.
    #[schema(value_type = String, format = Date)]
    end_date: String,
    /// When this was put together.
    generated_at: DateTime<Utc>,
    /// Bytes of answers' bodies.
    bandwidth_bytes: i64,
    /// Requests answered, errors included.
    request_count: i64,
    cache: CacheCounts,
    /// By status of the answer.
    status_codes: Vec<NamedRequests>,
    /// Requests answered with an error of an origin, by its code, whatever the status.
    error_reasons: Vec<NamedRequests>,
    /// URLs answered with 404.
    #[serde(rename = "top404Assets")]
    top_404_assets: Vec<NamedRequests>,
    browser: Ranked,
    /// Always empty: Limpid does not look up where an address is.
    country: Ranked,
    device: Ranked,
    /// By media type.
    format: Ranked,
    /// By the endpoint's prefix.
    url_endpoints: Ranked,
    top_images: Ranked,
    top_videos: Ranked,
    top_other_assets: Ranked,
    top_image_transforms: Ranked,
    top_video_transforms: Ranked,
    top_referrers: Ranked,
    top_user_agents: Ranked,
    /// Always empty: there are none.
    extensions: [NamedRequests; 0],
    /// Always empty: there is none.
    video_processing: [NamedRequests; 0],
}

/// What the cache had. Requests that were refused before it was asked are in none of these.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UsageCacheCounts)]
#[expect(clippy::struct_field_names, reason = "ImageKit's names")]
struct CacheCounts {
    /// Answered without asking an origin, or with what it had given before it failed.
    hit_count: i64,
    /// Answered after asking an origin.
    miss_count: i64,
    /// Refused because there was no room to ask one.
    error_count: i64,
}

/// How many requests.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UsageNamedRequests)]
struct NamedRequests {
    name: String,
    request_count: i64,
}

/// The same things in two orders.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UsageRanked)]
struct Ranked {
    /// Most bytes first.
    by_bandwidth: Vec<NamedUsage>,
    /// Most requests first.
    by_requests: Vec<NamedUsage>,
}

/// How many requests and bytes.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UsageNamedCounts)]
struct NamedUsage {
    name: String,
    bandwidth_bytes: i64,
    request_count: i64,
}

/// Reads what was delivered in a period of UTC days, both ends included.
#[utoipa::path(get, path = "/v1/accounts/usage-analytics", tag = "usage", operation_id = "getUsageAnalytics",
    security(("privateKey" = [])),
    params(("startDate" = String, Query, description = "First day, YYYY-MM-DD."),
        ("endDate" = String, Query, description = "Last day; less than 90 days later.")),
    responses((status = 200, description = "What was delivered.", body = AnalyticsAnswer),
        (status = 400, description = "A date is missing, malformed or out of order.", body = ProblemBody),
        (status = 401, description = "No private key.", body = ProblemBody),
        (status = 403, description = "A wrong private key.", body = ProblemBody)))]
pub(super) async fn get_usage_analytics(
    tenant: Tenant,
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<AnalyticsAnswer>, ApiError> {
    let days = Days::read(query.as_deref(), LastDay::Included)?;
    let window = days.window();
    let length = i64::try_from(LIST_LENGTH).unwrap_or(i64::MAX);
    let mut tx = state.question(tenant.id).await?;
    let account = delivery_config::tenant(&mut tx).await?;
    let serving = state.config().serving_url.as_str().trim_end_matches('/');
    let delivered = Delivered {
        base: account.map_or_else(String::new, |account| {
            format!("{serving}/{}", account.imagekit_id)
        }),
        endpoints: delivery_config::url_endpoints(&mut tx).await?,
        cells: usage(&mut tx, window).await?,
        tops: tops(&mut tx, window, length).await?,
        failures: summary(&mut tx, &FailureFilter::all(window)).await?,
        missing: missing_assets(&mut tx, window, length).await?,
    };
    Ok(Json(delivered.answer(days, state.config().clock.now())))
}

/// Everything an answer is made of.
struct Delivered {
    /// What the account's delivery URLs begin with.
    base: String,
    endpoints: Vec<UrlEndpointConfig>,
    cells: Vec<UsageCell>,
    tops: Vec<TopKey>,
    failures: Summary,
    missing: Vec<MissingAsset>,
}

impl Delivered {
    fn answer(&self, days: Days, now: DateTime<Utc>) -> AnalyticsAnswer {
        let counts = |cell: &UsageCell| cell.counts;
        let images = |dimension| self.ranked_top(dimension, |key| format!("{}{key}", self.base));
        let transforms = |dimension| self.ranked_top(dimension, |key| format!("tr:{key}"));
        let plain = |dimension| self.ranked_top(dimension, str::to_owned);
        AnalyticsAnswer {
            start_date: days.start.to_string(),
            end_date: days.end.to_string(),
            generated_at: now,
            bandwidth_bytes: self.cells.iter().map(|cell| counts(cell).bytes).sum(),
            request_count: self.cells.iter().map(|cell| counts(cell).requests).sum(),
            cache: CacheCounts::of(&self.cells),
            status_codes: self.status_codes(),
            error_reasons: self.error_reasons(),
            top_404_assets: self.top_404_assets(),
            country: Ranked::default(),
            format: self.ranked_cells(|cell| cell.format.as_str().to_owned()),
            url_endpoints: self.ranked_cells(|cell| self.endpoint_name(cell.endpoint_no)),
            browser: plain(UsageDimension::Browser),
            device: plain(UsageDimension::Device),
            top_images: images(UsageDimension::Image),
            top_videos: images(UsageDimension::Video),
            top_other_assets: images(UsageDimension::OtherAsset),
            top_image_transforms: transforms(UsageDimension::ImageTransformation),
            top_video_transforms: transforms(UsageDimension::VideoTransformation),
            top_referrers: plain(UsageDimension::Referrer),
            top_user_agents: plain(UsageDimension::UserAgent),
            extensions: [],
            video_processing: [],
        }
    }

    fn status_codes(&self) -> Vec<NamedRequests> {
        let mut counts: BTreeMap<u16, i64> = BTreeMap::new();
        for cell in &self.cells {
            *counts.entry(cell.status).or_default() += cell.counts.requests;
        }
        let named = counts.into_iter();
        let mut named: Vec<_> = named
            .map(|(status, count)| NamedRequests::new(&status, count))
            .collect();
        named.sort_by_key(|named| std::cmp::Reverse(named.request_count));
        named
    }

    fn error_reasons(&self) -> Vec<NamedRequests> {
        let codes = self.failures.visible_by_code.iter();
        codes
            .map(|(code, count)| NamedRequests::new(code.as_str(), *count))
            .collect()
    }

    fn top_404_assets(&self) -> Vec<NamedRequests> {
        let named = self.missing.iter().map(|asset| {
            let endpoint = self.endpoint(asset.endpoint_no);
            let prefix = endpoint.map_or("", |endpoint| &endpoint.settings.url_prefix);
            let slash = if prefix.is_empty() { "" } else { "/" };
            let url = format!("{}{slash}{prefix}{}", self.base, asset.path);
            NamedRequests::new(&url, asset.requests)
        });
        named.collect()
    }

    fn endpoint(&self, no: UrlEndpointNo) -> Option<&UrlEndpointConfig> {
        self.endpoints.iter().find(|endpoint| endpoint.no == no)
    }

    /// Traffic of the default endpoint has no name, nor has traffic that found none.
    fn endpoint_name(&self, no: UrlEndpointNo) -> String {
        match self.endpoint(no) {
            Some(endpoint) if !endpoint.is_default => endpoint.settings.url_prefix.clone(),
            _ => "Default".to_owned(),
        }
    }

    fn ranked_cells(&self, name: impl Fn(&UsageCell) -> String) -> Ranked {
        let cells = self.cells.iter();
        Ranked::of(cells.map(|cell| (name(cell), cell.counts)))
    }

    fn ranked_top(&self, dimension: UsageDimension, name: impl Fn(&str) -> String) -> Ranked {
        let keys = self.tops.iter().filter(|top| top.dimension == dimension);
        Ranked::of(keys.map(|top| (name(&top.key), top.counts)))
    }
}

impl NamedRequests {
    fn new(name: &(impl ToString + ?Sized), request_count: i64) -> Self {
        Self {
            name: name.to_string(),
            request_count,
        }
    }
}

impl CacheCounts {
    fn of(cells: &[UsageCell]) -> Self {
        let mut counts = Self::default();
        for cell in cells {
            let requests = cell.counts.requests;
            match cell.cache {
                CacheResult::Hit | CacheResult::Negative | CacheResult::Stale => {
                    counts.hit_count += requests;
                }
                CacheResult::Miss | CacheResult::Coalesced => counts.miss_count += requests,
                CacheResult::Busy => counts.error_count += requests,
                CacheResult::NotAsked => {}
            }
        }
        counts
    }
}

impl Ranked {
    /// Adds up what has one name, and puts it in both orders; equals in the order of their names.
    fn of(named: impl Iterator<Item = (String, UsageCounts)>) -> Self {
        let mut sums: BTreeMap<String, UsageCounts> = BTreeMap::new();
        for (name, counts) in named {
            sums.entry(name).or_default().add(counts);
        }
        let all = sums.into_iter().map(|(name, counts)| NamedUsage {
            name,
            bandwidth_bytes: counts.bytes,
            request_count: counts.requests,
        });
        let mut by_requests: Vec<NamedUsage> = all.collect();
        let mut by_bandwidth = by_requests.clone();
        by_requests.sort_by_key(|named| std::cmp::Reverse(named.request_count));
        by_requests.truncate(LIST_LENGTH);
        by_bandwidth.sort_by_key(|named| std::cmp::Reverse(named.bandwidth_bytes));
        by_bandwidth.truncate(LIST_LENGTH);
        Self {
            by_bandwidth,
            by_requests,
        }
    }
}
