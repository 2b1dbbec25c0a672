"""Positions in the topic of outcomes, over all its partitions, as a text that a program stores."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiokafka import TopicPartition

from streams.envelope import Record
from streams.log_position import Mark, Position, checksum_of
from streams.topics import REQUEST_ENDED

_MAX_MARKS = 8  # of a partition: the topic is compacted, and some of their records may be gone


class PositionError(Exception):
    """A position cannot be read on from. The message says what to do."""


def positions_text(positions: Mapping[TopicPartition, Position]) -> str:
    """Return positions as a text: a JSON object by number of the partition."""
    return json.dumps({str(tp.partition): str(position) for tp, position in sorted(positions.items())})


def parse_positions(text: str) -> dict[TopicPartition, Position]:
    """Return the positions in a text. Raises: `PositionError`."""
    try:
        return {
            TopicPartition(REQUEST_ENDED.full_name, int(number)): Position.parse(position)
            for number, position in json.loads(text).items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise PositionError(
            f"not a position of results: {str(text)[:60]!r}: "
            "pass the `position` of an outcome, or None for the beginning"
        ) from error


def position_after(position: Position, record: Record) -> Position:
    """Return the position after a record."""
    if record.unreadable is not None:
        return Position(record.offset + 1, position.marks)
    mark = Mark(record.offset, record.timestamp_ms, checksum_of(record.key, record.value))
    after = position.after_mark(mark)
    return after._replace(marks=after.marks[:_MAX_MARKS])
