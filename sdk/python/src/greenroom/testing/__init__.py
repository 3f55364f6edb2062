"""Runs an actor in an ordinary native test, without a host and without WebAssembly.

A `TestHost` keeps what the real one promises: one message at a time, and each turn takes effect as a whole
or not at all. Its clock stands still until the test moves it; nothing in it is random, so a test that
passes once passes always.

    def test_it_counts_and_forgets() -> None:
        counter = TestHost(Counter, "counter-1")
        assert counter.call("add", 2) == 2
        with pytest.raises(InvalidArgument):
            counter.call("add", 0)

        counter.restart()
        assert counter.call("get") == 2

        counter.advance(timedelta(hours=1))
        assert counter.call("get") == 0
"""

from ._test_host import TestHost
from ._turns import Delivered, Sent

__all__ = ["Delivered", "Sent", "TestHost"]
