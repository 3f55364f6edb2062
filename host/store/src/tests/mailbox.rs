//! Mailboxes that are larger than what one should have in memory.

use greenroom_core::store::{Store, StoredMessage};
use greenroom_core::{Message, Payload, Timestamp};

use super::open;
use crate::contract::samples::{mail, message, sends, task};

const LARGE: usize = 400 << 10;

#[tokio::test]
async fn a_page_of_large_messages_is_small_and_none_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let to = task("box");
    let large = |number: u128| {
        let payload = Payload::new("", vec![0; if number.is_multiple_of(10) { 0 } else { LARGE }]);
        StoredMessage { message: Message { payload, ..message(number) }, ..mail(&to, number, 0) }
    };
    let sent: Vec<_> = (1..=40).map(large).collect();
    store.commit(&[sends(&to, sent.clone())]).await.unwrap();
    for limit in [1, 2, 3, 64] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.mail(&to, Timestamp::MAX, after, limit).await.unwrap();
            let bytes: usize = page.messages.iter().map(|stored| stored.message.payload.body.len()).sum();
            assert!(bytes <= 6 * LARGE && (1..=limit).contains(&page.messages.len()), "{bytes} bytes");
            after = page.messages.last().map(StoredMessage::key);
            seen.extend(page.messages);
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, sent, "in pages of {limit}");
    }
}
