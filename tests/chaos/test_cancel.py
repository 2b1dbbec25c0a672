"""Each request ends once while requests are cancelled and held at random moments and workers are killed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from schemas.base import Options, Source
from schemas.rendered import Rendered
from schemas.request_ended import RequestEnded
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message
from streams.request_events import control_message
from streams.topics import HELD_EVENTS
from tests.chaos.checks import changed_values, count_is, wrong_files
from tests.chaos.cluster import REAL_STEPS, Cluster, restarting_crashed
from tests.chaos.media import Song, make_songs
from tests.chaos.schedule import scaled, seed
from tests.chaos.submissions import Sender, index_demo_clips, sending, submission
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, TopicRecord, name_of, read_all, watching
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_REQUESTS, _CANCELLED, _HELD, _KILLS = 100, 30, 20, 8
_IDLE_TIMEOUT_S = 90.0
_SPREAD_S = 60.0  # of the cancellations after the submission of all songs; each hold lasts one to two times so long


async def test_every_request_ends_once_and_a_cancelled_one_leaves_no_file(tmp_path: Path) -> None:
    rng = random.Random(seed())  # noqa: S311 - a plan, no secret
    with Cluster(tmp_path, REAL_STEPS) as cluster:
        songs = {f"song-{n:03d}": song for n, song in enumerate(make_songs(cluster.songs, scaled(_REQUESTS, 8)))}
        cancelled = rng.sample(sorted(songs), scaled(_CANCELLED, 3))
        held = rng.sample(sorted(songs)[: len(songs) // 2], scaled(_HELD, 3))  # it is their turn while they are held
        resumed_at: dict[str, float] = {}
        await cluster.start_all()
        watch = Outcomes(songs)
        async with sending(cluster.kafka) as sender:
            await index_demo_clips(cluster, sender, 3)
            cluster.log_event("the clips are indexed")
            async with watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch), restarting_crashed(cluster) as crashed:
                await sender.send_all([_submission(*item) for item in songs.items()])
                cluster.log_event(
                    f"{len(songs)} songs are submitted, {len(cancelled)} to be cancelled, {len(held)} to be held"
                )
                spread_s = _SPREAD_S * len(songs) / _REQUESTS
                async with asyncio.TaskGroup() as group:
                    group.create_task(_cancel_at_random(sender, cancelled, spread_s, rng))
                    for request_id in held:
                        group.create_task(_hold_and_resume(sender, request_id, spread_s, resumed_at, rng))
                    group.create_task(_kill_at_random(cluster, scaled(_KILLS, 2), spread_s, rng))
                await watch.until(watch.all_ended, _IDLE_TIMEOUT_S)
        ended = await read_all(cluster.kafka, name_of(RequestEnded))
        rendered = await read_all(cluster.kafka, name_of(Rendered))
        set_aside = {record.key for record in await read_all(cluster.kafka, HELD_EVENTS)}
        early = [record.request_id for record in ended if _is_done_before(record, resumed_at)]
        count_is("cancel_requests_done_while_they_are_held", early, 0)
        figure("cancel_events_of_held_requests_set_aside", len(set_aside), "> 0", met=bool(set_aside))
        _check(list(songs), cancelled, ended, rendered, cluster.data / "output")
        figure("cancel_workers_ended_by_themselves", len(crashed), "0", met=not crashed)
        assert set_aside
        assert [early, crashed] == [[], []]


def _submission(request_id: str, song: Song) -> Message:
    options = Options(duration="full", quality="fast", seed=1)
    request = SongSubmitted(
        source=Source(path=str(song.path)), request_id=request_id, title=request_id, options=options
    )
    return submission(request, song.sha256)


async def _cancel_at_random(sender: Sender, request_ids: Sequence[str], spread_s: float, rng: random.Random) -> None:
    for request_id in request_ids:
        await asyncio.sleep(rng.uniform(0, 2 * spread_s / len(request_ids)))
        await sender.send(control_message(request_id, "cancel", "/chaos"))


async def _hold_and_resume(
    sender: Sender, request_id: str, spread_s: float, resumed_at: dict[str, float], rng: random.Random
) -> None:
    await sender.send(control_message(request_id, "hold", "/chaos"))
    await asyncio.sleep(rng.uniform(spread_s, 2 * spread_s))
    resumed_at[request_id] = time.time()
    await sender.send(control_message(request_id, "resume", "/chaos"))


async def _kill_at_random(cluster: Cluster, kills: int, spread_s: float, rng: random.Random) -> None:
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(0, 2 * spread_s / kills))
        slot = rng.choice(cluster.slots)
        cluster.kill(slot)
        cluster.start(slot)
        cluster.log_event(f"worker {slot} is killed")


def _is_done_before(record: TopicRecord, resumed_at: Mapping[str, float]) -> bool:
    return record.payload["outcome"] == "done" and record.at < resumed_at.get(record.request_id, 0.0)


def _check(
    request_ids: Sequence[str],
    cancelled: Sequence[str],
    ended: Sequence[TopicRecord],
    rendered: Sequence[TopicRecord],
    output: Path,
) -> None:
    outcomes = defaultdict[str, set[tuple[str | None, str]]](set)
    for record in ended:
        outcomes[record.request_id].add((record.event_id, record.payload["outcome"]))
    wrong = [f"{id_}: {outcomes[id_]}" for id_ in request_ids if len(outcomes[id_]) != 1]
    unasked = [id_ for id_ in request_ids if id_ not in cancelled and {kind for _, kind in outcomes[id_]} != {"done"}]
    ways = [kind for id_ in cancelled for _, kind in outcomes[id_]]
    print(f"  of {len(cancelled)} that were cancelled: {ways.count('cancelled')} cancelled, {ways.count('done')} done")
    count_is("cancel_requests_without_exactly_one_outcome", wrong, 0)
    count_is("cancel_requests_not_done_although_not_cancelled", unasked, 0)
    changed = changed_values(ended)
    count_is("cancel_outcomes_that_say_two_things", changed, 0)
    done = [record for record in rendered if ("done" in {kind for _, kind in outcomes[record.request_id]})]
    wrong_names = wrong_files(done, output)
    count_is("cancel_wrong_files", wrong_names, 0)
    extra = [record.request_id for record in rendered if record not in done]
    count_is("cancel_rendered_events_of_cancelled_requests", extra, 0)
    figure("cancel_cancelled", ways.count("cancelled"), "> 0", met="cancelled" in ways)
    assert [wrong, unasked, changed, wrong_names, extra] == [[], [], [], [], []]
    assert "cancelled" in ways
