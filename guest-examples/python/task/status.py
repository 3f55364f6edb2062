"""How far a task is, and how it got there: a bounded list of changes, each with its number."""

from dataclasses import dataclass
from enum import StrEnum

from greenroom import Timestamp

#: Changes that are kept.
CHANGES_MAX = 20


class Status(StrEnum):
    """How far a task is."""

    TODO = "todo"
    """Nobody has begun."""
    IN_PROGRESS = "in_progress"
    """Somebody is at it."""
    DONE = "done"
    """Finished."""
    CANCELLED = "cancelled"
    """Not to be done any more."""
    OVERDUE = "overdue"
    """The deadline has passed, and it is not finished."""

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self in (Status.DONE, Status.CANCELLED)


@dataclass(frozen=True)
class Change:
    """One change of status."""

    sequence: int
    """1 for the first change of the task, one more for each further one."""
    status: Status
    """What it was changed to."""
    at_ms: Timestamp
    """When."""
    by: str
    """Who asked for it."""


def add_change(history: list[Change], status: Status, at: Timestamp, by: str) -> None:
    """Adds a change, and forgets the oldest one when there are too many."""
    sequence = history[-1].sequence + 1 if history else 1
    history.append(Change(sequence, status, at, by))
    del history[:-CHANGES_MAX]


def before_overdue(history: list[Change]) -> Status:
    """The status before the deadline passed."""
    earlier = (change.status for change in reversed(history) if change.status is not Status.OVERDUE)
    return next(earlier, Status.TODO)
