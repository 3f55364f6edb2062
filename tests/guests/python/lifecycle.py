"""What happens around messages, and what this instance remembers between them."""

from componentize_py_types import Err
from wit_world.imports import state
from wit_world.imports.types import Address, ErrorCode

from replies import failure

#: Which actor this instance was told that it is.
me = Address("", "")
#: The text kept last; gone with the sandbox.
remembered = ""


def activate(address: Address) -> None:
    """Fails or counts, if the id says so."""
    global me
    if address.id.startswith("fail-activate-") and state.get("healed") is None:
        raise failure(ErrorCode.FAILED_PRECONDITION, "asked not to activate")
    if address.id.startswith("counted-"):
        add_one("activations")
    me = address


def deactivate() -> None:
    """Counts, if the id says so."""
    if me.id.startswith("counted-"):
        add_one("deactivations")


def add_one(key: str) -> int:
    """Adds one to the number under that key."""
    following = int(state.get(key) or b"0") + 1
    try:
        state.set(key, str(following).encode())
    except Err as limit:
        raise failure(ErrorCode.RESOURCE_EXHAUSTED, limit.value) from None
    return following
