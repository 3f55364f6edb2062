"""Replies and failures in the contract's terms."""

import json
from typing import Any

from componentize_py_types import Err
from wit_world.imports.types import ErrorCode, Failure, Payload


def text(value: str) -> Payload:
    """A text as it is."""
    return Payload("text/plain", value.encode())


def document(value: Any) -> Payload:
    """A value as JSON."""
    return Payload("application/json", json.dumps(value, ensure_ascii=False).encode())


def failure(code: ErrorCode, message: str) -> Err[Failure]:
    """A failure with that code and text, to raise."""
    return Err(Failure(code, message))


def limited(limit: str) -> Err[Failure]:
    """A limit that was passed, as the actor's own failure, to raise."""
    return failure(ErrorCode.RESOURCE_EXHAUSTED, limit)
