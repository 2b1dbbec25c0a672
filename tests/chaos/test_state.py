"""The table comes back whatever happens to it: deleted, corrupt, lost by the broker, or with the worker that had it.

An answer names the process that worked it out, so an answer that stays the same was remembered.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import psutil
import pytest

from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.topics import PARTITIONS, RESULTS_TABLE, changelog_name
from tests.chaos.checks import figure
from tests.chaos.cluster import COUNTING, Cluster
from tests.chaos.schedule import scaled
from tests.chaos.submissions import sending, submission, trifle
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Watch, name_of, read_all, watching

pytestmark = pytest.mark.chaos

_SONGS = 400
_QUIET_S = 60.0
_ROUND = 30_000
_GROWTH_GOAL_MB = 20.0


def _request(number: int, turn: int) -> SongSubmitted:
    return trifle(number).model_copy(update={"request_id": f"turn-{turn}-{number:06d}"})


async def _answers(rig: Cluster, turn: int, count: int = _SONGS) -> dict[int, str]:
    """Ask for `count` songs; by song, the process that worked the answer out."""
    watch, answers = Watch(), {}
    requests = {str(_request(number, turn).request_id): _request(number, turn) for number in range(count)}
    async with sending(rig.bootstrap) as sender, watching(rig.bootstrap, [name_of(SongAccepted)], watch):
        await sender.send_all([submission(request, str(request.source.sha256)) for request in requests.values()])

        def all_came() -> bool:
            return requests.keys() <= {seen.request_id for seen in watch.seen}

        assert await watch.until(all_came, _QUIET_S), f"some of turn {turn} did not come: {rig.logs}"
    for seen in watch.seen:
        if seen.request_id in requests:
            answers[int(seen.request_id.rsplit("-", 1)[1])] = str(seen.said["song"]["codec"])
    return answers


async def test_a_table_that_is_deleted_comes_back_from_its_changelog(tmp_path: Path) -> None:
    with Cluster(tmp_path, COUNTING, workers=1) as rig:
        await rig.start_all()
        first = await _answers(rig, 1)
        rig.kill(0)
        shutil.rmtree(rig.data / "state")
        await rig.start_all()
        assert await _answers(rig, 2) == first


async def test_a_table_that_is_corrupt_is_built_again(tmp_path: Path) -> None:
    with Cluster(tmp_path, COUNTING, workers=1) as rig:
        await rig.start_all()
        first = await _answers(rig, 1)
        rig.kill(0)
        damaged = [*rig.data.glob("state/**/results-1.db/CURRENT"), *rig.data.glob("state/**/requests/CURRENT")]
        assert len(damaged) == 2
        for file in damaged:
            file.write_bytes(b"garbage")
        await rig.start_all()
        assert await _answers(rig, 2) == first
        assert rig.log_of(0).count("built again from its topic") == 2


async def test_what_the_broker_lost_is_written_back(tmp_path: Path) -> None:
    with Cluster(tmp_path, COUNTING, workers=1) as rig:
        await rig.start_all()
        first = await _answers(rig, 1)
        assert await rig.stop(0) == 0
        await asyncio.to_thread(rig.lose_topics)
        await rig.start_all()
        assert "the broker lost it" in rig.log_of(0)
        assert await _answers(rig, 2) == first
        remembered = await read_all(rig.bootstrap, changelog_name(RESULTS_TABLE))
        assert len({seen.key for seen in remembered}) == _SONGS


async def test_a_standby_takes_over_with_all_that_is_known(tmp_path: Path) -> None:
    with Cluster(tmp_path, COUNTING) as rig:
        await rig.start_all()
        first = await _answers(rig, 1)
        assert len(set(first.values())) == 2, "both workers had a share"
        for slot in rig.slots:
            stores = {file.name for file in rig.data.glob(f"state/worker-{slot}/**/results-*.db")}
            assert stores == {f"results-{number}.db" for number in range(PARTITIONS)}, "each has all, as a standby"
        rig.kill(0)
        shutil.rmtree(rig.data / "state" / "worker-0")
        assert await _answers(rig, 2) == first


async def test_memory_stays_as_it_is(tmp_path: Path) -> None:
    count = scaled(_ROUND, 2000)
    with Cluster(tmp_path, COUNTING, workers=1) as rig:
        await rig.start_all()
        sizes = []
        for turn in range(4):
            await _answers(rig, turn, count)
            sizes.append(psutil.Process(rig.pid(0)).memory_info().rss / 1e6)
            rig.say(f"{count} events, and the worker has {sizes[-1]:.0f} MB")
        growth = sizes[-1] - sizes[1]
        figure("worker_rss_growth_mb", round(growth, 1), f"< {_GROWTH_GOAL_MB:.0f}", met=growth < _GROWTH_GOAL_MB)


@pytest.mark.parametrize(("takes_s", "grace_s", "finished"), [(3, 20, True), (60, 1, False)])
async def test_a_worker_that_is_told_to_stop_finishes_or_hands_back(
    tmp_path: Path, takes_s: int, grace_s: int, finished: bool
) -> None:
    with Cluster(tmp_path, COUNTING, workers=1) as rig:
        rig.extra = {"CHAOS_STEP_S": str(takes_s), "BACHATA_GRACE_S": str(grace_s)}
        await rig.start_all()
        watch = Watch()
        request = _request(7, 1)
        async with (
            sending(rig.bootstrap) as sender,
            watching(rig.bootstrap, PROGRESS_AND_OUTCOMES, watch),
        ):
            await sender.send(submission(request, "key"))
            assert await watch.until(lambda: bool(watch.seen), _QUIET_S)
            worker = str(rig.pid(0))
            assert await rig.stop(0) == 0
            rig.extra = {}
            await rig.start_all()
            assert await watch.until(lambda: any(seen.said.get("outcome") for seen in watch.seen), _QUIET_S)
        await asyncio.sleep(2.0)  # whatever else may come
        answers = await read_all(rig.bootstrap, name_of(SongAccepted))
        assert len(answers) == 1
        assert (answers[0].said["song"]["codec"] == worker) == finished
