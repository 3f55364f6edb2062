"""What this instance remembers between messages: gone with its sandbox, so a test can tell one sandbox from
the next."""

from wit_world.imports.types import Address

#: Which actor this instance was told that it is.
me: Address | None = None
#: Turns of this instance, the one under way included.
turns = 0
#: The text kept last.
remembered = ""
