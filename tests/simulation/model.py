"""The expectations of a run: what was submitted, what must come of it, and the rules that hold all the time.

The model reads the logs of the broker and nothing of the program: an event's effect is what is published for it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.request_ended import RequestEnded
from streams.topics import (
    APP_ID,
    AUDIO_ANALYZED,
    HELD_EVENTS,
    REQUEST_CONTROL,
    REQUEST_ENDED,
    SONG_ACCEPTED,
    SONG_SUBMITTED,
)
from tests.simulation.broker import Broker, Partition
from tests.simulation.log import StoredRecord, records_of
from tests.song_requests import SongRequest

SOURCES = (SONG_SUBMITTED, SONG_ACCEPTED)
CONTROL = REQUEST_CONTROL.full_name
_DONE_KINDS = ("good", "slow", "flaky 1", "flaky 3", "away 5")
_FAILED_KINDS = ("poison", "flaky 9")
KINDS = (*_DONE_KINDS, *_FAILED_KINDS)
_LETTER_ID = "bachata.dead-letter-id"
_FIRST_OFFSET = "bachata.first-offset"  # of several records that cannot be read
_ERRORS = "__connect.errors."


class Place(NamedTuple):
    """A record's partition and offset."""

    partition: Partition
    offset: int


@dataclass
class Expectations:
    """What was submitted and what was published, updated with every append to a log."""

    broker: Broker
    inputs: dict[Place, SongRequest | bytes | None] = field(default_factory=dict)  # bytes: garbage with this value
    lost: set[str] = field(default_factory=set)  # requests whose record the broker lost: at most one outcome
    damaged: set[Place] = field(default_factory=set)  # inputs on a damaged batch: an outcome or a dead letter
    keys_moved: bool = False  # partitions were added: a key has another partition, and its events another order
    aborted: set[str] = field(default_factory=set)  # requests of aborted transactions: no outcome
    cancelled: set[str] = field(default_factory=set)  # requests with a `cancel`: they end, and in one way only
    held: set[str] = field(default_factory=set)  # requests that were held: their events may come later
    set_aside: set[str] = field(default_factory=set)  # requests of events on the topic of held events
    errors: list[str] = field(default_factory=list)
    published: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # by topic: requests
    outcomes: defaultdict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))  # request: by id
    letters: defaultdict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))  # ids, by source
    letter_values: defaultdict[str, set[bytes | None]] = field(default_factory=lambda: defaultdict(set))  # by id
    _order: defaultdict[tuple[Partition, Partition], list[str]] = field(default_factory=lambda: defaultdict(list))
    _committed: dict[Partition, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Listen to the broker."""
        self.broker.on_append.append(self._appended)
        self.broker.on_commit.append(self._check_commit)

    def _appended(self, partition: Partition, base: int, end: int) -> None:
        log = self.broker.log(partition)
        batch = log.batches[-1]
        if partition.topic == HELD_EVENTS:
            self.set_aside |= {(record.key or b"").decode().split("/")[0] for record in records_of(batch.data)}
        watched = partition.topic in (SONG_ACCEPTED.full_name, AUDIO_ANALYZED.full_name, REQUEST_ENDED.full_name)
        if not watched and not partition.topic.endswith(".dlq"):
            return
        for record in records_of(batch.data):
            self._read(partition, record)

    def _read(self, partition: Partition, record: StoredRecord) -> None:
        headers = dict(record.headers)
        if partition.topic.endswith(".dlq"):
            names = [headers.get(_ERRORS + name, b"").decode() for name in ("topic", "partition", "offset")]
            source, last = Partition(names[0], int(names[1] or -1)), int(names[2] or -1)
            letter_id = headers[_LETTER_ID].decode()
            for offset in range(int(headers.get(_FIRST_OFFSET, b"%d" % last)), last + 1):
                self.letters[Place(source, offset)].add(letter_id)
            self.letter_values[letter_id].add(record.value)
            return
        if "ce_correlationid" not in headers:
            return
        request, event_id = headers["ce_correlationid"].decode(), headers["ce_id"].decode()
        self.published[partition.topic].add(request)
        if partition.topic == REQUEST_ENDED.full_name:
            known = self.outcomes[request].setdefault(event_id, record.value or b"")
            if known != record.value:
                self.errors.append(f"{request}: two outcomes with the id {event_id}")

    def submitted(self, partition: Partition, base: int, inputs: list[SongRequest | bytes | None]) -> None:
        """Record that inputs were appended from an offset on."""
        for number, sent in enumerate(inputs):
            self.inputs[Place(partition, base + number)] = sent

    def forget(self, partition: Partition, start: int, end: float = float("inf")) -> None:
        """Record that the broker lost the records of a source from `start` until before `end`."""
        for place in [place for place in self.inputs if place.partition == partition and start <= place.offset < end]:
            sent = self.inputs.pop(place)
            if isinstance(sent, SongRequest) and not any(other == sent for other in self.inputs.values()):
                self.lost.add(sent.request_id)
        if self._committed.get(partition, 0) > start and end == float("inf"):
            self._committed[partition] = start

    def aborted_from(self, partition: Partition, start: int, end: int) -> None:
        """Record that the transaction of these records was aborted."""
        inputs = [self.inputs.get(Place(partition, offset)) for offset in range(start, end)]
        requests = [sent.request_id for sent in inputs if isinstance(sent, SongRequest)]
        self.forget(partition, start, end)
        expected = {sent.request_id for sent in self.inputs.values() if isinstance(sent, SongRequest)}
        self.aborted |= {request for request in requests if request not in expected | set(self.outcomes)}

    def cut(self, partition: Partition) -> None:
        """Record that a power cut lost the tail of a partition, which was not acknowledged."""
        end = self.broker.log(partition).end
        self.forget(partition, end)

    def _check_commit(self, group: str, partition: Partition, offset: int) -> None:
        if group != APP_ID or partition.topic not in (SONG_SUBMITTED.full_name, SONG_ACCEPTED.full_name):
            return
        log = self.broker.log(partition)
        for record in self._visible(partition, self._committed.get(partition, 0), min(offset, log.end)):
            if not self._has_effect(partition, record):
                self.errors.append(f"{partition.topic}[{partition.number}]@{record.offset} is acked before its effect")
        self._committed[partition] = offset

    def _visible(self, partition: Partition, start: int, end: int) -> list[StoredRecord]:
        return [record for record in self.broker.log(partition).records(start=start) if start <= record.offset < end]

    def _has_effect(self, partition: Partition, record: StoredRecord) -> bool:
        if self.letters.get(Place(partition, record.offset)):
            return True
        if partition.topic == SONG_ACCEPTED.full_name:
            request = dict(record.headers).get("ce_correlationid", b"?").decode()
            return request in self.outcomes or request in self.cancelled | self.set_aside
        sent = self.inputs.get(Place(partition, record.offset))
        if isinstance(sent, SongRequest):
            accepted = self.published[SONG_ACCEPTED.full_name]
            return sent.request_id in accepted | self.cancelled | self.set_aside
        return Place(partition, record.offset) not in self.inputs

    # The end of a run

    def missing(self) -> list[str]:
        """Return what has not happened yet, one line each."""
        found = []
        for place, sent in self.inputs.items():
            if self._has_letter_of_damage(place):
                continue
            if isinstance(sent, SongRequest) and sent.request_id not in self.outcomes:
                found.append(f"{_name(place)}: no outcome of {sent.request_id}")
            if isinstance(sent, SongRequest) and sent.request_id in self.cancelled:
                continue
            fails = not isinstance(sent, SongRequest) or sent.kind in _FAILED_KINDS
            if fails and not self._letters_with(place, sent):
                found.append(f"{_name(place)}: no dead letter of {sent!r}")
        return found

    def _has_letter_of_damage(self, place: Place) -> bool:
        """Return whether a place on a damaged batch has a dead letter, or one before it on damaged batches has.

        A flipped bit in the head of a batch can make it look shorter than it is.
        """
        while place in self.damaged:
            if self.letters.get(place):
                return True
            place = place._replace(offset=place.offset - 1)
        return False

    def _letters_with(self, place: Place, sent: SongRequest | bytes | None) -> list[str]:
        if isinstance(sent, SongRequest):
            if sent.kind == "flaky 9":  # it succeeds after restarts
                return ["any"]
            return [letter for letter in self._all_letters() if sent.value in self.letter_values[letter]]
        expected = {sent, b""}  # empty: a letter that only names the place
        return [
            letter for letter in self.letters.get(place, ()) if sent is None or expected & self.letter_values[letter]
        ]

    def _all_letters(self) -> set[str]:
        return set().union(*self.letters.values())

    def blocked(self) -> list[str]:
        """Return the partitions that are not processed to their end, one line each."""
        offsets = self.broker.group(APP_ID).offsets
        found = []
        for topic in (*SOURCES, REQUEST_CONTROL):
            for number, log in enumerate(self.broker.topics[topic.full_name].partitions):
                last = max((record.offset for record in log.records()), default=-1)
                committed = offsets.get((topic.full_name, number), (0, ""))[0]
                if committed <= last:
                    found.append(f"{topic.full_name}[{number}] is committed to {committed} of {last + 1}")
                if committed > log.end:
                    found.append(f"{topic.full_name}[{number}] is committed to {committed} beyond its end {log.end}")
        return found

    def doubled(self) -> list[str]:
        """Return the requests with a wrong outcome or more than one, and dead letters that share an id."""
        found = []
        for request, outcomes in self.outcomes.items():
            kinds = {RequestEnded.model_validate_json(value).outcome for value in outcomes.values()}
            if request in self.cancelled and len(kinds) > 1:
                found.append(f"{request} ends in several ways: {sorted(kinds)}")
            if request.startswith("flaky-9"):  # it may succeed after a restart: its work is not always the same
                continue
            if len(outcomes) > 1:
                found.append(f"{request} has {len(outcomes)} outcomes: {sorted(outcomes)}")
        for sent in {sent for sent in self.inputs.values() if isinstance(sent, SongRequest)}:
            for value in self.outcomes.get(sent.request_id, {}).values():
                outcome = RequestEnded.model_validate_json(value).outcome
                if outcome == "cancelled" and sent.request_id in self.cancelled:
                    continue
                if (outcome, sent.kind) != ("done", "flaky 9") and (outcome == "done") != (sent.kind in _DONE_KINDS):
                    found.append(f"{sent.request_id} is {outcome}")
        sent_again = {sent.request_id for sent in self.inputs.values() if isinstance(sent, SongRequest)}
        wrong = sorted(self.aborted & set(self.outcomes) - sent_again - self.cancelled)
        found += [f"{request} was aborted and has an outcome" for request in wrong]
        for letter_id, values in self.letter_values.items():
            if len(values) > 1:
                found.append(f"{len(values)} different dead letters have the id {letter_id}")
        return found

    def out_of_order(self) -> list[str]:
        """Return the outputs of one source partition that are not in the order of their inputs."""
        found: list[str] = []
        if self.keys_moved:
            return found
        requests = [(place, sent) for place, sent in reversed(self.inputs.items()) if isinstance(sent, SongRequest)]
        places = {sent.request_id: place for place, sent in requests}
        for number, log in enumerate(self.broker.topics[SONG_ACCEPTED.full_name].partitions):
            latest: dict[Partition, int] = {}
            checked: set[str] = set()
            for record in log.records():
                request = dict(record.headers).get("ce_correlationid", b"").decode()
                if (
                    request in checked | self.held | self.cancelled
                    or request not in places
                    or request.startswith("flaky-9")
                ):
                    continue
                checked.add(request)
                place = places[request]
                if place.offset < latest.get(place.partition, -1):
                    found.append(f"{request} follows a later event of its partition in {SONG_ACCEPTED.name}[{number}]")
                latest[place.partition] = max(place.offset, latest.get(place.partition, -1))
        return found


def _name(place: Place) -> str:
    return f"{place.partition.topic}[{place.partition.number}]@{place.offset}"
