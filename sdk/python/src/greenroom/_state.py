"""State under keys of its own, beside the actor's fields: bytes, or JSON of a type."""

from typing import Any, TypeVar, overload

from . import _json
from ._failure import Internal
from ._host import HostApi
from ._malformed import Malformed
from ._readers import reader_of

T = TypeVar("T")

#: The key that the actor's fields are kept under.
ACTOR_KEY = "actor"
#: How many keys are asked for at once.
_KEYS_PAGE = 1_000


class State:
    """This actor's state under keys of its own, `ctx.state`.

    Reads see the turn's own writes. The key `actor` belongs to the actor's fields: it can't be written
    here, and `keys` leaves it out.
    """

    def __init__(self, host: HostApi) -> None:
        self._host = host

    @overload
    def get(self, key: str) -> Any: ...

    @overload
    def get(self, key: str, expected: type[T]) -> T | None: ...

    def get(self, key: str, expected: Any = Any) -> Any:
        """The value under `key`, read as JSON; `None` when there is none.

        Raises `Internal` with the key, the place and the problem, when it is not of the type `expected`.
        """
        stored = self._host.state_get(key)
        if stored is None:
            return None
        try:
            return reader_of(expected)(_json.decode(stored))
        except (Malformed, _json.NotJson) as error:
            name = getattr(expected, "__name__", str(expected))
            raise Internal(f"state `{key}` can't be read as {name}: {error}") from None

    def set(self, key: str, value: object) -> None:
        """Puts `value` under `key`, as JSON.

        Raises `ResourceExhausted` when a limit of the host is passed, `Internal` when the value has no
        JSON form.
        """
        try:
            encoded = _json.encode(value)
            _json.check_depth(encoded)
        except _json.NotJson as error:
            raise Internal(f"state `{key}` can't be written as JSON: {error}") from None
        self.set_bytes(key, encoded)

    def get_bytes(self, key: str) -> bytes | None:
        """The bytes under `key`; `None` when there are none."""
        return self._host.state_get(key)

    def set_bytes(self, key: str, value: bytes) -> None:
        """Puts bytes under `key`. Raises `ResourceExhausted` when a limit of the host is passed."""
        if key == ACTOR_KEY:
            raise Internal(f"state `{key}` belongs to the actor's fields")
        self._host.state_set(key, value)

    def delete(self, key: str) -> bool:
        """Removes `key`; says whether it was there."""
        return key != ACTOR_KEY and self._host.state_delete(key)

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin with `prefix`, in byte order."""
        keys: list[str] = []
        while True:
            page = self.keys_after(prefix, keys[-1] if keys else None, _KEYS_PAGE)
            keys += page
            if len(page) < _KEYS_PAGE:
                return keys

    def keys_after(self, prefix: str, after: str | None, limit: int) -> list[str]:
        """The keys that begin with `prefix`, in byte order, that come after `after`; at most `limit`."""
        # One more, in case the key of the fields is among them.
        found = self._host.state_keys(prefix, after, limit + 1)
        return [key for key in found if key != ACTOR_KEY][:limit]
