"""How names in Python become names in JSON: as they are, but for those that Python keeps for itself."""

from keyword import iskeyword


def json_name(name: str) -> str:
    """`from_` is called `from` outside, because Python has no parameter of that name."""
    stem = name.removesuffix("_")
    return stem if iskeyword(stem) else name
