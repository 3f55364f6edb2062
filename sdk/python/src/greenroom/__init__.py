"""Actors in Python: a class whose fields are durable and whose methods can be called by address.

    from greenroom import InvalidArgument, actor


    @actor
    class Counter:
        count: int = 0

        def add(self, amount: int) -> int:
            if amount == 0:
                raise InvalidArgument("add something")
            self.count += amount
            return self.count

`python -m greenroom.build counter:Counter -o counter.wasm` makes it a component, and `greenroom.testing`
runs it in an ordinary test.
"""

from ._actor import activate, actor, deactivate, transient
from ._address import Address
from ._alarms import Reminders, Timers
from ._call_error import CallError, CallErrorKind
from ._context import ActorRef, Context
from ._failure import (
    Conflict,
    ErrorCode,
    FailedPrecondition,
    Failure,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unimplemented,
)
from ._host import Level
from ._message import Message, Origin, OriginKind
from ._payload import Payload
from ._readers import Range
from ._schedule import Reminder, Schedule
from ._state import State
from ._timestamp import Timestamp

__all__ = [
    "ActorRef",
    "Address",
    "CallError",
    "CallErrorKind",
    "Conflict",
    "Context",
    "ErrorCode",
    "FailedPrecondition",
    "Failure",
    "Internal",
    "InvalidArgument",
    "Level",
    "Message",
    "NotFound",
    "Origin",
    "OriginKind",
    "Payload",
    "PermissionDenied",
    "Range",
    "Reminder",
    "Reminders",
    "ResourceExhausted",
    "Schedule",
    "State",
    "Timers",
    "Timestamp",
    "Unimplemented",
    "activate",
    "actor",
    "deactivate",
    "transient",
]
