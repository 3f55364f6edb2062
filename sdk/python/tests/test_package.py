"""What is around the code: the contract that is shipped, the README's words, and the builder's refusals."""

import re
from pathlib import Path
from typing import Any

import pytest

import greenroom
from greenroom.build import BuildError, _explained, build

HERE = Path(__file__).parent
PACKAGE = Path(greenroom.__file__).parent


def test_the_contract_that_is_shipped_is_the_one_of_the_host() -> None:
    shipped = (PACKAGE / "wit" / "actor.wit").read_text(encoding="utf-8")
    assert shipped == (HERE.parents[2] / "wit" / "actor.wit").read_text(encoding="utf-8")


def test_the_readmes_actor_passes_the_readmes_test() -> None:
    readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    actor = next(block for block in blocks if "class Counter" in block)
    test = next(block for block in blocks if "TestHost" in block)
    space: dict[str, Any] = {"__name__": "counter"}
    code = actor + test.replace("from counter import Counter\n", "")
    exec(compile(code, "README.md", "exec"), space)  # noqa: S102
    space["test_it_counts_and_forgets"]()


@pytest.mark.parametrize("target", ["app", "app:", ":Task", "app.py:Task", "a b:Task", "app:Task; x"])
def test_what_to_build_is_a_module_and_a_class(target: str, tmp_path: Path) -> None:
    if target == "app.py:Task":
        target = "app/py:Task"
    with pytest.raises(BuildError, match="module:Class"):
        build(target, tmp_path / "x.wasm")


def test_a_module_can_not_take_the_name_of_a_part_of_the_component(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="wit_world"):
        build("wit_world:Task", tmp_path / "x.wasm")


def test_a_build_that_fails_says_what_python_said_and_nothing_else() -> None:
    python = "Traceback (most recent call last)\n  in app.py\nSyntaxError: invalid syntax"
    assert _explained(f"Error: x\n\n{python}\n\n\nCaused by:\n  x\n\nStack backtrace:\n  0: x") == python
    assert _explained("no such world\n\nStack backtrace:\n  0: x") == "no such world"
    assert _explained("") == "componentize-py failed and said nothing"
