"""From JSON to typed values: what a type annotation says becomes a reader, made once for each type.

A reader takes what the standard library made of the JSON, and returns the value or raises `Malformed`,
which names the place and the problem. The types that have a JSON form are listed in the README.
"""

import dataclasses
import types
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from ._json import TRANSIENT
from ._malformed import Malformed, alternatives, invalid_type
from ._names import json_name
from ._timestamp import Timestamp

Reader = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Range:
    """The bounds of a number, both included: `Annotated[int, Range(0, 255)]`."""

    minimum: float | None = None
    maximum: float | None = None

    def __str__(self) -> str:
        if self.minimum is None:
            return f"at most {self.maximum}"
        return f"{self.minimum} or more" if self.maximum is None else f"{self.minimum} to {self.maximum}"


def reader_of(annotation: Any) -> Reader:
    """The reader of a type. Raises `TypeError` for one without a JSON form."""
    try:
        known = _READERS.get(annotation)
    except TypeError:  # not hashable
        return _make(annotation)
    if known is None:
        known = _READERS[annotation] = _make(annotation)
    return known


def allows_none(annotation: Any) -> bool:
    """Whether a value of that type may be left out."""
    if get_origin(annotation) is Annotated:
        return allows_none(get_args(annotation)[0])
    if is_alias(annotation):
        return allows_none(annotation.__value__)
    if get_origin(annotation) in (Union, types.UnionType):
        return any(allows_none(member) for member in get_args(annotation))
    return annotation is None or annotation is type(None)


def is_alias(annotation: Any) -> bool:
    """Whether it was made by a `type` statement, which Python 3.11 does not have."""
    return type(annotation).__name__ == "TypeAliasType"


def _make(annotation: Any) -> Reader:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:])
    if is_alias(annotation):
        return reader_of(annotation.__value__)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is Literal:
        return _literal(arguments)
    if isinstance(annotation, NewType):
        return reader_of(annotation.__supertype__)
    if origin is list or annotation is list:
        return _sequence(list, arguments or (Any,))
    if origin in (set, frozenset) or annotation in (set, frozenset):
        return _sequence(origin or annotation, arguments or (Any,))
    if origin is tuple or annotation is tuple:
        return _tuple(arguments or (Any, ...))
    if origin is dict or annotation is dict:
        return _dict(*(arguments or (str, Any)))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _enum(annotation)
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return _dataclass(annotation)
    raise TypeError(f"{annotation!r} has no JSON form")


def _anything(value: Any) -> Any:
    return value


def _none(value: Any) -> None:
    if value is not None:
        raise invalid_type(value, "null")


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise invalid_type(value, "a boolean")
    return value


def _int(value: Any) -> int:
    if type(value) is not int:
        raise invalid_type(value, "an integer")
    return value


def _float(value: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise invalid_type(value, "a number")
    return float(value)


def _str(value: Any) -> str:
    if type(value) is not str:
        raise invalid_type(value, "a string")
    return value


def _timestamp(value: Any) -> Timestamp:
    if type(value) is not int or not 0 <= value < 2**64:
        raise invalid_type(value, "milliseconds since the Unix epoch")
    return Timestamp(value)


def _datetime(value: Any) -> datetime:
    if type(value) is str:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise invalid_type(value, "a time in ISO 8601")


_READERS: dict[Any, Reader] = {
    Any: _anything,
    object: _anything,
    None: _none,
    type(None): _none,
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    Timestamp: _timestamp,
    datetime: _datetime,
}


def _annotated(annotation: Any, extras: tuple[Any, ...]) -> Reader:
    inner = reader_of(annotation)
    bounds = next((extra for extra in extras if isinstance(extra, Range)), None)
    if bounds is None:
        return inner
    low, high = bounds.minimum, bounds.maximum

    def read(value: Any) -> Any:
        value = inner(value)
        if (low is not None and value < low) or (high is not None and value > high):
            raise Malformed(f"invalid value: `{value}`, expected {bounds}")
        return value

    return read


def _union(members: tuple[Any, ...]) -> Reader:
    readers = [reader_of(member) for member in members if member not in (None, type(None))]
    optional = len(readers) < len(members)
    if optional and len(readers) == 1:
        only = readers[0]
        return lambda value: None if value is None else only(value)

    def read(value: Any) -> Any:
        if value is None and optional:
            return None
        problems = []
        for reader in readers:
            try:
                return reader(value)
            except Malformed as malformed:
                problems.append(str(malformed))
        raise Malformed("none of its forms fits: " + "; ".join(problems))

    return read


def _literal(values: tuple[Any, ...]) -> Reader:
    expected = alternatives(values)

    def read(value: Any) -> Any:
        for known in values:
            if type(known) is type(value) and known == value:
                return known
        raise Malformed(f"unknown variant `{value}`, expected {expected}")

    return read


def _enum(kind: type[Enum]) -> Reader:
    members = {member.value: member for member in kind}
    expected = alternatives(tuple(members))
    value_types = {type(value) for value in members}

    def read(value: Any) -> Any:
        if type(value) not in value_types:
            raise invalid_type(value, kind.__name__)
        if value not in members:
            raise Malformed(f"unknown variant `{value}`, expected {expected}")
        return members[value]

    return read


def _sequence(make: Callable[[list[Any]], Any], arguments: tuple[Any, ...]) -> Reader:
    item_reader = reader_of(arguments[0])

    def read(value: Any) -> Any:
        if type(value) is not list:
            raise invalid_type(value, "a list")
        return make(_items(value, [item_reader] * len(value)))

    return read


def _tuple(arguments: tuple[Any, ...]) -> Reader:
    if len(arguments) == 2 and arguments[1] is ...:
        return _sequence(tuple, arguments)
    readers = [reader_of(argument) for argument in arguments]

    def read(value: Any) -> Any:
        if type(value) is not list or len(value) != len(readers):
            raise invalid_type(value, f"a list of {len(readers)}")
        return tuple(_items(value, readers))

    return read


def _items(values: list[Any], readers: list[Reader]) -> list[Any]:
    items: list[Any] = []
    try:
        for reader, value in zip(readers, values, strict=True):
            items.append(reader(value))
    except Malformed as malformed:
        raise malformed.within(len(items)) from None
    return items


def _dict(key_type: Any, value_type: Any) -> Reader:
    value_reader, key_reader = reader_of(value_type), reader_of(key_type)
    numbered = key_type is int

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise invalid_type(value, "a map")
        made = {}
        for name, item in value.items():
            try:
                key = _int_of(name) if numbered else name
                made[key_reader(key)] = value_reader(item)
            except Malformed as malformed:
                raise malformed.within(name) from None
        return made

    return read


def _int_of(name: str) -> Any:
    try:
        return int(name)
    except ValueError:
        return name


def _dataclass(kind: type) -> Reader:
    # Made at the first use: a field may be of the class itself, or of one that comes later.
    members: dict[str, tuple[str, Reader, bool, bool]] = {}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise invalid_type(value, kind.__name__)
        if not members:
            members.update(fields_of(kind))
        given = {}
        for name, (attribute, reader, has_default, optional) in members.items():
            if name in value:
                try:
                    given[attribute] = reader(value[name])
                except Malformed as malformed:
                    raise malformed.within(name) from None
            elif optional and not has_default:
                given[attribute] = None
            elif not has_default:
                raise Malformed(f"missing field `{name}`")
        try:
            return kind(**given)
        except ValueError as error:  # what `__post_init__` says of the values
            raise Malformed(str(error)) from None

    return read


def fields_of(kind: type) -> dict[str, tuple[str, Reader, bool, bool]]:
    """The members of a dataclass: attribute, reader, whether it has a default and may be `None`."""
    hints = get_type_hints(kind, include_extras=True)
    members = {}
    for field in dataclasses.fields(kind):
        if TRANSIENT in field.metadata or not field.init:
            continue
        has_default = (
            field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        )
        annotation = hints[field.name]
        try:
            reader = reader_of(annotation)
        except TypeError as error:
            raise TypeError(f"{kind.__name__}.{field.name}: {error}") from None
        members[json_name(field.name)] = (field.name, reader, has_default, allows_none(annotation))
    return members
