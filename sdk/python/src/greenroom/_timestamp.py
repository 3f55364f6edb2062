"""A moment in time, as the host's clock tells it."""

from datetime import UTC, datetime, timedelta
from typing import Self

_LATEST = 2**64 - 1
_MICROSECOND = timedelta(microseconds=1)


class Timestamp(int):
    """A moment, to the millisecond: milliseconds since the Unix epoch. In JSON it is that number.

    >>> noon = Timestamp(43_200_000)
    >>> noon + timedelta(seconds=1)
    Timestamp(43201000)
    >>> noon.since(Timestamp(0))
    datetime.timedelta(seconds=43200)
    """

    __slots__ = ()

    def __new__(cls, milliseconds: int) -> Self:
        """The moment `milliseconds` after the Unix epoch; the first or the last there is beyond these."""
        return super().__new__(cls, max(0, min(milliseconds, _LATEST)))

    def since(self, earlier: "Timestamp") -> timedelta:
        """How long after `earlier` this is; zero when it is not."""
        return timedelta(milliseconds=min(max(0, int(self) - int(earlier)), _LONGEST_MS))

    def datetime(self) -> datetime:
        """The moment as the standard library has it, in UTC."""
        return datetime.fromtimestamp(int(self) / 1000, UTC)

    def __add__(self, duration: object) -> "Timestamp":
        if not isinstance(duration, timedelta):
            return NotImplemented
        return Timestamp(int(self) + milliseconds(duration))

    def __sub__(self, duration: object) -> "Timestamp":
        if not isinstance(duration, timedelta):
            return NotImplemented
        return Timestamp(int(self) - milliseconds(duration))

    def __repr__(self) -> str:
        return f"Timestamp({int(self)})"


def milliseconds(duration: timedelta) -> int:
    """`duration` in whole milliseconds, rounded up, so that nothing happens too early."""
    return -(-(duration // _MICROSECOND) // 1000)


_LONGEST_MS = timedelta.max // timedelta(milliseconds=1)
