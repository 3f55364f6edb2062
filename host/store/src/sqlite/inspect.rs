//! A look at an existing database through a read-only connection, before anything may change it.

use std::path::Path;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _};

use super::connect;
use super::failure::{self, Kind};
use super::migrations::MIGRATIONS;
use super::open::{OpenError, SqliteOptions};

/// `PRAGMA application_id` of the first migration.
const APPLICATION_ID: i64 = 0x4752_4E52;

/// Refuses a file that is not a sound Greenroom database of a known schema. `whole` also checks
/// every page.
pub(super) async fn inspect(file: &Path, options: &SqliteOptions, whole: bool) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| OpenError::from_sqlite(file, &error);
    let looked = look(connect::reader(file, options.busy_timeout).await).await;
    let (mut connection, (application_id, tables)) = match looked {
        // The process ended while the first page was being made. Undoing that needs a writer.
        Err(error) if failure::kind(&error) == Kind::NeedsRollback => {
            look(connect::recovering(file, options.busy_timeout).await).await.map_err(failed)?
        }
        looked => looked.map_err(failed)?,
    };
    if application_id != APPLICATION_ID && tables > 0 {
        return Err(OpenError::NotADatabase {
            path: file.into(),
            detail: "it belongs to another program".into(),
        });
    }
    names(file, &mut connection).await?;
    schema(file, &mut connection).await?;
    if whole {
        quick_check(file, &mut connection).await?;
    }
    connection.close().await.map_err(failed)
}

/// What a first look through a connection finds; setting one up already reads the file.
async fn look(opened: sqlx::Result<SqliteConnection>) -> sqlx::Result<(SqliteConnection, (i64, i64))> {
    let mut connection = opened?;
    let found = application(&mut connection).await?;
    Ok((connection, found))
}

/// The application id, and how many tables there are besides the list of migrations.
async fn application(connection: &mut SqliteConnection) -> sqlx::Result<(i64, i64)> {
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE tbl_name <> '_sqlx_migrations'")
            .fetch_one(&mut *connection)
            .await?;
    let id: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(connection).await?;
    Ok((id, tables))
}

/// Refuses names that are not text. SQLite passes them on as they are, and sqlx's thread panics over one,
/// after which a question to it may never be answered.
async fn names(file: &Path, connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let definitions: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT CAST(sql AS BLOB) FROM sqlite_schema WHERE sql IS NOT NULL")
            .fetch_all(connection)
            .await
            .map_err(|error| OpenError::from_sqlite(file, &error))?;
    if definitions.iter().any(|definition| std::str::from_utf8(definition).is_err()) {
        return Err(OpenError::Corrupt {
            path: file.into(),
            detail: "the definition of a table is no text".into(),
        });
    }
    Ok(())
}

async fn schema(file: &Path, connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| OpenError::from_sqlite(file, &error);
    let listed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'")
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
    if listed == 0 {
        return Ok(());
    }
    let applied =
        sqlx::query("SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version DESC")
            .fetch_all(connection)
            .await
            .map_err(failed)?;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    for row in applied {
        let version: i64 = row.try_get(0).map_err(failed)?;
        let complete: bool = row.try_get(1).map_err(failed)?;
        let checksum: &[u8] = row.try_get(2).map_err(failed)?;
        if version > known {
            return Err(OpenError::NewerSchema { path: file.into(), found: version, known });
        }
        let same = MIGRATIONS
            .iter()
            .any(|migration| migration.version == version && *migration.checksum == *checksum);
        if !same || !complete {
            return Err(OpenError::ForeignSchema { path: file.into(), version });
        }
    }
    Ok(())
}

async fn quick_check(file: &Path, connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(connection)
        .await
        .map_err(|error| OpenError::from_sqlite(file, &error))?;
    if found == "ok" { Ok(()) } else { Err(OpenError::Corrupt { path: file.into(), detail: found }) }
}
