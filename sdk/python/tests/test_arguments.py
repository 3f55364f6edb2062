"""How a message's body becomes a method's arguments, and its result a reply."""

from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from greenroom import Context, InvalidArgument, NotFound, Payload, Range, Unimplemented, actor
from greenroom.testing import TestHost


@dataclass
class Item:
    name: str
    sizes: list[Annotated[int, Range(0, 255)]]


@actor
class Desk:
    def none(self) -> str:
        return "none"

    def one(self, item: Item) -> Item:
        return item

    def maybe(self, number: int | None) -> int | None:
        return number

    def default(self, number: int = 7) -> int:
        return number

    def map(self, entries: dict[str, int]) -> int:
        return len(entries)

    def two(self, left: int, ctx: Context, right: str | None) -> str:
        return f"{left} {right} {ctx.me}"

    def anything(self, value: Any) -> Any:
        return value

    def keyword(self, from_: str) -> str:
        return from_ + "!"

    def nothing(self) -> None:
        pass

    def failing(self) -> int:
        raise NotFound("the drawer is empty")

    def echo(self, payload: Payload) -> Payload:
        return payload

    def picture(self) -> Payload:
        return Payload("image/png", b"\1\2")

    @staticmethod
    def helper() -> int:
        return 1

    @property
    def width(self) -> int:
        return 2

    def _inner(self) -> None:
        pass


def replied(method: str, body: str) -> Any:
    return TestHost(Desk, "d1").call_raw(method, Payload("application/json", body.encode())).to()


@pytest.mark.parametrize("body", ["", "{}", "[1, 2]", "not json"])
def test_without_parameters_the_body_is_not_looked_at(body: str) -> None:
    assert replied("none", body) == "none"


@pytest.mark.parametrize(
    ("method", "body", "reply"),
    [
        ("one", '{"name": "pen", "sizes": [1]}', {"name": "pen", "sizes": [1]}),
        ("one", ' {"item": {"name": "pen", "sizes": [1]}} ', {"name": "pen", "sizes": [1]}),
        ("map", '{"a": 1, "b": 2}', 2),
        ("map", '{"entries": {"a": 1}}', 1),
        ("map", "{}", 0),
        ("keyword", '{"from": "x"}', "x!"),
        ("maybe", "", None),
        ("maybe", "null", None),
        ("maybe", '{"number": null}', None),
        ("maybe", "  ", None),
        ("maybe", "7", 7),
        ("maybe", '{"number": 7}', 7),
        ("default", "", 7),
        ("default", "8", 8),
        ("anything", '[{"a": [null, 1.5]}]', [{"a": [None, 1.5]}]),
    ],
)
def test_one_argument_is_the_body_or_its_only_member(method: str, body: str, reply: Any) -> None:
    assert replied(method, body) == reply


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        ('{"right": "r", "left": 1}', "1 r desk/d1"),
        ('{"left": 1}', "1 None desk/d1"),
        ('[1, "r"]', "1 r desk/d1"),
        ("[1]", "1 None desk/d1"),
    ],
)
def test_several_arguments_go_by_name_or_by_position(body: str, reply: str) -> None:
    assert replied("two", body) == reply


@pytest.mark.parametrize(
    ("method", "body", "message"),
    [
        ("one", "", "argument `item` is missing"),
        ("one", "7", "argument `item`: invalid type: integer `7`, expected Item"),
        ("one", '{"name": "pen"}', "argument `item`: missing field `sizes`"),
        (
            "one",
            '{"name": "pen", "sizes": [1, 300]}',
            "argument `item.sizes[1]`: invalid value: `300`, expected 0 to 255",
        ),
        (
            "one",
            '{"item": {"name": 1, "sizes": []}}',
            "argument `item.name`: invalid type: integer `1`, expected a string",
        ),
        ("maybe", "[]", "argument `number`: invalid type: list, expected an integer"),
        ("maybe", "true", "argument `number`: invalid type: boolean `true`, expected an integer"),
        ("default", "null", "argument `number`: invalid type: null, expected an integer"),
        ("map", '{"a": "x"}', 'argument `entries.a`: invalid type: string "x", expected an integer'),
        ("two", "", "argument `left` is missing"),
        ("two", "7", "expected an object or an array of the arguments left, right"),
        ("two", '{"left": 1, "write": 2}', "unknown argument `write`; there are left, right"),
        ("two", '{"left": 1, "left": 2}', "argument `left` is given twice"),
        ("two", "[1, null, 3]", "3 arguments are too many; there are left, right"),
        ("anything", "NaN", "the body is not JSON: NaN is not a number"),
        ("anything", '"\\ud800"', "the body is not JSON: half of a surrogate pair"),
        ("anything", "[" * 100_000, "the body is not JSON: it is nested more than 128 deep"),
        ("anything", "[" * 129 + "]" * 129, "the body is not JSON: it is nested more than 128 deep"),
    ],
)
def test_a_wrong_argument_is_named_with_the_place_and_the_problem(
    method: str, body: str, message: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        replied(method, body)
    assert refused.value.message == message


@pytest.mark.parametrize("body", [b"\xff", b"{", b"1 2", b"\xef\xbb\xbf1", b"9" * 5_000])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidArgument, match="the body is not JSON"):
        TestHost(Desk, "d1").call_raw("anything", Payload("application/json", body))


def test_brackets_in_strings_are_not_nesting() -> None:
    text = '[{"' * 100
    assert TestHost(Desk, "d1").call("anything", [text]) == [text]


def test_nothing_is_an_empty_reply_and_none_is_null() -> None:
    desk = TestHost(Desk, "d1")
    assert desk.call_raw("nothing", Payload.empty()).is_empty()
    assert desk.call_raw("maybe", Payload.empty()) == Payload("application/json", b"null")


def test_a_payload_goes_in_and_out_as_it_is() -> None:
    desk = TestHost(Desk, "d1")
    payload = Payload("application/octet-stream", b"\0\xff")
    assert desk.call_raw("echo", payload) == payload
    assert desk.call("picture", returns=Payload).content_type == "image/png"


def test_a_failure_is_raised_as_it_is() -> None:
    with pytest.raises(NotFound, match="the drawer is empty"):
        TestHost(Desk, "d1").call("failing")


@pytest.mark.parametrize("method", ["helper", "width", "_inner", "__init__", "Echo", "from_"])
def test_an_unknown_method_is_answered_with_those_there_are(method: str) -> None:
    with pytest.raises(Unimplemented) as refused:
        TestHost(Desk, "d1").call(method)
    assert refused.value.message == (
        f"Desk has no method `{method}`; it has none, one, maybe, default, map, two, anything, keyword, "
        "nothing, failing, echo, picture"
    )
