"""What `README.md` says of a task, without a host."""

from datetime import timedelta

import pytest

from greenroom import Conflict, FailedPrecondition, InvalidArgument, Origin, PermissionDenied
from greenroom.testing import TestHost
from status import Status
from task import TITLE_CHARS_MAX, Overdue, Task, TaskView

MINUTE = timedelta(minutes=1)


@pytest.fixture
def task() -> TestHost:
    return TestHost(Task, "task-123")


def test_a_task_is_there_before_anybody_writes_to_it(task: TestHost) -> None:
    assert task.call("get_task") == {
        "id": "task-123",
        "title": None,
        "status": "todo",
        "assignee": None,
        "deadline_ms": None,
        "history": [],
    }
    assert task.stored_keys == []


def test_create_names_a_task_once(task: TestHost) -> None:
    view = task.call("create", {"title": "Report", "assignee": "alice"}, returns=TaskView)
    assert (view.title, view.assignee) == ("Report", "alice")
    with pytest.raises(Conflict):
        task.call("create", {"title": "Other"})
    assert task.call("set_title", "Longer report")["title"] == "Longer report"


def test_titles_and_assignees_are_bounded(task: TestHost) -> None:
    for title in ("", "x" * (TITLE_CHARS_MAX + 1)):
        with pytest.raises(InvalidArgument):
            task.call("set_title", title)
    for assignee in ("", "a\nb", "x" * 513):
        with pytest.raises(InvalidArgument):
            task.call("assign_to", assignee)
    assert task.call("assign_to", "alice")["assignee"] == "alice"
    assert task.call("assign_to")["assignee"] is None


def test_changes_of_status_are_numbered_in_the_order_they_arrive(task: TestHost) -> None:
    task.call("update_status", "done")
    from_chat = Origin.from_actor("chat", "alice")
    view = task.call("update_status", {"status": "cancelled"}, returns=TaskView, origin=from_chat)
    seen = [(change.sequence, change.status, change.by) for change in view.history]
    assert seen == [(1, Status.DONE, "client"), (2, Status.CANCELLED, "chat/alice")]


def test_the_same_status_again_is_no_change_and_old_changes_are_forgotten(task: TestHost) -> None:
    for _ in range(15):
        for status in ("in_progress", "in_progress", "todo"):
            task.call("update_status", status)
    history = task.call("get_task", returns=TaskView).history
    assert (len(history), history[0].sequence, history[-1].sequence) == (20, 11, 30)


def test_a_status_nobody_knows_is_refused_by_name(task: TestHost) -> None:
    with pytest.raises(InvalidArgument, match="argument `status`: unknown variant `finished`"):
        task.call("update_status", "finished")
    with pytest.raises(FailedPrecondition):
        task.call("update_status", "overdue")


def test_a_deadline_that_passes_makes_the_task_overdue_and_tells_the_assignee(task: TestHost) -> None:
    task.call("create", {"title": "Report", "assignee": "alice"})
    deadline = task.now + MINUTE
    task.call("set_deadline_reminder", {"in_ms": 60_000})
    task.crash()

    assert task.advance(MINUTE / 2) == []
    assert task.advance(MINUTE / 2)[0].succeeded

    view = task.call("get_task", returns=TaskView)
    assert (view.status, view.deadline_ms) == (Status.OVERDUE, deadline)
    assert view.history[0].by == "reminder deadline"
    note = task.sent[0]
    assert (str(note.to), note.method) == ("chat/alice", "task_overdue")
    assert note.payload.to(Overdue) == Overdue("Report", deadline)


def test_finishing_a_task_cancels_its_deadline(task: TestHost) -> None:
    task.call("set_deadline_reminder", {"in_ms": 60_000})
    assert task.call("update_status", "done")["deadline_ms"] is None
    assert task.reminders == []
    assert task.advance(2 * MINUTE) == []
    with pytest.raises(FailedPrecondition):
        task.call("set_deadline_reminder", {"in_ms": 1})


def test_a_new_deadline_takes_an_overdue_task_back(task: TestHost) -> None:
    task.call("update_status", "in_progress")
    task.call("set_deadline_reminder", {"in_ms": 0})
    task.advance(timedelta(0))
    assert task.call("get_task")["status"] == "overdue"
    at = task.now + MINUTE
    view = task.call("set_deadline_reminder", {"at_ms": at})
    assert (view["status"], view["deadline_ms"]) == ("in_progress", at)
    assert task.reminders[0].due_in == MINUTE


def test_a_deadline_is_given_one_way_and_not_in_the_past(task: TestHost) -> None:
    for arguments in ({}, {"in_ms": 1, "at_ms": 2}, {"at_ms": task.now - MINUTE}, {"in_ms": -1}):
        with pytest.raises(InvalidArgument):
            task.call("set_deadline_reminder", arguments)
    assert task.reminders == []


def test_nobody_else_says_that_a_deadline_has_passed(task: TestHost) -> None:
    for origin in (
        Origin.from_client(),
        Origin.from_actor("task", "x"),
        Origin.from_timer("deadline"),
    ):
        with pytest.raises(PermissionDenied):
            task.call("deadline_passed", origin=origin)
