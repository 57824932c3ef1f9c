//! How many questions of one account are worked on at once. Each holds a connection of the pool while it runs; without this, one account's
//! searches and exports would leave none for the others.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use limpid_domain::ids::TenantId;
use limpid_event_store::TenantTx;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// Questions that may wait for each that may run: a page of the dashboard asks a dozen at once.
const WAITING_PER_RUNNING: usize = 4;

/// How long a question waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);

/// Seconds after which to ask again.
const RETRY_SECONDS: u64 = 1;

/// Counts the questions of each account.
#[derive(Debug, Clone)]
pub(crate) struct Questions {
    running: usize,
    patience: Duration,
    accounts: Arc<Mutex<HashMap<TenantId, Account>>>,
}

#[derive(Debug)]
struct Account {
    turns: Arc<Semaphore>,
    /// Running and waiting.
    asked: usize,
    /// The same, with those that wait however long it takes.
    known: usize,
}

/// One question's turn: it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: Place,
}

/// A place among the questions of an account.
#[derive(Debug)]
struct Place {
    questions: Questions,
    tenant_id: TenantId,
    turns: Arc<Semaphore>,
    is_bounded: bool,
}

/// A transaction to answer a question in, with the turn that it has.
#[derive(Debug)]
pub(crate) struct QuestionTx {
    tx: TenantTx,
    _turn: Turn,
}

impl Questions {
    /// So many of each account at once.
    pub(crate) fn new(running: usize) -> Self {
        Self {
            running: running.max(1),
            patience: PATIENCE,
            accounts: Arc::default(),
        }
    }

    /// Waits for a turn.
    ///
    /// Errors: [`ApiError::TooManyQuestions`] at once where enough wait already, or after twenty seconds.
    pub(crate) async fn turn(&self, tenant_id: TenantId) -> Result<Turn, ApiError> {
        let place = self.enter(tenant_id, true)?;
        let turn = tokio::time::timeout(self.patience, place.turn()).await;
        turn.map_err(|_elapsed| ApiError::TooManyQuestions(RETRY_SECONDS))?
    }

    /// Waits for a turn however long that takes, after everybody who came before: for the pages of an answer that has begun.
    ///
    /// Errors: none in practice.
    pub(crate) async fn next_turn(&self, tenant_id: TenantId) -> Result<Turn, ApiError> {
        self.enter(tenant_id, false)?.turn().await
    }

    fn enter(&self, tenant_id: TenantId, is_bounded: bool) -> Result<Place, ApiError> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(tenant_id).or_insert_with(|| Account {
            turns: Arc::new(Semaphore::new(self.running)),
            asked: 0,
            known: 0,
        });
        if is_bounded {
            if account.asked >= self.running * (1 + WAITING_PER_RUNNING) {
                return Err(ApiError::TooManyQuestions(RETRY_SECONDS));
            }
            account.asked += 1;
        }
        account.known += 1;
        Ok(Place {
            questions: self.clone(),
            tenant_id,
            turns: Arc::clone(&account.turns),
            is_bounded,
        })
    }
}

impl Place {
    async fn turn(self) -> Result<Turn, ApiError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        Ok(Turn {
            // Nobody closes the semaphore.
            _turn: turn.map_err(|closed| ApiError::Internal(closed.into()))?,
            _place: self,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let accounts = &self.questions.accounts;
        let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get_mut(&self.tenant_id) {
            account.asked -= usize::from(self.is_bounded);
            account.known -= 1;
            if account.known == 0 {
                accounts.remove(&self.tenant_id);
            }
        }
    }
}

impl QuestionTx {
    /// Answers in this transaction while it has this turn.
    pub(crate) fn new(tx: TenantTx, turn: Turn) -> Self {
        Self { tx, _turn: turn }
    }
}

impl Deref for QuestionTx {
    type Target = TenantTx;

    fn deref(&self) -> &TenantTx {
        &self.tx
    }
}

impl DerefMut for QuestionTx {
    fn deref_mut(&mut self) -> &mut TenantTx {
        &mut self.tx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TenantId = TenantId(1);
    const B: TenantId = TenantId(2);

    #[tokio::test]
    async fn one_account_waits_for_itself_and_another_does_not() {
        let questions = Questions::new(1);
        let first = questions.turn(A).await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING_PER_RUNNING)
            .map(|_| Box::pin(questions.turn(A)))
            .collect();
        for question in &mut waiting {
            assert!(futures::poll!(question.as_mut()).is_pending());
        }
        let refused = questions.turn(A).await;
        assert!(matches!(refused, Err(ApiError::TooManyQuestions(1))));
        assert!(questions.turn(B).await.is_ok());
        let mut page = Box::pin(questions.next_turn(A));
        assert!(futures::poll!(page.as_mut()).is_pending());
        drop(first);
        let second = waiting.remove(0).await.unwrap();
        drop(waiting);
        drop(second);
        drop(page.await.unwrap());
        assert!(questions.accounts.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_question_does_not_wait_for_ever() {
        let questions = Questions {
            patience: Duration::ZERO,
            ..Questions::new(1)
        };
        let _first = questions.turn(A).await.unwrap();
        assert!(questions.turn(A).await.is_err());
    }
}
