//! The transaction every command runs in.

use limpid_domain::event::{ConfigEvent, EventMeta};
use limpid_domain::ids::{CommandId, StreamId, StreamVersion, TenantId};
use limpid_domain::secret::SecretRef;
use limpid_event_store::config_log::{self, Appended, NewEvent, StoredEvent};
use limpid_event_store::vault::{self, SecretAddress, Vault};
use limpid_event_store::{StoreError, TenantTx};
use limpid_read_models::delivery_config;

use super::{CommandContext, CommandError};
use crate::idempotency::{self, Attempt};

/// Versions of a secret that are kept sealed, the one in force among them. All are destroyed with what they belong to.
const KEPT_SECRETS: u8 = 5;

/// A tenant's transaction with its head row locked. Dropped without [`CommandTx::commit`] it leaves no trace.
pub(super) struct CommandTx<'a> {
    pub(super) tx: TenantTx,
    vault: &'a Vault,
    meta: EventMeta,
}

/// A stream as loaded: what it amounts to, and how far it has come.
pub(super) struct Loaded<S> {
    pub(super) state: Option<S>,
    pub(super) version: StreamVersion,
}

impl<'a> CommandTx<'a> {
    pub(super) async fn begin(
        context: &'a CommandContext<'_>,
        tenant_id: TenantId,
    ) -> Result<Self, CommandError> {
        let mut tx = context.database.tenant_tx(tenant_id).await?;
        idempotency::enter(&mut tx).await?;
        config_log::lock(&mut tx).await?;
        Ok(Self::around(context, tx))
    }

    /// For a tenant that nobody else can know of yet.
    pub(super) async fn begin_new_tenant(
        context: &'a CommandContext<'_>,
    ) -> Result<Self, CommandError> {
        let mut tx = context.database.new_tenant_tx().await?;
        idempotency::enter(&mut tx).await?;
        Ok(Self::around(context, tx))
    }

    pub(super) fn tenant_id(&self) -> TenantId {
        self.tx.tenant_id()
    }

    /// Loads a stream, and refuses if the caller has seen another version of it.
    pub(super) async fn load<S>(
        &mut self,
        stream_id: StreamId,
        expected: Option<StreamVersion>,
        evolve: fn(Option<S>, &ConfigEvent) -> Option<S>,
    ) -> Result<Loaded<S>, CommandError> {
        let events = config_log::load(&mut self.tx, stream_id).await?;
        let version = events
            .last()
            .map_or(StreamVersion(0), |event| event.version);
        let state = events
            .iter()
            .fold(None, |state, stored| evolve(state, &stored.event));
        self.meta.expected_version = expected.or(self.meta.expected_version);
        if state.is_some() && expected.is_some_and(|expected| expected != version) {
            return Err(CommandError::Conflict);
        }
        Ok(Loaded { state, version })
    }

    /// What a stream amounted to at an earlier version.
    ///
    /// Errors: [`CommandError::NotFound`] where it never had that version.
    pub(super) async fn load_until<S>(
        &mut self,
        stream_id: StreamId,
        version: StreamVersion,
        evolve: fn(Option<S>, &ConfigEvent) -> Option<S>,
    ) -> Result<S, CommandError> {
        let events = config_log::load(&mut self.tx, stream_id).await?;
        let reached = events.iter().any(|event| event.version == version);
        let until = events.iter().filter(|event| event.version <= version);
        let state = until.fold(None, |state, stored| evolve(state, &stored.event));
        state
            .filter(|_| reached)
            .ok_or_else(|| CommandError::NotFound {
                message: format!("There is no version {version}."),
            })
    }

    /// Appends what was decided and brings the projection up to it.
    pub(super) async fn record(
        &mut self,
        stream_id: StreamId,
        expected: StreamVersion,
        events: Vec<ConfigEvent>,
    ) -> Result<(), CommandError> {
        let new: Vec<NewEvent> = events.into_iter().map(NewEvent::from).collect();
        let appended =
            config_log::append(&mut self.tx, stream_id, expected, &new, &self.meta).await?;
        let stored: Vec<StoredEvent> = match appended {
            Appended::Now(stored) => stored,
            // Ids were minted a moment ago: nobody can have stored them.
            Appended::Before(_) => {
                return Err(CommandError::Internal(StoreError::Corrupt(
                    "an event id repeats",
                )));
            }
        };
        for event in &stored {
            delivery_config::apply(&mut self.tx, event).await?;
        }
        Ok(())
    }

    /// Seals a secret. The few before it are kept, so that an earlier version of what they belong to can be restored.
    pub(super) async fn seal(
        &mut self,
        stream_id: StreamId,
        version: StreamVersion,
        plaintext: &[u8],
    ) -> Result<SecretRef, CommandError> {
        let tenant_id = self.tenant_id();
        let address = SecretAddress {
            tenant_id,
            stream_id,
            version,
        };
        let sealed = self.vault.seal(address, plaintext)?;
        vault::put(&mut self.tx, stream_id, version, &sealed).await?;
        vault::keep_newest_versions(&mut self.tx, stream_id, KEPT_SECRETS).await?;
        Ok(SecretRef {
            version,
            fingerprint: self.vault.fingerprint(tenant_id, plaintext),
        })
    }

    /// Whether a secret is still kept.
    pub(super) async fn holds(
        &mut self,
        stream_id: StreamId,
        secret: &SecretRef,
    ) -> Result<bool, CommandError> {
        let address = SecretAddress {
            tenant_id: self.tenant_id(),
            stream_id,
            version: secret.version,
        };
        let found = vault::fetch(self.tx.as_conn(), address).await?;
        Ok(found.is_some())
    }

    /// Destroys the secret of a stream.
    pub(super) async fn destroy_secret(&mut self, stream_id: StreamId) -> Result<(), CommandError> {
        Ok(vault::remove_stream(&mut self.tx, stream_id).await?)
    }

    /// Commits, together with the answer where that is kept for whoever asks again.
    pub(super) async fn commit(self) -> Result<(), CommandError> {
        Ok(idempotency::commit(self.tx).await?)
    }

    fn around(context: &'a CommandContext<'_>, tx: TenantTx) -> Self {
        let given = context.meta.command_id;
        let asked = || Attempt::current().map(|attempt| attempt.command_id());
        let command_id = given.or_else(asked).unwrap_or_else(CommandId::mint);
        Self {
            tx,
            vault: context.vault,
            meta: EventMeta {
                command_id: Some(command_id),
                ..context.meta.clone()
            },
        }
    }
}

/// The version that the next event of a stream gets.
pub(super) fn next(version: StreamVersion) -> StreamVersion {
    StreamVersion(version.0 + 1)
}
