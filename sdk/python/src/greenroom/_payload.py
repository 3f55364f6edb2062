"""Bytes with a media type: what messages and replies carry."""

from dataclasses import dataclass
from typing import Any, TypeVar, overload

from . import _json
from ._failure import Internal, InvalidArgument
from ._malformed import Malformed
from ._readers import reader_of

T = TypeVar("T")


@dataclass(unsafe_hash=True)  # a frozen one takes four times as long to make, and each turn makes two
class Payload:
    """What a message or a reply carries.

    Ordinary methods never see one: their arguments and results are JSON. A method whose only argument is
    a `Payload` gets the body as it came, and one that returns a `Payload` replies with it as it is.
    """

    content_type: str = ""
    """Media type of `body`, for example `application/json`."""
    body: bytes = b""
    """The bytes."""

    @staticmethod
    def empty() -> "Payload":
        """Nothing: no media type and no body."""
        return Payload()

    @staticmethod
    def text(text: str) -> "Payload":
        """`text` as UTF-8."""
        return Payload("text/plain; charset=utf-8", text.encode())

    @staticmethod
    def json(value: object) -> "Payload":
        """`value` as JSON. Raises `Internal` when it has no JSON form."""
        try:
            return Payload("application/json", _json.encode(value))
        except _json.NotJson as error:
            raise Internal(f"can't be written as JSON: {error}") from None

    @staticmethod
    def of_arguments(arguments: object) -> "Payload":
        """`arguments` as a message carries them: nothing for `None`, a payload as it is, else JSON."""
        if arguments is None:
            return Payload()
        return arguments if isinstance(arguments, Payload) else Payload.json(arguments)

    @overload
    def to(self) -> Any: ...

    @overload
    def to(self, expected: type[T]) -> T: ...

    def to(self, expected: Any = Any) -> Any:
        """Reads the body as JSON, whatever the media type says. An empty body reads like `null`.

        Raises `InvalidArgument` with the place and the problem, when it is not of the type `expected`.
        """
        try:
            return reader_of(expected)(_json.decode(self.body) if self.body else None)
        except (Malformed, _json.NotJson) as error:
            raise InvalidArgument(str(error)) from None

    def is_empty(self) -> bool:
        """Whether there is neither a media type nor a body."""
        return not self.content_type and not self.body
