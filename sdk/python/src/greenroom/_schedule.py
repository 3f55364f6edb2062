"""When a reminder or a timer fires."""

from dataclasses import dataclass, replace
from datetime import timedelta


@dataclass(frozen=True)
class Schedule:
    """When a reminder or a timer fires, counted from the moment it is set.

    >>> minute = timedelta(minutes=1)
    >>> _ = Schedule.once(minute)  # in a minute
    >>> _ = Schedule.every(minute)  # in a minute, and every minute after
    >>> _ = Schedule.every(minute).times(3)  # three times in all
    >>> _ = Schedule.every(minute).starting_in(timedelta(0))  # now, and every minute after

    The host refuses a period shorter than 10 ms, and no firings at all.
    """

    delay: timedelta
    """How long after it is set it fires first."""
    period: timedelta | None = None
    """The time between firings, if there is more than one."""
    repetitions: int | None = None
    """Firings in all; `None` is without end, or just one without a period."""

    @staticmethod
    def once(delay: timedelta) -> "Schedule":
        """One firing, `delay` from now."""
        return Schedule(delay)

    @staticmethod
    def every(period: timedelta) -> "Schedule":
        """A firing after each `period`, without end."""
        return Schedule(period, period)

    def starting_in(self, delay: timedelta) -> "Schedule":
        """The first firing `delay` from now, whatever the period."""
        return replace(self, delay=delay)

    def times(self, count: int) -> "Schedule":
        """At most `count` firings in all."""
        return replace(self, repetitions=count)


@dataclass(frozen=True)
class Reminder:
    """A reminder or a timer that is set."""

    name: str
    method: str
    """The method it calls."""
    due_in: timedelta
    """How long until it fires next; zero when it is due."""
    schedule: Schedule
    """The schedule it was set with."""
