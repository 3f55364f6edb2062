"""Modules that the standard library imports only when it needs them.

A component has no files: what was not imported when it was built is not there when it runs. These are what
ordinary code runs into without having written `import` itself.
"""

from importlib import import_module

_MODULES = (
    "_colorize",
    "_strptime",
    "copyreg",
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_16",
    "encodings.utf_8_sig",
    "linecache",
    "statistics",
    "textwrap",
    "tokenize",
    "traceback",
    "warnings",
)


def preload() -> None:
    """Imports them all."""
    for name in _MODULES:
        import_module(name)
