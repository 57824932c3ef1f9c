//! Answers to commands, kept beside the events they led to: a command that is sent again under the same key is answered again and not done
//! again. An answer is stored in the transaction of what it answers, so there is never one without the other.

use chrono::{DateTime, Utc};
use limpid_domain::ids::{CommandId, TenantId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::database::{Database, TenantTx};
use crate::error::StoreError;

/// Answers that one statement deletes.
const ROWS_PER_BATCH: i64 = 1_000;

/// Batches of one run at most; the next run deletes the rest.
const BATCHES_PER_RUN: u32 = 200;

const OF_TENANT: &str = "\
with over as (
  delete from command_answer where tenant_id = $1 and scope = 'tenant' and key_digest = $2 and expires_at <= $3
)
select tenant_id, command_id, sealed from command_answer
where tenant_id = $1 and scope = 'tenant' and key_digest = $2 and expires_at > $3";

const OF_OPERATOR: &str = "\
with over as (
  delete from command_answer where scope = 'operator' and key_digest = $1 and expires_at <= $2
)
select tenant_id, command_id, sealed from command_answer
where scope = 'operator' and key_digest = $1 and expires_at > $2";

/// Whose keys these are. The operator's stand beside those of the account they are about, and no account can use one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerScope {
    /// An account's.
    Tenant(TenantId),
    /// The operator's.
    Operator,
}

/// By what an answer is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerKey {
    /// Whose key.
    pub scope: AnswerScope,
    /// SHA-256 of the key and of what it belongs to.
    pub digest: [u8; 32],
}

/// An answer as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// The account whose configuration the command changed.
    pub tenant_id: TenantId,
    /// The command: its events have the same id.
    pub command_id: CommandId,
    /// Question and answer, sealed.
    pub sealed: Vec<u8>,
}

/// An answer to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnswer {
    /// The command.
    pub command_id: CommandId,
    /// Question and answer, sealed.
    pub sealed: Vec<u8>,
    /// Until when it is given. UTC.
    pub expires_at: DateTime<Utc>,
}

impl AnswerScope {
    fn name(self) -> &'static str {
        match self {
            Self::Tenant(_) => "tenant",
            Self::Operator => "operator",
        }
    }

    /// An account's keys are looked for among its own rows, the operator's everywhere.
    fn tenant(self) -> Option<i64> {
        match self {
            Self::Tenant(id) => Some(id.0),
            Self::Operator => None,
        }
    }
}

impl AnswerKey {
    /// Number of the advisory lock that whoever works on the answer holds.
    fn lock(&self) -> i64 {
        let mut hash = Sha256::new();
        hash.update(b"limpid command answer|");
        hash.update(self.scope.name());
        hash.update(self.scope.tenant().unwrap_or_default().to_be_bytes());
        hash.update(self.digest);
        let digest: [u8; 32] = hash.finalize().into();
        let first = digest.first_chunk::<8>().copied();
        i64::from_be_bytes(first.unwrap_or_default())
    }
}

/// The answer kept under a key, if there is one and it is still given at `now`. One that is no longer given is deleted, so that its key is free.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn find(
    database: &Database,
    key: &AnswerKey,
    now: DateTime<Utc>,
) -> Result<Option<StoredAnswer>, StoreError> {
    let mut connection = database.service().await?;
    let question = match key.scope {
        AnswerScope::Tenant(tenant_id) => sqlx::query_as(OF_TENANT).bind(tenant_id.0),
        AnswerScope::Operator => sqlx::query_as(OF_OPERATOR),
    };
    let row: Option<(i64, Uuid, Vec<u8>)> = question
        .bind(&key.digest[..])
        .bind(now)
        .fetch_optional(&mut *connection)
        .await?;
    Ok(row.map(|(tenant_id, command_id, sealed)| StoredAnswer {
        tenant_id: TenantId(tenant_id),
        command_id: CommandId(command_id),
        sealed,
    }))
}

/// Makes this transaction the one that works on the answer, until its end. `false` where another one is at it; nobody waits.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn claim(tx: &mut TenantTx, key: &AnswerKey) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
        .bind(key.lock())
        .fetch_one(tx.as_conn())
        .await?)
}

/// Stores an answer.
///
/// # Errors
/// [`StoreError::Taken`] where there is one under this key, [`StoreError::Unavailable`].
pub async fn store(
    tx: &mut TenantTx,
    key: &AnswerKey,
    answer: &NewAnswer,
) -> Result<(), StoreError> {
    let statement =
        "insert into command_answer (tenant_id, scope, key_digest, command_id, sealed, expires_at)
        values ($1, $2, $3, $4, $5, $6)";
    insert(tx, statement, (key, answer)).await
}

/// Stores an answer in place of the one under this key, if there is one.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn replace(
    tx: &mut TenantTx,
    key: &AnswerKey,
    answer: &NewAnswer,
) -> Result<(), StoreError> {
    let statement = "insert into command_answer (tenant_id, scope, key_digest, command_id, sealed, expires_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (tenant_id, scope, key_digest) do update
        set command_id = excluded.command_id, sealed = excluded.sealed, expires_at = excluded.expires_at";
    insert(tx, statement, (key, answer)).await
}

async fn insert(
    tx: &mut TenantTx,
    statement: &'static str,
    (key, answer): (&AnswerKey, &NewAnswer),
) -> Result<(), StoreError> {
    sqlx::query(statement)
        .bind(tx.tenant_id().0)
        .bind(key.scope.name())
        .bind(&key.digest[..])
        .bind(answer.command_id.0)
        .bind(&answer.sealed)
        .bind(answer.expires_at)
        .execute(tx.as_conn())
        .await?;
    Ok(())
}

/// Deletes answers that are no longer given; how many.
///
/// # Errors
/// [`StoreError::Unavailable`]; what was deleted stays deleted.
pub async fn drop_expired(database: &Database, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut dropped = 0;
    for _ in 0..BATCHES_PER_RUN {
        let mut connection = database.service().await?;
        let gone = sqlx::query(
            "delete from command_answer where (tenant_id, scope, key_digest) in (
               select tenant_id, scope, key_digest from command_answer where expires_at <= $1 order by expires_at limit $2)
             and expires_at <= $1",
        )
        .bind(now)
        .bind(ROWS_PER_BATCH)
        .execute(&mut *connection)
        .await?
        .rows_affected();
        dropped += gone;
        if gone < ROWS_PER_BATCH.unsigned_abs() {
            break;
        }
    }
    Ok(dropped)
}
