//! Retries that are brought forward, whatever they carry.

use std::fs;

use greenroom_core::Payload;
use greenroom_core::store::{Reminder, Store};

use super::open;
use crate::contract::samples::{at, reminder, reminds, task};

#[tokio::test]
async fn large_reminders_are_brought_forward_without_being_written_anew() {
    const LARGE: usize = 1 << 20;
    const COUNT: usize = 32;
    const NOW: u64 = 1_800_000_000_000;
    let directory = tempfile::tempdir().unwrap();
    let owner = task("large");
    let store = open(directory.path()).await;
    for number in 0..COUNT {
        let payload = Payload::new("", vec![number as u8; LARGE]);
        let late = Reminder { payload, due_at: at(NOW), ..reminder(&format!("{number:02}"), NOW + 900) };
        store.commit(&[reminds(&owner, vec![late])]).await.unwrap();
    }
    store.close().await;

    let store = open(directory.path()).await;
    assert_eq!(store.bound_retries(&owner.actor_type, at(NOW + 50), 1_000).await, Ok(COUNT));
    let written = fs::metadata(directory.path().join("greenroom.db-wal")).unwrap().len();
    assert!(written < LARGE as u64, "{written} bytes");
    let reminders = store.summary(&owner).await.unwrap().reminders;
    assert!(reminders.len() == COUNT && reminders.iter().all(|reminder| reminder.wake_at == at(NOW + 50)));
}
