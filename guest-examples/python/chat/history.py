"""The latest messages of a conversation, each under a key of its own that ends in its number."""

from dataclasses import dataclass
from enum import StrEnum

from greenroom import State, Timestamp

#: Messages that are kept.
ENTRIES_MAX = 50


class Role(StrEnum):
    """Who said something."""

    USER = "user"
    """The user."""
    ASSISTANT = "assistant"
    """The reply."""
    NOTE = "note"
    """One of the user's tasks."""


@dataclass(frozen=True)
class Entry:
    """One message."""

    sequence: int
    """1 for the first message of the conversation, one more for each further one."""
    role: Role
    """Who said it."""
    text: str
    """What was said."""
    at_ms: Timestamp
    """When."""


def _key(sequence: int) -> str:
    return f"message/{sequence}"


def add(state: State, entry: Entry) -> None:
    """Adds the next message, and forgets the one that is one too many."""
    if entry.sequence > ENTRIES_MAX:
        state.delete(_key(entry.sequence - ENTRIES_MAX))
    state.set(_key(entry.sequence), entry)


def latest(state: State, last: int, limit: int | None) -> list[Entry]:
    """The last `limit` of the messages that are kept, oldest first, when the newest has the number `last`."""
    count = min(ENTRIES_MAX if limit is None else limit, ENTRIES_MAX, last)
    found = (state.get(_key(sequence), Entry) for sequence in range(last - count + 1, last + 1))
    return [entry for entry in found if entry is not None]
