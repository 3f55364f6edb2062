"""What an agent remembers of a conversation: each entry under a key of its own, so that a turn writes what
it adds and not the whole conversation."""

from dataclasses import dataclass
from enum import StrEnum

from greenroom import State, Timestamp

#: Entries that are kept.
ENTRIES_MAX = 100


class Role(StrEnum):
    """Who an entry is from."""

    USER = "user"
    """Whoever talks to the agent."""
    ASSISTANT = "assistant"
    """The agent."""
    TOOL = "tool"
    """What a tool brought."""


@dataclass(frozen=True)
class Entry:
    """One thing that was said or done."""

    sequence: int
    """1 for the first entry of the conversation, one more for each further one."""
    role: Role
    """Who it is from."""
    text: str
    """What was said."""
    at_ms: Timestamp
    """When."""
    tool: str | None = None
    """Which tool, if it is from one."""


def _key(sequence: int) -> str:
    return f"entry/{sequence}"


def add(state: State, entry: Entry) -> None:
    """Adds the next entry, and forgets the one that is one too many."""
    state.delete(_key(entry.sequence - ENTRIES_MAX))
    state.set(_key(entry.sequence), entry)


def latest(state: State, last: int, limit: int) -> list[Entry]:
    """The last `limit` of the entries that are kept, oldest first, when the newest has the number `last`."""
    count = max(0, min(limit, ENTRIES_MAX, last))
    found = (state.get(_key(sequence), Entry) for sequence in range(last - count + 1, last + 1))
    return [entry for entry in found if entry is not None]


def forget(state: State) -> None:
    """Forgets every entry."""
    for key in state.keys("entry/"):
        state.delete(key)
