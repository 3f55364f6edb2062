"""One line of a script: what it does, and its result in words."""

from collections.abc import Callable
from datetime import timedelta

from greenroom import (
    CallError,
    CallErrorKind,
    Context,
    ErrorCode,
    FailedPrecondition,
    Failure,
    InvalidArgument,
    Level,
    Message,
    Origin,
    OriginKind,
    Payload,
    Reminder,
    ResourceExhausted,
    Schedule,
)

_MILLISECOND = timedelta(milliseconds=1)


class Words:
    """The arguments that are left of a line."""

    def __init__(self, rest: str) -> None:
        self.rest = rest

    def next(self) -> str:
        """The next one; `-` is nothing."""
        word, _, self.rest = self.rest.partition(" ")
        return "" if word == "-" else word

    def number(self) -> int:
        """The next one as a number."""
        return int(self.next())

    def option(self) -> int | None:
        """The next one as a number, or none."""
        word = self.next()
        return int(word) if word else None

    def address(self) -> tuple[str, str]:
        """The next two, as an address."""
        return self.next(), self.next()

    def text(self) -> Payload:
        """All that is left, as a payload."""
        return Payload("text/plain", self.rest.encode())

    def schedule(self) -> Schedule:
        """The next three, as a schedule."""
        delay, period = self.number() * _MILLISECOND, self.option()
        return Schedule(delay, None if period is None else period * _MILLISECOND, self.option())


class Turn:
    """What a script has to do with."""

    def __init__(self, ctx: Context, content_type: str, remembered: list[str]) -> None:
        self.ctx = ctx
        self.content_type = content_type
        self.remembered = remembered

    def perform(self, line: str) -> str:
        """Does what the line says; a failure ends the turn."""
        name, _, rest = line.partition(" ")
        command = getattr(self, "do_" + name.replace("-", "_"), None)
        if command is None:
            raise InvalidArgument(f"no command {name}")
        result: str = command(Words(rest))
        return result

    def do_set(self, words: Words) -> str:
        return self._kept(words.next(), words.rest.encode())

    def do_set_hex(self, words: Words) -> str:
        return self._kept(words.next(), bytes.fromhex(words.next()))

    def do_fill(self, words: Words) -> str:
        return self._kept(words.next(), b"x" * words.number())

    def do_append(self, words: Words) -> str:
        key = words.next()
        before = self.ctx.state.get_bytes(key)
        after = (before + b"," if before else b"") + words.rest.encode()
        kept = self._kept(key, after)
        return after.decode(errors="replace") if kept == "ok" else kept

    def do_get(self, words: Words) -> str:
        value = self.ctx.state.get_bytes(words.next())
        return "none" if value is None else f"value {value.decode(errors='replace')}"

    def do_get_hex(self, words: Words) -> str:
        value = self.ctx.state.get_bytes(words.next())
        return "none" if value is None else f"value {value.hex()}"

    def do_size(self, words: Words) -> str:
        value = self.ctx.state.get_bytes(words.next())
        return "none" if value is None else str(len(value))

    def do_delete(self, words: Words) -> str:
        return _truth(self.ctx.state.delete(words.next()))

    def do_keys(self, words: Words) -> str:
        return " ".join(self.ctx.state.keys_after(words.next(), words.next() or None, words.number()))

    def do_call(self, words: Words) -> str:
        try:
            reply = self.ctx.call(words.address(), words.next(), words.text(), returns=Payload)
        except CallError as error:
            return _call_error(error)
        return f"reply {reply.body.decode(errors='replace')}"

    def do_send(self, words: Words) -> str:
        delay = words.number() * _MILLISECOND
        return _done(lambda: self.ctx.send(words.address(), words.next(), words.text(), delay=delay))

    def do_remind(self, words: Words) -> str:
        name, schedule = words.next(), words.schedule()
        return _done(lambda: self.ctx.reminders.set(name, schedule, words.next(), words.text()))

    def do_cancel_reminder(self, words: Words) -> str:
        return _truth(self.ctx.reminders.cancel(words.next()))

    def do_reminders(self, _: Words) -> str:
        return "; ".join(_described(each) for each in self.ctx.reminders.list())

    def do_timer(self, words: Words) -> str:
        name, schedule = words.next(), words.schedule()
        return _done(lambda: self.ctx.timers.set(name, schedule, words.next(), words.text()))

    def do_cancel_timer(self, words: Words) -> str:
        return _truth(self.ctx.timers.cancel(words.next()))

    def do_fail(self, words: Words) -> str:
        raise Failure(ErrorCode(words.next()), words.rest)

    def do_fail_until(self, words: Words) -> str:
        if self._message().attempt < words.number():
            raise FailedPrecondition("too early")
        return "ok"

    def do_trap(self, _: Words) -> str:
        raise RuntimeError("asked to trap")

    def do_spin(self, _: Words) -> str:
        while True:
            pass

    def do_bomb(self, _: Words) -> str:
        taken = []
        while True:
            taken.append(b"\1" * (1 << 20))

    def do_remember(self, words: Words) -> str:
        self.remembered[:] = [words.rest]
        return "ok"

    def do_recall(self, _: Words) -> str:
        return f"value {''.join(self.remembered)}"

    def do_me(self, _: Words) -> str:
        return f"{self.ctx.me.actor_type} {self.ctx.me.id}"

    def do_message(self, words: Words) -> str:
        it, content_type = self._message(), self.content_type.partition(";")[0]
        described = f"{it.id} {it.method} {it.attempt} {content_type} {_sender(it.origin)}"
        if words.rest:
            self._kept(words.next(), described.encode())
        return described

    def do_now(self, _: Words) -> str:
        return str(int(self.ctx.now))

    def do_random(self, words: Words) -> str:
        return self.ctx.random_bytes(words.number()).hex()

    def do_log(self, words: Words) -> str:
        self.ctx.log(Level[words.next().upper()], words.rest)
        return "ok"

    def do_print(self, words: Words) -> str:
        print(words.rest)
        return "ok"

    def _kept(self, key: str, value: bytes) -> str:
        return _done(lambda: self.ctx.state.set_bytes(key, value))

    def _message(self) -> Message:
        assert self.ctx.message is not None
        return self.ctx.message


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _done(change: Callable[[], None]) -> str:
    try:
        change()
    except ResourceExhausted as limit:
        return f"limit {limit.message}"
    return "ok"


def _call_error(error: CallError) -> str:
    match error.kind:
        case CallErrorKind.FAILED if error.failure is not None:
            return f"failed {error.failure.code} {error.failure.message}"
        case CallErrorKind.UNKNOWN_ACTOR_TYPE | CallErrorKind.OVERLOADED | CallErrorKind.TIMEOUT as kind:
            return kind.name.lower().replace("_", "-")
        case kind:
            return f"{kind.name.lower()} {error.reason}"


def _sender(origin: Origin) -> str:
    match origin.kind:
        case OriginKind.ACTOR if origin.actor is not None:
            return f"actor {origin.actor.actor_type} {origin.actor.id}"
        case OriginKind.CLIENT:
            return "client"
        case kind:
            return f"{kind.value} {origin.name}"


def _described(it: Reminder) -> str:
    numbers = [it.due_in, it.schedule.delay, it.schedule.period]
    times = " ".join("-" if number is None else str(number // _MILLISECOND) for number in numbers)
    repetitions = "-" if it.schedule.repetitions is None else it.schedule.repetitions
    return f"{it.name} {it.method} {times} {repetitions}"
