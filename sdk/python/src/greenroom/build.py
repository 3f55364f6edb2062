"""Makes a component of an actor: `python -m greenroom.build app:Task -o task.wasm`.

The component holds CPython and every module that was imported when it was built, in memory as they were
then: nothing is imported, read from a file or started up when it runs. What has to be known to build it,
the contract, the entry point and the flags of `componentize-py`, is in here.
"""

import argparse
import importlib.util
import os
import re
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_WORLD = "actor"
_ENTRY = "greenroom_entry"
_RUN = "import sys; from componentize_py import script; sys.exit(script())"
#: Where componentize-py looks for packages by itself: in whichever environment is active.
_ENVIRONMENT = "VIRTUAL_ENV"
#: Names that the generated bindings and the entry point have.
_TAKEN = {_ENTRY, "wit_world", "componentize_py_types", "componentize_py_runtime", "poll_loop"}

_ENTRY_TEXT = """\
from greenroom._component import export
from {module} import {name} as kind

Behavior = export(kind)
"""


class BuildError(Exception):
    """The component can't be built; the message says what to do."""


def build(target: str, output: Path, paths: Sequence[Path] = (Path(),)) -> None:
    """Makes the component `output` of the actor `module:Class`, which is found in one of `paths`.

    Raises `BuildError`.
    """
    module, name = _parse(target)
    if importlib.util.find_spec("componentize_py") is None:
        raise BuildError("componentize-py is missing; install greenroom[build]")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, f"{_ENTRY}.py").write_text(_ENTRY_TEXT.format(module=module, name=name))
        made = Path(folder, "component.wasm")
        search = list(dict.fromkeys([Path(folder), *paths, _PACKAGE.parent, *_packages()]))
        command = [sys.executable, "-c", _RUN, "--wit-path", str(_PACKAGE / "wit"), "--world", _WORLD]
        command += ["--quiet", "componentize", _ENTRY, "--output", str(made)]
        for path in search:
            command += ["--python-path", str(path)]
        # The packages are those of this Python, whichever environment is active.
        Path(folder, "none", "lib", "site-packages").mkdir(parents=True)
        environment = {**os.environ, _ENVIRONMENT: str(Path(folder, "none"))}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode != 0:
            raise BuildError(_explained(done.stdout + done.stderr))
        shutil.move(made, output)


def _packages() -> list[Path]:
    """The folders that this Python has its packages in."""
    own = site.getsitepackages() + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
    return [Path(folder) for folder in own if Path(folder).is_dir()]


def _parse(target: str) -> tuple[str, str]:
    match = re.fullmatch(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)", target)
    if match is None:
        raise BuildError(f"`{target}` is not of the form module:Class, for example app:Task")
    module, name = match.groups()
    if module.split(".")[0] in _TAKEN:
        raise BuildError(f"a module can't be called `{module}`: the component has one of that name")
    return module, name


def _explained(output: str) -> str:
    """What Python said, without what the tool says around it."""
    begin = output.rfind("Traceback (most recent call last)")
    story = output[begin if begin >= 0 else 0 :]
    if begin >= 0:
        story = story.partition("\nCaused by:")[0]
    story = story.partition("\nStack backtrace:")[0]
    return story.strip() or "componentize-py failed and said nothing"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when the component is there."""
    parser = argparse.ArgumentParser(
        prog="python -m greenroom.build", description="Make a component of an actor."
    )
    parser.add_argument("actor", metavar="MODULE:CLASS", help="the actor, for example app:Task")
    parser.add_argument(
        "-o", "--output", type=Path, help="the component [default: CLASS.wasm, in lower case]"
    )
    parser.add_argument(
        "-p",
        "--path",
        type=Path,
        action="append",
        help="a folder with modules of the actor; can be repeated [default: the current folder]",
    )
    options = parser.parse_args(arguments)
    output = options.output or Path(options.actor.rpartition(":")[2].lower() + ".wasm")
    try:
        build(options.actor, output, options.path or [Path()])
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{output} ({output.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
