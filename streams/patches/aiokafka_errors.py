"""An error of the broker that aiokafka does not know: the record itself is refused.

Upstream: aiokafka 0.14.0 has no class for error 87 (INVALID_RECORD) and raises `UnknownError`, which may also mean a
fault that passes. Kafka answers 87 to a record without a key in a compacted topic. No issue is known. Remove this
module when `for_code(87)` has a class of its own.
"""

from __future__ import annotations

from aiokafka import errors

UPSTREAM = ("aiokafka", "0.14.0")


class InvalidRecordError(errors.BrokerResponseError):  # type: ignore[misc]
    """The broker refuses the record."""

    errno = 87
    message = "INVALID_RECORD"
    description = "The broker refuses the record."


errors.kafka_errors.setdefault(InvalidRecordError.errno, InvalidRecordError)
