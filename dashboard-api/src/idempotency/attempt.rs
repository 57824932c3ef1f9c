//! What the transaction of a command needs to know of the request it is part of.
//!
//! It travels with the request's task and not from function to function, so that no command, and no handler written later, can forget it.

use std::sync::{Arc, Mutex, PoisonError};

use limpid_domain::ids::CommandId;
use limpid_event_store::config_log::answers;
use limpid_event_store::{StoreError, TenantTx};

use super::asked::Question;
use crate::commands::CommandError;

tokio::task_local! {
    static ATTEMPT: Attempt;
}

/// A request that must take effect once. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Attempt(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    question: Question,
    command_id: CommandId,
    /// The transaction of what was done, not committed yet.
    held: Mutex<Option<TenantTx>>,
}

impl Attempt {
    pub(super) fn new(question: Question) -> Self {
        Self(Arc::new(Inner {
            question,
            command_id: CommandId::mint(),
            held: Mutex::default(),
        }))
    }

    /// Runs a handler as this attempt.
    pub(super) async fn run<T>(&self, handler: impl Future<Output = T>) -> T {
        ATTEMPT.scope(self.clone(), handler).await
    }

    pub(super) fn question(&self) -> &Question {
        &self.0.question
    }

    /// The id of the command that it gives.
    pub(crate) fn command_id(&self) -> CommandId {
        self.0.command_id
    }

    /// The attempt that the present task is about.
    pub(crate) fn current() -> Option<Self> {
        ATTEMPT.try_with(Clone::clone).ok()
    }

    /// The transaction to commit with the answer, once.
    pub(super) fn held(&self) -> Option<TenantTx> {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.take()
    }

    fn hold(&self, tx: TenantTx) {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(tx);
    }
}

/// To be called as the first thing in a transaction that changes something: from here on it is the one that works on the request's key.
///
/// Errors: [`CommandError::InProgress`] where another one is at it; [`CommandError::Unavailable`].
pub(crate) async fn enter(tx: &mut TenantTx) -> Result<(), CommandError> {
    let Some(attempt) = Attempt::current() else {
        return Ok(());
    };
    let question = attempt.question();
    let is_ours = answers::claim(tx, &question.key).await?;
    // What the SDKs send for the first time is a command of its own, also beside one that looks the same.
    if is_ours || !question.may_be_known {
        Ok(())
    } else {
        Err(CommandError::InProgress)
    }
}

/// Commits the one transaction of a request that changes something; with its answer, where that is kept.
///
/// Errors: [`StoreError::Unavailable`]; then it is unknown whether it did.
pub(crate) async fn commit(tx: TenantTx) -> Result<(), StoreError> {
    match Attempt::current() {
        Some(attempt) => {
            attempt.hold(tx);
            Ok(())
        }
        None => tx.commit().await,
    }
}
