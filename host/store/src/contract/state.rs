//! State: what is written is what is read, by its bytes.

use bytes::Bytes;
use greenroom_core::store::{StateSize, Store, StoredActor, WriteSet};

use super::samples::{ALL, bytes, purge, task, writes};

pub(super) async fn an_unknown_actor_is_empty(store: &impl Store) {
    let nobody = task("nobody");
    let empty = StoredActor { state: Some(Vec::new()), ..StoredActor::default() };
    assert_eq!(store.load(&nobody, 0).await, Ok(empty));
    assert_eq!(store.state_value(&nobody, "x").await, Ok(None));
    assert!(store.summary(&nobody).await.expect("a summary").is_empty());
}

pub(super) async fn values_come_back_as_they_were(store: &impl Store) {
    let ids = ["'; DROP TABLE state; --", "ключ/%_", "\u{FEFF}", "🦀", &"x".repeat(512)];
    for id in ids {
        let address = task(id);
        let all: Vec<u8> = (0..=255).collect();
        let state = vec![
            (String::new(), Bytes::new()),
            ("\0".into(), Bytes::from_static(b"\0")),
            ("k".into(), Bytes::from(all)),
            ("k\0".into(), bytes(id)),
            ("\u{10FFFF}".into(), Bytes::from(vec![0xFF; 100_000])),
        ];
        let set = WriteSet {
            state: state.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect(),
            ..WriteSet::empty(address.clone())
        };
        store.commit(&[set]).await.expect("a commit");
        let loaded = store.load(&address, ALL).await.expect("a load");
        assert_eq!(loaded.state.as_ref(), Some(&state), "{id}");
        let size: usize = state.iter().map(|(key, value)| key.len() + value.len()).sum();
        let expected = StateSize { keys: state.len() as u64, bytes: size as u64 };
        assert_eq!(loaded.state_size, expected, "{id}");
        for (key, value) in &state {
            assert_eq!(store.state_value(&address, key).await, Ok(Some(value.clone())), "{id}");
        }
    }
}

pub(super) async fn large_state_is_left_out_of_a_load(store: &impl Store) {
    let large = task("large");
    store.commit(&[writes(&large, &[("a", Some("123")), ("b", Some("45"))])]).await.expect("a commit");
    let left_out = store.load(&large, 6).await.expect("a load");
    assert_eq!((left_out.state, left_out.state_size), (None, StateSize { keys: 2, bytes: 7 }));
    let brought = store.load(&large, 7).await.expect("a load");
    assert_eq!(brought.state, Some(vec![("a".into(), bytes("123")), ("b".into(), bytes("45"))]));
}

pub(super) async fn a_size_that_was_told_is_kept_until_a_purge(store: &impl Store) {
    let large = task("large");
    let told = |keys, bytes, state| WriteSet {
        state_size: Some(StateSize { keys, bytes }),
        ..writes(&large, state)
    };
    store.commit(&[writes(&large, &[("a", Some("1"))])]).await.expect("a commit");
    assert!(!store.load(&large, ALL).await.expect("a load").size_is_kept);
    let batch = [told(2, 5, &[("b", Some("12"))]), told(1, 3, &[("a", None)])];
    store.commit(&batch).await.expect("a commit");
    let loaded = store.load(&large, 2).await.expect("a load");
    assert_eq!((loaded.state, loaded.state_size), (None, StateSize { keys: 1, bytes: 3 }));
    assert!(loaded.size_is_kept);
    assert_eq!(store.load(&large, 3).await.expect("a load").state, Some(vec![("b".into(), bytes("12"))]));
    assert_eq!(store.summary(&large).await.expect("a summary").state_size, loaded.state_size);
    store.commit(&[told(2, 5, &[("c", Some("1"))]), purge(&large)]).await.expect("a commit");
    let empty = StoredActor { state: Some(Vec::new()), ..StoredActor::default() };
    assert_eq!(store.load(&large, ALL).await, Ok(empty));
}

pub(super) async fn sizes_are_told_without_their_values(store: &impl Store) {
    let owner = task("sized");
    let state = [("a", Some("")), ("a\0", Some("1")), ("b", Some("é")), ("c", Some("123"))];
    store.commit(&[writes(&owner, &state), writes(&task("t"), &[("bb", Some(""))])]).await.expect("a commit");
    let sizes = async |from, limit| store.state_value_sizes(&owner, from, limit).await.expect("sizes");
    let told = |sizes: &[(&str, u64)]| -> Vec<(String, u64)> {
        sizes.iter().map(|(key, size)| ((*key).to_owned(), *size)).collect()
    };
    assert_eq!(sizes("", 9).await, told(&[("a", 0), ("a\0", 1), ("b", 2), ("c", 3)]));
    assert_eq!(sizes("a\0", 2).await, told(&[("a\0", 1), ("b", 2)]));
    assert_eq!(sizes("bb", 9).await, told(&[("c", 3)]));
    assert_eq!(sizes("d", 9).await, told(&[]));
    assert_eq!(sizes("a", 0).await, told(&[]));
}

pub(super) async fn keys_are_listed_by_their_bytes(store: &impl Store) {
    let owner = task("lister");
    let keys =
        ["", "%", "%a", "A", "_", "a", "a\0", "a%", "a_b", "aa", "ab", "a\u{D7FF}", "a\u{10FFFF}z", "b"];
    let state: Vec<_> = keys.iter().map(|key| (*key, Some("v"))).collect();
    store
        .commit(&[writes(&owner, &state), writes(&task("other"), &[("ac", Some("v"))])])
        .await
        .expect("a commit");
    let all: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    for prefix in ["", "%", "_", "a", "a%", "a\u{D7FF}", "a\u{10FFFF}", "zz"] {
        for after in std::iter::once(None).chain(keys.iter().copied().map(Some)).chain([Some("~")]) {
            let expected: Vec<String> = all
                .iter()
                .filter(|key| key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after))
                .cloned()
                .collect();
            let found = store.state_keys(&owner, prefix, after, 100).await.expect("keys");
            assert_eq!(found, expected, "prefix {prefix:?} after {after:?}");
            let first = store.state_keys(&owner, prefix, after, 1).await.expect("keys");
            assert_eq!(first[..], expected[..expected.len().min(1)], "prefix {prefix:?} after {after:?}");
        }
    }
}

pub(super) async fn more_rows_than_one_statement_takes(store: &impl Store) {
    let owner = task("many");
    for count in [1, 2, 3, 63, 64, 65, 127, 128, 129, 700] {
        let keys: Vec<String> = (0..count).map(|number| format!("{number:04}")).collect();
        let kept: Vec<_> = keys.iter().map(|key| (key.as_str(), Some(key.as_str()))).collect();
        store.commit(&[writes(&owner, &kept)]).await.expect("a commit");
        assert_eq!(store.state_keys(&owner, "", None, 1_000).await.expect("keys"), keys);
        let removed: Vec<_> = keys.iter().skip(1).map(|key| (key.as_str(), None)).collect();
        store.commit(&[writes(&owner, &removed)]).await.expect("a commit");
        assert_eq!(store.state_keys(&owner, "", None, 1_000).await.expect("keys"), keys[..1]);
    }
}
