"""The client's errors: which of them say that a record can never be sent, and retries of the others.

The others are faults of transport, or of the broker's settings, and pass without a change of the record: it is sent
again until it is written.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    CorruptRecordException,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnsupportedForMessageFormatError,
)

from schemas.faults import Poison
from streams.patches.aiokafka_errors import InvalidRecordError

T = TypeVar("T")
_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)
_REFUSED = (CorruptRecordException, InvalidRecordError, UnsupportedForMessageFormatError)
_INVALID = (AssertionError, TypeError, ValueError, OverflowError, struct.error)  # the client cannot encode the record
_NOT_ALLOWED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)


def permanent_fault(error: BaseException, topic: str) -> Poison | None:
    """Return the fault of a record that can never be sent to the topic, or None if sending it again may succeed."""
    if isinstance(error, _TOO_LARGE):
        return Poison(f"the record is larger than {topic} accepts (its max.message.bytes)", "too_large")
    if isinstance(error, (*_REFUSED, *_INVALID)):
        return Poison(f"the record cannot be sent to {topic}: {describe(error)}", "kafka_refuses")
    return None


def describe(error: BaseException) -> str:
    """Return an error in one line. One of permissions says that Kafka's operator must grant them."""
    if isinstance(error, _NOT_ALLOWED):
        return f"Kafka does not allow it: grant this user the right to write ({error!r})"
    name, text = type(error).__name__, str(error)
    if text.startswith(name):  # as those of aiokafka do
        return text
    return f"{name}: {text}" if text else name


async def retry_for(timeout_s: float, interval_s: float, action: Callable[[], Awaitable[T]]) -> T:
    """Return the action's value; while it fails, it is tried again. Raises aiokafka's error of the last try."""
    deadline = monotonic() + timeout_s
    while True:
        try:
            return await action()
        except KafkaError:
            if monotonic() > deadline:
                raise
            await asyncio.sleep(interval_s)
