"""A guest that does whatever a test asks of it, well-behaved or not, against the WIT alone: what
`componentize-py` makes of the contract, and nothing of the SDK.

Its methods are those of the probe in Rust:

| method | does |
| --- | --- |
| `echo` | replies with the payload as it came |
| `increment`, `get` | a durable counter under the key `n`, as text |
| `append`, `list` | a durable list under the key `list`: `append` adds the payload's text, or the id |
| `run` | a script: the payload is a JSON list of operations, the reply a JSON list of their results |

An actor whose id begins with `counted-` counts its activations and deactivations durably; one that begins
with `fail-activate-`, `trap-activate-` or `spin-activate-` does that when it is activated, unless its state
has the key `healed`.
"""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import state
from wit_world.imports.types import Address, ErrorCode, Message, Payload

import memory
import script
from replies import failure, limited, text


class Behavior(exports.Behavior):
    """The contract's exports."""

    def activate(self, me: Address) -> None:
        """Misbehaves if the id says so."""
        healed = state.get("healed") is not None
        if me.id.startswith("fail-activate-") and not healed:
            raise failure(ErrorCode.FAILED_PRECONDITION, "the probe was asked not to activate")
        if me.id.startswith("trap-activate-") and not healed:
            raise RuntimeError("the probe was asked to trap")
        while me.id.startswith("spin-activate-") and not healed:
            pass
        if me.id.startswith("counted-"):
            _add_one("activations")
        memory.me = me

    def receive(self, message: Message) -> Payload:
        """Does what the method says."""
        memory.turns += 1
        match message.method:
            case "echo":
                return message.payload
            case "increment":
                return text(str(_add_one("n")))
            case "get":
                return text(str(_number("n")))
            case "append":
                return _append(message)
            case "list":
                return text("\n".join(_list()))
            case "run":
                return script.run(message)
            case other:
                raise failure(ErrorCode.UNIMPLEMENTED, f"the probe has no method {other}")

    def deactivate(self) -> None:
        """Counts, if the id says so."""
        if memory.me is not None and memory.me.id.startswith("counted-"):
            _add_one("deactivations")


def _number(key: str) -> int:
    stored = (state.get(key) or b"").decode(errors="replace")
    return int(stored) if stored.isdecimal() else 0


def _add_one(key: str) -> int:
    following = _number(key) + 1
    _keep(key, str(following))
    return following


def _list() -> list[str]:
    stored = (state.get("list") or b"").decode(errors="replace")
    return stored.split("\n") if stored else []


def _append(message: Message) -> Payload:
    given = message.payload.body.decode(errors="replace")
    lines = "\n".join([*_list(), given or message.id])
    _keep("list", lines)
    return text(lines)


def _keep(key: str, value: str) -> None:
    try:
        state.set(key, value.encode())
    except Err as limit:
        raise limited(limit.value) from None
