"""Who decides what an agent says and does next: rules that are built in, or a model.

A responder sees the conversation and the tools, and answers with one step: `Say` ends the turn, `Use` asks
for a tool, after which it is asked again. To plug in another, write a class with `respond` and choose it in
`responder_of`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Protocol

from conversation import Entry, Role
from greenroom import Address, Context
from tools import Tool


@dataclass(frozen=True)
class Say:
    """Answers the user."""

    say: str


@dataclass(frozen=True)
class Use:
    """Asks for a tool."""

    use: str
    """The tool's name."""
    arguments: Any = None
    """What its method takes."""


@dataclass(frozen=True)
class Situation:
    """What a responder decides upon."""

    instructions: str
    """How the agent should behave."""
    facts: dict[str, str]
    """What the agent was told to remember."""
    tools: list[Tool]
    """What it can do."""
    entries: list[Entry]
    """The latest entries of the conversation, oldest first; what the user just said is among them."""


class Responder(Protocol):
    """Decides the next step."""

    def respond(self, ctx: Context, situation: Situation) -> Say | Use:
        """The next step."""
        ...


def responder_of(model: Address | None) -> Responder:
    """The model that was chosen, or the rules where none was."""
    return Rules() if model is None else Model(model)


class Model:
    """Asks an actor that stands for a model: its method `complete` gets the situation and answers with a
    step, `{"say": text}` or `{"use": tool, "arguments": …}`."""

    def __init__(self, address: Address) -> None:
        """The model at that address."""
        self._address = address

    def respond(self, ctx: Context, situation: Situation) -> Say | Use:
        """The next step, as the model says."""
        # mypy does not take a union for a type yet, so the reply is read by hand.
        reply = ctx.call(self._address, "complete", situation)
        match reply:
            case {"say": str(text)}:
                return Say(text)
            case {"use": str(tool)}:
                return Use(tool, reply.get("arguments"))
        ctx.warn(f"{self._address} answered neither with `say` nor with `use`")
        return Say("I can't think of an answer now.")


class Rules:
    """A handful of rules, where a model would be: it looks up facts, and uses the tools it hears named."""

    def respond(self, ctx: Context, situation: Situation) -> Say | Use:
        """The next step, by the first rule that fits."""
        newest = situation.entries[-1]
        if newest.role is Role.TOOL:
            return Say(f"{newest.tool}: {newest.text}")
        text = newest.text
        for tool in situation.tools:
            named = re.search(rf"\b{re.escape(tool.name)}\b\s*(.*)", text, re.IGNORECASE | re.DOTALL)
            if named:
                return Use(tool.name, _json_or_none(named[1]))
        asked = re.match(r"what(?: is|'s) (.+?)\??$", text, re.IGNORECASE)
        if asked:
            subject = asked[1].lower()
            known = situation.facts.get(subject)
            return Say(f"I don't know what {subject} is." if known is None else f"{subject} is {known}.")
        tools = ", ".join(tool.name for tool in situation.tools) or "none"
        return Say(f"I only know a few rules. Ask me what something is, or name a tool; there are: {tools}.")


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
