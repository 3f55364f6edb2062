//! Data directories for tests that make hosts crash: one to start from, copies of it, and a look at what a
//! crash has left.

use std::fs;
use std::path::Path;

use anyhow::ensure;
use greenroom_tests::guests;
use greenroom_tests::host::Host;
use greenroom_tests::load;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

/// A folder with the data directory of a host that has the guests of a [`load`] and has stopped.
pub(crate) async fn template() -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("greenroom-template-").tempdir()?;
    let mut host = Host::at(folder.path(), load::settings()).await?;
    host.deploy("probe", guests::component("probe")?).await?.expect(201);
    host.deploy("spare", guests::component("typed")?).await?.expect(201);
    host.terminate().await?;
    Ok(folder)
}

/// A folder of its own with the same data directory.
pub(crate) fn copy_data(template: &Path) -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("greenroom-crash-").tempdir()?;
    copy(&template.join("data"), &folder.path().join("data"))?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

/// Looks at every page and row of the database of a host that has stopped.
pub(crate) async fn check_database(data: &Path) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(data.join("greenroom.db")).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let found: Vec<String> =
        sqlx::query_scalar("PRAGMA integrity_check(3)").fetch_all(&mut connection).await?;
    ensure!(found == ["ok"], "{found:?}");
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut connection).await?;
    ensure!(dangling.is_empty(), "{} rows refer to nothing", dangling.len());
    connection.close().await?;
    Ok(())
}
