"""Which errors of sending are permanent: those of the record, never those of the connection, the broker or rights."""

from __future__ import annotations

import struct

import pytest
from aiokafka import errors

from streams.kafka_errors import describe, permanent_fault
from streams.patches.aiokafka_errors import InvalidRecordError

_PERMANENT: tuple[tuple[BaseException, str], ...] = (
    (errors.MessageSizeTooLargeError(), "too_large"),
    (errors.RecordListTooLargeError(), "too_large"),
    (errors.RecordTooLargeError(), "too_large"),
    (errors.CorruptRecordException(), "kafka_refuses"),
    (errors.for_code(87)(), "kafka_refuses"),
    (AssertionError("key or value"), "kafka_refuses"),
    (TypeError("bytes expected"), "kafka_refuses"),
    (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), "kafka_refuses"),
    (OverflowError("int too large"), "kafka_refuses"),
    (struct.error("out of range"), "kafka_refuses"),
)
_TEMPORARY = (
    errors.KafkaConnectionError(),
    errors.KafkaTimeoutError(),
    errors.RequestTimedOutError(),
    errors.NotLeaderForPartitionError(),
    errors.LeaderNotAvailableError(),
    errors.NotEnoughReplicasError(),
    errors.NotEnoughReplicasAfterAppendError(),
    errors.UnknownTopicOrPartitionError(),
    errors.KafkaStorageError(),
    errors.CoordinatorNotAvailableError(),
    errors.UnknownError(),
    errors.InvalidTimestampError(),  # of the worker's clock or the topic's settings, never of the record
    errors.TopicAuthorizationFailedError("t"),
    errors.ClusterAuthorizationFailedError(),
    errors.ProducerClosed(),
    ConnectionError("reset"),
    OSError("no route"),
    TimeoutError(),
)


@pytest.mark.parametrize(("error", "reason"), _PERMANENT, ids=repr)
def test_an_error_of_the_record_is_permanent(error: BaseException, reason: str) -> None:
    fault = permanent_fault(error, "a-topic")
    assert fault is not None
    assert fault.reason == reason
    assert "a-topic" in str(fault)


@pytest.mark.parametrize("error", _TEMPORARY, ids=repr)
def test_any_other_error_is_not(error: BaseException) -> None:
    assert permanent_fault(error, "a-topic") is None


def test_the_error_of_a_refused_record_has_a_class() -> None:
    assert errors.for_code(87) is InvalidRecordError


def test_an_error_of_rights_says_what_to_do() -> None:
    assert "grant this user the right to write" in describe(errors.TopicAuthorizationFailedError("t"))


def test_the_name_of_an_error_is_printed_once() -> None:
    assert describe(errors.KafkaConnectionError("no broker")) == "KafkaConnectionError: no broker"
    assert describe(OSError("no route")) == "OSError: no route"
    assert describe(TimeoutError()) == "TimeoutError"
