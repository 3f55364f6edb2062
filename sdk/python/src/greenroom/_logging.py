"""The standard library's `logging` goes to the actor's log."""

import logging

from ._host import HostApi, Level

_LEVELS = (
    (logging.ERROR, Level.ERROR),
    (logging.WARNING, Level.WARN),
    (logging.INFO, Level.INFO),
    (logging.DEBUG, Level.DEBUG),
)


class HostHandler(logging.Handler):
    """Hands what is logged to the host."""

    def __init__(self, host: HostApi) -> None:
        super().__init__()
        self._host = host

    def emit(self, record: logging.LogRecord) -> None:
        """Hands one record to the host, at the nearest level that it has."""
        level = next((level for least, level in _LEVELS if record.levelno >= least), Level.TRACE)
        self._host.log(level, self.format(record))
