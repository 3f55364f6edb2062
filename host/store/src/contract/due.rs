//! What is due: each actor once, at its earliest moment, and in pages.

use greenroom_core::store::{Due, MailChange, MailKey, Reminder, Store, WriteSet};
use greenroom_core::{Address, Timestamp};

use super::samples::{actor_type, at, changes, mail, message_id, reminder, reminds, sends, task};

fn due(ms: u64, id: &str) -> Due {
    Due { at: at(ms), address: task(id) }
}

async fn listed(store: &impl Store, until_ms: u64, after: Option<&Due>) -> Vec<Due> {
    store.due(at(until_ms), after, 100).await.expect("what is due")
}

pub(super) async fn what_is_due_is_listed_by_actor(store: &impl Store) {
    let (both, early, late) = (task("both"), task("early"), task("late"));
    let batch = [
        sends(&both, vec![mail(&both, 1, 30), mail(&both, 2, 20), mail(&early, 3, 0), mail(&early, 4, 0)]),
        reminds(&both, vec![reminder("r", 25), reminder("s", 20)]),
        reminds(&early, vec![reminder("r", 20)]),
        reminds(&late, vec![reminder("r", 50)]),
    ];
    store.commit(&batch).await.expect("a commit");
    assert_eq!(listed(store, 19, None).await, [due(0, "early")]);
    assert_eq!(listed(store, 49, None).await, [due(0, "early"), due(20, "both")]);
    assert_eq!(listed(store, 50, None).await, [due(0, "early"), due(20, "both"), due(50, "late")]);
    let key = MailKey { due_at: at(20), id: message_id(2) };
    let moved = [
        changes(&both, MailChange::Retry { key, attempt: 2, wake_at: at(40), error: None }),
        WriteSet { reminders: vec![("s".into(), None)], ..WriteSet::empty(both) },
        reminds(&late, vec![reminder("r", 10)]),
    ];
    store.commit(&moved).await.expect("a commit");
    assert_eq!(listed(store, 50, None).await, [due(0, "early"), due(10, "late"), due(25, "both")]);
}

pub(super) async fn what_is_due_comes_in_pages(store: &impl Store) {
    let actors: Vec<_> = (0..7).map(|number| task(&format!("a{number}"))).collect();
    let sent = actors.iter().enumerate().flat_map(|(number, actor)| {
        let first = (number as u64 / 3) * 10;
        [mail(actor, 1, first), mail(actor, 2, first + 5), mail(actor, 3, first)]
    });
    let batch = [sends(&actors[0], sent.collect()), reminds(&actors[0], vec![reminder("r", 20)])];
    store.commit(&batch).await.expect("a commit");
    let all = listed(store, 100, None).await;
    assert_eq!(all.len(), actors.len(), "{all:?}");
    for limit in 1..=8 {
        let mut seen: Vec<Due> = Vec::new();
        loop {
            let page = store.due(at(100), seen.last(), limit).await.expect("what is due");
            let len = page.len();
            seen.extend(page);
            if len < limit {
                break;
            }
        }
        assert_eq!(seen, all, "in pages of {limit}");
    }
}

pub(super) async fn many_moments_of_one_actor_are_one(store: &impl Store) {
    let (busy, other) = (task("busy"), task("other"));
    let many = (0..2_500).map(|number| mail(&busy, u128::from(number), number)).collect();
    store.commit(&[sends(&busy, many), sends(&busy, vec![mail(&other, 1, 2_400)])]).await.expect("a commit");
    let expected = [due(0, "busy"), due(2_400, "other")];
    assert_eq!(listed(store, 10_000, None).await, expected);
    assert_eq!(listed(store, 10_000, Some(&expected[0])).await, expected[1..]);
    assert_eq!(listed(store, 10_000, Some(&expected[1])).await, []);
}

pub(super) async fn the_next_moment_is_found(store: &impl Store) {
    let owner = task("owner");
    store.commit(&[sends(&owner, vec![mail(&owner, 1, 10), mail(&owner, 2, 30)])]).await.expect("a commit");
    store.commit(&[reminds(&owner, vec![reminder("r", 20)])]).await.expect("a commit");
    for (after, next) in [(0, Some(10)), (10, Some(20)), (19, Some(20)), (20, Some(30)), (30, None)] {
        assert_eq!(store.next_due(at(after)).await, Ok(next.map(at)), "after {after}");
    }
}

pub(super) async fn retries_that_wait_for_too_long_are_brought_forward(store: &impl Store) {
    let (one, other) = (task("one"), task("other"));
    let elsewhere = Address::parse("other", "one").expect("a valid address");
    let retried = |to: &Address, number, due_ms, wake_ms| {
        let key = MailKey { due_at: at(due_ms), id: message_id(number) };
        changes(to, MailChange::Retry { key, attempt: 2, wake_at: at(wake_ms), error: None })
    };
    let sent = vec![
        mail(&one, 1, 0),
        mail(&one, 2, 70),
        mail(&one, 3, 900),
        mail(&other, 4, 0),
        mail(&other, 5, 0),
        mail(&elsewhere, 6, 0),
    ];
    let wakes =
        |name, attempt, due_ms, wake_ms| Reminder { attempt, due_at: at(due_ms), ..reminder(name, wake_ms) };
    let batch = [
        sends(&one, sent),
        retried(&one, 1, 0, 800),
        retried(&one, 2, 70, 800),
        retried(&other, 4, 0, 40),
        retried(&other, 5, 0, 51),
        retried(&elsewhere, 6, 0, 800),
        reminds(&one, vec![wakes("early", 2, 0, 50), wakes("first", 1, 800, 800), wakes("late", 2, 10, 800)]),
        reminds(&other, vec![wakes("due", 3, 60, 800)]),
        reminds(&elsewhere, vec![wakes("late", 2, 10, 800)]),
    ];
    store.commit(&batch).await.expect("a commit");

    let name = actor_type("task");
    let mut bounded = Vec::new();
    loop {
        let count = store.bound_retries(&name, at(50), 2).await.expect("a change");
        bounded.push(count);
        if count == 0 {
            break;
        }
    }
    assert_eq!(bounded, [4, 1, 0]);
    let moments = async |owner: &Address| {
        let mail = store.mail(owner, Timestamp::MAX, None, 10).await.expect("mail").messages;
        let reminders = store.summary(owner).await.expect("reminders").reminders;
        let mail = mail.iter().map(|waiting| waiting.wake_at.unix_ms());
        mail.chain(reminders.iter().map(|reminder| reminder.wake_at.unix_ms())).collect::<Vec<_>>()
    };
    assert_eq!(moments(&one).await, [50, 70, 900, 50, 800, 50]);
    assert_eq!(moments(&other).await, [40, 50, 60]);
    assert_eq!(moments(&elsewhere).await, [800, 800]);
    let reminders = store.load(&one, 0).await.expect("an actor").reminders;
    assert_eq!(reminders[2], Reminder { wake_at: at(50), ..wakes("late", 2, 10, 800) });
    assert_eq!(listed(store, 50, None).await, [due(40, "other"), due(50, "one")]);
}
