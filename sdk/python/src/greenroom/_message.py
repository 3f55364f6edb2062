"""What an actor receives, apart from the arguments."""

from dataclasses import dataclass
from enum import Enum
from typing import Self

from ._address import Address


class OriginKind(Enum):
    """What kind of sender."""

    CLIENT = "client"
    """Somebody outside, over HTTP."""
    ACTOR = "actor"
    """Another actor."""
    REMINDER = "reminder"
    """This actor's own reminder."""
    TIMER = "timer"
    """This actor's own timer."""
    HOST = "host"
    """The host itself: the actor is being activated or deactivated, and there is no message."""


@dataclass(frozen=True)
class Origin:
    """Who sent a message. Set by the host, so an actor may trust it."""

    kind: OriginKind
    """What kind of sender."""
    actor: Address | None = None
    """The actor that sent the message, if one did."""
    name: str | None = None
    """The name of the reminder or the timer, if one fired."""

    @classmethod
    def from_client(cls) -> Self:
        """Somebody outside, over HTTP."""
        return cls(OriginKind.CLIENT)

    @classmethod
    def from_actor(cls, actor_type: str, id: str) -> Self:
        """Another actor."""
        return cls(OriginKind.ACTOR, actor=Address(actor_type, id))

    @classmethod
    def from_reminder(cls, name: str) -> Self:
        """This actor's own reminder of that name."""
        return cls(OriginKind.REMINDER, name=name)

    @classmethod
    def from_timer(cls, name: str) -> Self:
        """This actor's own timer of that name."""
        return cls(OriginKind.TIMER, name=name)

    def is_reminder(self, name: str) -> bool:
        """Whether this actor's own reminder `name` sent the message."""
        return self.kind is OriginKind.REMINDER and self.name == name

    def is_timer(self, name: str) -> bool:
        """Whether this actor's own timer `name` sent the message."""
        return self.kind is OriginKind.TIMER and self.name == name

    def __str__(self) -> str:
        if self.actor is not None:
            return str(self.actor)
        return self.kind.value if self.name is None else f"{self.kind.value} {self.name}"


@dataclass(unsafe_hash=True)  # a frozen one takes four times as long to make, and each turn makes one
class Message:
    """The message of the turn under way."""

    id: str
    """Unique; the same when the message is delivered again."""
    method: str
    """What is asked."""
    origin: Origin
    """Who asks."""
    attempt: int
    """1 on the first delivery, one more on each further one."""
