"""Events are sent again while the worker goes on: nothing is counted twice, recomputed or lost sight of."""

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
from tests.broker.conftest import Answer, Home

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_ACCEPTED = "bachata.song-accepted.v1"
_STEPS = ["audio_analysis", "move_scoring", "sequence_planning", "rendering"]

Offsets = dict[TopicPartition, int]


@pytest.fixture(scope="module")
def danced(home: Home, one_move: dict[str, Any], demo_song: Path) -> dict[str, Any]:
    """The answer of `generate`, with the one move it needs in the library."""
    answer = home.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast")
    assert answer.status == 0, answer.said
    return answer.json


def _replay(home: Home, *arguments: str) -> Answer:
    answer = home.bachata("replay", *arguments)
    assert answer.status == 0, answer.said
    return answer


class _Watch:
    """What stands in the topics, and how far the worker is."""

    def __init__(self, home: Home) -> None:
        bootstrap = json.loads((home.folder / "run" / "kafka.json").read_text())["bootstrap"]
        self._consumer = make_consumer(bootstrap)
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)

    async def __aenter__(self) -> _Watch:
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
        return {place: said.offset for place, said in found.items()}

    async def since(self, ends: Offsets) -> list[Any]:
        """The records after these offsets."""
        self._consumer.assign(list(ends))
        for place, end in ends.items():
            self._consumer.seek(place, end)
        now, found = await self.ends(*{place.topic for place in ends}), []
        while [place for place in ends if await self._consumer.position(place) < now[place]]:
            found += [m for batch in (await self._consumer.getmany(timeout_ms=200)).values() for m in batch]
        return found


async def _until(found: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    async with asyncio.timeout(seconds):
        while True:
            if answer := await found():
                return answer
            await asyncio.sleep(0.1)


async def _words(watch: _Watch, ends: Offsets, step: str) -> list[Progress]:
    """The `done` words of a step."""
    words = [Progress.model_validate_json(m.value) for m in await watch.since(ends)]
    return [word for word in words if (word.step, word.state) == (step, "done")]


async def test_a_dry_run_sends_nothing(home: Home, danced: dict[str, Any]) -> None:
    async with _Watch(home) as watch:
        names = [topic.full_name for topic in TOPICS]
        before = await watch.ends(*names)
        said = (await asyncio.to_thread(_replay, home, "song-accepted")).json
        assert await watch.ends(*names) == before
        stored = sum(before[place] for place in before if place.topic == _ACCEPTED)
    assert 1 <= said["records"] <= stored
    assert (said["sent"], said["replay_id"]) == (0, None)
    assert [step["step"] for step in said["steps"]] == _STEPS
    medians = [step["median_seconds"] for step in said["steps"]]
    assert said["estimated_seconds"] == pytest.approx(said["records"] * sum(medians) / said["at_once"])


async def test_a_replay_comes_from_the_tables_and_moves_no_offset_back(home: Home, danced: dict[str, Any]) -> None:
    async with _Watch(home) as watch:
        [original] = await _accepted_of(watch, danced)
        progress, rendered = await watch.ends(PROGRESS.full_name), await watch.ends("bachata.rendered.v1")
        committed = [await watch.committed()]
        song = original.key.decode()[:12]
        dry = await asyncio.to_thread(_replay, home, "song-accepted", "--song", song)
        done = (await asyncio.to_thread(_replay, home, "song-accepted", "--song", song, "--execute")).json
        assert done["sent"] == done["records"] == dry.json["records"] >= 1
        committed.append(await watch.committed())

        async def finished() -> list[Any]:
            found = [m for m in await watch.since(rendered) if _is_replay_of(m, original)]
            return found if len(await _words(watch, progress, "rendering")) >= done["sent"] else []

        [again] = await _until(finished)
        assert json.loads(again.value)["request_id"] == danced["request_id"]
        for step in _STEPS:
            words = [word for word in await _words(watch, progress, step) if word.request_id == danced["request_id"]]
            assert words
            assert all(word.cached for word in words), step
        committed.append(await watch.committed())
        for earlier, later in itertools.pairwise(committed):
            assert all(later[place] >= offset for place, offset in earlier.items())
        [_, sent] = await _accepted_of(watch, danced)
        kept = {"ce_source", "ce_type", "ce_correlationid", "ce_causationid", "content-type"}
        assert (sent.key, sent.value, sent.partition) == (original.key, original.value, original.partition)
        assert {n: v for n, v in sent.headers if n in kept} == {n: v for n, v in original.headers if n in kept}
        assert dict(sent.headers)["ce_id"] != dict(original.headers)["ce_id"]
        twice = await asyncio.to_thread(_replay, home, "song-accepted", "--song", song)
        assert twice.json["records"] == done["records"]


async def _accepted_of(watch: _Watch, danced: dict[str, Any]) -> list[Any]:
    everything = dict.fromkeys(await watch.ends(_ACCEPTED), 0)
    found = [m for m in await watch.since(everything) if json.loads(m.value)["request_id"] == danced["request_id"]]
    return sorted(found, key=lambda message: message.offset)


def _is_replay_of(message: Any, original: Any) -> bool:
    return bool(dict(message.headers).get("ce_replayof") == dict(original.headers)["ce_id"])


async def test_a_replay_ends_with_the_step_named(home: Home, danced: dict[str, Any]) -> None:
    analyzed, *later = (f"bachata.{name}.v1" for name in ("audio-analyzed", "moves-scored", "sequence-planned"))
    later.append("bachata.rendered.v1")
    async with _Watch(home) as watch:
        await _until(lambda: _caught_up(watch, analyzed, *later[:2]))
        before, progress = await watch.ends(analyzed, *later), await watch.ends(PROGRESS.full_name)
        song = (await _accepted_of(watch, danced))[0].key.decode()
        arguments = ("song-accepted", "--song", song, "--to-step", "audio_analysis", "--execute")
        done = (await asyncio.to_thread(_replay, home, *arguments)).json
        assert [step["step"] for step in done["steps"]] == ["audio_analysis"]

        async def analysed() -> bool:
            return len(await _words(watch, progress, "audio_analysis")) >= int(done["sent"]) >= 1

        await _until(analysed)
        await _until(lambda: _caught_up(watch, analyzed))
        new = await watch.since({place: end for place, end in before.items() if place.topic == analyzed})
        assert len(new) == done["sent"]
        assert {dict(message.headers)["ce_replayto"] for message in new} == {b"audio_analysis"}
        assert await watch.ends(*later) == {place: end for place, end in before.items() if place.topic != analyzed}


async def _caught_up(watch: _Watch, *topics: str) -> bool:
    committed, ends = await watch.committed(), await watch.ends(*topics)
    return all(committed.get(place, 0) >= end for place, end in ends.items() if end)


def test_a_range_is_what_it_says(home: Home, danced: dict[str, Any]) -> None:
    everything = _replay(home, "song-accepted").json["records"]
    assert _replay(home, "song-accepted", "--from", "1h", "--to", "9999").json["records"] == everything
    assert _replay(home, "song-accepted", "--from", "0", "--to", "1h").json["records"] == 0
    nothing = _replay(home, "song-accepted", "--to", "0", "--execute").json
    assert (nothing["records"], nothing["sent"]) == (0, 0)


def test_a_song_that_is_not_there_is_said(home: Home) -> None:
    answer = home.bachata("replay", "song-accepted", "--song", "00000000")
    assert (answer.status, answer.json["reason"]) == (1, "unknown_song")
