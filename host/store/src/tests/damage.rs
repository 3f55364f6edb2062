//! Bytes of a database that go bad, anywhere: the store refuses to open, or refuses to answer, or answers
//! as before. It never panics, and never deletes or mends anything.

use std::fs;
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use greenroom_core::Address;
use greenroom_core::store::{Store, StoreError, WriteSet};
use proptest::prelude::*;

use super::open;
use crate::{OpenError, SqliteOptions, SqliteStore};

const ACTORS: usize = 60;

fn task(number: usize) -> Address {
    Address::parse("task", &format!("{number:03}")).unwrap()
}

fn state(number: usize) -> Vec<(String, Option<Bytes>)> {
    vec![("key".into(), Some(Bytes::from(vec![number as u8; 700]))), ("other".into(), Some("x".into()))]
}

/// The bytes of a database with state of many actors.
fn sound() -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        let sets =
            (0..ACTORS).map(|number| WriteSet { state: state(number), ..WriteSet::empty(task(number)) });
        store.commit(&sets.collect::<Vec<_>>()).await.unwrap();
        store.close().await;
        fs::read(directory.path().join("greenroom.db")).unwrap()
    })
}

/// Opens a database of those bytes and reads everything.
async fn read_all(bytes: &[u8], checked: bool) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("greenroom.db");
    fs::write(&file, bytes).unwrap();
    let checked_bytes_max = if checked { u64::MAX } else { 0 };
    let options = SqliteOptions { checked_bytes_max, ..SqliteOptions::default() };
    let store = match SqliteStore::open(directory.path(), &options).await {
        Ok(store) => store,
        Err(error) => {
            assert!(fs::read(&file).unwrap() == bytes, "it was refused and changed: {error}");
            return;
        }
    };
    let mut broken = false;
    for number in 0..ACTORS {
        match store.load(&task(number), u64::MAX).await {
            // What SQLite can't see is a changed byte within a value: as long as before, and never
            // somebody else's.
            Ok(loaded) if !broken => {
                for (key, value) in loaded.state.unwrap_or_default() {
                    assert!(key.len() <= 5 && value.len() <= 700, "{key:?}");
                }
            }
            Ok(_) => panic!("a store that met damage answers again"),
            Err(StoreError::Broken(_)) => broken = true,
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    if broken {
        let set = WriteSet { state: state(0), ..WriteSet::empty(task(0)) };
        assert!(matches!(store.commit(&[set]).await, Err(StoreError::Broken(_))));
    }
    store.close().await;
    assert!(fs::metadata(&file).unwrap().len() > 0);
}

/// A column of the list of migrations whose type is no text.
#[tokio::test]
async fn a_table_whose_definition_is_no_text_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).await.close().await;
    let file = directory.path().join("greenroom.db");
    let mut bytes = fs::read(&file).unwrap();
    // Also where SQLite has left an older copy of it.
    let places: Vec<_> = (0..bytes.len()).filter(|place| bytes[*place..].starts_with(b"BIGINT")).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place] = 0xFF;
    }
    fs::write(&file, &bytes).unwrap();
    for checked_bytes_max in [0, u64::MAX] {
        let options = SqliteOptions { checked_bytes_max, ..SqliteOptions::default() };
        let error = SqliteStore::open(directory.path(), &options).await.err().expect("it was opened");
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
        assert!(fs::read(&file).unwrap() == bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_that_go_bad_are_refused_or_answered_as_before(
        places in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..40),
        cut in proptest::option::weighted(0.2, any::<proptest::sample::Index>()),
        checked in any::<bool>(),
    ) {
        static SOUND: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(sound);
        let mut bytes = SOUND.clone();
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()).max(1));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = AssertUnwindSafe(|| runtime.block_on(read_all(&bytes, checked)));
        prop_assert!(std::panic::catch_unwind(read).is_ok());
    }
}
