"""The two ways a step can fail. The message is one line for a person; it travels in dead letters and failed outcomes.

Exception
 └── Fault
      ├── Poison      this event can never succeed: straight to the dead letters
      └── Retryable   it may succeed later: tried again with backoff, then to the dead letters
"""

from __future__ import annotations

import errno

_LONGEST = 1000


class Fault(Exception):  # noqa: N818
    """A step could not do its work."""

    def __init__(self, message: str, reason: str = "failed") -> None:
        """`message` says what to do, in one line; `reason` is a short stable code such as `no_audio`."""
        super().__init__(" ".join(message.split())[:_LONGEST])
        self.reason = reason


class Poison(Fault):
    """This event can never succeed."""


class Retryable(Fault):
    """This event may succeed when tried again."""


def storage_reason(number: int | None) -> str:
    """The code for a system error (errno) of the machine's storage: `disk_full`, on which work waits, or `storage`."""
    return "disk_full" if number in {errno.ENOSPC, errno.EDQUOT} else "storage"
