//! Whether an origin works: asked for one file the way serving asks, with every step written down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use limpid_delivery_url::grammar;
use limpid_domain::diagnosis::Explanation;
use limpid_domain::failure::{AttemptFailure, Reason};
use limpid_domain::ids::{OriginId, OriginNo, RequestId, StreamVersion};
use limpid_domain::origin::{OriginDraft, OriginLocation};
use limpid_imaging::{AcceptedFormats, ImageSettings, ImagingError, Limits};
use limpid_origins::{FetchRequest, Original};
use serde_json::Value;

use crate::config_snapshot::{Account, Origin};
use crate::explain::{self, NearMissSearch};
use crate::failure_recorder::event::FailedAttempt;
use crate::layer_files::FetchedLayerFiles;
use crate::picture::{self, PictureOrder};
use crate::production::Production;
use crate::production::notes::describe;
use crate::production::stages::{NoPicture, Stages};
use crate::steps::Steps;
use crate::transform_pool::PoolError;

/// How long the whole test may take; a person waits for it.
const BUDGET: Duration = Duration::from_secs(20);

/// What is asked for where no file is named: an answer that there is no such file proves as much as one may want to know.
const NO_SUCH_FILE: &str = "limpid-connection-test";

/// Small enough to cost little, and decoded for it.
const PROOF_OF_DECODING: &str = "w-16";

/// Tests origins of one account.
pub(crate) struct OriginTest<'a> {
    pub(crate) production: &'a Production,
    pub(crate) account: &'a Account,
}

impl OriginTest<'_> {
    /// An origin that is not stored, as the management API takes it. `None` where it breaks a rule of that API, which has
    /// checked it before.
    pub(crate) async fn of_draft(&self, origin: Value, path: Option<&str>) -> Option<Explanation> {
        let draft = OriginDraft::parse(origin).ok()?;
        // an id of its own: no connection, slot or breaker of a stored origin is used or changed
        let origin = Arc::new(Origin {
            no: OriginNo(0),
            id: OriginId::mint(),
            version: StreamVersion(0),
            settings: draft.settings,
            credentials: draft.credentials,
        });
        Some(self.of(&origin, path).await)
    }

    /// A stored origin.
    pub(crate) async fn of(&self, origin: &Arc<Origin>, path: Option<&str>) -> Explanation {
        let mut steps = Steps::recording();
        let path = path.map(|path| path.trim_start_matches('/'));
        let started = Instant::now();
        if path.is_none() && matches!(origin.settings.location, OriginLocation::WebProxy) {
            steps.failed("path", started, || {
                "a web proxy has no address of its own: name the URL of a file".to_owned()
            });
            return works("", StatusCode::BAD_REQUEST, steps);
        }
        let asked = path.unwrap_or(NO_SUCH_FILE);
        let failure = match self.fetch(origin, asked, &mut steps).await {
            Ok(original) if path.is_some() => self.decode(original, &mut steps).await.err(),
            Ok(_) => None,
            Err(failure) => Some(failure),
        };
        match failure {
            None => works(asked, StatusCode::OK, steps),
            // the origin was reached, let us in, and said what was to be expected
            Some(failure) if path.is_none() && failure.reason == Reason::ObjectNotFound => {
                steps.done("answer", started, || {
                    "reached and let in; no path was given, so no file was fetched".to_owned()
                });
                works("", StatusCode::OK, steps)
            }
            Some(failure) => self.failed(origin, path, *failure, steps).await,
        }
    }

    async fn failed(
        &self,
        origin: &Arc<Origin>,
        path: Option<&str>,
        failure: AttemptFailure,
        mut steps: Steps,
    ) -> Explanation {
        let exists_as = match path {
            Some(path) => {
                let search = NearMissSearch {
                    fetcher: self.production.originals.fetcher(),
                    tenant_id: self.account.tenant_id,
                    origin,
                    path,
                };
                search.run(failure.reason, &mut steps).await
            }
            None => Vec::new(),
        };
        let now = self.production.clock.now();
        let attempt = FailedAttempt {
            attempt: 1,
            origin: Some(Arc::clone(origin)),
            failure,
            ended_at: now,
            duration: Duration::ZERO,
            repeatable_until: now,
            is_repeat: false,
        };
        let (response, decided) = explain::failed(&attempt, None, RequestId::mint(), None);
        let asked = path.unwrap_or_default().to_owned();
        explain::explanation(asked, &response, steps, Some(decided), exists_as)
    }

    /// As for the account's images.
    fn limits(&self) -> Limits {
        self.account.limits_within(&self.production.limits)
    }

    async fn fetch(
        &self,
        origin: &Origin,
        path: &str,
        steps: &mut Steps,
    ) -> Result<Original, Box<AttemptFailure>> {
        let access = origin.access(self.account.tenant_id);
        let request = FetchRequest {
            path,
            query: None,
            object_version: None,
            forwarded_host: None,
            request_id: RequestId::mint(),
            deadline: Instant::now() + BUDGET,
            max_bytes: self.limits().max_source_bytes,
        };
        let mut trace = steps.fetch_trace();
        let started = Instant::now();
        let fetched = self
            .production
            .originals
            .fetcher()
            .fetch(&access, &request, &mut trace)
            .await;
        steps.fetch(1, trace.steps());
        match &fetched {
            Ok(original) => steps.done("origin 1", started, || {
                format!("{} bytes from {}", original.bytes.len(), original.location)
            }),
            Err(failed) => steps.failed("origin 1", started, || describe(origin, failed)),
        }
        fetched
    }

    /// Proves that the file is a picture.
    async fn decode(
        &self,
        original: Original,
        steps: &mut Steps,
    ) -> Result<(), Box<AttemptFailure>> {
        let started = Instant::now();
        let deadline = started + self.production.limits.transform_timeout;
        let order = PictureOrder {
            transformation: grammar::parse(PROOF_OF_DECODING).unwrap_or_default(),
            layer_files: FetchedLayerFiles::default(),
            accept: AcceptedFormats::default(),
            settings: ImageSettings::default(),
            limits: self.limits(),
            deadline,
            canonical_link: None,
            sanitizes_svg: true,
        };
        let shown = order.clone();
        let source = Arc::new(original);
        let stages = Stages {
            number: 1,
            source: &source.bytes,
            order: &shown,
        };
        let original = Arc::clone(&source);
        let made = self
            .production
            .pool
            .run(self.account.tenant_id, deadline, move || {
                picture::make(&original, &order)
            })
            .await;
        let mut failure = match made {
            Ok(Ok(picture)) => {
                stages.made(&picture, steps);
                steps.done("picture", started, || described(&source.bytes));
                return Ok(());
            }
            Ok(Err(error)) => self.production.picture_failure(&error),
            Err(PoolError::Late) => self.production.picture_failure(&ImagingError::Timeout),
            Err(error @ (PoolError::Full | PoolError::Expired | PoolError::Panicked)) => {
                AttemptFailure::new(Reason::Internal).with_note(error.to_string())
            }
        };
        failure.location = Some(source.location.clone());
        failure.upstream_status = Some(StatusCode::OK.as_u16());
        stages.not_made(NoPicture::Failed(&failure), started.elapsed(), steps);
        steps.failed("picture", started, || {
            let note = failure.note.as_deref().unwrap_or_default();
            format!("{}: {note}", failure.reason)
        });
        Err(Box::new(failure))
    }
}

/// Type and size of a picture.
fn described(bytes: &[u8]) -> String {
    limpid_imaging::probe(bytes).map_or_else(
        |_| "a drawing".to_owned(),
        |info| {
            let size = info.size();
            let kind = info.format.content_type();
            format!("{kind}, {}x{} px", size.width, size.height)
        },
    )
}

/// The explanation of a test that ended without a failure of the origin.
fn works(path: &str, status: StatusCode, steps: Steps) -> Explanation {
    let steps = steps.into_vec();
    Explanation {
        url: path.to_owned(),
        status: status.as_u16(),
        headers: Vec::new(),
        body_bytes: 0,
        failed_step: (status != StatusCode::OK)
            .then(|| steps.iter().position(|step| !step.ok))
            .flatten(),
        steps,
        ik_error: None,
        reason: None,
        advice: None,
        snippet: None,
        exists_as: Vec::new(),
    }
}
