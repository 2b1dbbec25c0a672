"""A replay ends at its last step only if it is our own: a sender of events cannot forge that."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from schemas.base import Source
from schemas.song_submitted import SongSubmitted
from streams.envelope import REPLAY_OF, REPLAY_SIGNATURE, REPLAY_TO, Headers, Record
from streams.operations.replay import Replay
from streams.replay_limit import ends_after, replay_key
from streams.stage.stage import Stage
from streams.steps import STEPS
from streams.testing import InMemoryBroker, InMemoryResults, make_stage, tools_below
from streams.topics import SONG_SUBMITTED

_KEY = b"the key of this installation"
_STEP = next(step for step in STEPS if step.consumes is SongSubmitted)
_EVENT = SongSubmitted(source=Source(sha256="ab" * 32), request_id="r-1")


def _record(headers: Headers, request_id: str = "r-1") -> Record:
    value = _EVENT.model_copy(update={"request_id": request_id}).model_dump_json().encode()
    return Record(SONG_SUBMITTED.full_name, 0, 0, b"key", value, headers)


def _replayed(key: bytes, root: bytes = b"e1") -> Record:
    original = _record([("ce_id", root)])
    return _record(Replay("replay-1", SONG_SUBMITTED, "1", "before", key).headers(original))


def _carried(record: Record, request_id: str = "r-1") -> Record:
    """Return an event that follows from the record."""
    return _record([("ce_id", b"e2"), *record.carried_headers], request_id)


def _ends(record: Record, request_id: str = "r-1") -> bool:
    return ends_after(record, "before", request_id, lambda: _KEY)


@pytest.mark.parametrize("root", [b"e1", b"\xff" * 2000])
def test_our_own_replay_ends_at_its_last_step_however_many_steps_carry_it(root: bytes) -> None:
    record = _replayed(_KEY, root)
    assert _ends(record)
    assert _ends(_carried(_carried(record)))
    assert not ends_after(record, "another", "r-1", lambda: _KEY)


@pytest.mark.parametrize(
    "headers",
    [
        [(REPLAY_TO, b"before")],
        [(REPLAY_TO, b"before"), (REPLAY_OF, b"e1"), ("ce_replayid", b"x")],
        [(REPLAY_TO, b"before"), (REPLAY_OF, b"e1"), (REPLAY_SIGNATURE, b"")],
        [(REPLAY_TO, b"before"), (REPLAY_OF, b"e1"), (REPLAY_SIGNATURE, b"\xff" * 64)],
        _replayed(b"another key").carried_headers,
    ],
)
def test_a_header_from_outside_ends_nothing(headers: Headers) -> None:
    assert not _ends(_record(headers))


def test_a_signature_is_of_no_use_elsewhere() -> None:
    replayed = _replayed(_KEY)
    assert not _ends(_carried(replayed, "r-2"), "r-2")
    assert not _ends(_record([(REPLAY_OF, b"e9"), *((n, v) for n, v in replayed.headers if n != REPLAY_OF)]))


def test_without_a_readable_key_nothing_ends() -> None:
    def no_key() -> bytes:
        raise PermissionError("no")

    assert not ends_after(_replayed(_KEY), "before", "r-1", no_key)


def test_all_programs_of_an_installation_share_a_key_that_only_its_owner_can_read(tmp_path: Path) -> None:
    media = tmp_path / "media"
    assert replay_key(media) == replay_key(media)
    assert replay_key(media) != replay_key(tmp_path / "other")
    assert stat.S_IMODE((media / "replay-key").stat().st_mode) == 0o600
    assert len(replay_key(media)) >= 32


def _stage(tmp_path: Path, broker: InMemoryBroker, **changes: Any) -> Stage:
    return make_stage(_STEP, tools_below(tmp_path), broker, InMemoryResults(), upstream_step="before", **changes)


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_an_event_of_somebody_else_with_the_header_has_an_outcome(tmp_path: Path, mode: str) -> None:
    broker = InMemoryBroker()
    record = _record([(REPLAY_TO, b"before"), (REPLAY_OF, b"e1"), (REPLAY_SIGNATURE, b"0" * 64)])
    if mode == "structured":
        event = {"data": json.loads(record.value or b""), "replayto": "before", "replayof": "e1"}
        record = Record(record.topic, 0, 0, None, json.dumps(event).encode(), [
            ("content-type", b"application/cloudevents+json"), *record.headers,
        ])  # fmt: skip
    asyncio.run(_stage(tmp_path, broker, replay_key=lambda: _KEY).handle(record))
    assert [ended.request_id for ended in broker.ended] == ["r-1"]


def test_a_step_after_the_last_one_of_our_replay_does_nothing(tmp_path: Path) -> None:
    broker = InMemoryBroker()
    asyncio.run(_stage(tmp_path, broker, replay_key=lambda: _KEY).handle(_replayed(_KEY)))
    assert broker.records == []
