"""The actor type `chat`: one user's conversation, with its history, the user's preferences and the context
of the session.

Preferences and context are fields; the history is kept a message a key, so that a turn writes the messages
it adds and not the whole conversation.
"""

from dataclasses import field
from typing import Annotated

import history
import replies
from greenroom import Context, InvalidArgument, PermissionDenied, Range, Timestamp, actor
from history import Entry, Role
from session import Preferences, SessionContext, SessionView, Style, Tool

#: Longest message, in characters.
TEXT_CHARS_MAX = 4_000

Count = Annotated[int, Range(0, 2**64 - 1)]


@actor
class Chat:
    """One user's conversation."""

    preferences: Preferences = field(default_factory=Preferences)
    context: SessionContext = field(default_factory=SessionContext)
    messages: int = 0
    """Messages there ever were; the sequence number of the latest."""

    def process_message(self, ctx: Context, text: str) -> Entry:
        """Adds the user's message and the reply to it."""
        if not text.strip() or len(text) > TEXT_CHARS_MAX:
            raise InvalidArgument(f"a message has 1 to {TEXT_CHARS_MAX} characters")
        reply = replies.reply(ctx, self.preferences, self.context, text)
        self._add(ctx, Role.USER, text)
        return self._add(ctx, Role.ASSISTANT, reply)

    def get_history(self, ctx: Context, limit: Count | None) -> list[Entry]:
        """The latest messages, oldest first."""
        return history.latest(ctx.state, self.messages, limit)

    def get_session(self, ctx: Context) -> SessionView:
        """Preferences, context and the number of messages."""
        return self._session(ctx)

    def set_preferences(self, ctx: Context, style: Style | None, topics: list[str] | None) -> SessionView:
        """Changes the preferences that are given."""
        self.preferences = self.preferences.updated(style, topics)
        return self._session(ctx)

    def set_context(self, ctx: Context, current_task: str | None, tools: list[Tool] | None) -> SessionView:
        """Changes the parts of the context that are given."""
        self.context = self.context.updated(current_task, tools)
        return self._session(ctx)

    def clear_context(self, ctx: Context) -> SessionView:
        """Forgets the current task and takes away what tools were given."""
        self.context = SessionContext()
        return self._session(ctx)

    def task_overdue(self, ctx: Context, title: str | None, deadline_ms: Timestamp) -> None:
        """What a task of the user sends when its deadline has passed."""
        task = ctx.origin.actor
        if task is None or task.actor_type != "task":
            raise PermissionDenied("only a task says that it is overdue")
        late_s = int(ctx.now.since(deadline_ms).total_seconds())
        self._add(ctx, Role.NOTE, f"{replies.named(task.id, title)} is overdue, since {late_s} s.")
        self.context = self.context.about(task.id)

    def _add(self, ctx: Context, role: Role, text: str) -> Entry:
        self.messages += 1
        entry = Entry(self.messages, role, text, ctx.now)
        history.add(ctx.state, entry)
        return entry

    def _session(self, ctx: Context) -> SessionView:
        return SessionView(ctx.me.id, self.preferences, self.context, self.messages)
