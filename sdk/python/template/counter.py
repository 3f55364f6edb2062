"""A counter that forgets."""

from datetime import timedelta

from greenroom import Context, InvalidArgument, Schedule, actor

MOST = 2**32 - 1


@actor
class Counter:
    """What is kept: the fields are durable."""

    count: int = 0

    def add(self, ctx: Context, amount: int) -> int:
        """Adds `amount`; an hour later the counter is back at zero."""
        if amount < 1:
            raise InvalidArgument("add something")
        if amount > MOST - self.count:
            raise InvalidArgument("too much")
        self.count += amount
        ctx.reminders.set("forget", Schedule.once(timedelta(hours=1)), "forget")
        return self.count

    def get(self) -> int:
        """Says what the count is."""
        return self.count

    def forget(self) -> None:
        """The reminder's method."""
        self.count = 0
