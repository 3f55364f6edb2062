"""Replies and failures in the contract's terms."""

from componentize_py_types import Err
from wit_world.imports.types import ErrorCode, Failure, Payload


def text(value: str) -> Payload:
    """A text as it is."""
    return Payload("text/plain", value.encode())


def failure(code: ErrorCode, message: str) -> Err[Failure]:
    """A failure with that code and text, to raise."""
    return Err(Failure(code, message))
