"""The conformance guest against the WIT alone, as typed methods: functions of an interface of its own, and
nothing of the SDK. `tests/guests/README.md` says what it does."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.conformance import Order, Refusal_Nothing, Refusal_TooMany
from wit_world.imports.types import Address

import lifecycle
import script

_PIECES_MAX = 100


class Lifecycle(exports.Lifecycle):
    """What happens around methods."""

    def activate(self, me: Address) -> None:
        """Fails or counts, if the id says so."""
        lifecycle.activate(me)

    def deactivate(self) -> None:
        """Counts, if the id says so."""
        lifecycle.deactivate()


class Conformance(exports.Conformance):
    """The methods."""

    def echo(self, data: bytes) -> bytes:
        """Replies with the bytes as they came."""
        return data

    def increment(self) -> int:
        """Adds one to a durable number."""
        return lifecycle.add_one("n")

    def run(self, script_text: str) -> str:
        """Does what the script says."""
        return script.run(script_text, None)

    def place(self, order: Order) -> Order:
        """Replies with the order as it came, unless it is refused."""
        if order.pieces == 0:
            raise Err(Refusal_Nothing())
        if order.pieces > _PIECES_MAX:
            raise Err(Refusal_TooMany(_PIECES_MAX))
        return order
