//! Actor types: which versions there are, deploying one, going back to another, what is set for a
//! type, and taking a type away.

use std::sync::Arc;

use bytes::Bytes;
use greenroom_core::store::{ActorTypeRecord, StoreError, StoreResult, Undeployed, VersionRecord};
use greenroom_core::{ActorType, ComponentInfo, Digest, FailPoint, Timestamp, TypeSettings};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::purge::{Purge, Purges};
use super::rows::{self, Columns};
use super::statement::Value;
use super::{SqliteStore, query};

/// Tables with rows of actors that count as something stored.
const IN_USE: &str = "SELECT EXISTS (SELECT 1 FROM state WHERE actor_type = ?1) \
     OR EXISTS (SELECT 1 FROM mailbox WHERE actor_type = ?1) \
     OR EXISTS (SELECT 1 FROM reminder WHERE actor_type = ?1) \
     OR EXISTS (SELECT 1 FROM dead_letter WHERE actor_type = ?1) \
     OR EXISTS (SELECT 1 FROM idempotency WHERE actor_type = ?1)";

/// A type and its versions. All that its actors have, and components that no version has any more, are removed in
/// parts.
const REMOVE_TYPE: [&str; 5] = [
    "DELETE FROM component_version WHERE actor_type = ?1",
    "DELETE FROM actor_type WHERE name = ?1",
    "DELETE FROM purge WHERE actor_type = ?1",
    "INSERT INTO purge (actor_type, actor_id) VALUES (?1, '')",
    query::PURGE_COMPONENTS,
];

/// Versions but the latest `?2`, the active one and the one before it.
const REMOVE_OLD_VERSIONS: &str = "DELETE FROM component_version WHERE actor_type = ?1 \
     AND number NOT IN (SELECT number FROM component_version WHERE actor_type = ?1 \
       ORDER BY number DESC LIMIT ?2) \
     AND NOT EXISTS (SELECT 1 FROM actor_type WHERE name = ?1 AND number IN (active_version, previous_version))";

const ACTIVATE: &str = "UPDATE actor_type SET previous_version = active_version, active_version = ?2 \
     WHERE name = ?1 AND active_version <> ?2 \
     AND EXISTS (SELECT 1 FROM component_version WHERE actor_type = ?1 AND number = ?2)";

const SET_SETTINGS: &str = "UPDATE actor_type SET settings = ?2 WHERE name = ?1";

impl SqliteStore {
    pub(super) async fn list_types(&self) -> StoreResult<Vec<ActorTypeRecord>> {
        let found = self.rows(query::ACTOR_TYPES, []).await?;
        self.decoded(|| records(&found))
    }

    pub(super) async fn read_component(&self, digest: &Digest) -> StoreResult<Option<Bytes>> {
        let found = self.rows(query::COMPONENT, [Value::from(&digest.as_bytes()[..])]).await?;
        self.decoded(|| found.first().map(|row| rows::component(digest, Columns::from(row, 0))).transpose())
    }

    pub(super) async fn add_version(
        &self,
        actor_type: &ActorType,
        info: &ComponentInfo,
        component: &[u8],
        versions_max: usize,
        now: Timestamp,
    ) -> StoreResult<ActorTypeRecord> {
        if self.purges.has_type(actor_type) {
            return Err(StoreError::Unavailable(format!(
                "what {actor_type} had stored is still being removed"
            )));
        }
        let (actor_type, info, component) = (actor_type.clone(), info.clone(), component.to_vec());
        let purges = Arc::clone(&self.purges);
        self.write_bytes(component.len() as u64, move |connection| {
            Box::pin(deploy(connection, purges, actor_type, info, component, versions_max, now))
        })
        .await
    }

    pub(super) async fn change_version(
        &self,
        actor_type: &ActorType,
        version: u32,
    ) -> StoreResult<Option<ActorTypeRecord>> {
        let actor_type = actor_type.clone();
        let record = self
            .write(move |connection| Box::pin(change(connection, actor_type, ACTIVATE, i64::from(version))));
        Ok(record.await?.filter(|record| record.active_version == version))
    }

    pub(super) async fn change_settings(
        &self,
        actor_type: &ActorType,
        settings: &TypeSettings,
    ) -> StoreResult<Option<ActorTypeRecord>> {
        let (actor_type, settings) = (actor_type.clone(), settings.to_json().to_string());
        self.write(move |connection| Box::pin(change(connection, actor_type, SET_SETTINGS, settings))).await
    }

    pub(super) async fn remove_type(&self, actor_type: &ActorType, purge: bool) -> StoreResult<Undeployed> {
        let (purges, actor_type) = (Arc::clone(&self.purges), actor_type.clone());
        self.write(move |connection| {
            Box::pin(async move {
                let undeployed = undeploy(connection, actor_type.as_str(), purge).await?;
                if undeployed == Undeployed::Removed {
                    purges.begin(Purge::Type(actor_type));
                    purges.begin(Purge::Components);
                }
                Ok(undeployed)
            })
        })
        .await
    }
}

async fn deploy(
    connection: &mut SqliteConnection,
    purges: Arc<Purges>,
    actor_type: ActorType,
    info: ComponentInfo,
    component: Vec<u8>,
    versions_max: usize,
    now: Timestamp,
) -> sqlx::Result<ActorTypeRecord> {
    let name = actor_type.as_str();
    let digest = &info.digest.as_bytes()[..];
    let imports = serde_json::to_string(&info.imports).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    sqlx::query("INSERT INTO component (digest, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .bind(digest)
        .bind(component)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO actor_type (name, active_version) VALUES (?1, 1) \
         ON CONFLICT DO UPDATE SET previous_version = active_version, active_version = \
         (SELECT max(number) + 1 FROM component_version WHERE actor_type = ?1)",
    )
    .bind(name)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO component_version (actor_type, number, digest, size_bytes, imports, deployed_at) \
         SELECT name, active_version, ?2, ?3, ?4, ?5 FROM actor_type WHERE name = ?1",
    )
    .bind(name)
    .bind(digest)
    .bind(info.size_bytes as i64)
    .bind(imports)
    .bind(now.unix_ms() as i64)
    .execute(&mut *connection)
    .await?;
    let removed = sqlx::query(REMOVE_OLD_VERSIONS)
        .bind(name)
        .bind(i64::try_from(versions_max).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
    let has_removed = removed.rows_affected() > 0;
    if has_removed {
        sqlx::query(query::PURGE_COMPONENTS).execute(&mut *connection).await?;
    }
    let record = record_of(connection, &actor_type).await?;
    FailPoint::UploadWritten.reach();
    sqlx::query("COMMIT").execute(connection).await?;
    if has_removed {
        purges.begin(Purge::Components);
    }
    record.ok_or(sqlx::Error::RowNotFound)
}

/// Runs one update of the row of `actor_type`, and reads what became of it.
async fn change<'v, V>(
    connection: &mut SqliteConnection,
    actor_type: ActorType,
    update: &'static str,
    value: V,
) -> sqlx::Result<Option<ActorTypeRecord>>
where
    V: sqlx::Encode<'v, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + 'v,
{
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    sqlx::query(update).bind(actor_type.as_str().to_owned()).bind(value).execute(&mut *connection).await?;
    let record = record_of(connection, &actor_type).await?;
    FailPoint::ActivateWritten.reach();
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(record)
}

async fn record_of(
    connection: &mut SqliteConnection,
    actor_type: &ActorType,
) -> sqlx::Result<Option<ActorTypeRecord>> {
    let found = sqlx::query(query::ACTOR_TYPES).fetch_all(connection).await?;
    Ok(records(&found)?.into_iter().find(|record| record.name == *actor_type))
}

async fn undeploy(connection: &mut SqliteConnection, name: &str, purge: bool) -> sqlx::Result<Undeployed> {
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM actor_type WHERE name = ?1)")
        .bind(name)
        .fetch_one(&mut *connection)
        .await?;
    if !known {
        return Ok(Undeployed::Unknown);
    }
    if !purge {
        let in_use: bool = sqlx::query_scalar(IN_USE).bind(name).fetch_one(&mut *connection).await?;
        if in_use {
            return Ok(Undeployed::InUse);
        }
    }
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for text in REMOVE_TYPE {
        sqlx::query(text).bind(name).execute(&mut *connection).await?;
    }
    FailPoint::UndeployWritten.reach();
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(Undeployed::Removed)
}

/// Rows of [`query::ACTOR_TYPES`], which come sorted by type and number.
fn records(found: &[SqliteRow]) -> sqlx::Result<Vec<ActorTypeRecord>> {
    let mut records: Vec<ActorTypeRecord> = Vec::new();
    for row in found {
        let mut columns = Columns::from(row, 0);
        let name = columns.actor_type()?;
        let active_version = columns.small()?;
        let previous_version = columns.optional_small()?;
        let settings = settings(columns.text()?)?;
        let number = columns.small()?;
        let component = ComponentInfo {
            digest: columns.digest()?,
            size_bytes: columns.count()?,
            imports: serde_json::from_str(columns.text()?)
                .map_err(|error| sqlx::Error::Decode(error.into()))?,
        };
        let version = VersionRecord { number, component, deployed_at: columns.moment()? };
        match records.last_mut().filter(|record| record.name == name) {
            Some(record) => record.versions.push(version),
            None => records.push(ActorTypeRecord {
                name,
                active_version,
                previous_version,
                settings,
                versions: vec![version],
            }),
        }
    }
    Ok(records)
}

fn settings(text: &str) -> sqlx::Result<TypeSettings> {
    let document = serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))?;
    TypeSettings::from_json(&document).map_err(|error| sqlx::Error::Decode(error.into()))
}
