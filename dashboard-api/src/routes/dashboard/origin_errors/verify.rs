//! `POST …/groups/{id}/verify`: are the files that failed served now? A serving node asks the origins again for the paths that failed
//! last, past what it remembers, and each answer is told as it comes.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt, future, stream};
use http::header;
use limpid_domain::diagnosis::{DiagnosisAnswer, DiagnosisRequest, Explanation, Question};
use limpid_domain::failure_group::GroupCommand;
use limpid_domain::ids::{GroupId, TenantId};
use limpid_domain::request_body::Fields;
use limpid_read_models::failure_groups::{self, FailingPath, FailureGroup, failing_paths};
use serde::Serialize;
use utoipa::ToSchema;

use super::group_life::{StateAnswer, command_group};
use super::groups::not_found;
use super::names::Names;
use crate::auth::Tenant;
use crate::error::{ApiError, ProblemBody};
use crate::json_body::OptionalJsonObject;
use crate::router::ApiState;
use crate::serving_node;
use crate::throttle::TooOften;

/// Paths that are asked for where the request does not say, and at most.
const DEFAULT_SAMPLE: u64 = 20;
const MAX_SAMPLE: u64 = 50;

/// Paths that are asked for at once: as many as a serving node answers at once.
const AT_ONCE: usize = 4;

/// How long a verification may take; paths that were not asked for by then are unknown.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long to wait for a serving node that is busy with other questions before asking again.
const BUSY_PAUSE: Duration = Duration::from_millis(200);

/// How many paths to ask for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never built")]
struct VerifyRequest {
    /// 1 to 50; 20 where it is not given.
    #[schema(example = 20)]
    sample: Option<u64>,
}

/// One line: a path that failed, and whether it is served now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VerifiedPath)]
struct PathLine {
    /// The file path.
    path: String,
    /// `served`, `failed`, or `unknown` where no answer came.
    #[schema(example = "served")]
    outcome: &'static str,
    /// Why it failed, or why there is no answer.
    reason: Option<String>,
}

/// The last line.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = VerificationVerdict)]
struct VerdictLine {
    /// In words.
    #[schema(example = "47 of 50 now served")]
    verdict: String,
    /// Paths that are served now.
    served: u32,
    /// Paths that were asked for.
    asked: u32,
    /// Of them, those without an answer.
    unknown: u32,
    /// Whether all are served, so that the group is resolved.
    resolved: bool,
    #[serde(flatten)]
    state: StateAnswer,
}

/// Any line of the answer.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "described, never built")]
enum VerificationLine {
    Path(PathLine),
    Verdict(VerdictLine),
}

/// A verification under way.
#[derive(Clone)]
struct Verification {
    state: ApiState,
    tenant: Tenant,
    group: GroupId,
    /// Place of the group's origin among those of its URL endpoint, from 1; `None` where it is no longer among them.
    position: Option<usize>,
    deadline: Instant,
}

/// Asks again for the paths of a group that failed last, newest first, four at a time, the way a request would go. Each line is a JSON
/// object: `path`, `outcome`, `reason`; the last one is the verdict. The group is resolved when all are served. 2 a minute.
#[utoipa::path(post, path = "/dashboard/v1/origin-errors/groups/{id}/verify", tag = "origin errors",
    operation_id = "verifyOriginErrorGroup", security(("privateKey" = [])), request_body = Option<VerifyRequest>,
    params(("id" = String, Path, description = "The group's id.")),
    responses((status = 200, description = "Lines of JSON.", content_type = "application/x-ndjson", body = VerificationLine),
        (status = 400, description = "sample is no number from 1 to 50.", body = ProblemBody),
        (status = 404, description = "The account has no such group.", body = ProblemBody),
        (status = 409, description = "No single failure of the group is stored any more.", body = ProblemBody),
        (status = 429, description = "Asked too often.", body = ProblemBody)))]
pub(super) async fn verify_group(
    tenant: Tenant,
    Path(id): Path<String>,
    State(state): State<ApiState>,
    OptionalJsonObject(body): OptionalJsonObject,
) -> Result<Response, ApiError> {
    let id: GroupId = id.parse().map_err(|_no_id| not_found())?;
    let mut fields = Fields::of(body)?;
    let sample = fields.optional_number("sample", 1..=MAX_SAMPLE)?;
    fields.finish()?;
    let sample = u16::try_from(sample.unwrap_or(DEFAULT_SAMPLE)).unwrap_or(u16::MAX);
    let mut tx = state.question(tenant.id).await?;
    let group = failure_groups::group(&mut tx, id).await?;
    let group = group.ok_or_else(not_found)?;
    let names = Names::load(&mut tx).await?;
    let paths = failing_paths(&mut tx, &group, sample).await?;
    drop(tx);
    if paths.is_empty() {
        let message =
            "No single failure of the group is stored any more, so there is no path to ask for.";
        return Err(ApiError::Conflict(message.to_owned()));
    }
    state
        .verifications()
        .count(tenant.id, Instant::now())
        .map_err(|TooOften(wait)| ApiError::TooOften(wait.as_secs() + 1))?;
    let urls = paths
        .into_iter()
        .map(|path| (url_of(&path, &group, &names, &tenant), path.path))
        .collect();
    let verification = Verification {
        state,
        tenant,
        group: id,
        position: position(&group, &names),
        deadline: Instant::now() + PATIENCE,
    };
    let lines = verification.lines(urls);
    let media_type = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((media_type, Body::from_stream(lines)).into_response())
}

/// Path and query to ask for: as it was asked for last where that is known, signed with the key of whoever verifies, so that what
/// only signed requests may have is asked for too.
fn url_of(path: &FailingPath, group: &FailureGroup, names: &Names, tenant: &Tenant) -> String {
    let root = format!("/{}/", tenant.imagekit_id);
    let as_asked = path.url.as_deref();
    // On a domain of its own a URL does not name the account.
    let after_root = as_asked
        .and_then(|url| url.strip_prefix(&root))
        .map_or_else(
            || {
                let prefix = names
                    .endpoint(group.endpoint_no)
                    .map_or("", |endpoint| endpoint.settings.url_prefix.as_str());
                let file = path.path.trim_start_matches('/');
                if prefix.is_empty() {
                    file.to_owned()
                } else {
                    format!("{prefix}/{file}")
                }
            },
            str::to_owned,
        );
    let signature = tenant.sign(&after_root);
    let separator = if after_root.contains('?') { '&' } else { '?' };
    format!("{root}{after_root}{separator}ik-s={signature}")
}

fn position(group: &FailureGroup, names: &Names) -> Option<usize> {
    let origin = names.origin(group.origin_no)?.id;
    let origins = &names.endpoint(group.endpoint_no)?.settings.origins;
    Some(origins.iter().position(|id| *id == origin)? + 1)
}

impl Verification {
    /// A line per path in their order, then the verdict.
    fn lines(
        self,
        urls: Vec<(String, String)>,
    ) -> impl Stream<Item = Result<Bytes, ApiError>> + Send {
        let this = self.clone();
        let asked = stream::iter(urls).map(move |(url, path)| {
            let this = this.clone();
            async move { this.line(url, path).await }
        });
        let asked = asked.buffered(AT_ONCE).map(Some);
        let told = asked.chain(stream::once(future::ready(None)));
        told.scan(Counts::default(), move |counts, line| {
            let counted = line.as_ref().map_or(*counts, |line| counts.with(line));
            *counts = counted;
            let this = self.clone();
            future::ready(Some((this, counted, line)))
        })
        .then(|(this, counts, line)| async move {
            match line {
                Some(line) => as_line(&line),
                None => as_line(&this.verdict(counts).await?),
            }
        })
    }

    async fn line(&self, url: String, path: String) -> PathLine {
        let (outcome, reason) = match self.ask(url).await {
            Ok(explanation) => match self.still_fails(&explanation) {
                None => ("served", None),
                Some(reason) => ("failed", Some(reason)),
            },
            Err(reason) => ("unknown", Some(reason.to_owned())),
        };
        PathLine {
            path,
            outcome,
            reason,
        }
    }

    /// The serving node's answer. A node that is busy is asked again.
    async fn ask(&self, url: String) -> Result<Explanation, &'static str> {
        let late = "there was no time left to ask";
        while Instant::now() < self.deadline {
            let rest = self.deadline.saturating_duration_since(Instant::now());
            let answer = self.ask_once(self.tenant.id, url.clone());
            match tokio::time::timeout(rest, answer).await {
                Ok(Ok(DiagnosisAnswer::Explained(explanation))) => return Ok(*explanation),
                Ok(Ok(DiagnosisAnswer::NotYours)) => {
                    return Err("the URL is no longer the account's");
                }
                Ok(Ok(DiagnosisAnswer::Unknown)) => {
                    return Err("the serving node does not know this account yet");
                }
                Ok(Ok(DiagnosisAnswer::Busy)) => tokio::time::sleep(BUSY_PAUSE).await,
                Ok(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "a verification has no answer");
                    return Err("no serving node answers");
                }
                Err(_elapsed) => return Err(late),
            }
        }
        Err(late)
    }

    async fn ask_once(
        &self,
        tenant_id: TenantId,
        url: String,
    ) -> Result<DiagnosisAnswer, serving_node::ServingNodeError> {
        let config = self.state.config();
        let request = DiagnosisRequest {
            asked_at: config.clock.now(),
            tenant_id: Some(tenant_id),
            question: Question::Verify { url },
        };
        serving_node::diagnose(config.serving_node, &config.vault, &request).await
    }

    /// Why the request fails; `None` where it is served, and by the group's origin if that is still asked.
    fn still_fails(&self, explanation: &Explanation) -> Option<String> {
        if explanation.status >= 400 || explanation.reason.is_some() {
            let reason = explanation.reason.clone();
            let told = reason.or_else(|| explanation.ik_error.clone());
            return Some(told.unwrap_or_else(|| format!("status {}", explanation.status)));
        }
        // A later origin stands in, or an old copy: the one that failed still does.
        let step = format!("origin {}", self.position?);
        let mut steps = explanation.steps.iter();
        let failed = steps.find(|other| other.name == step && !other.ok)?;
        Some(format!("rescued; {}", failed.detail))
    }

    async fn verdict(&self, counts: Counts) -> Result<VerdictLine, ApiError> {
        let Counts {
            served,
            asked,
            unknown,
        } = counts;
        let now = self.state.config().clock.now();
        let mut tx = self.state.failures_tx(self.tenant.id).await?;
        let life = if unknown < asked {
            let command = GroupCommand::Verified { served, asked };
            command_group(&mut tx, &self.tenant, self.group, (command, None, now)).await?
        } else {
            // Nothing was learnt.
            let group = failure_groups::group(&mut tx, self.group).await?;
            group.ok_or_else(not_found)?.life
        };
        tx.commit().await?;
        Ok(VerdictLine {
            verdict: format!("{served} of {asked} now served"),
            served,
            asked,
            unknown,
            resolved: served == asked,
            state: StateAnswer::new(&life, now),
        })
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    served: u32,
    asked: u32,
    unknown: u32,
}

impl Counts {
    fn with(self, line: &PathLine) -> Self {
        Self {
            served: self.served + u32::from(line.outcome == "served"),
            asked: self.asked + 1,
            unknown: self.unknown + u32::from(line.outcome == "unknown"),
        }
    }
}

fn as_line(line: &impl Serialize) -> Result<Bytes, ApiError> {
    let mut text = serde_json::to_string(line).map_err(|error| ApiError::Internal(error.into()))?;
    text.push('\n');
    Ok(Bytes::from(text))
}
