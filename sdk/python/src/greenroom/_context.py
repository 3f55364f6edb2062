"""The actor's door to the host during one turn: who it is, who asks, what time it is, and everything that
it may do besides changing its own fields."""

from datetime import timedelta
from typing import Any, TypeVar, overload

from ._address import Address, address_of
from ._alarms import Reminders, Timers
from ._call_error import CallError, CallErrorKind
from ._failure import InvalidArgument
from ._host import HostApi, Level
from ._message import Message, Origin, OriginKind
from ._payload import Payload
from ._state import State
from ._timestamp import Timestamp, milliseconds

T = TypeVar("T")

#: Most random bytes that the host gives at once.
_RANDOM_BYTES_MAX = 4_096
_HOST = Origin(OriginKind.HOST)
_AT_ONCE = timedelta(0)


class Context:
    """What a method is handed besides its arguments, if it has a parameter of the type `Context`.

    State, reminders, timers and sent messages are part of the turn: they take effect together when the
    method succeeds, and not at all when it fails. A `call` is a turn of the callee's own, which stays done
    even if the caller fails afterwards.
    """

    def __init__(self, host: HostApi, me: Address) -> None:
        self._host = host
        self.me = me
        """This actor's address."""
        self.message: Message | None = None
        """The message of this turn; `None` while the actor is activated or deactivated."""
        self.state = State(host)
        """State under keys of its own, for what is too large to be saved whole after every change."""
        self.reminders = Reminders(host)
        """Durable alarms: they survive restarts, and wake a dormant actor."""
        self.timers = Timers(host)
        """Alarms in memory only: gone when the actor is deactivated."""

    @property
    def origin(self) -> Origin:
        """Who sent the message of this turn."""
        return self.message.origin if self.message else _HOST

    @property
    def now(self) -> Timestamp:
        """The time; the same all through a turn."""
        return Timestamp(self._host.now_ms())

    def random_bytes(self, length: int) -> bytes:
        """`length` cryptographically secure random bytes."""
        parts = []
        while length > 0:
            part = min(length, _RANDOM_BYTES_MAX)
            parts.append(self._host.random(part))
            length -= part
        return b"".join(parts)

    def actor(self, actor_type: str, id: str) -> "ActorRef":
        """Another actor, to call or to send to."""
        return ActorRef(self, Address(actor_type, id))

    @overload
    def call(self, to: Address | tuple[str, str], method: str, arguments: object = None) -> Any: ...

    @overload
    def call(
        self, to: Address | tuple[str, str], method: str, arguments: object = None, *, returns: type[T]
    ) -> T: ...

    def call(
        self,
        to: Address | tuple[str, str],
        method: str,
        arguments: object = None,
        *,
        returns: Any = Any,
    ) -> Any:
        """Asks an actor, and waits for its reply.

        `arguments` are one value, a list or an object, as the method takes them; `None` is none. The reply
        is what its JSON says, or of the type `returns`; with `returns=Payload` it is not looked at.

        Raises `CallError`, which names the call and what went wrong.
        """
        address = address_of(to)
        reply = self._host.call(address, method, Payload.of_arguments(arguments))
        if returns is Payload:
            return reply
        try:
            return reply.to(returns)
        except InvalidArgument as failure:
            raise CallError(address, method, CallErrorKind.INVALID_REPLY, failure.message) from None

    def send(
        self,
        to: Address | tuple[str, str],
        method: str,
        arguments: object = None,
        *,
        delay: timedelta = _AT_ONCE,
    ) -> None:
        """Tells an actor: once this turn has succeeded, the message is processed exactly once.

        Messages to one actor arrive in the order they were sent, no sooner than `delay` from now. Raises
        `ResourceExhausted` when a limit of the host is passed.
        """
        self._host.send(address_of(to), method, Payload.of_arguments(arguments), milliseconds(delay))

    def log(self, level: Level, message: object) -> None:
        """Says something to the people who run the actor. Said at once: also by a turn that fails."""
        self._host.log(level, str(message))

    def trace(self, message: object) -> None:
        """`log` at trace level."""
        self.log(Level.TRACE, message)

    def debug(self, message: object) -> None:
        """`log` at debug level."""
        self.log(Level.DEBUG, message)

    def info(self, message: object) -> None:
        """`log` at info level."""
        self.log(Level.INFO, message)

    def warn(self, message: object) -> None:
        """`log` at warn level."""
        self.log(Level.WARN, message)

    def error(self, message: object) -> None:
        """`log` at error level."""
        self.log(Level.ERROR, message)


class ActorRef:
    """Another actor, as this one speaks to it. There is always one at any address."""

    def __init__(self, context: Context, address: Address) -> None:
        self._context = context
        self.address = address
        """Where it is."""

    @overload
    def call(self, method: str, arguments: object = None) -> Any: ...

    @overload
    def call(self, method: str, arguments: object = None, *, returns: type[T]) -> T: ...

    def call(self, method: str, arguments: object = None, *, returns: Any = Any) -> Any:
        """`Context.call` to this actor."""
        return self._context.call(self.address, method, arguments, returns=returns)

    def send(self, method: str, arguments: object = None, *, delay: timedelta = _AT_ONCE) -> None:
        """`Context.send` to this actor."""
        self._context.send(self.address, method, arguments, delay=delay)
