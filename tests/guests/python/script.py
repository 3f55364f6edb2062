"""The method `run`: a list of operations, done in order. The first `fail` or `trap` ends the turn; every
other result, also a refusal, goes into the reply, so that a test sees each."""

import json
from collections.abc import Callable
from typing import Any

from componentize_py_types import Err
from wit_world.imports import context, log, messaging, reminders, state, timers, types
from wit_world.imports.types import Address, ErrorCode, Message, Payload

import hostile
import memory
from replies import document, failure

Operation = dict[str, Any]


def run(message: Message) -> Payload:
    """Does what the script says."""
    try:
        operations = json.loads(message.payload.body)
        return document([_perform(operation, message) for operation in operations])
    except (ValueError, KeyError, TypeError) as error:
        raise failure(ErrorCode.INVALID_ARGUMENT, f"not a script: {error!r}") from None


def _perform(operation: Operation, message: Message) -> Any:
    given = dict(operation)
    name = given.pop("op")
    if name == "message":
        return _described(message)
    known = _OPERATIONS.get(name)
    if known is None:
        raise failure(ErrorCode.INVALID_ARGUMENT, f"not a script: no operation {name}")
    return known(**given)


def _outcome(run: Callable[[], None]) -> Any:
    try:
        run()
    except Err as limit:
        return {"limit_exceeded": limit.value}
    return "ok"


def _payload(value: Any) -> Payload:
    if isinstance(value, str):
        return Payload("text/plain", value.encode())
    return document(value)


def _get(key: str) -> Any:
    value = state.get(key)
    return None if value is None else value.decode(errors="replace")


def _call(to: list[str], method: str, payload: Any) -> Any:
    try:
        reply = messaging.call(Address(*to), method, _payload(payload))
    except Err as error:
        return _call_error(error.value)
    try:
        return {"reply": json.loads(reply.body)}
    except ValueError:
        return {"reply": reply.body.decode(errors="replace")}


def _call_error(error: types.CallError) -> Any:
    match error:
        case types.CallError_Failed(value=failed):
            code = failed.code.name.lower().replace("_", "-")
            return {"failed": {"code": code, "message": failed.message}}
        case types.CallError_UnknownActorType():
            return {"unknown_actor_type": True}
        case types.CallError_Deadlock(value=chain):
            return {"deadlock": chain}
        case types.CallError_Overloaded():
            return {"overloaded": True}
        case types.CallError_Timeout():
            return {"timeout": True}
        case types.CallError_Crashed(value=why):
            return {"crashed": why}
        case types.CallError_Unavailable(value=why):
            return {"unavailable": why}


def _send(to: list[str], method: str, payload: Any, delay_ms: int = 0, count: int = 1) -> Any:
    def send_all() -> None:
        for index in range(count):
            numbered = payload.replace("{}", str(index)) if isinstance(payload, str) else payload
            messaging.send(Address(*to), method, _payload(numbered), delay_ms)

    return _outcome(send_all)


def _set_reminder(name: str, schedule: dict[str, int], method: str, payload: Any) -> Any:
    return _outcome(lambda: reminders.set(name, _schedule(schedule), method, _payload(payload)))


def _set_timer(name: str, schedule: dict[str, int], method: str, payload: Any) -> Any:
    return _outcome(lambda: timers.set(name, _schedule(schedule), method, _payload(payload)))


def _schedule(given: dict[str, int]) -> reminders.Schedule:
    return reminders.Schedule(given["delay_ms"], given.get("period_ms"), given.get("repetitions"))


def _list_reminders() -> Any:
    return [
        {"name": each.name, "method": each.method, "due": each.due_in_ms == 0} for each in reminders.list()
    ]


def _fail(code: str, message: str) -> None:
    raise failure(ErrorCode[code.upper().replace("-", "_")], message)


def _log(level: str, message: str) -> None:
    log.write(log.Level[level.upper()], message)


def _print(message: str) -> None:
    print(message, flush=True)


def _remember(value: str) -> None:
    memory.remembered = value


def _described(message: Message) -> Any:
    origin: Any
    match message.origin:
        case types.Origin_Client():
            origin = "client"
        case types.Origin_Actor(value=sender):
            origin = {"actor": [sender.actor_type, sender.id]}
        case types.Origin_Reminder(value=name):
            origin = {"reminder": name}
        case types.Origin_Timer(value=name):
            origin = {"timer": name}
    return {
        "id": message.id,
        "method": message.method,
        "content_type": message.payload.content_type,
        "origin": origin,
        "attempt": message.attempt,
        "me": memory.me and [memory.me.actor_type, memory.me.id],
    }


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "set": lambda key, value: _outcome(lambda: state.set(key, value.encode())),
    "fill": lambda key, bytes: _outcome(lambda: state.set(key, b"x" * bytes)),
    "get": _get,
    "delete": lambda key: state.delete(key),
    "keys": lambda prefix, limit, after=None: state.keys(prefix, after, limit),
    "call": _call,
    "send": _send,
    "set_reminder": _set_reminder,
    "cancel_reminder": lambda name: reminders.cancel(name),
    "list_reminders": _list_reminders,
    "set_timer": _set_timer,
    "cancel_timer": lambda name: timers.cancel(name),
    "fail": _fail,
    "trap": hostile.trap,
    "spin": hostile.spin,
    "work": hostile.work,
    "recurse": hostile.recurse,
    "recurse_in_the_machine": hostile.recurse_in_the_machine,
    "memory_bomb": hostile.memory_bomb,
    "log": _log,
    "print": _print,
    "now": context.now_ms,
    "random": lambda len: context.random(len).hex(),
    "big": lambda bytes: "x" * bytes,
    "remember": _remember,
    "recall": lambda: {"value": memory.remembered, "turns": memory.turns},
}
