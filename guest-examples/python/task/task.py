"""The actor type `task`: a to-do item with a status, an assignee and a deadline.

A deadline is a reminder: it survives restarts and wakes the task, which then becomes overdue and tells the
assignee's `chat` actor. The change of status and the message are one turn, so neither happens without the
other.
"""

from dataclasses import dataclass, field
from typing import Annotated

from greenroom import (
    Address,
    Conflict,
    Context,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    Range,
    Schedule,
    Timestamp,
    actor,
)
from status import Change, Status, add_change, before_overdue

#: The reminder that fires at the deadline.
DEADLINE = "deadline"
#: Longest title, in characters.
TITLE_CHARS_MAX = 200

Milliseconds = Annotated[int, Range(0, 2**64 - 1)]


@dataclass(frozen=True)
class TaskView:
    """A task as others see it."""

    id: str
    """The actor's id."""
    title: str | None
    """What is to be done."""
    status: Status
    """How far it is."""
    assignee: str | None
    """Who is to do it: the id of a `chat` actor."""
    deadline_ms: Timestamp | None
    """When it is to be done."""
    history: list[Change]
    """The latest changes of status, oldest first."""


@dataclass(frozen=True)
class Overdue:
    """What the assignee's `chat` actor is told when a deadline has passed."""

    title: str | None
    """What was to be done."""
    deadline_ms: Timestamp
    """When it was to be done."""


@actor
class Task:
    """A to-do item."""

    title: str | None = None
    status: Status = Status.TODO
    assignee: str | None = None
    deadline: Timestamp | None = None
    history: list[Change] = field(default_factory=list)

    def get_task(self, ctx: Context) -> TaskView:
        """Answers with the task."""
        return self._view(ctx)

    def create(self, ctx: Context, title: str, assignee: str | None) -> TaskView:
        """Names a new task."""
        if self.title is not None:
            raise Conflict(f"the task is called `{self.title}` already")
        if assignee is not None:
            self._assign(assignee)
        return self.set_title(ctx, title)

    def set_title(self, ctx: Context, title: str) -> TaskView:
        """Renames the task."""
        if not 1 <= len(title) <= TITLE_CHARS_MAX:
            raise InvalidArgument(f"a title has 1 to {TITLE_CHARS_MAX} characters")
        self.title = title
        return self._view(ctx)

    def update_status(self, ctx: Context, status: Status) -> TaskView:
        """Changes the status, whatever it was. A finished task has no deadline."""
        if status is Status.OVERDUE:
            raise FailedPrecondition("only a deadline that passes makes a task overdue")
        self._change_status(ctx, status)
        if status.is_finished:
            ctx.reminders.cancel(DEADLINE)
            self.deadline = None
        return self._view(ctx)

    def assign_to(self, ctx: Context, assignee: str | None) -> TaskView:
        """Hands the task to a user, or to nobody."""
        self._assign(assignee)
        return self._view(ctx)

    def set_deadline_reminder(
        self, ctx: Context, in_ms: Milliseconds | None, at_ms: Timestamp | None
    ) -> TaskView:
        """Sets the deadline, in so many milliseconds or at a moment, instead of an earlier one."""
        if self.status.is_finished:
            raise FailedPrecondition(f"the task is {self.status}: it needs no deadline")
        now = ctx.now
        match in_ms, at_ms:
            case int(), None:
                deadline = Timestamp(int(now) + in_ms)
            case None, Timestamp() if at_ms >= now:
                deadline = at_ms
            case None, Timestamp():
                raise InvalidArgument("argument `at_ms`: it is past")
            case _:
                raise InvalidArgument("give one of the arguments `in_ms` and `at_ms`")
        ctx.reminders.set(DEADLINE, Schedule.once(deadline.since(now)), "deadline_passed")
        self.deadline = deadline
        if self.status is Status.OVERDUE:
            self._change_status(ctx, before_overdue(self.history))
        return self._view(ctx)

    def deadline_passed(self, ctx: Context) -> TaskView:
        """The reminder's method: the task is overdue, and its assignee hears of it."""
        if not ctx.origin.is_reminder(DEADLINE):
            raise PermissionDenied("only the task's own reminder says that a deadline has passed")
        if not self.status.is_finished:
            self._change_status(ctx, Status.OVERDUE)
            if self.assignee is not None and self.deadline is not None:
                ctx.actor("chat", self.assignee).send("task_overdue", Overdue(self.title, self.deadline))
        return self._view(ctx)

    def _assign(self, assignee: str | None) -> None:
        if assignee is not None and not Address.is_id(assignee):
            raise InvalidArgument("an assignee has 1 to 512 bytes and no control characters")
        self.assignee = assignee

    def _change_status(self, ctx: Context, status: Status) -> None:
        if self.status is not status:
            self.status = status
            add_change(self.history, status, ctx.now, str(ctx.origin))

    def _view(self, ctx: Context) -> TaskView:
        return TaskView(ctx.me.id, self.title, self.status, self.assignee, self.deadline, list(self.history))
