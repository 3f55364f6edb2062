"""How the counter behaves, without a host."""

from datetime import timedelta

import pytest
from counter import Counter
from greenroom import InvalidArgument
from greenroom.testing import TestHost


def test_it_counts_and_forgets() -> None:
    """It counts, says no, survives a restart, and forgets."""
    counter = TestHost(Counter, "counter-1")
    assert counter.call("add", 2) == 2
    for bad in (0, -3, 2**32 - 1):
        with pytest.raises(InvalidArgument):
            counter.call("add", bad)

    counter.restart()
    assert counter.call("get") == 2

    counter.advance(timedelta(hours=1))
    assert counter.call("get") == 0
