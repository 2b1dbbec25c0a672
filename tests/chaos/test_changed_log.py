"""Test that no event is lost or blocked when a topic changes under a worker: a lost tail, deleted records or offsets,
added partitions, a wrong clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete
from aiokafka.protocol.admin import DeleteGroupsRequest

from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message
from streams.kafka import admin_of
from streams.topics import APP_ID, PARTITIONS, REQUEST_ENDED, RESULTS_TABLE, SONG_SUBMITTED, changelog_name
from tests.chaos import log_files
from tests.chaos.checks import count_is, not_once, repeats, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster, restarting_crashed
from tests.chaos.schedule import scaled
from tests.chaos.submissions import cheap_message, cheap_request, sending
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, TopicRecord, name_of, read_all, watching
from tests.chaos.worker_api import wait_until
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_EVENTS = 2000
_TIMEOUT_S = 60.0
_TOPIC = name_of(SongSubmitted)


class Scene:
    """A cluster with one counting worker, and the outcomes so far."""

    def __init__(self, cluster: Cluster, watch: Outcomes, crashed: list[int]) -> None:
        self.cluster = cluster
        self.watch = watch
        self.crashed = crashed
        self.sent = 0

    async def send(self, count: int) -> None:
        """Send new events; return when the broker has acknowledged them."""
        async with sending(self.cluster.kafka) as sender:
            await sender.send_all([cheap_message(number) for number in range(self.sent, self.sent + count)])
        self.sent += count

    async def all_ended(self) -> bool:
        """Return whether all events end; False when none ends for a minute."""
        wanted = _ids(range(self.sent))
        return await self.watch.until(lambda: wanted <= self.watch.ended, _TIMEOUT_S)

    async def start_worker(self) -> None:
        """Start the worker and wait until it is ready."""
        self.cluster.start(0)
        await self.cluster.ready(0)

    async def _outcomes(self, request_ids: set[str]) -> list[TopicRecord]:
        """Return the outcomes when all requests have ended, or after a minute; also those in added partitions."""
        deadline = asyncio.get_running_loop().time() + _TIMEOUT_S
        while True:
            outcomes = await read_all(self.cluster.kafka, REQUEST_ENDED.full_name)
            is_late = asyncio.get_running_loop().time() > deadline
            if is_late or request_ids <= {record.request_id for record in outcomes}:
                return outcomes
            await asyncio.sleep(1.0)

    def logs(self) -> str:
        """Return what all workers have logged."""
        return "".join(file.read_text(errors="replace") for file in sorted(self.cluster.logs.glob("*.log")))

    async def check(self, name: str, unread: Iterable[int] = ()) -> None:
        """Print and check that each event has one outcome and one result, but for those that nobody could read."""
        lost = _ids(unread)
        ids = [str(cheap_request(number).request_id) for number in range(self.sent)]
        readable = [request_id for request_id in ids if request_id not in lost]
        outcomes = await self._outcomes(set(readable))
        passed = await read_all(self.cluster.kafka, name_of(SongAccepted))
        wrong = wrong_outcomes(outcomes, readable) + not_once(passed, readable)
        print(f"  {len(ids)} events, {repeats(passed)} results are repeated, each with its original id")
        count_is(f"{name}_lost_or_doubled", wrong, 0)
        assert wrong == []


def _ids(numbers: Iterable[int]) -> set[str]:
    return {str(cheap_request(number).request_id) for number in numbers}


@asynccontextmanager
async def _scene(folder: Path) -> AsyncIterator[Scene]:
    with Cluster(folder, COUNTING, workers=1) as cluster:
        await cluster.start_all()
        watch = Outcomes(_ids(range(4 * _EVENTS)))
        async with (
            watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch),
            restarting_crashed(cluster) as crashed,
        ):
            yield Scene(cluster, watch, crashed)


@pytest.mark.parametrize("regrown", [0.2, 2.0], ids=["shorter", "longer"])
@pytest.mark.parametrize("up", [False, True], ids=["worker down", "worker up"])
async def test_new_events_at_the_offsets_of_a_lost_tail_are_processed(tmp_path: Path, up: bool, regrown: float) -> None:
    count = scaled(_EVENTS, 100)
    async with _scene(tmp_path) as scene:
        await scene.send(count)
        assert await scene.all_ended()
        if not up:
            assert await scene.cluster.stop(0) == 0
        with scene.cluster.broker_down(killed=True) as folder:
            log_files.lose_tail(folder, _TOPIC, share_left=0.5)
        scene.cluster.log_event("half of the topic is lost")
        await scene.send(int(count * regrown))
        if not up:
            await scene.start_worker()
        await scene.all_ended()
        name = f"lost_tail_{'up' if up else 'down'}_{'longer' if regrown > 1 else 'shorter'}"
        reported = scene.logs().count("lost records") + scene.logs().count("another log")
        figure(f"{name}_reported", reported, ">= 1", met=reported > 0)
        await scene.check(name)
        assert reported


async def test_results_are_complete_after_the_changelog_lost_its_tail_and_was_written_again(tmp_path: Path) -> None:
    count, changelog = scaled(_EVENTS, 100), changelog_name(RESULTS_TABLE)
    async with _scene(tmp_path) as scene:
        await scene.send(count)
        assert await scene.all_ended()
        assert await scene.cluster.stop(0) == 0
        before = {record.key for record in await read_all(scene.cluster.kafka, changelog)}
        with scene.cluster.broker_down(killed=True) as folder:
            log_files.lose_tail(folder, changelog, share_left=0.3)
        others = [Message(changelog, b"other-%d" % number, b"{}", []) for number in range(2 * count)]
        async with sending(scene.cluster.kafka) as sender:
            await sender.send_all(others)
        left = {record.key for record in await read_all(scene.cluster.kafka, changelog)}
        await scene.start_worker()
        await scene.send(count)
        await scene.check("changelog")
        after = {record.key for record in await read_all(scene.cluster.kafka, changelog)}
        figure("changelog_results_lost_by_the_broker", len(before - left), "> 0", met=bool(before - left))
        count_is("changelog_results_not_written_back", before - after, 0)
        assert before - left
        assert before <= after


async def test_records_deleted_while_away_are_counted_and_block_nothing(tmp_path: Path) -> None:
    count = scaled(_EVENTS, 100)
    async with _scene(tmp_path) as scene:
        await scene.send(count)
        assert await scene.all_ended()
        assert await scene.cluster.stop(0) == 0
        await scene.send(count)
        async with admin_of(scene.cluster.kafka) as admin:
            everything = {TopicPartition(_TOPIC, number): RecordsToDelete(-1) for number in range(PARTITIONS)}
            await admin.delete_records(everything)
        await scene.send(count)
        await scene.start_worker()
        lost = range(count, 2 * count)
        await scene.check("deleted", unread=lost)
        counts = [int(line.split("LOST ")[1].split()[0]) for line in scene.logs().splitlines() if "LOST" in line]
        figure("deleted_reported", sum(counts), str(count), met=sum(counts) == count)
        assert sum(counts) == count


async def test_bits_flipped_on_the_disk_cost_only_the_records_of_their_batches(tmp_path: Path) -> None:
    count = scaled(_EVENTS, 100)
    async with _scene(tmp_path) as scene:
        assert await scene.cluster.stop(0) == 0
        for _ in range(4):  # several batches in each partition
            await scene.send(count)
        with scene.cluster.broker_down(killed=False) as folder:
            damaged = log_files.flip_bits(folder, _TOPIC)
        await scene.start_worker()
        await scene.send(count)
        await scene.watch.until(lambda: len(scene.watch.ended) == scene.sent - damaged, _TIMEOUT_S)
        missing = [number for number in range(scene.sent) if not _ids([number]) & scene.watch.ended]
        figure("flipped_unreadable", len(missing), str(damaged), met=len(missing) == damaged)
        await scene.check("flipped", unread=missing)
        letters = await read_all(scene.cluster.kafka, SONG_SUBMITTED.dead_letter_name)
        figure("flipped_dead_letters", len(letters), str(PARTITIONS), met=len(letters) == PARTITIONS)
        assert len(missing) == damaged
        assert len(letters) == PARTITIONS


async def test_deleted_offsets_repeat_events_and_lose_none(tmp_path: Path) -> None:
    count = scaled(_EVENTS, 100)
    async with _scene(tmp_path) as scene:
        await scene.send(count)
        assert await scene.all_ended()
        assert await scene.cluster.stop(0) == 0
        async with admin_of(scene.cluster.kafka) as admin:
            coordinator = await admin.find_coordinator(APP_ID)
            response = await admin._send_request(DeleteGroupsRequest([APP_ID]), coordinator)
            assert [code for _, code in response.results] == [0]
        await scene.send(count)
        await scene.start_worker()
        await scene.check("offsets_deleted")
        assert "no stored position" in scene.logs()


async def test_events_in_added_partitions_are_processed(tmp_path: Path) -> None:
    count = scaled(_EVENTS, 100)
    async with _scene(tmp_path) as scene:
        await scene.send(count)
        async with admin_of(scene.cluster.kafka) as admin:
            await admin.create_partitions({_TOPIC: NewPartitions(PARTITIONS + 3)})
        added_at = asyncio.get_running_loop().time()
        await scene.send(count)
        await wait_until(lambda: bool(scene.crashed))
        noticed_s = asyncio.get_running_loop().time() - added_at
        figure("added_partitions_noticed_s", noticed_s, "<= 30 s", met=noticed_s <= 30)
        await scene.cluster.ready(0)
        await scene.send(count)
        await scene.check("added_partitions")


@pytest.mark.parametrize("hours", [-26, 3])
async def test_a_worker_with_a_wrong_clock_loses_and_blocks_nothing(tmp_path: Path, hours: int) -> None:
    count = scaled(_EVENTS, 100)
    async with _scene(tmp_path) as scene:
        assert await scene.cluster.stop(0) == 0
        scene.cluster.extra_env = {"CHAOS_CLOCK_WRONG_BY_S": str(hours * 3600)}
        await scene.start_worker()
        await scene.send(count)
        assert await scene.all_ended()
        await scene.check(f"clock_{'ahead' if hours > 0 else 'behind'}")
