"""Positions with marks: which marks are stored, and their text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata

from streams.log_position import Mark, Position, mark_of

_METADATA_BYTES = 4096  # Kafka's limit for the text of a commit


def _message(offset: int, value: bytes = b"value", timestamp: int = 1_700_000_000_000) -> ConsumerRecord:
    return ConsumerRecord("topic", 0, offset, timestamp + offset, 1, b"key", value, None, 3, len(value), ())


def test_marks_become_fewer_with_the_distance_and_fit_into_a_commit() -> None:
    position = Position(0)
    for offset in range(200_000):
        position = position.after(_message(offset))
        if offset == 999:
            assert {mark.offset for mark in position.marks} >= {999, 998}
            distances = [999 - mark.offset for mark in position.marks[1:]]
            assert all(later <= 4 * earlier for earlier, later in pairwise(distances))
            assert distances[-1] >= 500
    assert position.offset == 200_000
    assert len(str(position)) < _METADATA_BYTES


def test_a_position_survives_as_text_and_a_plain_offset_is_read() -> None:
    position = Position(0).after(_message(5)).after(_message(7))._replace(offset=12)
    assert Position.parse(str(position)) == position
    assert Position.parse(str(Position(3, (Mark(2, None, 9),)))) == Position(3, (Mark(2, None, 9),))
    assert Position.parse("41") == Position.parse(41) == Position(41)


@pytest.mark.parametrize(
    "metadata",
    [
        "", "x", "1:2", "{}", "\0", "9:nan:1", "9:1:1:1",
        f"-{'9' * 4000}:1:1",
        f"9:1:{'9' * 4000}",
        f"9:-{'9' * 4000}:1",
        " ".join(f"-{'9' * digits}:1:1" for digits in range(1, 80)),
        "11:1:1", "3:1:1 4:1:1", "9:1:1 " * 500,
    ],
)  # fmt: skip
def test_a_commit_of_another_program_is_an_offset_and_the_next_commit_is_accepted(metadata: str) -> None:
    position = Position.of_commit(OffsetAndMetadata(10, metadata))
    assert position == Position(10)
    for offset in range(10, 100):
        position = position.after(_message(offset))
        assert len(position.marks_text) < _METADATA_BYTES


def test_a_mark_tells_records_apart_by_offset_time_key_and_value() -> None:
    mark = mark_of(_message(5))
    assert mark.is_of(mark_of(_message(5)))
    assert mark.is_of(mark._replace(timestamp_ms=None))
    others = [_message(6), _message(5, b"other"), _message(5, timestamp=1), _message(5, b"")]
    assert not any(mark.is_of(mark_of(other)) for other in others)


def test_a_record_that_could_not_be_read_has_no_mark() -> None:
    before = Position(0).after(_message(3))
    assert before.after(_message(9, timestamp=-100)) == Position(10, before.marks)


def test_marks_after_a_position_that_went_back_are_left_out() -> None:
    position = Position(0).after(_message(100)).after(_message(7))
    assert [mark.offset for mark in position.marks] == [7]
