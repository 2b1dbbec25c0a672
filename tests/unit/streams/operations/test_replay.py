from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.faults import Poison
from streams.cli import main
from streams.envelope import Headers, Record
from streams.operations.replay import (
    Replay,
    Survey,
    estimated_seconds,
    replayed_topic,
    root_id,
    song_prefix,
    steps_after,
)
from streams.operations.topic_history import StoredRecord
from streams.stage.dead_letters import record_id
from streams.steps import STEP_BY_NAME
from streams.topics import TOPICS, Topic

_SUBMITTED, _ACCEPTED = TOPICS[0], TOPICS[1]
_SHA = "ab" * 32
_NAMES = ["ce_id", "ce_source", "ce_time", "ce_replayof", "ce_replayto", "ce_stepversion", "traceparent", "x", "x"]
_HEADERS = st.lists(st.tuples(st.sampled_from(_NAMES), st.binary(min_size=1, max_size=8)), max_size=8)


def _record(offset: int = 0, *, topic: Topic = _SUBMITTED, headers: Headers | None = None, **fields: object) -> Record:
    value = json.dumps({"source": {"sha256": _SHA}} | fields).encode()
    return Record(topic.full_name, 0, offset, b"key", value, headers if headers is not None else [("ce_id", b"e1")])


def _replayed(record: Record, replay_id: str, offset: int, to_step: str | None = None) -> Record:
    headers = Replay(replay_id, _SUBMITTED, "1", to_step).headers(record)
    return Record(record.topic, record.partition, offset, record.key, record.value, headers)


def _survey(*records: Record, song: str | None = None) -> Survey:
    found = Survey()
    for number, record in enumerate(records):
        found.add(StoredRecord(record, number), _SUBMITTED, song)
    return found


@given(_HEADERS)
def test_headers_of_others_are_unchanged(headers: Headers) -> None:
    rewritten = {"ce_id", "ce_time", "ce_stepversion", "ce_replayof", "ce_replayto"}
    new = Replay("r", _SUBMITTED, "7").headers(_record(headers=headers))
    others = [pair for pair in headers if pair[0] not in rewritten]
    assert new[: len(others)] == others
    names = [name for name, _ in new]
    assert all(names.count(name) == 1 for name in rewritten - {"ce_replayto"})
    assert "ce_replayto" not in names
    assert dict(new)["ce_stepversion"] == b"7"


@given(_HEADERS)
def test_a_replay_of_a_replay_names_the_first_event(headers: Headers) -> None:
    first = _record(3, headers=headers)
    second = _replayed(first, "r1", 10)
    third = _replayed(second, "r2", 20)
    assert root_id(first) == root_id(second) == root_id(third)
    assert dict(third.headers)["ce_replayof"] == root_id(first)
    ids = {dict(record.headers).get("ce_id") for record in (first, second, third)}
    assert len(ids) == 3
    assert _replayed(first, "r1", 11).event_id == second.event_id
    assert next(iter(_survey(first, second, third).newest.values())).offset == 20


def test_an_event_without_an_id_is_identified_by_its_position() -> None:
    record = _record(headers=[])
    assert root_id(record) == record_id(record).encode()
    assert dict(_replayed(record, "r", 1).headers)["ce_correlationid"] == record_id(record).encode()
    assert _survey(record, _replayed(record, "r", 1), _record(5, headers=[])).records == 2


def test_a_replay_keeps_the_request_id() -> None:
    assert _replayed(_record(), "r", 1).header("ce_correlationid") == "e1"
    assert _replayed(_record(request_id="mine"), "r", 1).header("ce_correlationid") == "mine"
    named = _record(headers=[("ce_id", b"e1"), ("ce_correlationid", b"yours")])
    assert _replayed(named, "r", 1).header("ce_correlationid") == "yours"


def test_an_event_that_follows_from_a_replay_is_not_a_replay() -> None:
    """It has the copied `ce_replayof`, but not `ce_replayid`."""
    followed = _record(headers=[("ce_id", b"e2"), ("ce_replayof", b"e1")])
    assert root_id(followed) == b"e2"
    assert _replayed(followed, "r", 1).header("ce_replayof") == "e2"


def test_an_event_id_is_unique_only_within_its_source() -> None:
    ours = _record(headers=[("ce_id", b"1"), ("ce_source", b"/a")])
    theirs = _record(1, headers=[("ce_id", b"1"), ("ce_source", b"/b")])
    assert _survey(ours, theirs).records == 2
    assert _survey(ours, theirs, ours).records == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30))
def test_the_newest_record_of_each_event_is_replayed(history: list[tuple[int, int]]) -> None:
    log: list[Record] = []
    for event, replay in history:
        record = _record(len(log), headers=[("ce_id", str(event).encode())])
        log.append(_replayed(record, f"r{replay}", len(log)) if replay else record)
    last = {event: offset for offset, (event, _) in enumerate(history)}
    assert sorted(newest.offset for newest in _survey(*log).newest.values()) == sorted(last.values())


def test_the_last_step_is_a_header_of_one_replay_only() -> None:
    replayed = _replayed(_record(), "r1", 1, "rendering")
    assert replayed.header("ce_replayto") == "rendering"
    assert _replayed(replayed, "r2", 2).header("ce_replayto") is None


def test_songs_and_requests_are_counted_by_content() -> None:
    other = "cd" * 32
    records = (
        _record(0, headers=[], request_id="a"),
        _record(1, headers=[], request_id="b"),
        _record(2, headers=[], request_id="b", source={"sha256": other}),
        _record(3, headers=[], request_id="c", source={"path": "song.mp3"}),
        Record(_SUBMITTED.full_name, 0, 4, b"\xff", b"\xff garbage", []),
        Record(_SUBMITTED.full_name, 0, 5, None, None, []),
    )
    found = _survey(*records)
    assert (found.records, len(found.songs), len(found.requests)) == (6, 3, 5)
    assert found.size == sum(len(record.key or b"") + len(record.value or b"") for record in records)
    of_one_song = _survey(*records, song=other[:8])
    assert (of_one_song.records, of_one_song.matches, of_one_song.by_path) == (1, {other}, 3)


def test_the_key_identifies_the_song_of_our_own_events() -> None:
    headers = [("ce_id", b"1"), ("ce_correlationid", b"r")]
    stored = StoredRecord(Record(_ACCEPTED.full_name, 0, 0, _SHA.encode(), b"not opened", headers), 0)
    found = Survey()
    found.add(stored, _ACCEPTED, _SHA[:8])
    assert (found.records, found.matches) == (1, {_SHA})


@pytest.mark.parametrize("text", ["", "abc", "ab" * 33, "xyzxyzxyz", "../../etc"])
def test_an_invalid_song_prefix_is_poison(text: str) -> None:
    with pytest.raises(Poison):
        song_prefix(text)


def test_a_song_prefix_has_eight_digits_or_more() -> None:
    assert song_prefix("ABCDEF01") == "abcdef01"


def test_the_steps_go_from_the_consumer_to_the_last_step() -> None:
    names = [step.name for step in steps_after(_ACCEPTED)]
    assert names == ["audio_analysis", "move_scoring", "sequence_planning", "rendering"]
    assert [step.name for step in steps_after(_ACCEPTED, "move_scoring")] == names[:2]
    assert [step.name for step in steps_after(replayed_topic("move-submitted"))] == ["move_indexing"]
    for step in ("intake", "move_indexing", "nothing"):
        with pytest.raises(Poison, match="audio_analysis, move_scoring"):
            steps_after(_ACCEPTED, step)


def test_only_topics_that_a_step_consumes_can_be_replayed() -> None:
    assert replayed_topic("bachata.song-accepted.v1") is replayed_topic("song-accepted") is _ACCEPTED
    for name in ("rendered", "progress", "move-indexed", "song-submitted.dlq", ""):
        with pytest.raises(Poison, match="song-submitted"):
            replayed_topic(name)


def test_the_estimate_is_the_maximum_without_cached_results() -> None:
    steps = [STEP_BY_NAME["sequence_planning"], STEP_BY_NAME["rendering"]]
    assert estimated_seconds(10, steps, {"sequence_planning": 1.0, "rendering": 3.0}, 4) == 10
    assert estimated_seconds(10, steps, {"rendering": 3.0}, 4) is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("rendered",), "unknown_topic"),
        (("song-accepted", "--to-step", "intake"), "unknown_step"),
        (("song-accepted", "--song", "abc"), "invalid_song"),
        (("song-accepted", "--from", "soon"), "invalid_time"),
    ],
)
def test_an_error_of_usage_is_reported_before_anything_is_started(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["replay", *arguments, "--json"])
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["reason"] == reason
