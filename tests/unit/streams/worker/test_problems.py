"""Problems of a worker: each with the time since when, one line in the log at its begin, each minute, and its end."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.cluster import ClusterMetadata

from streams.patches.faust_consumer import PartitionState
from streams.stage.operations import Operations
from streams.worker import findings, kafka_watch, problems
from streams.worker.findings import app_findings, operation_findings
from streams.worker.kafka_watch import KafkaWatch
from streams.worker.problems import Finding, Lasting, Problem, Problems
from streams.worker.stuck_partitions import stuck_partitions

_SONGS = "bachata.song-submitted.v1"


def _state(**changes: int) -> PartitionState:
    idle = {"committed": 5, "position": 5, "end": 5, "stable": 5, "handed_over": 0}
    return PartitionState(_SONGS, 2, **idle | changes)


def test_a_problem_keeps_the_time_of_its_begin_and_gets_the_newest_reason() -> None:
    since = datetime(2026, 3, 1, 12, 0, 7, 999, tzinfo=UTC)
    found = [Finding("publishing", "no answer yet", since)]
    watched = Problems([lambda: found])
    [problem] = watched.check()
    assert str(problem) == "publishing: no answer yet (since 2026-03-01 12:00:07 UTC)"
    found[0] = Finding("publishing", "the connection is refused")
    [problem] = watched.check()
    assert problem.as_json() == {
        "what": "publishing",
        "since": "2026-03-01T12:00:07+00:00",
        "reason": "the connection is refused",
    }


def test_the_log_has_a_line_at_the_begin_one_a_minute_and_one_at_the_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, found = [0.0], [Finding("publishing", "no answer yet")]
    monkeypatch.setattr(problems, "monotonic", lambda: now[0])
    watched = Problems([lambda: found])
    with caplog.at_level(logging.INFO):
        for now[0] in range(100, 221):
            watched.check()
        found.clear()
        watched.check()
        watched.check()
    lines = [record.getMessage().partition(": ")[0] for record in caplog.records]
    assert lines == ["stuck", "stuck", "stuck", "no longer stuck"]


def test_a_source_that_fails_hides_no_other_and_stops_no_work(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> list[Finding]:
        raise AttributeError("the library has changed")

    with caplog.at_level(logging.ERROR):
        found = Problems([broken, lambda: [Finding("publishing", "no answer yet")]]).check()
    assert [problem.what for problem in found] == ["publishing"]
    assert "the library has changed" in caplog.text


def test_only_what_lasts_is_found_with_the_time_of_its_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    now, found = [0.0], [Finding("a", "why")]
    monkeypatch.setattr(problems, "monotonic", lambda: now[0])
    lasting = Lasting(lambda: found, 20)
    before = datetime.now(UTC)
    assert lasting() == []
    now[0] = 19.9
    assert lasting() == []
    now[0] = 20.0
    [finding] = lasting()
    assert finding.since is not None
    assert abs((finding.since - before).total_seconds()) < 5
    found[0] = Finding("a at the next offset", "why")
    assert lasting() == []


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (_state(end=9, stable=9), "4 offsets wait, and none is read"),
        (
            _state(end=9, stable=9, position=9, handed_over=4),
            "4 offsets wait, and 4 events that were read are not done",
        ),
        (_state(end=9, position=7, stable=7), "an open transaction holds the 2 offsets from 7 on back"),
    ],
)
def test_a_partition_where_events_wait_is_stuck_unless_one_is_worked_on(state: PartitionState, reason: str) -> None:
    assert list(stuck_partitions([state], ())) == [Finding(f"{_SONGS}[2] at offset 5", reason)]
    assert list(stuck_partitions([state], {(_SONGS, 2)})) == []


def test_a_partition_whose_events_are_all_read_is_not_stuck_although_its_commit_is_older() -> None:
    """Offsets of transactions' ends and of aborted or compacted records are passed over and not committed."""
    assert list(stuck_partitions([_state(committed=5, position=9, end=9, stable=9)], ())) == []


def test_an_operation_is_found_with_its_last_error_when_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    operations = Operations()
    with operations.start("publishing", (_SONGS, 1)) as operation:
        assert list(operation_findings(operations)) == []
        assert operations.partitions() == {(_SONGS, 1)}
        monkeypatch.setattr(findings, "_SLOW_OPERATION_S", -1.0)
        operation.reason = "the connection is refused"
        [finding] = operation_findings(operations)
        assert finding[:2] == ("publishing", "the connection is refused")
    assert list(operation_findings(operations)) == []


class _App:
    rebalancing = True
    in_recovery = False


def test_a_worker_that_starts_or_rebalances_for_long_is_found() -> None:
    assert [finding.what for finding in app_findings(_App(), "starting")] == ["the worker"]
    assert [finding.what for finding in app_findings(_App(), "")] == ["the consumer group"]


async def _findings_of(fetch: Any, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    monkeypatch.setattr(kafka_watch, "_TIMEOUT_S", 0.01)
    watch = KafkaWatch("localhost:9092", [_SONGS], fetch)
    await watch.start()
    await asyncio.sleep(0.05)
    await watch.stop()
    return watch.findings()


async def test_a_kafka_that_does_not_answer_or_refuses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    async def refuse() -> None:
        raise ConnectionRefusedError("nobody listens")

    for fetch, reason in ((hang, "it has not answered within"), (refuse, "nobody listens")):
        [finding] = await _findings_of(fetch, monkeypatch)
        assert finding.what == "Kafka at localhost:9092"
        assert reason in finding.reason


async def test_a_topic_that_is_missing_and_a_partition_without_a_leader_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = ClusterMetadata()

    async def fetch() -> ClusterMetadata:
        return cluster

    assert [finding.what for finding in await _findings_of(fetch, monkeypatch)] == [_SONGS]
    leaders = {0: 1, 1: -1}
    monkeypatch.setattr(cluster, "partitions_for_topic", lambda _: set(leaders))
    monkeypatch.setattr(cluster, "available_partitions_for_topic", lambda _: {0})
    [finding] = await _findings_of(fetch, monkeypatch)
    assert finding[:2] == (_SONGS, "no broker leads its partitions 1: their brokers are away")


def test_a_problem_is_one_line() -> None:
    assert "\n" not in str(Problem("a", datetime(2026, 1, 1, tzinfo=UTC), "b"))
