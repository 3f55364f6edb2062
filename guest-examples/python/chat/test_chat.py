"""What the README of `guest-examples/chat` says of a conversation, without a host."""

from datetime import timedelta

import pytest

from chat import TEXT_CHARS_MAX, Chat
from greenroom import (
    Address,
    CallError,
    CallErrorKind,
    InvalidArgument,
    Origin,
    Payload,
    PermissionDenied,
)
from greenroom.testing import TestHost
from history import Entry, Role


@pytest.fixture
def alice() -> TestHost:
    return TestHost(Chat, "alice")


@pytest.fixture
def alice_at_work(alice: TestHost) -> TestHost:
    """A conversation about `task-1`, which is there."""

    def respond(to: Address, method: str, payload: Payload) -> object:
        match str(to), method:
            case "task/task-1", "get_task":
                return {"title": "Report", "status": "todo"}
            case "task/task-1", "update_status":
                return {"title": "Report", "status": payload.to(str)}
        raise CallError(to, method, CallErrorKind.UNAVAILABLE, "no such thing in this test")

    alice.on_call(respond)
    alice.call("set_preferences", {"style": "concise"})
    alice.call("set_context", {"current_task": "task-1"})
    return alice


def reply(chat: TestHost, text: str) -> str:
    return chat.call("process_message", text, returns=Entry).text


def test_a_message_and_its_reply_are_the_history(alice: TestHost) -> None:
    alice.call("process_message", "Hello")
    alice.advance(timedelta(seconds=1))
    replied = alice.call("process_message", {"text": "Bye"}, returns=Entry)
    assert replied == Entry(4, Role.ASSISTANT, "Thanks! Noted.", alice.now)

    history = alice.call("get_history", returns=list[Entry])
    assert [(entry.sequence, entry.role, entry.text) for entry in history] == [
        (1, Role.USER, "Hello"),
        (2, Role.ASSISTANT, "Thanks! Noted."),
        (3, Role.USER, "Bye"),
        (4, Role.ASSISTANT, "Thanks! Noted."),
    ]
    assert [entry["sequence"] for entry in alice.call("get_history", 1)] == [4]
    assert alice.call("get_history", 0) == []
    with pytest.raises(InvalidArgument, match="argument `limit`"):
        alice.call("get_history", -1)


def test_the_last_fifty_messages_survive_a_restart(alice: TestHost) -> None:
    for number in range(30):
        alice.call("process_message", f"message {number}")
    alice.restart()
    history = alice.call("get_history", {"limit": 1_000}, returns=list[Entry])
    assert [entry.sequence for entry in history] == list(range(11, 61))
    assert len(alice.stored_keys) == 51


def test_what_is_stored_is_what_the_one_in_rust_stores(alice: TestHost) -> None:
    alice.call("process_message", "Hello")
    assert alice.stored() == {
        "preferences": {"style": "friendly", "topics": []},
        "context": {"current_task": None, "tools": ["get_task"]},
        "messages": 2,
    }
    assert alice.stored("message/1") == {
        "sequence": 1,
        "role": "user",
        "text": "Hello",
        "at_ms": alice.now,
    }
    assert alice.stored_keys == ["actor", "message/1", "message/2"]


def test_messages_are_bounded(alice: TestHost) -> None:
    for text in ("", " ", "x" * (TEXT_CHARS_MAX + 1)):
        with pytest.raises(InvalidArgument):
            alice.call("process_message", text)
    assert alice.call("process_message", "x" * TEXT_CHARS_MAX)["sequence"] == 2


def test_preferences_change_one_at_a_time_and_show_in_the_reply(alice: TestHost) -> None:
    alice.call("set_preferences", {"topics": ["Python"]})
    assert reply(alice, "I like python.") == "Great! Let us talk about Python."
    session = alice.call("set_preferences", {"style": "formal"})
    assert session["preferences"] == {"style": "formal", "topics": ["Python"]}
    assert reply(alice, "I like python.") == "Dear alice, Let us talk about Python."


def test_preferences_are_bounded_and_known(alice: TestHost) -> None:
    for topics in ([""], ["x" * 101], ["x"] * 21):
        with pytest.raises(InvalidArgument, match="argument `topics`"):
            alice.call("set_preferences", {"topics": topics})
    with pytest.raises(InvalidArgument, match="argument `style`: unknown variant `loud`"):
        alice.call("set_preferences", {"style": "loud"})
    assert alice.stored_keys == []


def test_it_asks_the_current_task(alice_at_work: TestHost) -> None:
    assert reply(alice_at_work, "What is my task?") == "task-1 “Report”: todo."
    assert "the tool update_status is missing" in reply(alice_at_work, "It is done")
    session = alice_at_work.call("set_context", {"tools": ["get_task", "update_status", "get_task"]})
    assert session["context"] == {"current_task": "task-1", "tools": ["get_task", "update_status"]}
    assert reply(alice_at_work, "It is done") == "task-1 “Report”: done."


def test_the_current_task_is_an_actors_id(alice: TestHost) -> None:
    for task_id in ("", "a\nb", "x" * 513):
        with pytest.raises(InvalidArgument):
            alice.call("set_context", {"current_task": task_id})


def test_a_task_out_of_reach_is_part_of_the_reply(alice_at_work: TestHost) -> None:
    alice_at_work.call("set_context", {"current_task": "task-2"})
    text = reply(alice_at_work, "What is my task?")
    assert text == "I can't reach task-2 now: it can't be reached: no such thing in this test."
    assert "call task/task-2 get_task:" in alice_at_work.logs[0][1]


def test_clearing_the_context_keeps_preferences_and_history(alice_at_work: TestHost) -> None:
    alice_at_work.call("process_message", "Hello")
    assert alice_at_work.call("clear_context") == {
        "user": "alice",
        "preferences": {"style": "concise", "topics": []},
        "context": {"current_task": None, "tools": ["get_task"]},
        "messages": 2,
    }
    assert reply(alice_at_work, "What is my task?") == "You have no current task."
    assert alice_at_work.call("get_session")["messages"] == 4


def test_only_a_task_notes_that_it_is_overdue(alice: TestHost) -> None:
    note = {"title": "Report", "deadline_ms": alice.now - timedelta(seconds=3)}
    for origin in (Origin.from_client(), Origin.from_actor("chat", "bob")):
        with pytest.raises(PermissionDenied):
            alice.call("task_overdue", note, origin=origin)
    task_1, task_2 = Origin.from_actor("task", "task-1"), Origin.from_actor("task", "task-2")
    assert alice.call("task_overdue", note, origin=task_1) is None
    alice.call("task_overdue", {"title": None, "deadline_ms": alice.now}, origin=task_2)

    history = alice.call("get_history", returns=list[Entry])
    assert history == [
        Entry(1, Role.NOTE, "task-1 “Report” is overdue, since 3 s.", alice.now),
        Entry(2, Role.NOTE, "task-2 is overdue, since 0 s.", alice.now),
    ]
    assert alice.call("get_session")["context"]["current_task"] == "task-1"
