"""What `README.md` says of an agent, without a host."""

from typing import Any

import pytest

from agent import FACTS_MAX, STEPS_MAX, Agent
from greenroom import (
    Address,
    CallError,
    CallErrorKind,
    InvalidArgument,
    NotFound,
    Payload,
    ResourceExhausted,
)
from greenroom.testing import TestHost

REPORT = {
    "name": "report",
    "description": "how far the report is",
    "to": {"actor_type": "task", "id": "task-123"},
    "method": "get_task",
}


@pytest.fixture
def agent() -> TestHost:
    return TestHost(Agent, "ada")


def said(agent: TestHost, text: str) -> Any:
    return agent.call("ask", text)["text"]


def test_it_remembers_what_it_was_told_across_a_restart(agent: TestHost) -> None:
    assert said(agent, "Remember that my deadline is on Friday.") == (
        "I will remember that my deadline is on Friday."
    )
    agent.restart()
    assert said(agent, "What is my deadline?") == "my deadline is on Friday."
    assert said(agent, "What is my name?") == "I don't know what my name is."
    history = agent.call("get_history")
    assert [entry["role"] for entry in history] == ["user", "assistant"] * 3
    assert [entry["sequence"] for entry in history] == [1, 2, 3, 4, 5, 6]


def test_a_tool_is_a_call_to_another_actor(agent: TestHost) -> None:
    calls: list[tuple[str, str, Any]] = []

    def respond(to: Address, method: str, payload: Payload) -> object:
        calls.append((str(to), method, payload.to()))
        return {"status": "todo"}

    agent.on_call(respond)
    agent.call("configure", {"tools": [REPORT]})
    assert said(agent, "How is the report?") == 'report: {"status": "todo"}'
    assert said(agent, 'Report {"verbose": true}') == 'report: {"status": "todo"}'
    assert calls == [
        ("task/task-123", "get_task", None),
        ("task/task-123", "get_task", {"verbose": True}),
    ]
    tool = agent.call("get_history", 2)[0]
    assert (tool["role"], tool["tool"]) == ("tool", "report")


def test_a_tool_out_of_reach_is_part_of_the_conversation(agent: TestHost) -> None:
    agent.call("configure", {"tools": [REPORT]})
    assert said(agent, "report") == "report: error: nothing is deployed under that actor type"
    assert "task/task-123" in agent.logs[-1][1]


def test_a_model_decides_where_one_was_chosen(agent: TestHost) -> None:
    def respond(to: Address, method: str, payload: Payload) -> object:
        if to.actor_type == "task":
            raise NotFound("no such task")
        situation = payload.to()
        newest = situation["entries"][-1]
        if newest["role"] == "tool":
            return {"say": f"{situation['instructions']} {newest['text']}"}
        return {"use": "report", "arguments": ["now"]}

    agent.on_call(respond)
    agent.call("configure", {"tools": [REPORT], "model": {"actor_type": "model", "id": "m"}})
    assert said(agent, "Anything new?") == "Be brief. error: not-found: no such task"
    assert agent.call("use_rules")["model"] is None
    assert said(agent, "Hello").startswith("I only know a few rules.")


def test_a_model_that_goes_round_in_circles_is_stopped(agent: TestHost) -> None:
    agent.on_call(lambda to, method, payload: {"use": "nothing"})
    agent.call("configure", {"model": {"actor_type": "model", "id": "m"}})
    assert said(agent, "Go") == f"I gave up after {STEPS_MAX} steps."
    agent.on_call(lambda to, method, payload: {"hm": 1})
    assert said(agent, "Go") == "I can't think of an answer now."


def test_a_question_that_fails_is_not_remembered(agent: TestHost) -> None:
    def respond(to: Address, method: str, payload: Payload) -> object:
        raise CallError(to, method, CallErrorKind.TIMEOUT)

    agent.on_call(respond)
    agent.call("configure", {"model": {"actor_type": "model", "id": "m"}})
    with pytest.raises(CallError, match="no reply before the deadline"):
        agent.call("ask", "Hello")
    assert agent.call("get_history") == []


def test_the_last_hundred_entries_are_kept(agent: TestHost) -> None:
    for number in range(60):
        said(agent, f"message {number}")
    history = agent.call("get_history", 1_000)
    assert (len(history), history[0]["sequence"], history[-1]["sequence"]) == (100, 21, 120)
    assert len(agent.stored_keys) == 101


def test_forgetting_keeps_what_it_may_do(agent: TestHost) -> None:
    agent.call("configure", {"tools": [REPORT], "instructions": "Be kind."})
    said(agent, "remember x is y")
    view = agent.call("forget")
    assert (view["facts"], view["instructions"], view["tools"]) == ({}, "Be kind.", [REPORT])
    assert agent.call("get_history") == []
    assert agent.call("ask", "hi")["sequence"] == 4


def test_everything_is_bounded(agent: TestHost) -> None:
    for text in ("", " ", "x" * 4_001):
        with pytest.raises(InvalidArgument):
            agent.call("ask", text)
    for tools in ([REPORT, REPORT], [REPORT | {"name": ""}], [REPORT | {"to": ["task", "x"]}]):
        with pytest.raises(InvalidArgument, match="tools"):
            agent.call("configure", {"tools": tools})
    for number in range(FACTS_MAX):
        said(agent, f"remember {number} is even")
    with pytest.raises(ResourceExhausted):
        said(agent, "remember one more is too many")
