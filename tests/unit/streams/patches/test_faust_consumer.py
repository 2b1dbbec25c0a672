"""Which offsets are committed, when, and with which marks."""

from __future__ import annotations

from collections import defaultdict, deque

from aiokafka.structs import ConsumerRecord
from faust.types import TP

from streams.log_position import Position, mark_of
from streams.patches.faust_consumer import Consumer

_TP = TP("topic", 0)


def _record(offset: int) -> ConsumerRecord:
    return ConsumerRecord("topic", 0, offset, 1_700_000_000_000, 1, None, b"%d" % offset, None, -1, 1, ())


def _consumer(delay_s: float, dispatched: int) -> Consumer:
    """Return a consumer that has dispatched records from offset 10 on, without a connection."""
    consumer = Consumer.__new__(Consumer)
    consumer._dispatched = defaultdict(deque, {_TP: deque(map(_record, range(10, 10 + dispatched)))})
    consumer._acked_index = defaultdict(set)
    consumer._positions = {_TP: Position(10)}
    consumer._to_commit, consumer._committing = defaultdict(deque), {}
    consumer._commit_delay_s = delay_s
    return consumer


def test_an_offset_is_committed_with_marks_when_all_events_before_it_are_done() -> None:
    consumer = _consumer(0.0, dispatched=5)
    consumer._acked_index[_TP] |= {10, 11, 13}
    assert consumer._new_offset(_TP) == 12
    assert Position.parse(f"12 {consumer.marks_before(_TP, 12)}").marks[0] == mark_of(_record(11))
    assert consumer._new_offset(_TP) is None
    consumer._acked_index[_TP] |= {12}
    assert consumer._new_offset(_TP) == 14
    assert consumer.marks_before(_TP, 99) == ""


def test_an_offset_is_committed_only_after_the_delay() -> None:
    consumer = _consumer(1000.0, dispatched=2)
    consumer._acked_index[_TP] |= {10}
    assert consumer._new_offset(_TP) is None
    consumer._commit_delay_s = 0.0
    assert consumer._new_offset(_TP) == 11
