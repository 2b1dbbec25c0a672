"""The topic table: the one definition of all topics, their payloads and their retention."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from schemas.audio_analyzed import AudioAnalyzed
from schemas.base import Model
from schemas.move_annotated import MoveAnnotated
from schemas.move_indexed import MoveIndexed
from schemas.move_submitted import MoveSubmitted
from schemas.moves_scored import MovesScored
from schemas.progress import Progress
from schemas.rendered import Rendered
from schemas.request_control import RequestControl
from schemas.request_ended import RequestEnded
from schemas.sequence_planned import SequencePlanned
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted

APP_ID = "bachata"
PARTITIONS = 4
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
MAX_DEAD_LETTER_BYTES = MAX_MESSAGE_BYTES + 1024 * 1024  # the largest record plus the headers of a dead letter
DAY_MS = 24 * 3600 * 1000
_REMOVALS = {"delete.retention.ms": str(3650 * DAY_MS)}
_FLUSHED = {"flush.messages": "1"}  # acknowledged when it is on the disk
Key = Literal["any", "file", "request"]


@dataclass(frozen=True, eq=False)
class Topic:
    """A topic of events, one object for each topic. `retention_days` None: records are never deleted.

    A compacted topic keeps the last record of each key, also one without a value: a worker that was away for months
    must read that a move was removed. Of a topic `between_steps`, records are deleted only when they are older than
    `retention_days` and every step has processed them: the broker does not delete them by itself. Of a `source`
    nobody here could write a record again: it is acknowledged when it is on the disk. `key`: of its records:
    anything, the SHA-256 of the song or clip, or the request id.
    `from_now`: a step that consumes it for the first time begins with the records of the last minutes, not with the
    first of all.
    """

    name: str
    payload: type[Model]
    retention_days: int | None = 7
    compacted: bool = False
    dead_letters: bool = True
    between_steps: bool = False
    source: bool = False
    key: Key = "any"
    from_now: bool = False

    @cached_property
    def full_name(self) -> str:
        """Return the name on the broker."""
        return f"{APP_ID}.{self.name}.v1"

    @cached_property
    def dead_letter_name(self) -> str:
        """Return the name of the topic of this topic's dead letters."""
        return f"{self.full_name}.dlq"


@dataclass(frozen=True)
class TopicSpec:
    """A topic's name, its least number of partitions and its configuration.

    The values of the keys in `enforced` are set also on a topic that exists; all others are an operator's to change.
    """

    name: str
    partitions: int
    config: dict[str, str]
    enforced: tuple[str, ...] = ("message.timestamp.type",)


SONG_SUBMITTED = Topic("song-submitted", SongSubmitted, retention_days=None, source=True)
SONG_ACCEPTED = Topic("song-accepted", SongAccepted, between_steps=True, key="file")
AUDIO_ANALYZED = Topic("audio-analyzed", AudioAnalyzed, between_steps=True, key="file")
MOVES_SCORED = Topic("moves-scored", MovesScored, between_steps=True, key="file")
SEQUENCE_PLANNED = Topic("sequence-planned", SequencePlanned, between_steps=True, key="file")
RENDERED = Topic("rendered", Rendered, retention_days=None, dead_letters=False, key="file")
MOVE_SUBMITTED = Topic("move-submitted", MoveSubmitted, retention_days=None, source=True)
MOVE_ANNOTATED = Topic("move-annotated", MoveAnnotated, compacted=True, dead_letters=False, key="file")
MOVE_INDEXED = Topic("move-indexed", MoveIndexed, compacted=True, dead_letters=False, key="file")
PROGRESS = Topic("progress", Progress, retention_days=30, dead_letters=False, key="request")
REQUEST_CONTROL = Topic("request-control", RequestControl, retention_days=30, source=True, key="request")
REQUEST_ENDED = Topic("request-ended", RequestEnded, compacted=True, key="request", from_now=True)

TOPICS: tuple[Topic, ...] = (
    SONG_SUBMITTED,
    SONG_ACCEPTED,
    AUDIO_ANALYZED,
    MOVES_SCORED,
    SEQUENCE_PLANNED,
    RENDERED,
    MOVE_SUBMITTED,
    MOVE_ANNOTATED,
    MOVE_INDEXED,
    PROGRESS,
    REQUEST_CONTROL,
    REQUEST_ENDED,
)

RESULTS_TABLE = "results"  # of all steps: each further table would make the start of a worker slower
# What decided how a request ends, and whether it is held, by request id; and the events of held requests.
REQUEST_DECISIONS, HELD_EVENTS = f"{APP_ID}.request-decisions.v1", f"{APP_ID}.held-events.v1"
REDRIVEN = f"{APP_ID}.dead-letters-redriven.v1"  # by dead letter id: when it was redriven


def topic_of(payload: type[Model]) -> Topic:
    """Return the topic of a payload. Raises: `KeyError` if there is none."""
    for topic in TOPICS:
        if topic.payload is payload:
            return topic
    raise KeyError(f"no topic has {payload.__name__}")


def changelog_name(table: str) -> str:
    """Return the name of the topic from which a table is rebuilt, as Faust names it."""
    return f"{APP_ID}-{table}-changelog"


def specs() -> list[TopicSpec]:
    """Return all topics that must exist: of events, of dead letters, and internal ones."""
    events = [_event_spec(topic) for topic in TOPICS]
    dead_letters = [
        TopicSpec(topic.dead_letter_name, PARTITIONS, _retention(30, MAX_DEAD_LETTER_BYTES))
        for topic in TOPICS
        if topic.dead_letters
    ]
    compacted = [TopicSpec(name, PARTITIONS, _compaction()) for name in (REDRIVEN, changelog_name(RESULTS_TABLE))]
    held = TopicSpec(HELD_EVENTS, PARTITIONS, _compaction() | _common(MAX_DEAD_LETTER_BYTES) | _REMOVALS)
    # The first record of a request decides, and compaction would leave the last.
    decisions = TopicSpec(REQUEST_DECISIONS, PARTITIONS, _retention(None))
    return [*events, *dead_letters, *compacted, held, decisions]


def _event_spec(topic: Topic) -> TopicSpec:
    if topic.between_steps:
        return TopicSpec(
            topic.full_name, PARTITIONS, _retention(None), (*TopicSpec.enforced, "retention.ms", "retention.bytes")
        )
    if topic.compacted:
        return TopicSpec(topic.full_name, PARTITIONS, _compaction() | _REMOVALS, (*TopicSpec.enforced, *_REMOVALS))
    if topic.source:
        config = _retention(topic.retention_days) | _FLUSHED
        return TopicSpec(topic.full_name, PARTITIONS, config, (*TopicSpec.enforced, *_FLUSHED))
    return TopicSpec(topic.full_name, PARTITIONS, _retention(topic.retention_days))


def _retention(days: int | None, max_bytes: int = MAX_MESSAGE_BYTES) -> dict[str, str]:
    retention_ms = -1 if days is None else days * DAY_MS
    age_only = {"cleanup.policy": "delete", "retention.ms": str(retention_ms), "retention.bytes": "-1"}
    return age_only | _common(max_bytes)


def _compaction() -> dict[str, str]:
    return {"cleanup.policy": "compact"} | _common(MAX_MESSAGE_BYTES)


def _common(max_bytes: int) -> dict[str, str]:
    """Return what all topics share. The broker's clock counts: with a producer's it would refuse one that is wrong."""
    return {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(max_bytes)}
