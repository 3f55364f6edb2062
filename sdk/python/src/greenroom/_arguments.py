"""A message's body as the arguments of a method, matched to its parameters by name or by position."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import _json
from ._failure import InvalidArgument
from ._malformed import Malformed
from ._readers import Reader

_WHITESPACE = b" \t\r\n\f"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method, apart from the context."""

    name: str
    """What it is called outside."""
    attribute: str
    """What it is called in Python."""
    reader: Reader
    has_default: bool
    optional: bool
    """Whether it may be `None`, and so may be left out."""


def read_arguments(body: bytes, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """The arguments as the method takes them. Raises `InvalidArgument` with the place and the problem."""
    given = _given(body.strip(_WHITESPACE), parameters)
    arguments = {}
    for parameter in parameters:
        if parameter.name in given:
            arguments[parameter.attribute] = _read(parameter, given[parameter.name])
        elif not parameter.has_default:
            if not parameter.optional:
                raise InvalidArgument(f"argument `{parameter.name}` is missing")
            arguments[parameter.attribute] = None
    return arguments


def _given(body: bytes, parameters: Sequence[Parameter]) -> dict[str, Any]:
    if not parameters or not body:
        return {}
    try:
        value = _json.decode(body)
    except _json.NotJson as error:
        raise InvalidArgument(f"the body is not JSON: {error}") from None
    names = [parameter.name for parameter in parameters]
    if len(names) == 1:
        alone = type(value) is dict and value.keys() == {names[0]}
        return value if alone else {names[0]: value}
    if isinstance(value, dict):
        return _by_name(value, names)
    if isinstance(value, list):
        return _by_position(value, names)
    raise InvalidArgument(f"expected an object or an array of the arguments {', '.join(names)}")


def _by_name(members: dict[str, Any], names: list[str]) -> dict[str, Any]:
    unknown = next((name for name in members if name not in names), None)
    if unknown is not None:
        raise InvalidArgument(f"unknown argument `{unknown}`; there are {', '.join(names)}")
    if isinstance(members, _json.Repeated):
        raise InvalidArgument(f"argument `{members.name}` is given twice")
    return members


def _by_position(values: list[Any], names: list[str]) -> dict[str, Any]:
    if len(values) > len(names):
        raise InvalidArgument(f"{len(values)} arguments are too many; there are {', '.join(names)}")
    return dict(zip(names, values, strict=False))


def _read(parameter: Parameter, value: Any) -> Any:
    try:
        return parameter.reader(value)
    except Malformed as malformed:
        path = malformed.path
        separator = "" if not path or path.startswith("[") else "."
        raise InvalidArgument(f"argument `{parameter.name}{separator}{path}`: {malformed.problem}") from None
