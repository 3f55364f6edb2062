"""The conformance guest against the WIT alone, as a `behavior`: what `componentize-py` makes of the contract,
and nothing of the SDK. `tests/guests/README.md` says what it does."""

from wit_world import exports
from wit_world.imports.types import Address, ErrorCode, Message, Payload

import lifecycle
from replies import failure, text
from script import run


class Behavior(exports.Behavior):
    """The contract's exports."""

    def activate(self, me: Address) -> None:
        """Fails or counts, if the id says so."""
        lifecycle.activate(me)

    def receive(self, message: Message) -> Payload:
        """Does what the method says."""
        match message.method:
            case "echo":
                return message.payload
            case "increment":
                return text(str(lifecycle.add_one("n")))
            case "run":
                return text(run(message.payload.body.decode(errors="replace"), message))
            case other:
                raise failure(ErrorCode.UNIMPLEMENTED, f"there is no method {other}")

    def deactivate(self) -> None:
        """Counts, if the id says so."""
        lifecycle.deactivate()
