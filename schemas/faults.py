"""The three ways work can fail. The message is one line for a person; it travels in dead letters and failed outcomes.

Exception
 └── Fault
      ├── Poison       this event can never succeed: a dead letter at once
      ├── Retryable    it may succeed later: tried again with backoff, then a dead letter
      └── Unavailable  not the event's fault (disk full, index away): waits as long as it takes, and `/readyz` says why
"""

from __future__ import annotations

import errno
from typing import Any

from schemas.reasons import Reason, as_reason

_MAX_MESSAGE_CHARACTERS = 1000
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Fault(Exception):  # noqa: N818
    """A step could not do its work."""

    def __init__(self, message: str, reason: Reason) -> None:
        """`message` says what to do, in one line; `reason` is its code."""
        super().__init__(" ".join(message.split())[:_MAX_MESSAGE_CHARACTERS])
        self.reason: Reason = reason


class Poison(Fault):
    """This event can never succeed."""


class Retryable(Fault):
    """This event may succeed when tried again."""


class Unavailable(Fault):
    """Something that the work needs is away: a disk's space, the move index. The work waits until it is back.

    `/readyz` shows the message meanwhile. `retry_after_s`: seconds until another attempt makes sense.
    """

    def __init__(self, message: str, reason: Reason, retry_after_s: float = 1.0) -> None:
        """`message` says what is away, in one line; `reason` is its code."""
        super().__init__(message, reason)
        self.retry_after_s = retry_after_s


_KINDS: dict[str, type[Fault]] = {kind.__name__: kind for kind in (Poison, Retryable, Unavailable)}


def to_json(fault: Fault, max_characters: int = _MAX_MESSAGE_CHARACTERS) -> dict[str, Any]:
    """Return a fault as JSON values, by which another process can raise it."""
    kind = next(name for name, kind in _KINDS.items() if isinstance(fault, kind))
    fields = {"fault": kind, "error": str(fault)[:max_characters], "reason": fault.reason}
    return fields | ({"retry_after_s": fault.retry_after_s} if isinstance(fault, Unavailable) else {})


def from_json(fields: dict[str, Any]) -> Fault:
    """Return the fault that `to_json` gave."""
    reason = as_reason(fields["reason"])
    if "retry_after_s" in fields:
        return Unavailable(fields["error"], reason, fields["retry_after_s"])
    return _KINDS[fields["fault"]](fields["error"], reason)


def storage_fault(message: str, number: int | None) -> Fault:
    """Return the fault for a system error (errno) of the machine's storage: a full disk is waited for."""
    if number in _DISK_FULL:
        return Unavailable(message, "disk_full")
    return Retryable(message, "storage")
