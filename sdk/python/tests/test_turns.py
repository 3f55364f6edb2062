"""State, effects and hooks: what a turn leaves behind when it succeeds, and that it leaves nothing when it
fails."""

import logging
from dataclasses import field
from datetime import timedelta
from typing import Any

import pytest

from greenroom import (
    Address,
    CallError,
    CallErrorKind,
    Conflict,
    Context,
    ErrorCode,
    FailedPrecondition,
    Failure,
    Internal,
    InvalidArgument,
    Level,
    NotFound,
    Origin,
    Payload,
    PermissionDenied,
    ResourceExhausted,
    Schedule,
    activate,
    actor,
    deactivate,
    transient,
)
from greenroom.testing import TestHost

SECOND = timedelta(seconds=1)


@actor
class Ledger:
    total: int = 0
    note: str = ""
    entries: list[int] = field(default_factory=list)
    activated_by: str = transient(default_factory=str)

    def book(self, ctx: Context, amount: int, fail: bool) -> int:
        """Does a little of everything, and then fails if it is told to."""
        self.total += amount
        self.entries.append(amount)
        ctx.state.set(f"entry/{amount}", amount)
        ctx.send(("audit", "all"), "booked", [ctx.me, amount])
        ctx.reminders.set("review", Schedule.once(SECOND * 10), "review")
        ctx.timers.set("tick", Schedule.every(SECOND), "tick")
        ctx.info(f"booked {amount}")
        if fail:
            raise Conflict("told to fail")
        return self.total

    def get_total(self) -> int:
        return self.total

    def annotate(self, note: str) -> None:
        self.note = note

    def review(self, ctx: Context) -> None:
        if not ctx.origin.is_reminder("review"):
            raise PermissionDenied("not you")
        self.note = "reviewed"

    def tick(self, ctx: Context) -> str:
        self.total += 1
        return str(ctx.origin)

    def later(self, ctx: Context, amount: int) -> None:
        ctx.send(ctx.me, "book", [amount, amount < 0], delay=SECOND)

    def price(self, ctx: Context, item: str) -> int:
        return ctx.actor("shop", "main").call("price", item, returns=int)

    def claim_fields_key(self, ctx: Context) -> None:
        ctx.state.set("actor", 1)

    def keys(self, ctx: Context, limit: int) -> list[list[str]]:
        state = ctx.state
        return [state.keys(), state.keys("entry/"), state.keys_after("", "entry/1", limit)]

    def forget(self, ctx: Context, key: str) -> bool:
        return ctx.state.delete(key)

    def who(self) -> str:
        return self.activated_by

    def stumble(self) -> None:
        self.total = 99
        raise ZeroDivisionError("a bug")

    def say(self) -> None:
        logging.getLogger(__name__).info("through %s", "logging")
        logging.debug("too fine")

    def often(self, ctx: Context, count: int, period_ms: int) -> None:
        ctx.reminders.set("often", Schedule.every(timedelta(milliseconds=period_ms)).times(count), "say")

    def message(self, ctx: Context) -> list[Any]:
        assert ctx.message is not None
        return [ctx.message.id, ctx.message.method, ctx.message.attempt, str(ctx.origin)]

    def random(self, ctx: Context) -> int:
        return len(ctx.random_bytes(10_000))

    @activate
    def _wake(self, ctx: Context) -> None:
        self.activated_by = f"{ctx.origin} {ctx.message is None}"
        if self.note == "no":
            raise FailedPrecondition("stays in bed")

    @deactivate
    def _rest(self, ctx: Context) -> None:
        ctx.log(Level.DEBUG, "resting")
        self.note += "zzz"


@pytest.fixture
def ledger() -> TestHost:
    return TestHost(Ledger, "l1")


def test_a_turn_that_succeeds_leaves_all_its_effects(ledger: TestHost) -> None:
    assert ledger.call("book", {"amount": 5, "fail": False}) == 5
    assert ledger.stored_keys == ["actor", "entry/5"]
    assert ledger.stored_bytes("actor") == b'{"total":5,"note":"","entries":[5]}'
    sent = ledger.take_sent()
    assert (sent[0].to, sent[0].method) == (Address("audit", "all"), "booked")
    assert sent[0].arguments == [{"actor_type": "ledger", "id": "l1"}, 5]
    assert (len(ledger.reminders), len(ledger.timers)) == (1, 1)


@pytest.mark.parametrize("fail", ["book", "stumble"])
def test_a_turn_that_fails_leaves_nothing_but_what_it_said(ledger: TestHost, fail: str) -> None:
    ledger.call("book", [5, False])
    before = (ledger.stored_keys, ledger.sent, ledger.reminders, ledger.timers)
    with pytest.raises((Conflict, ZeroDivisionError)):
        ledger.call(fail, [7, True])
    assert (ledger.stored_keys, ledger.sent, ledger.reminders, ledger.timers) == before
    assert ledger.call("get_total") == 5
    assert ledger.logs[-1] == (Level.INFO, "booked 7" if fail == "book" else "booked 5")


def test_the_fields_are_written_only_when_they_changed(ledger: TestHost) -> None:
    ledger.call("annotate", "")
    ledger.call("get_total")
    assert ledger.stored_keys == []
    ledger.call("annotate", "x")
    assert ledger.stored_keys == ["actor"]


def test_a_turn_that_reads_does_not_rewrite_an_earlier_versions_state(ledger: TestHost) -> None:
    ledger.store("actor", {"total": 1, "dropped": True})
    assert ledger.call("get_total") == 1
    assert ledger.stored() == {"total": 1, "dropped": True}


def test_a_restart_keeps_what_is_stored_and_runs_the_hooks(ledger: TestHost) -> None:
    ledger.call("book", [5, False])
    ledger.restart()
    assert ledger.stored(expected=Ledger) == Ledger(5, "zzz", [5])
    assert ledger.call("who") == "host True"
    assert (len(ledger.reminders), len(ledger.timers)) == (1, 0)
    ledger.crash()
    assert ledger.call("get_total") == 5
    assert ledger.stored()["note"] == "zzz"


def test_an_activation_that_fails_refuses_the_message(ledger: TestHost) -> None:
    ledger.store("actor", {"total": 1, "note": "no"})
    with pytest.raises(FailedPrecondition, match="stays in bed"):
        ledger.call("get_total")
    ledger.store("actor", {"total": 1})
    assert ledger.call("get_total") == 1


def test_a_state_that_cant_be_read_names_the_type_the_place_and_the_problem(ledger: TestHost) -> None:
    ledger.store("actor", {"total": "much"})
    with pytest.raises(Internal) as failed:
        ledger.call("get_total")
    assert failed.value.message == (
        "the state of ledger/l1 can't be read as Ledger: "
        'total: invalid type: string "much", expected an integer'
    )
    assert ledger.stored() == {"total": "much"}


def test_reminders_timers_and_delayed_messages_come_in_their_order(ledger: TestHost) -> None:
    ledger.call("book", [0, False])
    ledger.call("later", 1)
    ledger.call("later", -1)
    begin = ledger.now
    delivered = ledger.advance(SECOND * 2)
    # The booking of the first message sets the timer anew, so that it fires a second later.
    assert [(str(each.origin), each.succeeded) for each in delivered] == [
        ("ledger/l1", True),
        ("ledger/l1", False),
        ("timer tick", True),
    ]
    assert ledger.now == begin + SECOND * 2
    review = [each for each in ledger.advance(SECOND * 60) if each.method == "review"]
    assert [each.reply for each in review] == [Payload.empty()]
    with pytest.raises(PermissionDenied):
        ledger.call("review")


def test_a_reminder_fires_as_often_as_it_says(ledger: TestHost) -> None:
    ledger.call("often", [3, 1000])
    assert len(ledger.advance(SECOND * 2)) == 2
    assert ledger.reminders[0].due_in == SECOND
    assert len(ledger.advance(SECOND * 60)) == 1
    for wrong in ([3, 9], [0, 10]):
        with pytest.raises(ResourceExhausted, match="invalid schedule"):
            ledger.call("often", wrong)


def test_a_calls_reply_or_error_reaches_the_caller(ledger: TestHost) -> None:
    with pytest.raises(CallError) as failed:
        ledger.call("price", "rug")
    assert str(failed.value) == (
        "failed-precondition: call shop/main price: nothing is deployed under that actor type"
    )

    def respond(to: Address, method: str, payload: Payload) -> object:
        assert (str(to), method) == ("shop/main", "price")
        match payload.to():
            case "rug":
                return 120
            case "lamp":
                return "dear"
            case "ghost":
                raise CallError(to, method, CallErrorKind.CRASHED, "memory-limit")
            case other:
                raise NotFound(f"no {other}")

    ledger.on_call(respond)
    assert ledger.call("price", "rug") == 120
    for item, message in {
        "cat": "not-found: call shop/main price: no cat",
        "ghost": "internal: call shop/main price: it crashed: memory-limit",
        "lamp": "internal: call shop/main price: the reply is not what was expected: "
        'invalid type: string "dear", expected an integer',
    }.items():
        with pytest.raises(CallError) as failed:
            ledger.call("price", item)
        assert str(failed.value) == message
    assert failed.value.kind is CallErrorKind.INVALID_REPLY


def test_a_call_to_oneself_is_a_deadlock() -> None:
    shop = TestHost(Ledger, ("shop", "main"))
    with pytest.raises(CallError, match="it waits for this very call") as failed:
        shop.call("price", "rug")
    assert failed.value.code is ErrorCode.CONFLICT


def test_the_key_of_the_fields_is_out_of_reach(ledger: TestHost) -> None:
    for amount in (1, 2, 3):
        ledger.call("book", [amount, False])
    with pytest.raises(Internal):
        ledger.call("claim_fields_key")
    assert ledger.call("forget", "actor") is False
    assert ledger.call("forget", "entry/3") is True
    entries = ["entry/1", "entry/2"]
    assert ledger.call("keys", 1) == [entries, entries, ["entry/2"]]


def test_messages_are_told_apart(ledger: TestHost) -> None:
    assert ledger.call("message") == ["message-1", "message", 1, "client"]
    told = ledger.call("message", origin=Origin.from_actor("task", "t1"))
    assert told == ["message-2", "message", 1, "task/t1"]
    assert ledger.call("random") == 10_000


def test_what_is_logged_is_in_the_actors_log(ledger: TestHost) -> None:
    level = logging.getLogger().level
    ledger.call("say")
    assert ledger.logs == [(Level.INFO, "through logging")]
    assert logging.getLogger().level == level


def test_limits_are_those_of_the_host(ledger: TestHost) -> None:
    with pytest.raises(ResourceExhausted, match="state_value_bytes"):
        ledger.call("annotate", "x" * (1 << 20))
    with pytest.raises(Failure):
        ledger.call("forget")
    assert ledger.stored_keys == []
    with pytest.raises(InvalidArgument):
        ledger.call("annotate", 5)
