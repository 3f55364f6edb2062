//! What was purged, from the moment in which it is gone for everybody until the last of it has left the database.
//!
//! To remove all that a type's actors have, or one actor with a full mailbox, takes as long as there is much of it,
//! and everybody's commits would wait. So a purge is one row, which hides what it names, and then that is removed in
//! parts, each bounded in rows and in bytes, for which a commit waits no longer than for another commit. The row goes
//! with the last part, so a process that starts goes on where the one before it ended.
//!
//! Which purges there are is known in memory too: to ask costs a read of one number where there are none.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use greenroom_core::store::{StoreResult, WriteSet};
use greenroom_core::{ActorType, Address, FailPoint, InvalidName};
use parking_lot::Mutex;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::query::Emptied;
use super::rows::Columns;
use super::{SqliteStore, query};

/// Rows of one table that go in one part at most.
pub(super) const PART_ROWS: i64 = 1_000;
/// Bytes of bodies and values of one table after which no more of its rows go in the same part.
pub(super) const PART_BYTES: i64 = 8 << 20;

/// One purge that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purge {
    /// Of one actor.
    Actor(Address),
    /// Of every actor of a type that was undeployed.
    Type(ActorType),
    /// Of the components that no version has any more.
    Components,
}

/// The purges that are not over.
#[derive(Default)]
pub(super) struct Purges {
    are_any: AtomicBool,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    actors: BTreeSet<Address>,
    types: BTreeSet<ActorType>,
    components: bool,
}

impl UnderWay {
    /// The one to go on with: an actor that waits for its end first.
    fn next(&self) -> Option<Purge> {
        let actor = self.actors.first().cloned().map(Purge::Actor);
        let actor_type = || self.types.first().cloned().map(Purge::Type);
        actor.or_else(actor_type).or_else(|| self.components.then_some(Purge::Components))
    }
}

impl Purges {
    /// Reads what the process before has left.
    pub(super) async fn read(connection: &mut SqliteConnection) -> sqlx::Result<Self> {
        let purges = Purges::default();
        for row in sqlx::query("SELECT actor_type, actor_id FROM purge").fetch_all(connection).await? {
            purges.begin(purge(&row)?);
        }
        Ok(purges)
    }

    /// Notes one that is committed. That of a type takes the place of those of its actors.
    pub(super) fn begin(&self, purge: Purge) {
        let mut under_way = self.under_way.lock();
        match purge {
            Purge::Actor(address) => drop(under_way.actors.insert(address)),
            Purge::Type(actor_type) => {
                under_way.actors.retain(|address| address.actor_type != actor_type);
                under_way.types.insert(actor_type);
            }
            Purge::Components => under_way.components = true,
        }
        self.are_any.store(true, Ordering::Release);
    }

    fn end(&self, purge: &Purge) {
        let mut under_way = self.under_way.lock();
        match purge {
            Purge::Actor(address) => drop(under_way.actors.remove(address)),
            Purge::Type(actor_type) => drop(under_way.types.remove(actor_type)),
            Purge::Components => under_way.components = false,
        }
        self.are_any.store(under_way.next().is_some(), Ordering::Release);
    }

    fn next(&self) -> Option<Purge> {
        self.under_way.lock().next()
    }

    fn look(&self, look: impl FnOnce(&UnderWay) -> bool) -> bool {
        self.are_any.load(Ordering::Acquire) && look(&self.under_way.lock())
    }

    /// Whether all of that type was purged.
    pub(super) fn has_type(&self, actor_type: &ActorType) -> bool {
        self.look(|under_way| under_way.types.contains(actor_type))
    }

    /// Whether that actor was purged by itself.
    pub(super) fn has_actor(&self, address: &Address) -> bool {
        self.look(|under_way| under_way.actors.contains(address))
    }

    /// Whether nobody may see what is stored of that actor.
    pub(super) fn hide(&self, address: &Address) -> bool {
        self.look(|under_way| {
            under_way.types.contains(&address.actor_type) || under_way.actors.contains(address)
        })
    }
}

/// A row of the table.
fn purge(row: &SqliteRow) -> sqlx::Result<Purge> {
    let (actor_type, id): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let invalid = |error: InvalidName| sqlx::Error::Decode(error.into());
    Ok(match (actor_type, id) {
        ("", _) => Purge::Components,
        (_, "") => Purge::Type(ActorType::new(actor_type).map_err(invalid)?),
        _ => Purge::Actor(Address::parse(actor_type, id).map_err(invalid)?),
    })
}

impl Purge {
    /// The row of the table.
    fn names(&self) -> (&str, &str) {
        match self {
            Purge::Actor(address) => (address.actor_type.as_str(), address.id.as_str()),
            Purge::Type(actor_type) => (actor_type.as_str(), ""),
            Purge::Components => ("", ""),
        }
    }

    /// Removes a part; says whether that was the last.
    async fn remove_part(&self, connection: &mut SqliteConnection) -> sqlx::Result<bool> {
        let (actor_type, id) = self.names();
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        let is_over = match self {
            Purge::Actor(_) => remove_rows(connection, &query::PURGE_ACTOR, actor_type, id).await?,
            Purge::Type(_) => remove_rows(connection, &query::PURGE_TYPE, actor_type, id).await?,
            // They are large, so each is a part.
            Purge::Components => {
                let removed = sqlx::query(query::REMOVE_ONE_COMPONENT).execute(&mut *connection).await?;
                removed.rows_affected() == 0
            }
        };
        if is_over {
            sqlx::query(query::END_PURGE).bind(actor_type).bind(id).execute(&mut *connection).await?;
        }
        FailPoint::PurgeWritten.reach();
        sqlx::query("COMMIT").execute(connection).await?;
        FailPoint::PurgeStored.reach();
        Ok(is_over)
    }
}

/// Removes rows of the first tables that have some; says whether none has any more.
async fn remove_rows(
    connection: &mut SqliteConnection,
    tables: &[Emptied],
    actor_type: &str,
    id: &str,
) -> sqlx::Result<bool> {
    for table in tables {
        sqlx::query(table.remove)
            .bind(actor_type)
            .bind(id)
            .bind(PART_ROWS)
            .bind(PART_BYTES)
            .execute(&mut *connection)
            .await?;
        let is_left: bool =
            sqlx::query_scalar(table.is_left).bind(actor_type).bind(id).fetch_one(&mut *connection).await?;
        if is_left {
            return Ok(false);
        }
    }
    Ok(true)
}

impl SqliteStore {
    pub(super) async fn remove_part_of_purged(&self) -> StoreResult<bool> {
        let Some(purge) = self.purges.next() else { return Ok(false) };
        let purges = Arc::clone(&self.purges);
        self.write(move |connection| {
            Box::pin(async move {
                if purge.remove_part(connection).await? {
                    purges.end(&purge);
                }
                Ok(purges.next().is_some())
            })
        })
        .await
    }

    /// Those actors that `batch` purges and that have more than goes in one part. They are purged by a row, unless
    /// the batch has something of their own after it.
    pub(super) async fn large_purges(&self, batch: &[WriteSet]) -> StoreResult<BTreeSet<Address>> {
        let mut large = BTreeSet::new();
        let (mut rows_left, mut bytes_left) = (PART_ROWS as u64, PART_BYTES as u64);
        for set in batch.iter().filter(|set| set.purge) {
            let is_alone = WriteSet { purge: false, ..set.clone() }.is_empty();
            let last = batch.iter().rev().find(|other| other.address == set.address);
            if !is_alone || !last.is_some_and(|last| std::ptr::eq(last, set)) {
                continue;
            }
            let names = [set.address.actor_type.as_str().into(), set.address.id.as_str().into()];
            let found = self.rows(query::EXTENT, names.into_iter().chain([PART_ROWS.into()])).await?;
            let extent = |row| {
                let mut columns = Columns::from(row, 0);
                Ok((columns.count()?, columns.count()?))
            };
            let (rows, bytes) = self.decoded(|| found.first().map_or(Ok((0, 0)), extent))?;
            if rows > rows_left || bytes > bytes_left {
                large.insert(set.address.clone());
            } else {
                rows_left -= rows;
                bytes_left -= bytes;
            }
        }
        Ok(large)
    }
}
