"""The three kinds of failure. The message is one line for a person; dead letters and failed outcomes contain it.

Exception
 └── Fault
      ├── Poison       the event can never succeed: becomes a dead letter without a retry
      ├── Retryable    it may succeed later: retried with backoff, then a dead letter
      └── Unavailable  not caused by the event (disk full, index unreachable): waits without limit, see `/readyz`
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.reasons import Reason, as_reason
from schemas.safe_text import escaped

_MAX_MESSAGE_CHARACTERS = 1000
_RULES = frozenset({"bad_beats", "plan_gap", "plan_incomplete"})  # of the schemas, with reason codes of their own
_UNKNOWN = "extra_forbidden"
_MAX_KEY_CHARACTERS = 100  # of a key of an invalid event, in a message
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class Fault(Exception):  # noqa: N818
    """Base of the failures of a step.

    `message`: what is wrong and what to do, in one line, cut after 1,000 characters; what is not visible in it is
    escaped, since it may contain text from outside. `reason`: its code.
    """

    def __init__(self, message: str, reason: Reason) -> None:
        """Put the message on one line."""
        super().__init__(escaped(" ".join(message.split()))[:_MAX_MESSAGE_CHARACTERS])
        self.reason: Reason = reason


class Poison(Fault):
    """The event can never succeed. `errors`: all that is wrong with a user's file; the message has only the first."""

    def __init__(self, message: str, reason: Reason, errors: Sequence[str] = ()) -> None:
        """Put the message on one line."""
        super().__init__(message, reason)
        self.errors = tuple(errors)


class Retryable(Fault):
    """The event may succeed when it is tried again, after `retry_after_s` seconds or more."""

    def __init__(self, message: str, reason: Reason, retry_after_s: float = 0.0) -> None:
        """Put the message on one line."""
        super().__init__(message, reason)
        self.retry_after_s = retry_after_s


class Unavailable(Fault):
    """A resource that the work needs is unavailable, such as disk space or the move index. The work waits for it.

    `/readyz` has the message until then. `retry_after_s`: seconds until another attempt makes sense.
    """

    def __init__(self, message: str, reason: Reason, retry_after_s: float = 1.0) -> None:
        """Put the message on one line."""
        super().__init__(message, reason)
        self.retry_after_s = retry_after_s


_KINDS: dict[str, type[Fault]] = {kind.__name__: kind for kind in (Poison, Retryable, Unavailable)}


def to_json(fault: Fault, max_characters: int = _MAX_MESSAGE_CHARACTERS) -> dict[str, Any]:
    """Return a fault as JSON values, from which another process can raise it again."""
    kind = next(name for name, kind in _KINDS.items() if isinstance(fault, kind))
    fields = {"fault": kind, "error": str(fault)[:max_characters], "reason": fault.reason}
    return fields | {name: value for name, value in vars(fault).items() if name == "retry_after_s" and value}


def from_json(fields: dict[str, Any]) -> Fault:
    """Return the fault of which `to_json` made the fields."""
    optional = {name: fields[name] for name in ("retry_after_s",) if name in fields}
    return _KINDS[fields["fault"]](fields["error"], as_reason(fields["reason"]), **optional)


def storage_fault(message: str, number: int | None) -> Fault:
    """Return the fault for an errno of the machine's storage: `Unavailable` for a full disk, else `Retryable`."""
    if number in _DISK_FULL:
        return Unavailable(message, "disk_full")
    return Retryable(message, "storage")


def invalid_event(model: type[BaseModel], error: ValidationError) -> Poison:
    """Return the fault for an event that its model refuses: `invalid_event`, or the code of the rule it breaks."""
    details = error.errors(include_url=False, include_input=False)
    detail = next((detail for detail in details if detail["type"] == _UNKNOWN), details[0])  # it may explain the others
    path = ".".join(str(part)[:_MAX_KEY_CHARACTERS] for part in detail["loc"])
    text = "there is no such field" if detail["type"] == _UNKNOWN else detail["msg"]
    message = f"{path}: {text}" if path else str(text)
    reason = as_reason(detail["type"]) if detail["type"] in _RULES else "invalid_event"
    return Poison(f"not a valid {model.__name__} event: {message}", reason)
