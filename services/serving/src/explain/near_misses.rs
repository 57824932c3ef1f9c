//! Files near a missing one: asked for at the origin that said it has none.

use std::time::{Duration, Instant};

use limpid_domain::diagnosis::NearMiss;
use limpid_domain::failure::Reason;
use limpid_domain::ids::{RequestId, TenantId};
use limpid_origins::near_misses::MAX_NEAR_PATHS;
use limpid_origins::{Existence, FetchRequest, OriginFetcher, near_paths};

use crate::config_snapshot::Origin;
use crate::steps::Steps;

/// How long the search for files near a missing one may take.
const NEAR_MISS_BUDGET: Duration = Duration::from_secs(5);

/// Requests that search may cost the origin: one for each path, and as many again for redirects, tokens and servers without `HEAD`.
const NEAR_MISS_REQUESTS: usize = 2 * MAX_NEAR_PATHS;

/// Looks for files near a missing one.
pub(crate) struct NearMissSearch<'a> {
    pub(crate) fetcher: &'a OriginFetcher,
    pub(crate) tenant_id: TenantId,
    pub(crate) origin: &'a Origin,
    /// Percent-encoded.
    pub(crate) path: &'a str,
}

impl NearMissSearch<'_> {
    /// The paths at which there is a file, if `reason` says that there is none at the one asked for.
    pub(crate) async fn run(&self, reason: Reason, steps: &mut Steps) -> Vec<NearMiss> {
        let is_missing = matches!(
            reason,
            Reason::ObjectNotFound | Reason::KeyEncodingMismatch | Reason::AccessDeniedOrMissing
        );
        if !is_missing {
            return Vec::new();
        }
        let started = Instant::now();
        let deadline = started + NEAR_MISS_BUDGET;
        let mut found = Vec::new();
        let (mut asked, mut requests) = (0, 0);
        for near in near_paths(self.path, self.origin.settings.location.folder()) {
            if Instant::now() >= deadline || requests >= NEAR_MISS_REQUESTS {
                break;
            }
            asked += 1;
            // An origin that no longer answers is not asked for the rest.
            let Some(existence) = self.ask_for(&near.path, deadline).await else {
                break;
            };
            requests += existence.requests;
            if existence.is_there {
                found.push(NearMiss {
                    path: near.path,
                    difference: near.difference.to_owned(),
                });
            }
        }
        if asked > 0 {
            steps.done("near misses", started, || {
                format!(
                    "{asked} paths near this one asked for with {requests} requests, {} there",
                    found.len()
                )
            });
        }
        found
    }

    async fn ask_for(&self, path: &str, deadline: Instant) -> Option<Existence> {
        let access = self.origin.access(self.tenant_id);
        let request = FetchRequest {
            path,
            query: None,
            object_version: None,
            forwarded_host: None,
            request_id: RequestId::mint(),
            deadline,
            // nothing is read
            max_bytes: 0,
        };
        self.fetcher.exists(&access, &request).await.ok()
    }
}
