//! Which tenants' configuration changed. A notification is a hint that saves waiting; the sweep over the head rows is the truth and
//! finds whatever a lost connection or a lost hint did not tell.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use limpid_domain::ids::{TenantId, TenantSeq};
use sqlx::postgres::{PgListener, PgNotification};
use tokio::time::Instant;

use crate::config_log::{CONFIG_CHANNEL, TenantHead, heads, heads_changed_since};
use crate::database::Database;
use crate::error::StoreError;

/// A sweep looks back this far beyond the newest change it has seen: `changed_at` is taken shortly before its transaction commits,
/// and no transaction lives longer than its time-outs allow.
const OVERLAP: TimeDelta = TimeDelta::minutes(1);
/// Longest wait between attempts to reach a database that is down.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
const MIN_BACKOFF: Duration = Duration::from_millis(100);

/// Watches the heads of all tenants.
pub struct ConfigListener {
    database: Database,
    sweep_every: Duration,
    channel: Option<PgListener>,
    next_sweep: Instant,
    /// `changed_at` of the newest head seen; `None` asks for a sweep over everything.
    swept_to: Option<DateTime<Utc>>,
    /// Heads that were reported and that the caller has not caught up with yet.
    pending: HashMap<TenantId, TenantSeq>,
    backoff: Duration,
}

impl std::fmt::Debug for ConfigListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigListener")
            .field("connected", &self.channel.is_some())
            .field("swept_to", &self.swept_to)
            .field("pending", &self.pending.len())
            .finish_non_exhaustive()
    }
}

impl ConfigListener {
    /// A listener that sweeps at least every `sweep_every`. Connects when first asked.
    pub fn new(database: Database, sweep_every: Duration) -> Self {
        Self {
            database,
            sweep_every,
            channel: None,
            next_sweep: Instant::now(),
            swept_to: None,
            pending: HashMap::new(),
            backoff: MIN_BACKOFF,
        }
    }

    /// Waits until some tenant is ahead of what the caller knows, and says how far each such tenant has come.
    ///
    /// A tenant is reported again at the next sweep until `known` has caught up, so a caller whose refresh fails need not remember
    /// it. Waits through database outages. Cancel-safe: nothing is lost when the future is dropped, at worst a sweep is repeated.
    pub async fn changed(
        &mut self,
        known: &HashMap<TenantId, TenantSeq>,
    ) -> HashMap<TenantId, TenantSeq> {
        loop {
            if let Err(error) = self.wait_for_hint_or_sweep().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "configuration changes can't be watched"
                );
                self.channel = None;
                tokio::time::sleep(self.backoff).await;
                self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
                continue;
            }
            self.backoff = MIN_BACKOFF;
            self.pending
                .retain(|tenant, seq| known.get(tenant).is_none_or(|known| known < seq));
            if !self.pending.is_empty() {
                return self.pending.clone();
            }
        }
    }

    async fn wait_for_hint_or_sweep(&mut self) -> Result<(), StoreError> {
        if self.channel.is_none() {
            let mut channel = PgListener::connect_with(self.database.pool()).await?;
            channel.listen(CONFIG_CHANNEL).await?;
            self.channel = Some(channel);
            // Hints sent while nobody listened are gone: look at everything once.
            self.swept_to = None;
            self.next_sweep = Instant::now();
        }
        if Instant::now() >= self.next_sweep {
            return self.sweep().await;
        }
        let Some(channel) = self.channel.as_mut() else {
            return Ok(());
        };
        match tokio::time::timeout_at(self.next_sweep, channel.try_recv()).await {
            Err(_elapsed) => self.sweep().await,
            Ok(Ok(Some(notification))) => {
                self.note(&notification);
                while let Some(more) = self.channel.as_mut().and_then(PgListener::next_buffered) {
                    self.note(&more);
                }
                Ok(())
            }
            // The connection broke and was made again.
            Ok(Ok(None)) => {
                self.swept_to = None;
                self.sweep().await
            }
            Ok(Err(error)) => Err(error.into()),
        }
    }

    async fn sweep(&mut self) -> Result<(), StoreError> {
        let moved: Vec<TenantHead> = match self.swept_to {
            None => heads(&self.database).await?,
            Some(swept_to) => {
                let mut conn = self.database.service().await?;
                heads_changed_since(&mut conn, swept_to - OVERLAP).await?
            }
        };
        for head in moved {
            self.swept_to = self.swept_to.max(Some(head.changed_at));
            self.expect(head.tenant_id, head.last_seq);
        }
        self.next_sweep = Instant::now() + self.sweep_every;
        Ok(())
    }

    fn note(&mut self, notification: &PgNotification) {
        if let Some((tenant_id, seq)) = parse_hint(notification.payload()) {
            self.expect(tenant_id, seq);
        }
    }

    fn expect(&mut self, tenant_id: TenantId, seq: TenantSeq) {
        if seq.0 > 0 {
            let newest = self.pending.entry(tenant_id).or_insert(seq);
            *newest = seq.max(*newest);
        }
    }
}

/// Anybody with access to the database may send on the channel; what is not a hint is ignored.
fn parse_hint(payload: &str) -> Option<(TenantId, TenantSeq)> {
    let (tenant_id, seq) = payload.split_once(':')?;
    Some((
        TenantId(tenant_id.parse().ok()?),
        TenantSeq(seq.parse().ok()?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_tenant_and_sequence_number() {
        assert_eq!(parse_hint("42:7"), Some((TenantId(42), TenantSeq(7))));
        for other in ["", "42", "a:b", "42:7:9", ":"] {
            assert_eq!(parse_hint(other), None, "{other:?}");
        }
    }
}
