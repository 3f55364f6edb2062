"""Which types have a JSON form, and what it is; and which classes can't be actors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NewType

import pytest

from greenroom import Address, Context, InvalidArgument, Payload, Range, Timestamp, actor
from greenroom._json import NotJson, encode
from greenroom.testing import TestHost


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    SMALL = 1


UserId = NewType("UserId", str)


@dataclass
class Tree:
    name: str
    children: "list[Tree]" = field(default_factory=list)
    from_: int | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a tree has a name")


@pytest.mark.parametrize(
    ("kind", "document", "value"),
    [
        (bool, "true", True),
        (float, "1", 1.0),
        (Any, '{"a":[1]}', {"a": [1]}),
        (list[int], "[1,2]", [1, 2]),
        (tuple[int, str], '[1,"a"]', (1, "a")),
        (tuple[int, ...], "[1,2,3]", (1, 2, 3)),
        (set[str], '["a","b"]', {"a", "b"}),
        (dict[int, str], '{"1":"a"}', {1: "a"}),
        (dict[Colour, int], '{"red":1}', {Colour.RED: 1}),
        (Size | None, "1", Size.SMALL),
        (int | str, '"a"', "a"),
        (Literal["a", 1], "1", 1),
        (UserId, '"u"', UserId("u")),
        (Timestamp, "1767225600000", Timestamp(1_767_225_600_000)),
        (datetime, '"2026-01-01T00:00:00+00:00"', datetime(2026, 1, 1, tzinfo=UTC)),
        (Address, '{"actor_type":"task","id":"t1"}', Address("task", "t1")),
        (Tree, '{"name":"a","children":[{"name":"b","children":[],"from":1}],"from":null}', None),
    ],
)
def test_a_value_goes_in_and_out_as_the_same_json(kind: Any, document: str, value: Any) -> None:
    read = Payload("application/json", document.encode()).to(kind)
    if value is not None:
        assert (type(read), read) == (type(value), value)
    assert encode(read).decode() == (document if kind is not float else "1.0")


@pytest.mark.parametrize(
    ("kind", "document", "problem"),
    [
        (Colour, '"green"', "unknown variant `green`, expected `red` or `blue`"),
        (Size, "true", "invalid type: boolean `true`, expected Size"),
        (Literal["a"], '"b"', "unknown variant `b`, expected `a`"),
        (tuple[int, str], "[1]", "invalid type: list, expected a list of 2"),
        (dict[int, str], '{"x":"a"}', 'x: invalid type: string "x", expected an integer'),
        (Timestamp, "-1", "invalid type: integer `-1`, expected milliseconds since the Unix epoch"),
        (Tree, '{"name":"a","children":[{"name":""}]}', "children[0]: a tree has a name"),
        (Annotated[int, Range(minimum=1)], "0", "invalid value: `0`, expected 1 or more"),
    ],
)
def test_what_does_not_fit_is_told(kind: Any, document: str, problem: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        Payload("application/json", document.encode()).to(kind)
    assert refused.value.message == problem


@pytest.mark.parametrize("value", [object(), {1.5: "a"}.keys(), float("nan"), {(1, 2): 3}, "\ud800"])
def test_what_has_no_json_form_is_not_written(value: object) -> None:
    with pytest.raises(NotJson):
        encode(value)


def test_sets_are_written_in_one_order() -> None:
    assert encode({"b", "a", "c"}) == b'["a","b","c"]'


def test_a_timestamp_stays_within_what_there_is() -> None:
    day = timedelta(days=1)
    assert Timestamp(5) - day == Timestamp(0)
    assert Timestamp(2**64 - 1) + day == Timestamp(2**64 - 1)
    assert Timestamp(0).since(Timestamp(5)) == timedelta(0)
    assert Timestamp(2**64 - 1).since(Timestamp(0)) > day
    assert Timestamp(0) + timedelta(microseconds=1) == Timestamp(1)
    assert Timestamp(1_500).datetime() == datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)


class NoDefault:
    count: int


class Async:
    async def method(self) -> None:
        pass


class Untyped:
    def method(self, value) -> None:  # type: ignore[no-untyped-def]
        pass


class Variadic:
    def method(self, *values: int) -> None:
        pass


class Formless:
    def method(self, value: Callable[[], None]) -> None:
        pass


class FormlessField:
    value: bytes = b""


class PayloadAndMore:
    def method(self, ctx: Context, payload: Payload, value: int) -> None:
        pass


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (NoDefault, "NoDefault.count needs a default"),
        (Async, "Async.method is async"),
        (Untyped, "Untyped.method: parameter `value` needs a type"),
        (Variadic, "Variadic.method: parameter `values` is not one that can be given by name"),
        (Formless, "Formless.method: parameter `value`: .* has no JSON form"),
        (FormlessField, "FormlessField.value: .* has no JSON form"),
        (PayloadAndMore, "a payload is the only argument"),
    ],
)
def test_a_class_that_cant_be_an_actor_says_why(kind: type, problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        TestHost(actor(kind), "x")


def test_a_class_without_the_decorator_is_no_actor() -> None:
    with pytest.raises(TypeError, match="put `@actor` on the class"):
        TestHost(Tree, "x")
