//! The database: a pool that nobody else can reach into, and transactions that know whose data they may touch.
//!
//! Three roles without login are granted to the user of the URL: `limpid_service` sees every tenant and is what pooled connections
//! run as; `limpid_tenant` sees the rows of one tenant, named by `app.tenant_id`, by row-level security; the owner of the schema
//! changes tables. Source: `events.md` 5.

mod migrate;
mod roles;

use std::str::FromStr;
use std::time::Duration;

use limpid_domain::ids::TenantId;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction};

use crate::error::StoreError;

/// What is committed is acknowledged, and forgotten here: a server that would lose it in a crash is told not to, one that waits for more than
/// its own disk goes on doing so.
const BEGIN_CONNECTION: &str = "set role limpid_service;
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'";

/// A connection that was used this short a time ago is not asked for a sign of life: no server is down and back in less.
const TRUSTED: Duration = Duration::from_millis(100);

/// How to use a database.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// Size of the pool.
    pub max_connections: u32,
    /// What `pg_stat_activity` shows.
    pub application_name: String,
    /// How long a caller waits for a connection before it hears "unavailable".
    pub acquire_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
}

impl Default for DatabaseOptions {
    /// Source: `events.md` 6.
    fn default() -> Self {
        Self {
            max_connections: 5,
            application_name: "limpid".to_owned(),
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
        }
    }
}

/// A PostgreSQL database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
}

impl Database {
    /// Prepares a pool without connecting: a program may start while its database is down.
    ///
    /// Errors: [`StoreError::Database`] if the URL is malformed.
    pub fn lazy(url: &str, options: &DatabaseOptions) -> Result<Self, StoreError> {
        let millis = |limit: Duration| limit.as_millis().to_string();
        let connect = PgConnectOptions::from_str(url)?
            .application_name(&options.application_name)
            .options([
                ("statement_timeout", millis(options.statement_timeout)),
                ("lock_timeout", millis(options.statement_timeout)),
                // A transaction that its program forgot must not hold a tenant's head row.
                (
                    "idle_in_transaction_session_timeout",
                    millis(Duration::from_secs(10)),
                ),
                ("timezone", "UTC".to_owned()),
                // Statements of milliseconds: compiling one, or starting processes for it, costs more than it takes.
                ("jit", "off".to_owned()),
                ("max_parallel_workers_per_gather", "0".to_owned()),
                // What is asked about is in memory or on a disk without an arm to move.
                ("random_page_cost", "1.1".to_owned()),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .acquire_timeout(options.acquire_timeout)
            .idle_timeout(Duration::from_mins(10))
            .max_lifetime(Duration::from_mins(30))
            // A round trip that a dozen questions in a row can do without.
            .test_before_acquire(false)
            .before_acquire(|conn, meta| {
                Box::pin(async move { Ok(meta.idle_for < TRUSTED || conn.ping().await.is_ok()) })
            })
            .after_connect(|conn, _| {
                Box::pin(async move {
                    sqlx::raw_sql(BEGIN_CONNECTION).execute(conn).await?;
                    Ok(())
                })
            })
            .connect_lazy_with(connect);
        Ok(Self { pool })
    }

    /// Connects, and makes sure that the database answers and is migrated.
    ///
    /// Errors: [`StoreError::Unavailable`], [`StoreError::Database`].
    pub async fn connect(url: &str, options: &DatabaseOptions) -> Result<Self, StoreError> {
        let database = Self::lazy(url, options)?;
        database.ping().await?;
        Ok(database)
    }

    /// Brings roles and schema up to date. Safe to run from several programs at once.
    ///
    /// Errors: [`StoreError::Unavailable`], [`StoreError::Migration`], [`StoreError::Database`].
    pub async fn migrate(url: &str) -> Result<(), StoreError> {
        migrate::run(url).await
    }

    /// Asks for a sign of life.
    ///
    /// Errors: [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut conn = self.pool.acquire().await?;
        sqlx::query("select 1").execute(&mut *conn).await?;
        Ok(())
    }

    /// Begins a transaction that sees and changes one tenant's rows only.
    ///
    /// Errors: [`StoreError::Unavailable`].
    pub async fn tenant_tx(&self, tenant_id: TenantId) -> Result<TenantTx, StoreError> {
        // One round trip, and the form that a sharded PostgreSQL forwards (`events.md` 4). The id is a number: nothing to escape.
        let begin = format!(
            "begin; set local role limpid_tenant; set local app.tenant_id = '{}'",
            tenant_id.0
        );
        let tx = self.begin(begin).await?;
        Ok(TenantTx { tenant_id, tx })
    }

    /// A connection for work of the system itself, across tenants.
    ///
    /// Errors: [`StoreError::Unavailable`].
    pub async fn service(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        Ok(self.pool.acquire().await?)
    }

    /// Begins a transaction for work of the system itself, across tenants.
    ///
    /// Errors: [`StoreError::Unavailable`].
    pub async fn service_tx(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.begin("begin".to_owned()).await
    }

    /// Begins a transaction whose statements all see the same moment, across tenants, and change nothing.
    ///
    /// Errors: [`StoreError::Unavailable`].
    pub async fn snapshot_tx(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let begin = "begin isolation level repeatable read read only";
        self.begin(begin.to_owned()).await
    }

    /// Begins a transaction as the owner of the schema, for making and dropping partitions.
    ///
    /// Errors: [`StoreError::Unavailable`].
    pub async fn owner_tx(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.begin("begin; set local role none".to_owned()).await
    }

    /// Mints a tenant and begins a transaction that sees and changes its rows only. A rollback leaves nothing but a gap
    /// in the numbers.
    ///
    /// Errors: [`StoreError::Unavailable`].
    pub async fn new_tenant_tx(&self) -> Result<TenantTx, StoreError> {
        let mut tx = self.service_tx().await?;
        let (id,): (i64,) =
            sqlx::query_as("insert into tenant_head default values returning tenant_id")
                .fetch_one(&mut *tx)
                .await?;
        let narrow = format!("set local role limpid_tenant; set local app.tenant_id = '{id}'");
        sqlx::raw_sql(AssertSqlSafe(narrow))
            .execute(&mut *tx)
            .await?;
        Ok(TenantTx {
            tenant_id: TenantId(id),
            tx,
        })
    }

    /// Begins a transaction in a task of its own, to its end even if nobody waits any more: a client that hangs up drops whatever its request
    /// was doing, and a connection that is dropped between the question and the answer to `begin` goes back to the pool in a transaction,
    /// with the role and the tenant of it, that the library knows nothing of.
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends within the pool's time-out, and is waited for by whoever still wants it"
    )]
    async fn begin(&self, statement: String) -> Result<Transaction<'static, Postgres>, StoreError> {
        let pool = self.pool.clone();
        let begun =
            tokio::spawn(async move { pool.begin_with(AssertSqlSafe(statement)).await }).await;
        Ok(begun.map_err(|_| sqlx::Error::WorkerCrashed)??)
    }

    /// Closes every connection; waits for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// A transaction that sees and changes one tenant's rows only. Dropped without [`TenantTx::commit`] it rolls back.
#[derive(Debug)]
pub struct TenantTx {
    tenant_id: TenantId,
    tx: Transaction<'static, Postgres>,
}

impl TenantTx {
    /// Whose.
    pub fn tenant_id(&self) -> TenantId {
        self.tenant_id
    }

    /// The connection, to run statements on.
    pub fn as_conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Makes the changes permanent.
    ///
    /// Errors: [`StoreError::Unavailable`]; then it is unknown whether they are.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}
