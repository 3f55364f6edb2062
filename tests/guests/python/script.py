"""A script, line by line: what each command does, and its result in words."""

from collections.abc import Callable
from typing import NoReturn

from componentize_py_types import Err
from wit_world.imports import context, log, messaging, reminders, state, timers, types
from wit_world.imports.types import Address, ErrorCode, Message, Payload

import lifecycle
from replies import failure, text


def run(script: str, message: Message | None) -> str:
    """Does what the script says; a failure ends the turn. A typed method has no message."""
    return "\n".join(_perform(line, message) for line in script.removesuffix("\n").split("\n"))


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

    def text(self) -> Payload:
        """All that is left, as a payload."""
        return text(self.rest)

    def address(self) -> Address:
        """The next two, as an address."""
        return Address(self.next(), self.next())

    def schedule(self) -> reminders.Schedule:
        """The next three, as a schedule."""
        return reminders.Schedule(self.number(), self.option(), self.option())


def _perform(line: str, message: Message | None) -> str:
    name, _, rest = line.partition(" ")
    words = Words(rest)
    if name == "message":
        described = _described(_received(message))
        if words.rest:
            _kept(words.next(), described.encode())
        return described
    if name == "fail-until":
        if _received(message).attempt < words.number():
            raise failure(ErrorCode.FAILED_PRECONDITION, "too early")
        return "ok"
    if name not in _COMMANDS:
        raise failure(ErrorCode.INVALID_ARGUMENT, f"no command {name}")
    return _COMMANDS[name](words)


def _received(message: Message | None) -> Message:
    if message is None:
        raise failure(ErrorCode.UNIMPLEMENTED, "a typed method does not see its message")
    return message


def _described(message: Message) -> str:
    match message.origin:
        case types.Origin_Client():
            origin = "client"
        case types.Origin_Actor(value=sender):
            origin = f"actor {sender.actor_type} {sender.id}"
        case types.Origin_Reminder(value=name):
            origin = f"reminder {name}"
        case types.Origin_Timer(value=name):
            origin = f"timer {name}"
    content_type = message.payload.content_type.partition(";")[0]
    return f"{message.id} {message.method} {message.attempt} {content_type} {origin}"


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _done(change: Callable[[], None]) -> str:
    try:
        change()
    except Err as limit:
        return f"limit {limit.value}"
    return "ok"


def _kept(key: str, value: bytes) -> str:
    return _done(lambda: state.set(key, value))


def _append(words: Words) -> str:
    key = words.next()
    before = state.get(key)
    after = (before + b"," if before else b"") + words.rest.encode()
    kept = _kept(key, after)
    return after.decode(errors="replace") if kept == "ok" else kept


def _get(words: Words, shown: Callable[[bytes], str]) -> str:
    value = state.get(words.next())
    return "none" if value is None else f"value {shown(value)}"


def _size(words: Words) -> str:
    value = state.get(words.next())
    return "none" if value is None else str(len(value))


def _keys(words: Words) -> str:
    return " ".join(state.keys(words.next(), words.next() or None, words.number()))


def _call(words: Words) -> str:
    try:
        reply = messaging.call(words.address(), words.next(), words.text())
    except Err as error:
        return _call_error(error.value)
    return f"reply {reply.body.decode(errors='replace')}"


def _call_error(error: types.CallError) -> str:
    match error:
        case types.CallError_Failed(value=failed):
            return f"failed {failed.code.name.lower().replace('_', '-')} {failed.message}"
        case types.CallError_UnknownActorType():
            return "unknown-actor-type"
        case types.CallError_Deadlock(value=chain):
            return f"deadlock {chain}"
        case types.CallError_Overloaded():
            return "overloaded"
        case types.CallError_Timeout():
            return "timeout"
        case types.CallError_Crashed(value=why):
            return f"crashed {why}"
        case types.CallError_Unavailable(value=why):
            return f"unavailable {why}"


def _send(words: Words) -> str:
    delay = words.number()
    return _done(lambda: messaging.send(words.address(), words.next(), words.text(), delay))


def _remind(words: Words) -> str:
    name, schedule = words.next(), words.schedule()
    return _done(lambda: reminders.set(name, schedule, words.next(), words.text()))


def _time(words: Words) -> str:
    name, schedule = words.next(), words.schedule()
    return _done(lambda: timers.set(name, schedule, words.next(), words.text()))


def _reminders(_: Words) -> str:
    return "; ".join(_reminder(each) for each in reminders.list())


def _reminder(it: reminders.Reminder) -> str:
    period, repetitions = it.schedule.period_ms, it.schedule.repetitions
    numbers = [it.due_in_ms, it.schedule.delay_ms, period, repetitions]
    shown = " ".join("-" if number is None else str(number) for number in numbers)
    return f"{it.name} {it.method} {shown}"


def _fail(words: Words) -> NoReturn:
    raise failure(ErrorCode[words.next().upper().replace("-", "_")], words.rest)


def _trap(_: Words) -> NoReturn:
    raise RuntimeError("asked to trap")


def _spin(_: Words) -> NoReturn:
    while True:
        pass


def _bomb(_: Words) -> NoReturn:
    taken = []
    while True:
        taken.append(b"\1" * (1 << 20))


def _remember(words: Words) -> str:
    lifecycle.remembered = words.rest
    return "ok"


def _log(words: Words) -> str:
    log.write(log.Level[words.next().upper()], words.rest)
    return "ok"


def _print(words: Words) -> str:
    print(words.rest, flush=True)
    return "ok"


_COMMANDS: dict[str, Callable[[Words], str]] = {
    "set": lambda words: _kept(words.next(), words.rest.encode()),
    "set-hex": lambda words: _kept(words.next(), bytes.fromhex(words.next())),
    "fill": lambda words: _kept(words.next(), b"x" * words.number()),
    "append": _append,
    "get": lambda words: _get(words, lambda value: value.decode(errors="replace")),
    "get-hex": lambda words: _get(words, bytes.hex),
    "size": _size,
    "delete": lambda words: _truth(state.delete(words.next())),
    "keys": _keys,
    "call": _call,
    "send": _send,
    "remind": _remind,
    "cancel-reminder": lambda words: _truth(reminders.cancel(words.next())),
    "reminders": _reminders,
    "timer": _time,
    "cancel-timer": lambda words: _truth(timers.cancel(words.next())),
    "fail": _fail,
    "trap": _trap,
    "spin": _spin,
    "bomb": _bomb,
    "remember": _remember,
    "recall": lambda _: f"value {lifecycle.remembered}",
    "me": lambda _: f"{lifecycle.me.actor_type} {lifecycle.me.id}",
    "now": lambda _: str(context.now_ms()),
    "random": lambda words: context.random(words.number()).hex(),
    "log": _log,
    "print": _print,
}
