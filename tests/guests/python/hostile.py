"""What no guest should do."""

from typing import NoReturn


def spin() -> NoReturn:
    """Never returns."""
    while True:
        pass


def work(million_rounds: int) -> int:
    """Computes for a while."""
    total = 0
    for number in range(million_rounds * 1_000_000):
        total = (total + number) & 0xFFFF_FFFF_FFFF_FFFF
    return total


def recurse(depth: int = 0) -> int:
    """Recurses until Python itself has enough of it."""
    return recurse(depth + 1) + 1


def recurse_in_the_machine() -> str:
    """Runs out of the machine's stack, which Python's own limit does not know."""
    nested: list[object] = []
    for _ in range(1_000_000):
        nested = [nested]
    return repr(nested)


def memory_bomb() -> NoReturn:
    """Takes memory, and touches it, until there is no more."""
    taken = []
    while True:
        taken.append(b"\1" * (1 << 20))


def trap() -> NoReturn:
    """Crashes."""
    raise RuntimeError("the probe was asked to trap")
