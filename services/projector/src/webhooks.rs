//! Deliveries: what is due is claimed, signed, sent, and what came back is written down. A receiver that hangs holds up nobody else.
//!
//! | module | holds |
//! |---|---|
//! | `signature` | how receivers know that a message is ours |
//! | `disable` | a webhook whose receiver wants no more, or never answers |

mod disable;
mod signature;

use std::time::Instant;

use bytes::Bytes;
use limpid_domain::clock::Clock;
use limpid_domain::failure::AttemptFailure;
use limpid_event_store::vault::{self, SecretAddress, Vault};
use limpid_event_store::{Database, StoreError};
use limpid_origins::{FetchConfig, FetcherError, Message, MessageAnswer, MessageSender};
use limpid_read_models::webhook_deliveries::{
    Attempted, ClaimedDelivery, MAX_ANSWER_BYTES, Tried, claim, finish,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ProjectorConfig;
use crate::schedule::Schedule;

/// Messages under way at once.
const MAX_UNDER_WAY: usize = 64;

/// What sending messages needs.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Where rules, alerts and deliveries are: beside the failures.
    pub database: Database,
    /// Where secrets are, and where a webhook is disabled: the accounts' database.
    pub accounts_database: Database,
    /// Opens the secrets that sign.
    pub vault: Vault,
    /// Time-outs and exempt addresses, as for originals.
    pub outbound: FetchConfig,
    /// Whether messages may go out unencrypted.
    pub allow_http: bool,
}

/// Delivers messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Deliverer {
    database: Database,
    accounts_database: Database,
    vault: Vault,
    sender: MessageSender,
    clock: Clock,
}

/// What became of one attempt, for whoever waits for it.
pub type Finished = Result<Tried, StoreError>;

pub(crate) async fn run(config: ProjectorConfig, shutdown: CancellationToken) {
    let Some(webhooks) = config.webhooks else {
        return;
    };
    let deliverer = match Deliverer::new(webhooks, config.clock) {
        Ok(deliverer) => deliverer,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "no message can be sent to any webhook"
            );
            return;
        }
    };
    let mut under_way = JoinSet::new();
    let mut schedule = Schedule::new("webhooks", config.alerts_interval, shutdown);
    loop {
        while let Some(ended) = under_way.try_join_next() {
            report(ended);
        }
        if !schedule.next(deliverer.take_up(&mut under_way).await).await {
            break;
        }
    }
    // Each ends within its time-out.
    while let Some(ended) = under_way.join_next().await {
        report(ended);
    }
}

fn report(ended: Result<Finished, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(_tried)) => {}
        Ok(Err(error)) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "what became of a message could not be written down; it is sent again"
        ),
        Err(error) => tracing::error!(%error, "sending a message panicked"),
    }
}

impl Deliverer {
    /// Sets up name resolution and TLS.
    ///
    /// # Errors
    /// [`FetcherError`], the operator's to fix.
    pub fn new(config: WebhookConfig, clock: Clock) -> Result<Self, FetcherError> {
        Ok(Self {
            sender: MessageSender::new(&config.outbound, config.allow_http)?,
            database: config.database,
            accounts_database: config.accounts_database,
            vault: config.vault,
            clock,
        })
    }

    /// Takes what is due and begins to send it, as far as there is room.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database does not answer.
    pub async fn take_up(&self, under_way: &mut JoinSet<Finished>) -> Result<(), StoreError> {
        let room = MAX_UNDER_WAY.saturating_sub(under_way.len());
        if room == 0 {
            return Ok(());
        }
        for delivery in claim(&self.database, self.clock.now(), room).await? {
            let deliverer = self.clone();
            under_way.spawn(async move { deliverer.attempt(&delivery).await });
        }
        Ok(())
    }

    /// One attempt, from the signature to what is written down about it.
    async fn attempt(&self, delivery: &ClaimedDelivery) -> Finished {
        let started = Instant::now();
        let sent = match self.send(delivery).await {
            Err(error) if error.is_transient() => return Err(error),
            sent => sent,
        };
        let (status, answer, error) = match sent {
            Ok(Ok(answer)) => (
                Some(answer.status.as_u16()),
                Some(shown(&answer.excerpt)),
                None,
            ),
            Ok(Err(failed)) => (None, None, Some(said(&failed))),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the secret of a webhook cannot be had"
                );
                let error = "internal: the secret that signs could not be opened; nothing was sent";
                (None, None, Some(error.to_owned()))
            }
        };
        let tried = Tried {
            at: self.clock.now(),
            status,
            answer,
            error,
            duration_ms: u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX),
        };
        tracing::debug!(
            delivery = %delivery.id, attempt = delivery.attempts, status = ?tried.status, error = ?tried.error,
            "sent a message to a webhook"
        );
        let attempted = Attempted {
            delivery,
            tried: &tried,
        };
        if let Some(reason) = finish(&self.database, attempted).await? {
            let webhook = (delivery.tenant_id, delivery.webhook_id);
            disable::disable(&self.accounts_database, webhook, reason).await?;
        }
        Ok(tried)
    }

    /// # Errors
    /// [`StoreError`] where the secret cannot be had; what the receiver does is in the answer.
    async fn send(
        &self,
        delivery: &ClaimedDelivery,
    ) -> Result<Result<MessageAnswer, Box<AttemptFailure>>, StoreError> {
        let address = SecretAddress {
            tenant_id: delivery.tenant_id,
            stream_id: delivery.webhook_id.into(),
            version: delivery.secret_version,
        };
        let mut connection = self.accounts_database.service().await?;
        let sealed = vault::fetch(&mut connection, address)
            .await?
            .ok_or(StoreError::Corrupt("a webhook has no secret"))?;
        drop(connection);
        let secret = self.vault.open(address, &sealed)?;
        let message = Message {
            url: &delivery.url,
            headers: signature::headers(&secret, delivery, self.clock.now()),
            body: Bytes::from(delivery.payload.clone()),
        };
        Ok(self.sender.send(message, MAX_ANSWER_BYTES).await)
    }
}

/// The beginning of an answer as text that can be stored and shown: foreign, so nothing in it is a control character.
fn shown(excerpt: &[u8]) -> String {
    let text = String::from_utf8_lossy(excerpt);
    let printable = text.chars().map(|c| match c {
        '\n' | '\t' => c,
        c if c.is_control() => '\u{fffd}',
        c => c,
    });
    printable.collect()
}

/// Why no answer came, in one line.
fn said(failed: &AttemptFailure) -> String {
    match &failed.note {
        Some(note) => format!("{}: {note}", failed.reason.name()),
        None => failed.reason.name().to_owned(),
    }
}
