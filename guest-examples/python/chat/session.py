"""What a conversation knows about its user: preferences, which stay, and the context of the session, which
can be cleared."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from greenroom import Address, InvalidArgument

#: Most topics, and the longest one in characters.
TOPICS_MAX = 20
TOPIC_CHARS_MAX = 100


class Style(StrEnum):
    """How replies sound."""

    FRIENDLY = "friendly"
    """Warm."""
    CONCISE = "concise"
    """No word too many."""
    FORMAL = "formal"
    """Polite."""


class Tool(StrEnum):
    """What may be done with the current task to find a reply."""

    GET_TASK = "get_task"
    """Look at it."""
    UPDATE_STATUS = "update_status"
    """Mark it done."""


@dataclass(frozen=True)
class Preferences:
    """What the user likes."""

    style: Style = Style.FRIENDLY
    """How replies sound."""
    topics: list[str] = field(default_factory=list)
    """What the user likes to talk about."""

    def updated(self, style: Style | None, topics: list[str] | None) -> "Preferences":
        """The same with what is given."""
        if topics is not None and not _are_topics(topics):
            raise InvalidArgument(
                f"argument `topics`: at most {TOPICS_MAX}, each of 1 to {TOPIC_CHARS_MAX} characters"
            )
        return Preferences(
            style=self.style if style is None else style,
            topics=self.topics if topics is None else topics,
        )


@dataclass(frozen=True)
class SessionContext:
    """What the session is about."""

    current_task: str | None = None
    """The id of a `task` actor."""
    tools: list[Tool] = field(default_factory=lambda: [Tool.GET_TASK])
    """What may be done with it."""

    def updated(self, current_task: str | None, tools: list[Tool] | None) -> "SessionContext":
        """The same with what is given."""
        if current_task is not None and not Address.is_id(current_task):
            raise InvalidArgument("argument `current_task`: it can't be an actor's id")
        return SessionContext(
            current_task=self.current_task if current_task is None else current_task,
            # Each once, so that what a caller sends can't make the state grow.
            tools=self.tools if tools is None else list(dict.fromkeys(tools)),
        )

    def about(self, task: str) -> "SessionContext":
        """The same about that task, unless it is about one already."""
        return self if self.current_task is not None else replace(self, current_task=task)


@dataclass(frozen=True)
class SessionView:
    """Preferences, context and the number of messages."""

    user: str
    """The actor's id."""
    preferences: Preferences
    """What the user likes."""
    context: SessionContext
    """What the session is about."""
    messages: int
    """Messages there ever were."""


def _are_topics(topics: list[str]) -> bool:
    return len(topics) <= TOPICS_MAX and all(1 <= len(topic) <= TOPIC_CHARS_MAX for topic in topics)
