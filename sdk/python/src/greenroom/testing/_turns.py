"""What a test sees of an actor's work: the messages it sent, and those it sent itself."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .._address import Address
from .._message import Origin
from .._payload import Payload


@dataclass(frozen=True)
class Sent:
    """A message that the actor has sent, in a turn that succeeded."""

    to: Address
    """To whom."""
    method: str
    """What is asked."""
    payload: Payload
    """With what."""
    delay: timedelta
    """How long after it was sent it is delivered."""

    @property
    def arguments(self) -> Any:
        """The arguments, read as JSON."""
        return self.payload.to()


@dataclass(frozen=True)
class Delivered:
    """A reminder's or timer's firing, or a message to itself, that `TestHost.advance` delivered."""

    origin: Origin
    """The reminder, the timer, or the actor itself."""
    method: str
    """What was asked."""
    reply: Payload | None
    """What it replied, if it succeeded."""
    error: Exception | None
    """What it failed with, if it failed."""

    @property
    def succeeded(self) -> bool:
        """Whether the turn took effect."""
        return self.error is None
