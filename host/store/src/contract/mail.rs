//! Durable mailboxes: in order, in pages, and gone when consumed.

use greenroom_core::store::{Mail, MailChange, MailKey, Store, StoredMessage};
use greenroom_core::{Message, Origin, Payload, Timestamp};

use super::samples::{at, changes, letter, mail, message, message_id, sends, task};

async fn page(store: &impl Store, now_ms: u64, after: Option<MailKey>, limit: usize) -> (Vec<u128>, bool) {
    let Mail { messages, more } = store.mail(&task("box"), at(now_ms), after, limit).await.expect("mail");
    (messages.iter().map(number).collect(), more)
}

fn number(stored: &StoredMessage) -> u128 {
    u128::from_be_bytes(*stored.message.id.as_bytes())
}

pub(super) async fn messages_come_back_as_they_were(store: &impl Store) {
    let to = task("box");
    let origins = [
        Origin::Client,
        Origin::Actor(task("it's; ключ")),
        Origin::Reminder("wake\0up".into()),
        Origin::Timer("".into()),
    ];
    let mut expected = Vec::new();
    for (number, origin) in (1..).zip(origins) {
        let payload = Payload::new("", vec![number as u8; 3_000 * number as usize]);
        expected.push(StoredMessage {
            message: Message { origin, payload, attempt: u32::MAX, ..message(number) },
            due_at: Timestamp::MAX,
            sent_at: Timestamp::EPOCH,
            wake_at: Timestamp::MAX,
            ..mail(&to, number, 0)
        });
    }
    store.commit(&[sends(&task("sender"), expected.clone())]).await.expect("a commit");
    let found = store.mail(&to, Timestamp::MAX, None, 10).await;
    assert_eq!(found, Ok(Mail { messages: expected, more: false }));
}

pub(super) async fn a_mailbox_is_in_order_and_comes_in_pages(store: &impl Store) {
    let to = task("box");
    let sent = vec![mail(&to, 5, 0), mail(&to, 3, 20), mail(&to, 9, 0), mail(&to, 1, 10), mail(&to, 2, 10)];
    store.commit(&[sends(&to, sent), sends(&to, vec![mail(&task("other"), 4, 0)])]).await.expect("a commit");
    let in_order = [5, 9, 1, 2, 3];
    for limit in 1..=6 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let Mail { messages, more } = store.mail(&to, at(20), after, limit).await.expect("mail");
            assert!(messages.len() <= limit);
            after = messages.last().map(StoredMessage::key);
            seen.extend(messages.iter().map(number));
            if !more {
                break;
            }
        }
        assert_eq!(seen, in_order, "in pages of {limit}");
    }
    let waiting = store.mail(&to, Timestamp::MAX, None, 3).await.expect("mail").messages;
    assert_eq!(waiting.iter().map(number).collect::<Vec<_>>(), in_order[..3]);
}

pub(super) async fn delayed_mail_waits_and_failed_mail_stays_in_line(store: &impl Store) {
    let to = task("box");
    store
        .commit(&[sends(&to, vec![mail(&to, 1, 10), mail(&to, 2, 20), mail(&to, 3, 30)])])
        .await
        .expect("a commit");
    assert_eq!(page(store, 9, None, 10).await, (vec![], false));
    assert_eq!(page(store, 20, None, 10).await, (vec![1, 2], false));
    let retry = MailChange::Retry {
        key: MailKey { due_at: at(10), id: message_id(1) },
        attempt: 2,
        wake_at: at(500),
        error: Some("trapped".into()),
    };
    store.commit(&[changes(&to, retry)]).await.expect("a commit");
    assert_eq!(page(store, 5, None, 10).await, (vec![1], false));
    assert_eq!(page(store, 20, None, 1).await, (vec![1], true));
    let kept = store.mail(&to, Timestamp::MAX, None, 1).await.expect("mail").messages;
    assert_eq!((kept[0].message.attempt, kept[0].wake_at, kept[0].due_at), (2, at(500), at(10)));
    assert_eq!(kept[0].error.as_deref(), Some("trapped"));
}

pub(super) async fn consumed_mail_is_gone(store: &impl Store) {
    let (to, other) = (task("box"), task("other"));
    let sent: Vec<_> = (1..=300).flat_map(|number| [mail(&to, number, 0), mail(&other, number, 0)]).collect();
    store.commit(&[sends(&to, sent)]).await.expect("a commit");
    let consumed =
        |number| changes(&to, MailChange::Consumed(MailKey { due_at: at(0), id: message_id(number) }));
    let batch: Vec<_> = (1..=299).map(consumed).collect();
    store.commit(&batch).await.expect("a commit");
    assert_eq!(page(store, 0, None, 10).await, (vec![300], false));
    assert_eq!(store.mail(&other, Timestamp::MAX, None, 1_000).await.expect("mail").messages.len(), 300);
    let elsewhere = MailChange::Consumed(MailKey { due_at: at(1), id: message_id(300) });
    store.commit(&[changes(&to, elsewhere)]).await.expect("a commit");
    assert_eq!(page(store, 0, None, 10).await, (vec![300], false));
}

pub(super) async fn what_waits_is_told_by_its_keys(store: &impl Store) {
    let (to, other) = (task("box"), task("box2"));
    assert_eq!(store.waiting(None, 10).await, Ok(vec![]));
    let later = StoredMessage { due_at: at(50), wake_at: at(90), ..mail(&to, 1, 0) };
    let sent = [later, mail(&other, 2, 0), mail(&to, 3, 0)];
    store.commit(&[sends(&to, sent.to_vec())]).await.expect("a commit");
    let key = |number: usize| sent[number - 1].key();
    assert_eq!(store.waiting(Some(&to), 10).await, Ok(vec![key(3), key(1)]));
    assert_eq!(store.waiting(Some(&to), 1).await, Ok(vec![key(3)]));
    assert_eq!(store.waiting(Some(&other), 10).await, Ok(vec![key(2)]));
    assert_eq!(store.waiting(Some(&task("bo")), 10).await, Ok(vec![]));
    assert_eq!(store.waiting(None, 10).await, Ok(vec![key(3), key(1), key(2)]));
    assert_eq!(store.waiting(None, 2).await.map(|keys| keys.len()), Ok(2));
}

pub(super) async fn mail_sent_and_changed_in_one_batch(store: &impl Store) {
    let to = task("box");
    let key = |number| MailKey { due_at: at(0), id: message_id(number) };
    let retry = |number, attempt| {
        changes(&to, MailChange::Retry { key: key(number), attempt, wake_at: at(40), error: None })
    };
    let batch = [
        sends(&to, vec![mail(&to, 1, 0), mail(&to, 2, 0), mail(&to, 3, 0)]),
        retry(1, 2),
        retry(2, 2),
        changes(&to, MailChange::Consumed(key(2))),
        retry(1, 3),
        retry(2, 4),
        retry(8, 4),
    ];
    store.commit(&batch).await.expect("a commit");
    let left = store.mail(&to, Timestamp::MAX, None, 10).await.expect("mail").messages;
    let left: Vec<_> =
        left.iter().map(|stored| (number(stored), stored.message.attempt, stored.wake_at)).collect();
    assert_eq!(left, [(1, 3, at(40)), (3, 1, at(0))]);
}

pub(super) async fn dead_mail_leaves_the_mailbox(store: &impl Store) {
    let to = task("box");
    store.commit(&[sends(&to, vec![mail(&to, 1, 0)])]).await.expect("a commit");
    let key = MailKey { due_at: at(0), id: message_id(1) };
    let dead = changes(&to, MailChange::Dead { key, letter: letter(&to, 1).into() });
    let firing = changes(&to, MailChange::DeadFiring(letter(&to, 6).into()));
    store.commit(&[dead, firing]).await.expect("a commit");
    assert_eq!(page(store, 0, None, 10).await, (vec![], false));
    assert_eq!(store.latest_message_id().await, Ok(Some(message_id(6))));
}
