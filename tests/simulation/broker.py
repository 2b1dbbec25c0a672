"""A broker: topics, the requests of clients, and what a power cut does to the logs.

It answers the requests that aiokafka sends, each in one version of the protocol. Records can be read when they are
written and are acknowledged when they are on disk; `power_cut` loses those that are not.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.simulation.clock import EPOCH_S, VirtualLoop
from tests.simulation.groups import Group
from tests.simulation.log import Log, records_of

VERSIONS = {  # of the requests that the broker answers
    0: (7, 7),
    1: (5, 5),
    2: (3, 3),
    3: (5, 5),
    8: (3, 3),
    9: (3, 3),
    10: (1, 1),
    11: (2, 2),
    12: (1, 1),
    13: (1, 1),
    14: (1, 1),
    19: (2, 2),
    21: (1, 1),
    22: (0, 0),
    32: (1, 1),
    33: (0, 0),
    37: (0, 0),
    44: (0, 0),
}
_NO_ERROR, _OFFSET_OUT_OF_RANGE, _UNKNOWN_TOPIC, _TOO_LARGE = 0, 1, 3, 10
_INVALID_TIMESTAMP, _TOPIC_EXISTS, _OUT_OF_ORDER_SEQUENCE, _INVALID_RECORD = 32, 36, 45, 87
_SEQUENCE = struct.Struct(">qhi")
_SEQUENCE_AT = 43
_MAX_AHEAD_S = 3600.0
_BATCH_OVERHEAD = 61
_DEFAULT_MAX_BYTES = 1 << 20
_DEFAULT_RETENTION_MS = 7 * 24 * 3600 * 1000

Reply = Callable[[Any], None]


class Partition(NamedTuple):
    """The name of a partition."""

    topic: str
    number: int


@dataclass
class Topic:
    """A topic's partitions and configuration."""

    partitions: list[Log]
    config: dict[str, str] = field(default_factory=dict)

    @property
    def compacted(self) -> bool:
        """Return whether the topic keeps the last record of each key."""
        return "compact" in self.config.get("cleanup.policy", "delete")

    @property
    def max_bytes(self) -> int:
        """Return the size of the largest batch that is accepted."""
        return int(self.config.get("max.message.bytes", _DEFAULT_MAX_BYTES))


@dataclass(eq=False)
class _WaitingFetch:
    request: Any
    reply: Reply
    done: bool = False


class Broker:
    """One node. `short_read_rate`: the share of fetches that are cut to less than they could return."""

    def __init__(self, loop: VirtualLoop, rng: random.Random) -> None:
        self.loop = loop
        self.rng = rng
        self.topics: dict[str, Topic] = {}
        self.groups: dict[str, Group] = {}
        self.up = True
        self.short_read_rate = 0.3
        self.flush_delay_s = 0.01
        self.deleted: dict[str, list[Topic]] = {}  # topics that were deleted, by name
        self.on_commit: list[Callable[[str, Partition, int], None]] = []
        self.on_append: list[Callable[[Partition, int, int], None]] = []
        self.producer_ahead_s = 0.0  # how far the clock of the client that sends a request is ahead
        self._waiting: list[_WaitingFetch] = []
        self._producers = 0
        self._starts = 0
        self._handlers: dict[int, Callable[[Any, Reply], None]] = {
            0: self._produce,
            1: self._fetch,
            2: self._list_offsets,
            3: self._metadata,
            8: self._commit,
            9: self._fetch_offsets,
            10: self._find_coordinator,
            11: self._join,
            12: self._heartbeat,
            13: self._leave,
            14: self._sync,
            19: self._create_topics,
            21: self._delete_records,
            22: self._init_producer,
            32: self._describe_configs,
            33: self._alter_configs,
            37: self._create_partitions,
            44: self._set_configs,
        }

    @property
    def now_ms(self) -> int:
        """Return the broker's wall clock."""
        return int((EPOCH_S + self.loop.now) * 1000)

    def handle(self, request: Any, reply: Reply) -> None:
        """Answer a request, at once or later."""
        self._handlers[request.API_KEY](request, reply)

    def log(self, partition: Partition) -> Log:
        """Return the log of a partition. Raises: `KeyError` if there is none."""
        topic = self.topics[partition.topic]
        if not 0 <= partition.number < len(topic.partitions):
            raise KeyError(partition)
        return topic.partitions[partition.number]

    def append(self, partition: Partition, data: bytes, *, damaged: bool = False) -> int:
        """Append a batch as a producer does, and return its first offset. `damaged`: it is flawed on the disk."""
        log = self.log(partition)
        base = log.append(data, self.now_ms)
        if self.topics[partition.topic].config.get("flush.messages") == "1":  # on disk before anybody can read it
            log.flushed = log.end
        if damaged:
            log.flip_bits(-1)
        for listener in self.on_append:
            listener(partition, base, log.end)
        self._wake_fetches()
        return base

    def create(self, name: str, partitions: int, config: dict[str, str] | None = None) -> None:
        """Create a topic."""
        self.topics[name] = Topic([Log() for _ in range(partitions)], dict(config or {}))

    def delete(self, name: str) -> None:
        """Delete a topic; the offsets that groups committed for it go, too."""
        self.deleted.setdefault(name, []).append(self.topics.pop(name))
        for group in self.groups.values():
            group.offsets = {tp: value for tp, value in group.offsets.items() if tp[0] != name}

    def truncate(self, partition: Partition, end: int) -> None:
        """Lose the tail of a partition, as a power cut does; new records get its offsets and a higher epoch."""
        self.log(partition).truncate(end)
        for topic in self.topics.values():
            for log in topic.partitions:
                log.epoch += 1

    def power_cut(self) -> list[tuple[Partition, int]]:
        """Lose what is not flushed, and return the partitions with their former ends."""
        lost = []
        self._starts += 1
        for name, topic in self.topics.items():
            for number, log in enumerate(topic.partitions):
                if log.flushed < log.end:
                    lost.append((Partition(name, number), log.end))
                    log.truncate(log.flushed)
                log.epoch += 1
        return lost

    def shut_down(self) -> None:
        """Stop answering, and forget who waits."""
        self.up = False
        self._waiting.clear()

    def end_transaction(self, partition: Partition, producer_id: int, *, commit: bool) -> None:
        """End a transaction on a partition."""
        self.log(partition).end_transaction(producer_id, commit=commit, now_ms=self.now_ms)
        self._wake_fetches()

    # Producing and fetching

    def _produce(self, request: Any, reply: Reply) -> None:
        answers = []
        for topic, partitions in request.topics:
            found = [(number, *self._append_produced(Partition(topic, number), data)) for number, data in partitions]
            answers.append((topic, found))
        self.when_flushed(reply, request.RESPONSE_TYPE(answers, 0))

    def when_flushed(self, callback: Callable[..., Any], *args: Any) -> None:
        """Call a function when all that is written now is on disk; never, if the power is cut before."""
        ends = [(log, log.end) for topic in self.topics.values() for log in topic.partitions if log.flushed < log.end]
        delay = self.rng.uniform(0, self.flush_delay_s) if self.flush_delay_s else 0.0
        self.loop.call_outside(delay, self._flush, ends, self._starts, callback, args)

    def _flush(self, ends: list[tuple[Log, int]], starts: int, callback: Callable[..., Any], args: Any) -> None:
        if starts == self._starts:
            for log, end in ends:
                log.flushed = max(log.flushed, end)
            callback(*args)

    def _append_produced(self, partition: Partition, data: bytes) -> tuple[int, int, int, int]:
        try:
            log, topic = self.log(partition), self.topics[partition.topic]
        except KeyError:
            return _UNKNOWN_TOPIC, -1, -1, -1
        if len(data) > topic.max_bytes:
            return _TOO_LARGE, -1, -1, -1
        if topic.compacted and any(record.key is None for record in records_of(bytes(data))):
            return _INVALID_RECORD, -1, -1, -1
        by_broker = topic.config.get("message.timestamp.type") == "LogAppendTime"
        if not by_broker and self.producer_ahead_s > _MAX_AHEAD_S:
            return _INVALID_TIMESTAMP, -1, -1, -1
        error, duplicate = _check_sequence(log, data)
        if error or duplicate is not None:
            return error, -1 if duplicate is None else duplicate, -1, log.start
        return _NO_ERROR, self.append(partition, data), self.now_ms, log.start

    def _fetch(self, request: Any, reply: Reply) -> None:
        waiting = _WaitingFetch(request, reply)
        if self._has_data(request):
            self._answer_fetch(waiting)
            return
        self._waiting.append(waiting)
        self.loop.call_outside(request.max_wait_time / 1000, self._answer_fetch, waiting)

    def _wake_fetches(self) -> None:
        for waiting in [fetch for fetch in self._waiting if self._has_data(fetch.request)]:
            self._answer_fetch(waiting)

    def _has_data(self, request: Any) -> bool:
        for topic, partitions in request.topics:
            for number, offset, _, _ in partitions:
                try:
                    log = self.log(Partition(topic, number))
                except KeyError:
                    return True
                end = log.last_stable if request.isolation_level else log.end
                if offset < end or offset > log.end:
                    return True
        return False

    def _answer_fetch(self, waiting: _WaitingFetch) -> None:
        if waiting.done:
            return
        waiting.done = True
        if waiting in self._waiting:
            self._waiting.remove(waiting)
        request, left = waiting.request, waiting.request.max_bytes
        answers = []
        for topic, partitions in request.topics:
            found = []
            for number, offset, _, max_bytes in partitions:
                answer = self._read(Partition(topic, number), offset, min(max_bytes, left), request.isolation_level)
                left = max(1, left - len(answer[-1]))
                found.append((number, *answer))
            answers.append((topic, found))
        waiting.reply(request.RESPONSE_TYPE(0, answers))

    def _read(self, partition: Partition, offset: int, max_bytes: int, isolation: int) -> tuple[Any, ...]:
        try:
            log = self.log(partition)
        except KeyError:
            return _UNKNOWN_TOPIC, -1, -1, -1, [], b""
        if not log.start <= offset <= log.end:
            return _OFFSET_OUT_OF_RANGE, log.end, log.last_stable, log.start, [], b""
        if self.rng.random() < self.short_read_rate:
            max_bytes = self.rng.randrange(1, 2000)
        data = log.read(offset, max_bytes, committed=bool(isolation))
        aborted = log.aborted_in(offset) if isolation else []
        return _NO_ERROR, log.end, log.last_stable, log.start, aborted, data

    def _list_offsets(self, request: Any, reply: Reply) -> None:
        answers = []
        for topic, partitions in request.topics:
            found = [
                (number, *self._offset_at(Partition(topic, number), timestamp, request.isolation_level))
                for number, timestamp in partitions
            ]
            answers.append((topic, found))
        reply(request.RESPONSE_TYPE(0, answers))

    def _offset_at(self, partition: Partition, timestamp: int, isolation: int) -> tuple[int, int, int]:
        try:
            log = self.log(partition)
        except KeyError:
            return _UNKNOWN_TOPIC, -1, -1
        if timestamp == -1:
            return _NO_ERROR, -1, log.last_stable if isolation else log.end
        if timestamp == -2:
            return _NO_ERROR, -1, log.start
        for batch in log.batches:
            if batch.timestamp_ms >= timestamp:
                return _NO_ERROR, batch.timestamp_ms, max(batch.base, log.start)
        return _NO_ERROR, -1, -1

    # Topics

    def _metadata(self, request: Any, reply: Reply) -> None:
        names = list(self.topics) if request.topics is None else request.topics
        topics: list[Any] = [
            (
                _NO_ERROR,
                name,
                False,
                [(0, number, 0, [0], [0], []) for number in range(len(self.topics[name].partitions))],
            )
            if name in self.topics
            else (_UNKNOWN_TOPIC, name, False, [])
            for name in names
        ]
        reply(request.RESPONSE_TYPE(0, [(0, "broker", 9092, None)], "simulated", 0, topics))

    def _create_topics(self, request: Any, reply: Reply) -> None:
        errors: list[Any] = []
        for name, partitions, _, _, config in request.create_topic_requests:
            if name in self.topics:
                errors.append((name, _TOPIC_EXISTS, "it exists"))
                continue
            self.create(name, partitions, dict(config))
            errors.append((name, _NO_ERROR, None))
        reply(request.RESPONSE_TYPE(0, errors))

    def _create_partitions(self, request: Any, reply: Reply) -> None:
        errors = []
        for name, (count, _), *_ in request.topic_partitions:
            self.add_partitions(name, count)
            errors.append((name, _NO_ERROR, None))
        reply(request.RESPONSE_TYPE(0, errors))

    def add_partitions(self, name: str, count: int) -> None:
        """Add partitions to a topic until it has `count`."""
        logs = self.topics[name].partitions
        logs.extend(Log() for _ in range(count - len(logs)))

    def _describe_configs(self, request: Any, reply: Reply) -> None:
        answers = []
        for kind, name, _ in request.resources:
            config = self.topics[name].config if name in self.topics else {}
            entries: list[Any] = [(key, value, False, 1, False, []) for key, value in config.items()]
            answers.append((_NO_ERROR, None, kind, name, entries))
        reply(request.RESPONSE_TYPE(0, answers))

    def _alter_configs(self, request: Any, reply: Reply) -> None:
        answers = []
        for kind, name, entries in request.resources:
            if name in self.topics:
                self.topics[name].config = dict(entries)
            answers.append((_NO_ERROR, None, kind, name))
        reply(request.RESPONSE_TYPE(0, answers))

    def _set_configs(self, request: Any, reply: Reply) -> None:
        answers: list[Any] = []
        for kind, name, entries in request.resources:
            self.topics[name].config |= {key: value for key, _, value in entries}
            answers.append((_NO_ERROR, None, kind, name))
        reply(request.RESPONSE_TYPE(0, answers))

    def _delete_records(self, request: Any, reply: Reply) -> None:
        answers: list[Any] = []
        for topic, partitions in request.topics:
            found: list[Any] = []
            for number, offset in partitions:
                self.log(Partition(topic, number)).delete_before(offset)
                found.append((number, offset, _NO_ERROR))
            answers.append((topic, found))
        reply(request.RESPONSE_TYPE(0, answers))

    def expire(self, *, offsets: bool) -> None:
        """Delete what is older than its topic keeps it, and with `offsets` those of empty groups."""
        for topic in self.topics.values():
            retention_ms = int(topic.config.get("retention.ms", _DEFAULT_RETENTION_MS))
            if retention_ms < 0 or topic.compacted:
                continue
            for log in topic.partitions:
                old = [batch.last for batch in log.batches if batch.timestamp_ms < self.now_ms - retention_ms]
                log.delete_before(max(old, default=-1) + 1)
        for group in self.groups.values() if offsets else ():
            group.offsets.clear()

    # Groups and producers

    def group(self, name: str) -> Group:
        """Return a group; it is created when it is first needed."""
        if name not in self.groups:
            self.groups[name] = Group(self.loop, name)
        return self.groups[name]

    def _find_coordinator(self, request: Any, reply: Reply) -> None:
        reply(request.RESPONSE_TYPE(0, _NO_ERROR, None, 0, "broker", 9092))

    def _join(self, request: Any, reply: Reply) -> None:
        self.group(request.group).join(request, reply)

    def _sync(self, request: Any, reply: Reply) -> None:
        self.group(request.group).sync(request, reply)

    def _heartbeat(self, request: Any, reply: Reply) -> None:
        reply(request.RESPONSE_TYPE(0, self.group(request.group).heartbeat(request.member_id, request.generation_id)))

    def _leave(self, request: Any, reply: Reply) -> None:
        self.group(request.group).leave(request.member_id)
        reply(request.RESPONSE_TYPE(0, _NO_ERROR))

    def _commit(self, request: Any, reply: Reply) -> None:
        group = self.group(request.consumer_group)
        error = group.commit_error(request.consumer_id, request.consumer_group_generation_id)
        answers = []
        for topic, partitions in request.topics:
            for number, offset, metadata in partitions:
                if not error and topic in self.topics:
                    group.offsets[topic, number] = offset, metadata
                    for listener in self.on_commit:
                        listener(request.consumer_group, Partition(topic, number), offset)
            answers.append((topic, [(number, error) for number, _, _ in partitions]))
        reply(request.RESPONSE_TYPE(0, answers))

    def _fetch_offsets(self, request: Any, reply: Reply) -> None:
        offsets = self.group(request.consumer_group).offsets
        topics = request.topics
        if topics is None:
            by_topic: dict[str, list[int]] = {}
            for topic, number in offsets:
                by_topic.setdefault(topic, []).append(number)
            topics = list(by_topic.items())
        answers = [
            (topic, [(number, *offsets.get((topic, number), (-1, "")), _NO_ERROR) for number in numbers])
            for topic, numbers in topics
        ]
        reply(request.RESPONSE_TYPE(0, answers, _NO_ERROR))

    def _init_producer(self, request: Any, reply: Reply) -> None:
        self._producers += 1
        reply(request.RESPONSE_TYPE(0, _NO_ERROR, self._producers, 0))


def _check_sequence(log: Log, data: bytes) -> tuple[int, int | None]:
    """Return an error for a gap in the sequence of an idempotent producer, and the offset of a repeated batch."""
    producer, epoch, sequence = _SEQUENCE.unpack_from(data, _SEQUENCE_AT)
    if producer < 0 or sequence < 0:
        return _NO_ERROR, None
    records = struct.unpack_from(">i", data, _BATCH_OVERHEAD - 4)[0]
    known = log.sequences.get((producer, epoch))
    if known is not None and sequence == known[0] - records:
        return _NO_ERROR, known[1]
    if known is not None and sequence != known[0]:
        return _OUT_OF_ORDER_SEQUENCE, None
    log.sequences[producer, epoch] = sequence + records, log.end
    return _NO_ERROR, None
