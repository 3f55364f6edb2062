//! What `README.md` says of a task, without a host.

use greenroom_sdk::json;
use greenroom_sdk::testing::TestHost;

use super::*;

fn task() -> TestHost<Task> {
    TestHost::new("task-123")
}

const MINUTE: Duration = Duration::from_mins(1);

#[test]
fn a_task_is_there_before_anybody_writes_to_it() {
    let view: TaskView = task().call_as("get_task", &()).unwrap();
    assert_eq!((view.id.as_str(), view.status, view.title), ("task-123", Status::Todo, None));
    assert_eq!(task().stored_keys(), [""; 0]);
}

#[test]
fn create_names_a_task_once() {
    let mut task = task();
    let view = task.call("create", &json!({"title": "Report", "assignee": "alice"})).unwrap();
    assert_eq!((&view["title"], &view["assignee"]), (&json!("Report"), &json!("alice")));
    assert_eq!(task.call("create", &json!({"title": "Other"})).unwrap_err().code, ErrorCode::Conflict);
    assert_eq!(task.call("set_title", &"Longer report").unwrap()["title"], "Longer report");
}

#[test]
fn titles_and_assignees_are_bounded() {
    let mut task = task();
    for title in ["", &"x".repeat(TITLE_CHARS_MAX + 1)] {
        assert_eq!(task.call("set_title", title).unwrap_err().code, ErrorCode::InvalidArgument);
    }
    for assignee in ["", "a\nb", &"x".repeat(513)] {
        assert_eq!(task.call("assign_to", assignee).unwrap_err().code, ErrorCode::InvalidArgument);
    }
    assert_eq!(task.call("assign_to", &"alice").unwrap()["assignee"], "alice");
    assert_eq!(task.call("assign_to", &()).unwrap()["assignee"], json!(null));
}

#[test]
fn changes_of_status_are_numbered_in_the_order_they_arrive() {
    let mut task = task();
    task.call("update_status", &"done").unwrap();
    let from_chat = Origin::Actor(Address::new("chat", "alice"));
    let view = task.call_from(from_chat, "update_status", &json!({"status": "cancelled"})).unwrap();
    let changes: Vec<Change> = TaskView::deserialize(view).unwrap().history;
    let seen: Vec<_> =
        changes.iter().map(|change| (change.sequence, change.status, change.by.as_str())).collect();
    assert_eq!(seen, [(1, Status::Done, "client"), (2, Status::Cancelled, "chat/alice")]);
}

#[test]
fn the_same_status_again_is_no_change_and_old_changes_are_forgotten() {
    let mut task = task();
    for _ in 0..15 {
        for status in ["in_progress", "in_progress", "todo"] {
            task.call("update_status", status).unwrap();
        }
    }
    let view: TaskView = task.call_as("get_task", &()).unwrap();
    assert_eq!((view.history.len(), view.history[0].sequence, view.history[19].sequence), (20, 11, 30));
}

#[test]
fn a_status_nobody_knows_is_refused_by_name() {
    let failure = task().call("update_status", &"finished").unwrap_err();
    assert_eq!(failure.code, ErrorCode::InvalidArgument);
    assert!(failure.message.starts_with("argument `status`: unknown variant `finished`"), "{failure}");
    assert_eq!(task().call("update_status", &"overdue").unwrap_err().code, ErrorCode::FailedPrecondition);
}

#[test]
fn a_deadline_that_passes_makes_the_task_overdue_and_tells_the_assignee() {
    let mut task = task();
    task.call("create", &json!({"title": "Report", "assignee": "alice"})).unwrap();
    let deadline = task.now() + MINUTE;
    task.call("set_deadline_reminder", &json!({"in_ms": 60_000})).unwrap();
    task.crash();

    assert!(task.advance(MINUTE / 2).is_empty());
    let fired = task.advance(MINUTE / 2);
    assert!(fired[0].result.is_ok(), "{fired:?}");

    let view: TaskView = task.call_as("get_task", &()).unwrap();
    assert_eq!((view.status, view.deadline_ms), (Status::Overdue, Some(deadline)));
    assert_eq!(view.history[0].by, "reminder deadline");
    let sent = task.sent();
    assert_eq!((&sent[0].to, sent[0].method.as_str()), (&Address::new("chat", "alice"), "task_overdue"));
    let note: Overdue = sent[0].arguments().unwrap();
    assert_eq!((note.title.as_deref(), note.deadline_ms), (Some("Report"), deadline));
}

#[test]
fn finishing_a_task_cancels_its_deadline() {
    let mut task = task();
    task.call("set_deadline_reminder", &json!({"in_ms": 60_000})).unwrap();
    let view = task.call("update_status", &"done").unwrap();
    assert_eq!(view["deadline_ms"], json!(null));
    assert!(task.reminders().is_empty());
    assert!(task.advance(2 * MINUTE).is_empty());
    let refused = task.call("set_deadline_reminder", &json!({"in_ms": 1})).unwrap_err();
    assert_eq!(refused.code, ErrorCode::FailedPrecondition);
}

#[test]
fn a_new_deadline_takes_an_overdue_task_back() {
    let mut task = task();
    task.call("update_status", &"in_progress").unwrap();
    task.call("set_deadline_reminder", &json!({"in_ms": 0})).unwrap();
    task.advance(Duration::ZERO);
    assert_eq!(task.call("get_task", &()).unwrap()["status"], "overdue");
    let at = task.now() + MINUTE;
    let view = task.call("set_deadline_reminder", &json!({"at_ms": at})).unwrap();
    assert_eq!((&view["status"], &view["deadline_ms"]), (&json!("in_progress"), &json!(at)));
    assert_eq!(task.reminders()[0].due_in, MINUTE);
}

#[test]
fn a_deadline_is_given_one_way_and_not_in_the_past() {
    let mut task = task();
    let past = task.now() - MINUTE;
    for arguments in [json!({}), json!({"in_ms": 1, "at_ms": 2}), json!({"at_ms": past})] {
        let refused = task.call("set_deadline_reminder", &arguments).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidArgument, "{arguments}");
    }
    assert!(task.reminders().is_empty());
}

#[test]
fn nobody_else_says_that_a_deadline_has_passed() {
    let mut task = task();
    for origin in [Origin::Client, Origin::Actor(Address::new("task", "x")), Origin::Timer("deadline".into())]
    {
        let refused = task.call_from(origin, "deadline_passed", &()).unwrap_err();
        assert_eq!(refused.code, ErrorCode::PermissionDenied);
    }
}
