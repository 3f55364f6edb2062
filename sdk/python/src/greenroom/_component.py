"""The actor as a component: the contract's exports over an `Activation`, and the contract's imports as the
`HostApi`. The only place where the contract's types meet the SDK's.

It is imported in a component only, where `wit_world` is what was generated from the contract. What goes out
may be of any class with the members that the contract says. What comes in is of the classes that are found
in `wit_world` once the actor has been imported, and most of these are the SDK's own by then.
"""

import gc
import io
import logging
import sys
import traceback
from datetime import timedelta
from typing import Any

from componentize_py_types import Err
from wit_world.imports import context, log, messaging, reminders, state, timers, types

from ._activation import Activation
from ._actor import Definition
from ._address import Address
from ._call_error import CallError, CallErrorKind
from ._failure import ErrorCode, Failure, Internal, ResourceExhausted
from ._host import HostApi, Level
from ._logging import HostHandler
from ._message import Message, Origin, OriginKind
from ._payload import Payload
from ._preload import preload
from ._schedule import Reminder, Schedule
from ._timestamp import milliseconds

_MILLISECOND = timedelta(milliseconds=1)
_U64_MAX = 2**64 - 1


def export(kind: type[Any]) -> type[Any]:
    """The class that a component has to have, for the actor type `kind`."""
    definition = Definition(kind)
    host = _Imports()
    _take_in_as_ours()
    _speak_through(host)
    preload()

    class Behavior:
        """The one actor of a component. A component is one sandbox, and a sandbox serves one actor."""

        # Of the class, because each exported function is called on an object of its own.
        activation: Activation | None = None

        def activate(self, me: Address) -> None:
            Behavior.activation = Activation(definition, host, me)
            try:
                Behavior.activation.activate()
            except Exception as error:
                raise _refusal(host, error) from None

        def receive(self, received: tuple[Message, Payload]) -> Payload:
            message, payload = received
            try:
                if Behavior.activation is None:
                    raise Internal("a message came before the activation")
                return Behavior.activation.receive(message, payload)
            except Exception as error:
                raise _refusal(host, error) from None

        def deactivate(self) -> None:
            # The contract has no failure here: what is raised is a trap, which keeps what was written so
            # far from being committed.
            if Behavior.activation is not None:
                Behavior.activation.deactivate()

    # What the build has made lives for ever: without this, each collection would look at it, and take a
    # copy of memory that all sandboxes share.
    gc.collect()
    gc.freeze()
    return Behavior


def _refusal(host: HostApi, error: Exception) -> Exception:
    """A failure as the contract has it; what is none becomes `internal`, with its story in the log."""
    if isinstance(error, MemoryError):
        return error  # the host says it better: which limit, and how much
    if isinstance(error, Failure):
        return _failure_out(error)
    host.log(Level.ERROR, "".join(traceback.format_exception(error)).rstrip())
    return _failure_out(Internal(f"the actor raised {type(error).__name__}; its log says where"))


def _take_in_as_ours() -> None:
    """Puts the SDK's classes, or functions that make their objects, in the place of the generated ones."""
    client = Origin.from_client()
    types.Address = Address
    types.Payload = Payload
    types.Message = _message_in
    types.Origin_Client = lambda: client
    types.Origin_Actor = lambda address: Origin(OriginKind.ACTOR, actor=address)
    types.Origin_Reminder = Origin.from_reminder
    types.Origin_Timer = Origin.from_timer


def _message_in(
    id: str, method: str, payload: Payload, origin: Origin, attempt: int
) -> tuple[Message, Payload]:
    return Message(id, method, origin, attempt), payload


def _speak_through(host: HostApi) -> None:
    """Lets `print` and `logging` be heard as they happen, and not when a buffer is full."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    logging.getLogger().addHandler(HostHandler(host))
    logging.getLogger().setLevel(logging.INFO)


class _Imports:
    """The host's functions, imported."""

    state_get = staticmethod(state.get)
    state_delete = staticmethod(state.delete)
    reminder_cancel = staticmethod(reminders.cancel)
    timer_cancel = staticmethod(timers.cancel)
    now_ms = staticmethod(context.now_ms)
    random = staticmethod(context.random)

    def state_set(self, key: str, value: bytes) -> None:
        try:
            state.set(key, value)
        except Err as limit:
            raise ResourceExhausted(limit.value) from None

    def state_keys(self, prefix: str, after: str | None, limit: int) -> list[str]:
        keys: list[str] = state.keys(prefix, after, min(limit, 2**32 - 1))
        return keys

    def call(self, to: Address, method: str, payload: Payload) -> Payload:
        try:
            reply: Payload = messaging.call(to, method, payload)
        except Err as error:
            raise _call_error_in(to, method, error.value) from None
        return reply

    def send(self, to: Address, method: str, payload: Payload, delay_ms: int) -> None:
        try:
            messaging.send(to, method, payload, _u64(delay_ms))
        except Err as limit:
            raise ResourceExhausted(limit.value) from None

    def reminder_set(self, name: str, schedule: Schedule, method: str, payload: Payload) -> None:
        try:
            reminders.set(name, _schedule_out(schedule), method, payload)
        except Err as limit:
            raise ResourceExhausted(limit.value) from None

    def reminder_list(self) -> list[Reminder]:
        return [
            Reminder(each.name, each.method, each.due_in_ms * _MILLISECOND, _schedule_in(each.schedule))
            for each in reminders.list()
        ]

    def timer_set(self, name: str, schedule: Schedule, method: str, payload: Payload) -> None:
        try:
            timers.set(name, _schedule_out(schedule), method, payload)
        except Err as limit:
            raise ResourceExhausted(limit.value) from None

    def log(self, level: Level, message: str) -> None:
        # A string of the guest's may hold what UTF-8 can't, and nothing said may fail a turn.
        log.write(log.Level[level.name], message.encode(errors="replace").decode())


def _u64(number: int) -> int:
    return max(0, min(number, _U64_MAX))


def _schedule_out(schedule: Schedule) -> reminders.Schedule:
    period = None if schedule.period is None else _u64(milliseconds(schedule.period))
    return reminders.Schedule(_u64(milliseconds(schedule.delay)), period, schedule.repetitions)


def _schedule_in(schedule: reminders.Schedule) -> Schedule:
    period = None if schedule.period_ms is None else schedule.period_ms * _MILLISECOND
    return Schedule(schedule.delay_ms * _MILLISECOND, period, schedule.repetitions)


def _failure_out(failure: Failure) -> Exception:
    message = failure.message.encode(errors="replace").decode()
    refusal: Exception = Err(types.Failure(types.ErrorCode[failure.code.name], message))
    return refusal


def _call_error_in(to: Address, method: str, error: types.CallError) -> CallError:
    def made(kind: CallErrorKind, detail: str = "", failure: Failure | None = None) -> CallError:
        return CallError(to, method, kind, detail, failure)

    match error:
        case types.CallError_Failed(value=failed):
            failure = Failure(ErrorCode[failed.code.name], failed.message)
            return made(CallErrorKind.FAILED, failure=failure)
        case types.CallError_UnknownActorType():
            return made(CallErrorKind.UNKNOWN_ACTOR_TYPE)
        case types.CallError_Deadlock(value=chain):
            return made(CallErrorKind.DEADLOCK, chain)
        case types.CallError_Overloaded():
            return made(CallErrorKind.OVERLOADED)
        case types.CallError_Timeout():
            return made(CallErrorKind.TIMEOUT)
        case types.CallError_Crashed(value=detail):
            return made(CallErrorKind.CRASHED, detail)
        case types.CallError_Unavailable(value=detail):
            return made(CallErrorKind.UNAVAILABLE, detail)
    raise Internal(f"the host answered a call with {error!r}")
