//! What the dashboard API asks a node: traces of delivery URLs and tests of origins, over the delivery listener, sealed with the
//! key ring that both have. Nothing of it is recorded as an event, and nothing is kept.

mod origin_test;

use std::sync::Arc;

use bytes::Bytes;
use chrono::Duration;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Limited};
use limpid_domain::clock::Clock;
use limpid_domain::diagnosis::{
    ANSWER_PURPOSE, DiagnosisAnswer, DiagnosisRequest, MAX_AGE_SECONDS, MAX_MESSAGE_BYTES,
    QUESTION_PURPOSE, Question,
};
use limpid_event_store::vault::Vault;
use tokio::sync::Semaphore;

use crate::config_snapshot::ConfigSnapshot;
use crate::delivery::Delivery;
use crate::explain::{AnswerMemory, Explainer, Purpose};
use origin_test::OriginTest;

/// Diagnoses at once; people wait for them, images do not.
const MAX_AT_ONCE: usize = 4;

/// How long a question may take to arrive.
const READ_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// Answers questions.
#[derive(Debug)]
pub(crate) struct Diagnosis {
    vault: Vault,
    clock: Clock,
    delivery: Arc<Delivery>,
    room: Semaphore,
}

impl Diagnosis {
    /// Over what the node delivers with.
    pub(crate) fn new(vault: Vault, clock: Clock, delivery: Arc<Delivery>) -> Self {
        Self {
            vault,
            clock,
            delivery,
            room: Semaphore::new(MAX_AT_ONCE),
        }
    }

    /// The sealed answer to a sealed question; `None` for everything that does not come from one of us.
    pub(crate) async fn answer<B>(&self, body: B) -> Option<Vec<u8>>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let body = Limited::new(body, MAX_MESSAGE_BYTES).collect();
        let body = tokio::time::timeout(READ_TIMEOUT, body).await.ok()?.ok()?;
        let opened = self
            .vault
            .open_message(QUESTION_PURPOSE, &body.to_bytes())
            .ok()?;
        let request: DiagnosisRequest = serde_json::from_slice(&opened).ok()?;
        let age = self.clock.now() - request.asked_at;
        if age.abs() > Duration::seconds(MAX_AGE_SECONDS) {
            tracing::warn!(%age, "a diagnosis was asked for too long ago, or the clocks differ");
            return None;
        }
        let answer = self.diagnose(&request).await;
        let answer = serde_json::to_vec(&answer).ok()?;
        self.vault.seal_message(ANSWER_PURPOSE, &answer).ok()
    }

    async fn diagnose(&self, request: &DiagnosisRequest) -> DiagnosisAnswer {
        let Ok(_place) = self.room.try_acquire() else {
            return DiagnosisAnswer::Busy;
        };
        let snapshot = self.delivery.snapshots.load_full();
        let Some(tenant_id) = request.tenant_id else {
            return self.diagnose_for_operator(&snapshot, request).await;
        };
        let Some(account) = snapshot
            .accounts()
            .find(|account| account.tenant_id == tenant_id)
        else {
            return DiagnosisAnswer::Unknown;
        };
        let test = OriginTest {
            production: &self.delivery.production,
            account,
        };
        let explained = match &request.question {
            Question::Trace { url, fields } => {
                let explainer = self.explainer(&snapshot, Purpose::Explain);
                if !explainer.is_of(tenant_id, url) {
                    return DiagnosisAnswer::NotYours;
                }
                explainer.explain(url, header_map(fields)).await
            }
            Question::Verify { url } => {
                let explainer = self.explainer(&snapshot, Purpose::Verify);
                if !explainer.is_of(tenant_id, url) {
                    return DiagnosisAnswer::NotYours;
                }
                explainer.explain(url, HeaderMap::new()).await
            }
            Question::TestDraft { origin, path } => {
                match test.of_draft(origin.clone(), path.as_deref()).await {
                    Some(explanation) => explanation,
                    None => return DiagnosisAnswer::Unknown,
                }
            }
            Question::TestStored { origin_id, path } => {
                let mut origins = account.origins.iter();
                let Some(origin) = origins.find(|origin| origin.id == *origin_id) else {
                    return DiagnosisAnswer::Unknown;
                };
                test.of(origin, path.as_deref()).await
            }
        };
        DiagnosisAnswer::Explained(Box::new(explained))
    }

    /// Whoever has the key ring may trace everybody's URLs, and those of nobody.
    async fn diagnose_for_operator(
        &self,
        snapshot: &ConfigSnapshot,
        request: &DiagnosisRequest,
    ) -> DiagnosisAnswer {
        let Question::Trace { url, fields } = &request.question else {
            return DiagnosisAnswer::Unknown;
        };
        let explainer = self.explainer(snapshot, Purpose::Explain);
        let answer = explainer.explain(url, header_map(fields)).await;
        DiagnosisAnswer::Explained(Box::new(answer))
    }

    fn explainer<'a>(&'a self, snapshot: &'a ConfigSnapshot, purpose: Purpose) -> Explainer<'a> {
        Explainer {
            snapshot,
            production: &self.delivery.production,
            clock: &self.clock,
            memory: Some(AnswerMemory {
                variants: &self.delivery.cache,
                outcomes: &self.delivery.outcomes,
            }),
            purpose,
        }
    }
}

/// What can be no header field is left out.
fn header_map(fields: &[(String, String)]) -> HeaderMap {
    fields
        .iter()
        .filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value).ok()?))
        })
        .collect()
}
