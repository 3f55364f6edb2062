"""Why a call to another actor brought no reply, and what that means for the caller's own caller."""

from enum import Enum

from ._address import Address
from ._failure import ErrorCode, Failure


class CallErrorKind(Enum):
    """What went wrong with a call."""

    FAILED = "failed"
    """The callee ran and answered with a failure."""
    UNKNOWN_ACTOR_TYPE = "nothing is deployed under that actor type"
    DEADLOCK = "it waits for this very call"
    """The callee already waits for this very call chain."""
    OVERLOADED = "its mailbox is full"
    TIMEOUT = "no reply before the deadline"
    """The callee may still run."""
    CRASHED = "it crashed"
    """The callee trapped, or exceeded a limit."""
    UNAVAILABLE = "it can't be reached"
    INVALID_REPLY = "the reply is not what was expected"
    """The callee did what was asked, but its reply is not of the type that was expected."""


_CODES = {
    CallErrorKind.UNKNOWN_ACTOR_TYPE: ErrorCode.FAILED_PRECONDITION,
    CallErrorKind.DEADLOCK: ErrorCode.CONFLICT,
    CallErrorKind.OVERLOADED: ErrorCode.RESOURCE_EXHAUSTED,
}


class CallError(Failure):
    """A call that brought no reply.

    An actor that does not catch it fails with it: a callee's own failure keeps its code, and the message
    says which call it was. Only `TIMEOUT` and `INVALID_REPLY` leave it possible that the callee did what
    was asked.
    """

    def __init__(
        self,
        to: Address,
        method: str,
        kind: CallErrorKind,
        detail: str = "",
        failure: Failure | None = None,
    ) -> None:
        if failure is not None:
            code, message, reason = failure.code, failure.message, str(failure)
        else:
            code = _CODES.get(kind, ErrorCode.INTERNAL)
            message = reason = f"{kind.value}: {detail}" if detail else kind.value
        super().__init__(code, f"call {to} {method}: {message}")
        self.to = to
        """Whom the call went to."""
        self.method = method
        """What was asked."""
        self.kind = kind
        """What went wrong."""
        self.reason = reason
        """What went wrong, in words, without the call."""
        self.failure = failure
        """What the callee failed with, if it ran and failed."""
