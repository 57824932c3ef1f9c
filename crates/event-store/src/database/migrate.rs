//! Schema changes, embedded into the program.

use std::str::FromStr;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};

use super::roles;
use crate::error::StoreError;

/// Every migration there is. They run under the migrator's own advisory lock, so several programs may start at once.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

pub(super) async fn run(url: &str) -> Result<(), StoreError> {
    let options = PgConnectOptions::from_str(url)?.application_name("limpid migrate");
    let mut conn: PgConnection = options.connect().await?;
    roles::ensure(&mut conn).await?;
    MIGRATIONS.run(&mut conn).await?;
    conn.close().await?;
    Ok(())
}
