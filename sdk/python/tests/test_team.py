"""The actor that the README shows to say how one speaks to others, and to itself later."""

from datetime import timedelta

from greenroom import Address, Context, Payload, Schedule, actor
from greenroom.testing import TestHost


@actor
class Team:
    """A team, each of whose members has a counter."""

    def add(self, ctx: Context, member: str, amount: int) -> int:
        """Adds `amount` to a member's counter, and says what that is at then."""
        count = ctx.actor("counter", member).call("add", amount, returns=int)
        ctx.actor("journal", "team").send("note", f"{member} is at {count}")
        ctx.reminders.set("review", Schedule.every(timedelta(days=1)).times(3), "review", member)
        return count

    def review(self, ctx: Context, member: str) -> None:
        """The reminder's method: once a day, three times."""
        ctx.info(f"time to review {member}")


def test_a_team_asks_tells_and_is_reminded_three_times() -> None:
    """What it does to others, and what comes back."""

    def respond(to: Address, method: str, payload: Payload) -> object:
        assert (str(to), method, payload.to()) == ("counter/ada", "add", 2)
        return 5

    team = TestHost(Team, "red")
    team.on_call(respond)
    assert team.call("add", ["ada", 2]) == 5
    assert [(str(sent.to), sent.method) for sent in team.sent] == [("journal/team", "note")]
    assert len(team.advance(timedelta(days=10))) == 3
    assert team.logs[-1][1] == "time to review ada"
