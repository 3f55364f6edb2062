"""What is wrong with a JSON value, and where."""

from typing import Any


class Malformed(Exception):
    """A value that is not what it should be. The place is put together on the way out."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        """What is wrong there."""
        self._steps: list[str | int] = []

    def within(self, step: str | int) -> "Malformed":
        """The same, seen from one level further out."""
        self._steps.append(step)
        return self

    @property
    def path(self) -> str:
        """Where, for example `items[2].price`; empty for the whole document."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in reversed(self._steps))
        return "".join(steps).removeprefix(".")

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self._steps else self.problem


def invalid_type(value: Any, expected: str) -> Malformed:
    """The value is of another type than `expected`."""
    return Malformed(f"invalid type: {_described(value)}, expected {expected}")


def alternatives(values: tuple[Any, ...]) -> str:
    """The values to choose from, in words."""
    quoted = [f"`{value}`" for value in values]
    if len(quoted) == 2:
        return " or ".join(quoted)
    return f"one of {', '.join(quoted)}" if len(quoted) > 2 else "".join(quoted) or "nothing"


def _described(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{value}`"
        case str():
            return f'string "{value}"'
        case list():
            return "list"
        case _:
            return "map"
