"""A message's body as the arguments of a method, matched to its parameters by name or by position."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from . import _json
from ._failure import InvalidArgument
from ._malformed import Malformed
from ._readers import Reader

_WHITESPACE = b" \t\r\n\f"


class Parameter(NamedTuple):
    """One parameter of a method, apart from the context."""

    name: str
    """What it is called outside."""
    attribute: str
    """What it is called in Python."""
    reader: Reader
    has_default: bool
    optional: bool
    """Whether it may be `None`, and so may be left out."""


class Arguments:
    """Reads the arguments of one method."""

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._parameters = tuple(parameters)
        self._names = [parameter.name for parameter in parameters]

    def read(self, body: bytes) -> dict[str, Any]:
        """The arguments as the method takes them.

        Raises `InvalidArgument` with the place and the problem.
        """
        arguments: dict[str, Any] = {}
        if not self._parameters:
            return arguments
        given = self._given(body.strip(_WHITESPACE))
        for name, attribute, reader, has_default, optional in self._parameters:
            if name in given:
                try:
                    arguments[attribute] = reader(given[name])
                except Malformed as malformed:
                    raise _refused(name, malformed) from None
            elif not has_default:
                if not optional:
                    raise InvalidArgument(f"argument `{name}` is missing")
                arguments[attribute] = None
        return arguments

    def _given(self, body: bytes) -> dict[str, Any]:
        if not body:
            return {}
        try:
            value = _json.decode(body)
        except _json.NotJson as error:
            raise InvalidArgument(f"the body is not JSON: {error}") from None
        names = self._names
        if len(names) == 1:
            alone = type(value) is dict and len(value) == 1 and names[0] in value
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


def _refused(name: str, malformed: Malformed) -> InvalidArgument:
    path = malformed.path
    separator = "" if not path or path.startswith("[") else "."
    return InvalidArgument(f"argument `{name}{separator}{path}`: {malformed.problem}")
