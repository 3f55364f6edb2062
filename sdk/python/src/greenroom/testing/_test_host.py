"""One actor under test: its messages, its clock, and what it left in the world."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar, overload

from .. import _json
from .._activation import Activation
from .._actor import Definition
from .._address import Address, address_of
from .._host import Level
from .._logging import HostHandler
from .._message import Message, Origin
from .._payload import Payload
from .._schedule import Reminder
from .._state import State
from .._timestamp import Timestamp, milliseconds
from ._turns import Delivered, Sent
from ._world import Responder, World

T = TypeVar("T")

#: When every test begins: 2026-01-01, midnight UTC.
_BEGIN_MS = 1_767_225_600_000
_CLIENT = Origin.from_client()


class TestHost:
    """A host for one actor of the type `kind`.

    Messages come from a client unless they are given another origin. The actor is activated by its first
    message, as it would be by the host.
    """

    __test__ = False  # for pytest, which takes every class of such a name for a test

    def __init__(self, kind: type[Any], to: str | Address | tuple[str, str]) -> None:
        """The actor at the address `to`, or with that id, of a type called like the class in lower case.

        Raises `TypeError` when the class can't be an actor.
        """
        definition = Definition(kind)
        self.me = Address(definition.name.lower(), to) if isinstance(to, str) else address_of(to)
        """The actor's address."""
        self._world = World(self.me, _BEGIN_MS)
        self._activation = Activation(definition, self._world, self.me)
        self._messages = 0

    @overload
    def call(self, method: str, arguments: object = None, *, origin: Origin = _CLIENT) -> Any: ...

    @overload
    def call(
        self, method: str, arguments: object = None, *, returns: type[T], origin: Origin = _CLIENT
    ) -> T: ...

    def call(
        self,
        method: str,
        arguments: object = None,
        *,
        returns: Any = Any,
        origin: Origin = _CLIENT,
    ) -> Any:
        """Calls a method, as `origin` would; the reply as JSON or of the type `returns`.

        Raises what the actor failed with.
        """
        reply = self.call_raw(method, Payload.of_arguments(arguments), origin=origin)
        return reply if returns is Payload else reply.to(returns)

    def call_raw(self, method: str, payload: Payload, *, origin: Origin = _CLIENT) -> Payload:
        """Calls a method with bytes, for bytes. Raises what the actor failed with."""
        if not self._activation.is_loaded:
            self._activate()
        self._messages += 1
        message = Message(f"message-{self._messages}", method, origin, attempt=1)
        with self._turn():
            return self._activation.receive(message, payload)

    def on_call(self, respond: Responder) -> None:
        """Answers the calls that the actor makes; without it nothing is deployed but the actor.

        What `respond` returns is the reply, as JSON unless it is a `Payload`; what it raises is why there
        is none: a `Failure` is the callee's own, a `CallError` any other reason.
        """
        self._world.responder = respond

    def advance(self, duration: timedelta) -> list[Delivered]:
        """Moves the clock, and delivers on the way what becomes due, in its order.

        That is reminders, timers, and messages that the actor sent itself. A zero duration delivers what
        is due already. A firing whose turn fails is reported, and not tried again; the real host would.
        """
        until_ms = self._world.now_ms() + milliseconds(duration)
        delivered = []
        while (due := self._world.take_due(until_ms)) is not None:
            self._world.move_to(max(due.at_ms, self._world.now_ms()))
            reply, error = None, None
            try:
                reply = self.call_raw(due.method, due.payload, origin=due.origin)
            except Exception as raised:
                error = raised
            delivered.append(Delivered(due.origin, due.method, reply, error))
        self._world.move_to(until_ms)
        return delivered

    def restart(self) -> None:
        """Deactivates the actor, as when it was idle, and activates it again from what is stored.

        Timers are gone. Raises what either hook, or reading the state, failed with.
        """
        try:
            with self._turn():
                self._activation.deactivate()
        finally:
            self.crash()
        self._activate()

    def crash(self) -> None:
        """Drops the actor from memory, as when the host was killed. Its next message activates it."""
        self._activation.discard()
        self._world.effects.timers.clear()

    def _activate(self) -> None:
        with self._turn():
            self._activation.activate()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        root, handler = logging.getLogger(), HostHandler(self._world)
        level = root.level
        root.addHandler(handler)
        root.setLevel(min(level, logging.INFO))
        try:
            with self._world.turn():
                yield
        finally:
            root.setLevel(level)
            root.removeHandler(handler)

    @property
    def now(self) -> Timestamp:
        """The time."""
        return Timestamp(self._world.now_ms())

    @property
    def sent(self) -> list[Sent]:
        """All messages that the actor has sent since the last `take_sent`, those to itself included."""
        return list(self._world.effects.sent)

    def take_sent(self) -> list[Sent]:
        """Like `sent`, and begins anew."""
        sent, self._world.effects.sent = self._world.effects.sent, []
        return sent

    @property
    def reminders(self) -> list[Reminder]:
        """The reminders that are set, by name."""
        return self._world.listed(self._world.effects.reminders)

    @property
    def timers(self) -> list[Reminder]:
        """The timers that are set, by name."""
        return self._world.listed(self._world.effects.timers)

    @property
    def logs(self) -> list[tuple[Level, str]]:
        """What the actor has said with its context or with `logging`, failed turns included."""
        return list(self._world.logs)

    @overload
    def stored(self, key: str = "actor") -> Any: ...

    @overload
    def stored(self, key: str = "actor", *, expected: type[T]) -> T | None: ...

    def stored(self, key: str = "actor", *, expected: Any = Any) -> Any:
        """What is stored under `key`, as JSON; the actor's fields are under `actor`."""
        return State(self._world).get(key, expected)

    def stored_bytes(self, key: str) -> bytes | None:
        """The bytes that are stored under `key`."""
        return self._world.state_get(key)

    @property
    def stored_keys(self) -> list[str]:
        """All keys that something is stored under."""
        return self._world.state_keys("", None, len(self._world.effects.state))

    def store(self, key: str, value: object) -> None:
        """Puts a value under `key` behind the actor's back and drops it from memory.

        That is what an earlier version of it may have stored: bytes as they are, anything else as JSON.
        """
        self.crash()
        self._world.effects.state[key] = value if isinstance(value, bytes) else _json.encode(value)
