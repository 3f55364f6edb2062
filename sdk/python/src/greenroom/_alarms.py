"""Messages that an actor schedules to itself: reminders, which are durable, and timers, which are not."""

from ._host import HostApi
from ._payload import Payload
from ._schedule import Reminder, Schedule


class Reminders:
    """This actor's reminders, `ctx.reminders`: they survive restarts, and wake a dormant actor.

    A reminder calls one of the actor's own methods. A method meant for that only should say so:

        if not ctx.origin.is_reminder("ready"):
            raise PermissionDenied("the egg knows itself when it is ready")
    """

    def __init__(self, host: HostApi) -> None:
        self._host = host

    def set(self, name: str, schedule: Schedule, method: str, arguments: object = None) -> None:
        """Calls this actor's `method` with `arguments` on that schedule.

        Replaces a reminder of the same name. Raises `ResourceExhausted` when a limit of the host is
        passed, the shortest period included.
        """
        self._host.reminder_set(name, schedule, method, Payload.of_arguments(arguments))

    def cancel(self, name: str) -> bool:
        """Removes a reminder; says whether there was one."""
        return self._host.reminder_cancel(name)

    def list(self) -> list[Reminder]:
        """The reminders that are set."""
        return self._host.reminder_list()


class Timers:
    """This actor's timers, `ctx.timers`: like reminders, but in memory only.

    They cost no write, and are gone when the actor is deactivated.
    """

    def __init__(self, host: HostApi) -> None:
        self._host = host

    def set(self, name: str, schedule: Schedule, method: str, arguments: object = None) -> None:
        """Calls this actor's `method` with `arguments` on that schedule.

        Replaces a timer of the same name. Raises `ResourceExhausted` when a limit of the host is passed,
        the shortest period included.
        """
        self._host.timer_set(name, schedule, method, Payload.of_arguments(arguments))

    def cancel(self, name: str) -> bool:
        """Removes a timer; says whether there was one."""
        return self._host.timer_cancel(name)
