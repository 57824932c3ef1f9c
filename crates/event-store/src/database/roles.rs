//! The roles that row-level security speaks about. Made here and not by a migration, because roles belong to the cluster and
//! outlive databases, and plain SQL has no `create role if not exists`.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::error::StoreError;

/// Every role, all without login and without a way round row-level security.
const ROLES: [&str; 2] = ["limpid_tenant", "limpid_service"];
/// Attempts before a collision with another program is an error; each collision means that somebody else made progress.
const ATTEMPTS: u32 = 20;

pub(super) async fn ensure(conn: &mut PgConnection) -> Result<(), StoreError> {
    for role in ROLES {
        create(conn, role).await?;
        grant_to_login_user(conn, role).await?;
    }
    Ok(())
}

async fn create(conn: &mut PgConnection, role: &str) -> Result<(), StoreError> {
    let (exists,): (bool,) =
        sqlx::query_as("select exists (select from pg_roles where rolname = $1)")
            .bind(role)
            .fetch_one(&mut *conn)
            .await?;
    if exists {
        return Ok(());
    }
    run_against_others(
        conn,
        format!("create role {role} nologin noinherit nobypassrls"),
    )
    .await
}

async fn grant_to_login_user(conn: &mut PgConnection, role: &str) -> Result<(), StoreError> {
    let member = "select exists (select from pg_auth_members m join pg_roles r on r.oid = m.roleid \
                  join pg_roles u on u.oid = m.member where r.rolname = $1 and u.rolname = session_user)";
    let (is_member,): (bool,) = sqlx::query_as(member)
        .bind(role)
        .fetch_one(&mut *conn)
        .await?;
    if is_member {
        return Ok(());
    }
    run_against_others(conn, format!("grant {role} to session_user")).await
}

/// Roles are shared by all databases of a cluster, where no advisory lock reaches: when another program does the same at the
/// same moment, one of the two sees a collision and looks again.
async fn run_against_others(conn: &mut PgConnection, statement: String) -> Result<(), StoreError> {
    for attempt in 1.. {
        let Err(error) = sqlx::raw_sql(AssertSqlSafe(statement.as_str()))
            .execute(&mut *conn)
            .await
        else {
            return Ok(());
        };
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        match code.as_deref() {
            // duplicate_object, unique_violation: it is there now.
            Some("42710" | "23505") => return Ok(()),
            // "tuple concurrently updated" comes as an internal error.
            Some("XX000") if attempt < ATTEMPTS => {}
            _ => return Err(error.into()),
        }
    }
    Ok(())
}
