"""What an agent can do: each tool is a method of another actor. An agent calls no actor but these."""

import json
from dataclasses import dataclass
from typing import Any

from greenroom import Address, CallError, Context

#: Longest result that is shown to the responder, in characters.
RESULT_CHARS_MAX = 4_000
#: Most tools of one agent, and the longest name of one.
TOOLS_MAX = 20
NAME_CHARS_MAX = 64


@dataclass(frozen=True)
class Tool:
    """A method of another actor, under a name."""

    name: str
    """What the responder calls it."""
    description: str
    """What it is good for, in words for the responder."""
    to: Address
    """The actor that does it."""
    method: str
    """The method that is called."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.name) <= NAME_CHARS_MAX:
            raise ValueError(f"a tool's name has 1 to {NAME_CHARS_MAX} characters")
        if not Address.is_id(self.to.id):
            raise ValueError("a tool's actor has an id of 1 to 512 bytes without control characters")


def use(ctx: Context, tools: list[Tool], name: str, arguments: Any) -> str:
    """Calls a tool, and says what it brought. Trouble is something to tell the responder, not a failure."""
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        return f"error: there is no tool {name}"
    try:
        result = ctx.call(tool.to, tool.method, arguments)
    except CallError as error:
        ctx.warn(error)
        return f"error: {error.reason}"
    return json.dumps(result, ensure_ascii=False)[:RESULT_CHARS_MAX]
