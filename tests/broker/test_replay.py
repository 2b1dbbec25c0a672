"""Replay while the worker runs: no event is counted twice or recomputed, and no committed offset moves back."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.progress import Progress
from streams.kafka import make_consumer
from streams.topics import APP_ID, PARTITIONS, PROGRESS, TOPICS
from tests.broker.conftest import CommandResult, DataFolder

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_ACCEPTED = "bachata.song-accepted.v1"
_STEPS = ["audio_analysis", "move_scoring", "sequence_planning", "rendering"]

Offsets = dict[TopicPartition, int]


@pytest.fixture(scope="module")
def generated(data_folder: DataFolder, one_move: dict[str, Any], demo_song: Path) -> dict[str, Any]:
    """Generate a video with the one move in the library, and return the JSON of `generate`."""
    result = data_folder.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast")
    assert result.exit_code == 0, result.stderr
    return result.json


def _replay(data_folder: DataFolder, *arguments: str) -> CommandResult:
    result = data_folder.bachata("replay", *arguments)
    assert result.exit_code == 0, result.stderr
    return result


class _TopicReader:
    """Reads records and end offsets of topics, and the committed offsets of the worker."""

    def __init__(self, data_folder: DataFolder) -> None:
        kafka = data_folder.kafka
        self._consumer = make_consumer(kafka)
        self._admin = AIOKafkaAdminClient(**kafka.client_options())

    async def __aenter__(self) -> _TopicReader:
        await self._consumer.start()
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def ends(self, *topics: str) -> Offsets:
        return dict(await self._consumer.end_offsets([TopicPartition(t, n) for t in topics for n in range(PARTITIONS)]))

    async def committed(self) -> Offsets:
        found = await self._admin.list_consumer_group_offsets(APP_ID)
        return {tp: metadata.offset for tp, metadata in found.items()}

    async def since(self, ends: Offsets) -> list[Any]:
        """Return the records from these offsets to the current ends."""
        self._consumer.assign(list(ends))
        for tp, end in ends.items():
            self._consumer.seek(tp, end)
        now, found = await self.ends(*{tp.topic for tp in ends}), []
        while [tp for tp in ends if await self._consumer.position(tp) < now[tp]]:
            found += [m for batch in (await self._consumer.getmany(timeout_ms=200)).values() for m in batch]
        return found


async def _wait_until(condition: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    async with asyncio.timeout(seconds):
        while True:
            if result := await condition():
                return result
            await asyncio.sleep(0.1)


async def _done_progress(reader: _TopicReader, ends: Offsets, step: str) -> list[Progress]:
    """Return the progress messages of a step with the state `done`."""
    messages = [Progress.model_validate_json(m.value) for m in await reader.since(ends)]
    return [message for message in messages if (message.step, message.state) == (step, "done")]


async def test_a_dry_run_sends_nothing(data_folder: DataFolder, generated: dict[str, Any]) -> None:
    async with _TopicReader(data_folder) as reader:
        names = [topic.full_name for topic in TOPICS]
        before = await reader.ends(*names)
        report = (await asyncio.to_thread(_replay, data_folder, "song-accepted")).json
        assert await reader.ends(*names) == before
        stored = sum(before[tp] for tp in before if tp.topic == _ACCEPTED)
    assert 1 <= report["records"] <= stored
    assert (report["sent"], report["replay_id"]) == (0, None)
    assert [step["step"] for step in report["steps"]] == _STEPS
    medians = [step["median_seconds"] for step in report["steps"]]
    assert report["estimated_seconds"] == pytest.approx(report["records"] * sum(medians) / report["at_once"])


async def test_a_replay_uses_stored_results_and_moves_no_offset_back(
    data_folder: DataFolder, generated: dict[str, Any]
) -> None:
    async with _TopicReader(data_folder) as reader:
        [original] = await _accepted_of(reader, generated)
        progress, rendered = await reader.ends(PROGRESS.full_name), await reader.ends("bachata.rendered.v1")
        committed = [await reader.committed()]
        song = original.key.decode()[:12]
        dry = await asyncio.to_thread(_replay, data_folder, "song-accepted", "--song", song)
        report = (await asyncio.to_thread(_replay, data_folder, "song-accepted", "--song", song, "--execute")).json
        assert report["sent"] == report["records"] == dry.json["records"] >= 1
        committed.append(await reader.committed())

        async def finished() -> list[Any]:
            found = [m for m in await reader.since(rendered) if _is_replay_of(m, original)]
            return found if len(await _done_progress(reader, progress, "rendering")) >= report["sent"] else []

        [again] = await _wait_until(finished)
        assert json.loads(again.value)["request_id"] == generated["request_id"]
        for step in _STEPS:
            messages = [
                message
                for message in await _done_progress(reader, progress, step)
                if message.request_id == generated["request_id"]
            ]
            assert messages
            assert all(message.cached for message in messages), step
        committed.append(await reader.committed())
        for earlier, later in itertools.pairwise(committed):
            assert all(later[tp] >= offset for tp, offset in earlier.items())
        [_, sent] = await _accepted_of(reader, generated)
        unchanged = {"ce_source", "ce_type", "ce_correlationid", "ce_causationid", "content-type"}
        assert (sent.key, sent.value, sent.partition) == (original.key, original.value, original.partition)
        assert {n: v for n, v in sent.headers if n in unchanged} == {
            n: v for n, v in original.headers if n in unchanged
        }
        assert dict(sent.headers)["ce_id"] != dict(original.headers)["ce_id"]
        twice = await asyncio.to_thread(_replay, data_folder, "song-accepted", "--song", song)
        assert twice.json["records"] == report["records"]


async def _accepted_of(reader: _TopicReader, generated: dict[str, Any]) -> list[Any]:
    everything = dict.fromkeys(await reader.ends(_ACCEPTED), 0)
    found = [m for m in await reader.since(everything) if json.loads(m.value)["request_id"] == generated["request_id"]]
    return sorted(found, key=lambda message: message.offset)


def _is_replay_of(message: Any, original: Any) -> bool:
    return bool(dict(message.headers).get("ce_replayof") == dict(original.headers)["ce_id"])


async def test_a_replay_ends_with_the_step_named(data_folder: DataFolder, generated: dict[str, Any]) -> None:
    analyzed, *later = (f"bachata.{name}.v1" for name in ("audio-analyzed", "moves-scored", "sequence-planned"))
    later.append("bachata.rendered.v1")
    async with _TopicReader(data_folder) as reader:
        await _wait_until(lambda: _caught_up(reader, analyzed, *later[:2]))
        before, progress = await reader.ends(analyzed, *later), await reader.ends(PROGRESS.full_name)
        song = (await _accepted_of(reader, generated))[0].key.decode()
        arguments = ("song-accepted", "--song", song, "--to-step", "audio_analysis", "--execute")
        report = (await asyncio.to_thread(_replay, data_folder, *arguments)).json
        assert [step["step"] for step in report["steps"]] == ["audio_analysis"]

        async def analyzed_again() -> bool:
            return len(await _done_progress(reader, progress, "audio_analysis")) >= int(report["sent"]) >= 1

        await _wait_until(analyzed_again)
        await _wait_until(lambda: _caught_up(reader, analyzed))
        new = await reader.since({tp: end for tp, end in before.items() if tp.topic == analyzed})
        assert len(new) == report["sent"]
        assert {dict(message.headers)["ce_replayto"] for message in new} == {b"audio_analysis"}
        assert await reader.ends(*later) == {tp: end for tp, end in before.items() if tp.topic != analyzed}


async def _caught_up(reader: _TopicReader, *topics: str) -> bool:
    committed, ends = await reader.committed(), await reader.ends(*topics)
    return all(committed.get(tp, 0) >= end for tp, end in ends.items() if end)


def test_a_range_selects_records_by_offset_or_age(data_folder: DataFolder, generated: dict[str, Any]) -> None:
    everything = _replay(data_folder, "song-accepted").json["records"]
    assert _replay(data_folder, "song-accepted", "--from", "1h", "--to", "9999").json["records"] == everything
    assert _replay(data_folder, "song-accepted", "--from", "0", "--to", "1h").json["records"] == 0
    nothing = _replay(data_folder, "song-accepted", "--to", "0", "--execute").json
    assert (nothing["records"], nothing["sent"]) == (0, 0)


def test_an_unknown_song_is_an_error(data_folder: DataFolder) -> None:
    result = data_folder.bachata("replay", "song-accepted", "--song", "00000000")
    assert (result.exit_code, result.json["reason"]) == (1, "unknown_song")
