//! What `README.md` says of a conversation, without a host.

use std::time::Duration;

use greenroom_sdk::json;
use greenroom_sdk::testing::TestHost;

use super::*;

fn alice() -> TestHost<Chat> {
    TestHost::new("alice")
}

/// A conversation about `task-1`, which is there.
fn alice_at_work() -> TestHost<Chat> {
    let mut alice = alice();
    alice.on_call(|to, method, payload| match (to.actor_type.as_str(), to.id.as_str(), method) {
        ("task", "task-1", "get_task") => Ok(Payload::json(&json!({"title": "Report", "status": "todo"}))?),
        ("task", "task-1", "update_status") => {
            Ok(Payload::json(&json!({"title": "Report", "status": payload.to::<String>()?}))?)
        }
        _ => Err(CallErrorKind::Unavailable("no such thing in this test".to_owned())),
    });
    alice.call("set_preferences", &json!({"style": "concise"})).unwrap();
    alice.call("set_context", &json!({"current_task": "task-1"})).unwrap();
    alice
}

fn reply(chat: &mut TestHost<Chat>, text: &str) -> String {
    chat.call_as::<Entry>("process_message", text).unwrap().text
}

#[test]
fn a_message_and_its_reply_are_the_history() {
    let mut alice = alice();
    alice.call("process_message", &"Hello").unwrap();
    alice.advance(Duration::from_secs(1));
    let replied: Entry = alice.call_as("process_message", &json!({"text": "Bye"})).unwrap();
    assert_eq!((replied.sequence, replied.role, replied.at_ms), (4, Role::Assistant, alice.now()));

    let history: Vec<Entry> = alice.call_as("get_history", &()).unwrap();
    let seen: Vec<_> =
        history.iter().map(|entry| (entry.sequence, entry.role, entry.text.as_str())).collect();
    assert_eq!(
        seen,
        [
            (1, Role::User, "Hello"),
            (2, Role::Assistant, "Thanks! Noted."),
            (3, Role::User, "Bye"),
            (4, Role::Assistant, "Thanks! Noted."),
        ]
    );
    assert_eq!(alice.call_as::<Vec<Entry>>("get_history", &1).unwrap()[0].sequence, 4);
    assert_eq!(alice.call("get_history", &0).unwrap(), json!([]));
}

#[test]
fn the_last_fifty_messages_survive_a_restart() {
    let mut alice = alice();
    for number in 0..30 {
        alice.call("process_message", &format!("message {number}")).unwrap();
    }
    alice.restart().unwrap();
    let history: Vec<Entry> = alice.call_as("get_history", &json!({"limit": 1_000})).unwrap();
    assert_eq!((history.len(), history[0].sequence, history[49].sequence), (50, 11, 60));
    assert_eq!(alice.stored_keys().len(), 51);
}

#[test]
fn messages_are_bounded() {
    for text in [" ", &"x".repeat(TEXT_CHARS_MAX + 1)] {
        assert_eq!(alice().call("process_message", text).unwrap_err().code, ErrorCode::InvalidArgument);
    }
}

#[test]
fn preferences_change_one_at_a_time_and_show_in_the_reply() {
    let mut alice = alice();
    alice.call("set_preferences", &json!({"topics": ["Rust"]})).unwrap();
    let session = alice.call("set_preferences", &json!({"style": "formal"})).unwrap();
    assert_eq!(session["preferences"], json!({"style": "formal", "topics": ["Rust"]}));
    assert_eq!(reply(&mut alice, "I like rust."), "Dear alice, Let us talk about Rust.");
    let refused = alice.call("set_preferences", &json!({"topics": [""]})).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidArgument);
}

#[test]
fn it_asks_the_current_task() {
    let mut alice = alice_at_work();
    assert_eq!(reply(&mut alice, "What is my task?"), "task-1 “Report”: todo.");
    assert!(reply(&mut alice, "It is done").contains("the tool update_status is missing"));
    alice.call("set_context", &json!({"tools": ["get_task", "update_status", "get_task"]})).unwrap();
    assert_eq!(reply(&mut alice, "It is done"), "task-1 “Report”: done.");
}

#[test]
fn the_current_task_is_an_actors_id() {
    for id in ["", "a\nb"] {
        let refused = alice().call("set_context", &json!({"current_task": id})).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidArgument);
    }
}

#[test]
fn a_task_out_of_reach_is_part_of_the_reply() {
    let mut alice = alice_at_work();
    alice.call("set_context", &json!({"current_task": "task-2"})).unwrap();
    let text = reply(&mut alice, "What is my task?");
    assert_eq!(text, "I can't reach task-2 now: it can't be reached: no such thing in this test.");
    assert!(alice.logs()[0].1.starts_with("call task/task-2 get_task:"));
}

#[test]
fn clearing_the_context_keeps_preferences_and_history() {
    let mut alice = alice_at_work();
    alice.call("process_message", &"Hello").unwrap();
    assert_eq!(
        alice.call("clear_context", &()).unwrap(),
        json!({
            "user": "alice",
            "preferences": {"style": "concise", "topics": []},
            "context": {"current_task": null, "tools": ["get_task"]},
            "messages": 2,
        })
    );
    assert_eq!(reply(&mut alice, "What is my task?"), "You have no current task.");
    assert_eq!(alice.call("get_session", &()).unwrap()["messages"], 4);
}

#[test]
fn only_a_task_notes_that_it_is_overdue() {
    let mut alice = alice();
    let note = json!({"title": "Report", "deadline_ms": alice.now() - Duration::from_secs(3)});
    for origin in [Origin::Client, Origin::Actor(Address::new("chat", "bob"))] {
        let refused = alice.call_from(origin, "task_overdue", &note).unwrap_err();
        assert_eq!(refused.code, ErrorCode::PermissionDenied);
    }
    let task = Origin::Actor(Address::new("task", "task-1"));
    assert_eq!(alice.call_from(task, "task_overdue", &note).unwrap(), json!(null));

    let history: Vec<Entry> = alice.call_as("get_history", &()).unwrap();
    assert_eq!((history.len(), history[0].role), (1, Role::Note));
    assert_eq!(history[0].text, "task-1 “Report” is overdue, since 3 s.");
    assert_eq!(alice.call("get_session", &()).unwrap()["context"]["current_task"], "task-1");
}
