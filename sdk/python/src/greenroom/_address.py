"""Where an actor is. An address always exists: there is nothing to create or to look up."""

import unicodedata
from dataclasses import dataclass

#: Longest actor id, in bytes.
_ID_BYTES_MAX = 512


@dataclass(frozen=True, order=True)
class Address:
    """The address of an actor: its type and its id. Shown as `type/id`."""

    actor_type: str
    """The name that the component was deployed under, for example `task`."""
    id: str
    """Which actor of that type, for example `task-123`."""

    @staticmethod
    def is_id(text: str) -> bool:
        """Whether `text` can be an actor's id: 1 to 512 bytes without control characters.

        For ids that come from others, before they are kept.
        """
        in_bounds = 1 <= len(text.encode()) <= _ID_BYTES_MAX
        return in_bounds and not any(unicodedata.category(character) == "Cc" for character in text)

    def __str__(self) -> str:
        return f"{self.actor_type}/{self.id}"


def address_of(to: "Address | tuple[str, str]") -> Address:
    """The address that a caller gave as one, or as a pair."""
    return to if isinstance(to, Address) else Address(*to)
