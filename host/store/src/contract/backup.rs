//! Backups, as far as any store can tell of one.

use greenroom_core::store::Store;

use super::samples::{task, writes};

pub(super) async fn a_backup_comes_whole_and_changes_nothing(store: &impl Store) {
    let owner = task("a");
    store.commit(&[writes(&owner, &[("key", Some("value"))])]).await.expect("a commit");
    let before = store.load(&owner, u64::MAX).await;
    // One that nobody reads to its end is in the way of no other.
    let mut left = store.backup().await.expect("a backup");
    left.read().await.expect("its first bytes");
    drop(left);

    let mut backup = store.backup().await.expect("a backup");
    // What comes after is none of its business.
    store.commit(&[writes(&owner, &[("later", Some("value"))])]).await.expect("a commit");
    let mut all = Vec::new();
    loop {
        let next = backup.read().await.expect("more of it");
        if next.is_empty() {
            break;
        }
        all.extend_from_slice(&next);
    }
    assert_eq!(all.len() as u64, backup.bytes());
    let has = |text: &str| all.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("value") && !has("later"));
    store.commit(&[writes(&owner, &[("later", None)])]).await.expect("a commit");
    assert_eq!(store.load(&owner, u64::MAX).await, before);
}
