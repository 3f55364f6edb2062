"""The actor as a component: the contract's exports over an `Activation`, and the contract's imports as the
`HostApi`. The only place where the contract's types meet the SDK's.

It is imported in a component only, where `wit_world` is what was generated from the contract.
"""

import gc
import io
import logging
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports import context, log, messaging, reminders, state, timers, types

from ._activation import Activation
from ._actor import Definition
from ._address import Address
from ._call_error import CallError, CallErrorKind
from ._failure import ErrorCode, Failure, Internal, ResourceExhausted
from ._host import HostApi, Level
from ._logging import HostHandler
from ._message import Message, Origin
from ._payload import Payload
from ._preload import preload
from ._schedule import Reminder, Schedule
from ._timestamp import milliseconds

T = TypeVar("T")

_MILLISECOND = timedelta(milliseconds=1)
_U64_MAX = 2**64 - 1


def export(kind: type[Any]) -> type[Any]:
    """The class that a component has to have, for the actor type `kind`."""
    definition = Definition(kind)
    host = _Imports()
    _speak_through(host)
    preload()

    class Behavior:
        """The one actor of a component. A component is one sandbox, and a sandbox serves one actor."""

        # Of the class, because each exported function is called on an object of its own.
        activation: Activation | None = None

        def activate(self, me: types.Address) -> None:
            activation = Activation(definition, host, Address(me.actor_type, me.id))
            Behavior.activation = activation
            _turn(host, activation.activate)

        def receive(self, message: types.Message) -> types.Payload:
            activation = Behavior.activation
            if activation is None:
                raise _failure_out(Internal("a message came before the activation"))
            received = Message(message.id, message.method, _origin_in(message.origin), message.attempt)
            payload = _payload_in(message.payload)
            reply = _turn(host, lambda: activation.receive(received, payload))
            return types.Payload(reply.content_type, reply.body)

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


def _turn(host: HostApi, run: Callable[[], T]) -> T:
    """Runs it; a failure goes out as one, and an exception as `internal`, with its story in the log."""
    try:
        return run()
    except Failure as failure:
        raise _failure_out(failure) from None
    except MemoryError:
        raise  # the host says it better: which limit, and how much
    except Exception as error:
        host.log(Level.ERROR, "".join(traceback.format_exception(error)).rstrip())
        raised = Internal(f"the actor raised {type(error).__name__}; its log says where")
        raise _failure_out(raised) from None


def _speak_through(host: HostApi) -> None:
    """Lets `print` and `logging` be heard as they happen, and not when a buffer is full."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    logging.getLogger().addHandler(HostHandler(host))
    logging.getLogger().setLevel(logging.INFO)


class _Imports:
    """The host's functions, imported."""

    def state_get(self, key: str) -> bytes | None:
        value: bytes | None = state.get(key)
        return value

    def state_set(self, key: str, value: bytes) -> None:
        try:
            state.set(key, value)
        except Err as limit:
            raise ResourceExhausted(limit.value) from None

    def state_delete(self, key: str) -> bool:
        was_there: bool = state.delete(key)
        return was_there

    def state_keys(self, prefix: str, after: str | None, limit: int) -> list[str]:
        keys: list[str] = state.keys(prefix, after, min(limit, 2**32 - 1))
        return keys

    def call(self, to: Address, method: str, payload: Payload) -> Payload:
        try:
            return _payload_in(messaging.call(_address_out(to), method, _payload_out(payload)))
        except Err as error:
            raise _call_error_in(to, method, error.value) from None

    def send(self, to: Address, method: str, payload: Payload, delay_ms: int) -> None:
        try:
            messaging.send(_address_out(to), method, _payload_out(payload), _u64(delay_ms))
        except Err as limit:
            raise ResourceExhausted(limit.value) from None

    def reminder_set(self, name: str, schedule: Schedule, method: str, payload: Payload) -> None:
        try:
            reminders.set(name, _schedule_out(schedule), method, _payload_out(payload))
        except Err as limit:
            raise ResourceExhausted(limit.value) from None

    def reminder_cancel(self, name: str) -> bool:
        was_there: bool = reminders.cancel(name)
        return was_there

    def reminder_list(self) -> list[Reminder]:
        return [
            Reminder(each.name, each.method, each.due_in_ms * _MILLISECOND, _schedule_in(each.schedule))
            for each in reminders.list()
        ]

    def timer_set(self, name: str, schedule: Schedule, method: str, payload: Payload) -> None:
        try:
            timers.set(name, _schedule_out(schedule), method, _payload_out(payload))
        except Err as limit:
            raise ResourceExhausted(limit.value) from None

    def timer_cancel(self, name: str) -> bool:
        was_there: bool = timers.cancel(name)
        return was_there

    def now_ms(self) -> int:
        now: int = context.now_ms()
        return now

    def random(self, length: int) -> bytes:
        drawn: bytes = context.random(length)
        return drawn

    def log(self, level: Level, message: str) -> None:
        # A string of the guest's may hold what UTF-8 can't, and nothing said may fail a turn.
        log.write(log.Level[level.name], message.encode(errors="replace").decode())


def _u64(number: int) -> int:
    return max(0, min(number, _U64_MAX))


def _address_out(address: Address) -> types.Address:
    return types.Address(address.actor_type, address.id)


def _payload_in(payload: types.Payload) -> Payload:
    return Payload(payload.content_type, payload.body)


def _payload_out(payload: Payload) -> types.Payload:
    return types.Payload(payload.content_type, payload.body)


def _origin_in(origin: types.Origin) -> Origin:
    match origin:
        case types.Origin_Actor(value=address):
            return Origin.from_actor(address.actor_type, address.id)
        case types.Origin_Reminder(value=name):
            return Origin.from_reminder(name)
        case types.Origin_Timer(value=name):
            return Origin.from_timer(name)
        case _:
            return Origin.from_client()


def _schedule_out(schedule: Schedule) -> reminders.Schedule:
    period = None if schedule.period is None else _u64(milliseconds(schedule.period))
    return reminders.Schedule(_u64(milliseconds(schedule.delay)), period, schedule.repetitions)


def _schedule_in(schedule: reminders.Schedule) -> Schedule:
    period = None if schedule.period_ms is None else schedule.period_ms * _MILLISECOND
    return Schedule(schedule.delay_ms * _MILLISECOND, period, schedule.repetitions)


def _failure_out(failure: Failure) -> Err:
    message = failure.message.encode(errors="replace").decode()
    return Err(types.Failure(types.ErrorCode[failure.code.name], message))


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
