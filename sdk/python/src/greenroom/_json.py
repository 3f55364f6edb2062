"""JSON out, from whatever an actor returns or keeps; and JSON in, as far as it is not of a type yet.

What is written has one form only: no spaces, members in the order of the fields, sets sorted. So a state
that did not change is the same bytes.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]
from typing import Any, NoReturn

from ._names import json_name

#: Deepest nesting of a document, in and out.
DEPTH_MAX = 128
#: In a field's metadata: the field is not part of the JSON.
TRANSIENT = "greenroom.transient"


class NotJson(ValueError):
    """A document that is not JSON, or a value that can't become any."""


class Repeated(dict[str, Any]):
    """An object in which a name comes more than once; the last one counts."""

    name: str


def encode(value: object) -> bytes:
    """Writes `value`. Raises `NotJson` when it has no JSON form."""
    try:
        try:
            return _written(value).encode()
        except TypeError:  # a key that the standard library does not know, or something without a form
            return _written(_with_names(value)).encode()
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise NotJson("a string has half of a surrogate pair") from None
    except ValueError as error:
        raise NotJson(str(error)) from None


def decode(document: bytes) -> Any:
    """Reads a whole document. Raises `NotJson`."""
    check_depth(document)
    try:
        text = document.decode()
        value = _read(text)
        if "\\u" in text:
            # Half of a surrogate pair would be found only when the text is written again.
            _written(value).encode()
    except UnicodeEncodeError:
        raise NotJson("half of a surrogate pair") from None
    except ValueError as error:
        raise NotJson(str(error)) from None
    return value


def check_depth(document: bytes) -> None:
    """Raises `NotJson` when a document is nested too deeply to be read.

    It looks without recursion: the standard library's reader recurses on the stack of the machine, and the
    stack of a sandbox is small.
    """
    if document.count(b"[") + document.count(b"{") <= DEPTH_MAX:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", document)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH_MAX:
            raise NotJson(f"it is nested more than {DEPTH_MAX} deep")


def form_of(value: object) -> dict[str, Any]:
    """What is written of a dataclass, one level deep."""
    return {name: getattr(value, attribute) for name, attribute in members_of(type(value))}


def _form(value: Any) -> Any:
    """What the standard library can write, one level deep, of what it can't."""
    kind = type(value)
    if is_dataclass(kind):
        return form_of(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted(value, key=encode)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise NotJson(f"{kind.__name__} has no JSON form")


def _with_names(value: Any) -> Any:
    """The value with text for all keys; slower, and so only where it is needed."""
    if isinstance(value, Mapping):
        return {_name(key): _with_names(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_names(item) for item in value]
    if isinstance(value, str | int | float | None):
        return value
    return _with_names(_form(value))


def _name(key: object) -> str | int:
    if isinstance(key, str) or (isinstance(key, int) and not isinstance(key, bool)):
        return key
    if isinstance(key, Enum):
        return _name(key.value)
    raise NotJson(f"{type(key).__name__} can't be the name of a member")


_MEMBERS: dict[type, tuple[tuple[str, str], ...]] = {}


def members_of(kind: type) -> tuple[tuple[str, str], ...]:
    """The names of a dataclass's members, outside and inside."""
    known = _MEMBERS.get(kind)
    if known is None:
        kept = (field.name for field in fields(kind) if TRANSIENT not in field.metadata)
        known = _MEMBERS[kind] = tuple((json_name(name), name) for name in kept)
    return known


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    repeated = Repeated(members)
    names = [name for name, _ in pairs]
    repeated.name = next(name for name in names if names.count(name) > 1)
    return repeated


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


_BRACKET = re.compile(rb"[\[{\]}]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse)


def _read(text: str) -> Any:
    """What `_DECODER.decode` says, which looks for whitespace first, and there rarely is any."""
    try:
        value, end = _DECODER.raw_decode(text)
    except ValueError:
        end = -1
    return value if end == len(text) else _DECODER.decode(text)


class _Writer:
    """The standard library's writer, kept: `JSONEncoder.encode` makes one for each value."""

    def __init__(self) -> None:
        self._renew()

    def _renew(self) -> None:
        # What it is in the middle of is in the first argument, so that a value that holds itself is found.
        self._chunks = c_make_encoder({}, _form, encode_basestring, None, ":", ",", False, False, False)

    def write(self, value: object) -> str:
        try:
            return "".join(self._chunks(value, 0))
        except BaseException:
            self._renew()
            raise


_written = _Writer().write
