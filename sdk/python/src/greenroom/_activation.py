"""An actor in memory: loaded from its state, given messages, saved when it changed.

Memory never differs from what is stored: an actor whose turn fails is dropped, and loaded again for its
next message. The host does the same with the sandbox; a native test has only this.
"""

from typing import Any

from . import _json
from ._actor import Definition
from ._address import Address
from ._context import Context
from ._failure import Internal
from ._host import HostApi
from ._malformed import Malformed
from ._message import Message
from ._payload import Payload
from ._state import ACTOR_KEY


class Activation:
    """One actor of the defined type, loaded when it is needed."""

    def __init__(self, definition: Definition, host: HostApi, me: Address) -> None:
        self._definition = definition
        self._host = host
        self._me = me
        # One for all turns, which come one after the other; only the message differs.
        self._context = Context(host, me)
        self._actor: Any = None
        self._stored = b""

    @property
    def is_loaded(self) -> bool:
        """Whether the actor is in memory."""
        return self._actor is not None

    def discard(self) -> None:
        """Forgets what is in memory."""
        self._actor = None

    def activate(self) -> None:
        """Loads the fields and runs the method marked `@activate`."""
        actor = self._load()
        self._run_hook("activate", actor)
        self._save_if_changed(actor)
        self._actor = actor

    def receive(self, message: Message, payload: Payload) -> Payload:
        """One message, one turn."""
        if self._actor is None:
            self.activate()
        # Taken out, and put back only when the turn has succeeded.
        actor, self._actor = self._actor, None
        self._context.message = message
        reply = self._definition.receive(actor, self._context, message.method, payload)
        self._save_if_changed(actor)
        self._actor = actor
        return reply

    def deactivate(self) -> None:
        """Runs the method marked `@deactivate` and leaves memory."""
        actor, self._actor = self._actor, None
        if actor is not None:
            self._run_hook("deactivate", actor)
            self._save_if_changed(actor)

    def _run_hook(self, hook: str, actor: Any) -> None:
        self._context.message = None
        self._definition.run_hook(hook, actor, self._context)

    def _load(self) -> Any:
        stored = self._host.state_get(ACTOR_KEY)
        try:
            actor = (
                self._definition.kind()
                if stored is None
                else self._definition.read_state(_json.decode(stored))
            )
        except (Malformed, _json.NotJson) as error:
            name = self._definition.name
            raise Internal(f"the state of {self._me} can't be read as {name}: {error}") from None
        # What would be written now, and not what is stored: a turn that only reads must not rewrite the
        # state of an earlier version.
        self._stored = self._encode(actor)
        return actor

    def _save_if_changed(self, actor: Any) -> None:
        if not self._definition.is_durable:
            return
        encoded = self._encode(actor)
        if encoded != self._stored:
            self._check(encoded)
            self._host.state_set(ACTOR_KEY, encoded)
            self._stored = encoded

    def _encode(self, actor: Any) -> bytes:
        try:
            return _json.encode(_json.form_of(actor))
        except _json.NotJson as error:
            raise self._not_written(error) from None

    def _check(self, encoded: bytes) -> None:
        try:
            _json.check_depth(encoded)
        except _json.NotJson as error:
            raise self._not_written(error) from None

    def _not_written(self, error: _json.NotJson) -> Internal:
        return Internal(f"the state of {self._definition.name} can't be written as JSON: {error}")
