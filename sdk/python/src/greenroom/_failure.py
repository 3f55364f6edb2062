"""How an actor refuses a message. A turn that ends in a failure leaves no trace: no write, no reminder,
no sent message."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """What kind of refusal. Each has its HTTP status."""

    INVALID_ARGUMENT = "invalid-argument"
    """400: the request itself is wrong, whatever the actor's state."""
    PERMISSION_DENIED = "permission-denied"
    """403: not for this sender."""
    NOT_FOUND = "not-found"
    """404: what the request is about is not there."""
    CONFLICT = "conflict"
    """409: it contradicts what is there already."""
    FAILED_PRECONDITION = "failed-precondition"
    """412: not in the actor's present state."""
    RESOURCE_EXHAUSTED = "resource-exhausted"
    """429: a limit is reached."""
    INTERNAL = "internal"
    """500: the actor itself is at fault."""
    UNIMPLEMENTED = "unimplemented"
    """501: the actor has no such method."""


class Failure(Exception):
    """An actor's answer to a message that it could not do.

    Each code has a class of its own, `raise NotFound("no such page")`; `except Failure` catches all.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        """What kind of refusal."""
        self.message = message
        """The actor's own words, for its caller."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InvalidArgument(Failure):
    """400: the request itself is wrong, whatever the actor's state."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.INVALID_ARGUMENT, message)


class PermissionDenied(Failure):
    """403: not for this sender."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.PERMISSION_DENIED, message)


class NotFound(Failure):
    """404: what the request is about is not there."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.NOT_FOUND, message)


class Conflict(Failure):
    """409: it contradicts what is there already."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.CONFLICT, message)


class FailedPrecondition(Failure):
    """412: not in the actor's present state."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.FAILED_PRECONDITION, message)


class ResourceExhausted(Failure):
    """429: a limit is reached."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.RESOURCE_EXHAUSTED, message)


class Internal(Failure):
    """500: the actor itself is at fault."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.INTERNAL, message)


class Unimplemented(Failure):
    """501: the actor has no such method."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.UNIMPLEMENTED, message)
