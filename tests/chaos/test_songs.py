"""Test that each song has one outcome and one video while workers and their children are killed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from infra.media_store import MediaStore
from schemas.audio_analyzed import AudioAnalyzed
from schemas.base import Model, Options, Source
from schemas.moves_scored import MovesScored
from schemas.progress import Progress
from schemas.rendered import Rendered
from schemas.request_ended import RequestEnded
from schemas.sequence_planned import SequencePlanned
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message
from tests.chaos.checks import (
    at_most,
    changed_values,
    count_is,
    not_once,
    out_of_order,
    repeats,
    wrong_files,
    wrong_outcomes,
)
from tests.chaos.cluster import REAL_STEPS, Cluster, restarting_crashed
from tests.chaos.killing import IDLE_TIMEOUT_S, Killer, resumed_after
from tests.chaos.media import Song, make_songs
from tests.chaos.partition_owners import watching_owners
from tests.chaos.schedule import plan, print_schedule, scaled
from tests.chaos.submissions import index_demo_clips, partition_of, sending, submission
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, TopicRecord, name_of, read_all, watching
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_SONGS, _KILLS, _CLIPS = 300, 30, 3
_EVENTS_IN_ORDER: tuple[type[Model], ...] = (SongAccepted, AudioAnalyzed, MovesScored, SequencePlanned, Rendered)


async def test_every_song_ends_in_one_video_whatever_is_killed(tmp_path: Path) -> None:
    with Cluster(tmp_path, REAL_STEPS) as cluster:
        songs = {f"song-{number:03d}": song for number, song in enumerate(make_songs(cluster.songs, scaled(_SONGS, 4)))}
        kills = plan(scaled(_KILLS, 2), cluster.slots)
        print_schedule(f"{len(songs)} songs, {len(kills)} kills", kills)
        await cluster.start_all()
        cluster.log_event("the workers are ready")
        async with sending(cluster.kafka) as sender:
            await index_demo_clips(cluster, sender, _CLIPS)
            cluster.log_event(f"{_CLIPS} clips are indexed")
            watch, partition_of_request = Outcomes(songs), _PartitionOfRequest(songs)
            async with (
                watching_owners(cluster, name_of(SongAccepted)) as owners,
                watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch),
                restarting_crashed(cluster) as crashed,
            ):
                await sender.send_all(_submissions(cluster, songs))
                cluster.log_event(f"{len(songs)} songs are submitted")
                killer = Killer(cluster, owners, watch, partition_of_request)
                await killer.carry_out(kills, len(songs))
                await watch.until(watch.all_ended, IDLE_TIMEOUT_S)
                cluster.log_event(f"{len(watch.ended)} songs have their outcome")
        progress = await read_all(cluster.kafka, name_of(Progress))
        ended = await read_all(cluster.kafka, name_of(RequestEnded))
        events = [await read_all(cluster.kafka, name_of(payload)) for payload in _EVENTS_IN_ORDER]
        _show_figures(killer, progress, events, partition_of_request, crashed)
        cluster.log_event("results:")
        _check(list(songs), ended, events, cluster.data / "output")


class _PartitionOfRequest(dict[str, int]):
    """The partition of all events of each request, whose key is the song's sha256; -1 for clips."""

    def __init__(self, songs: dict[str, Song]) -> None:
        super().__init__({request_id: partition_of(song.sha256) for request_id, song in songs.items()})

    def __call__(self, request_id: str) -> int:
        return self.get(request_id, -1)


def _submissions(cluster: Cluster, songs: dict[str, Song]) -> list[Message]:
    """Return the submissions; every other song is in the media store already, the others are read from their path."""
    store = MediaStore(cluster.data / "media")
    sent = []
    for number, (request_id, song) in enumerate(songs.items()):
        stored = store.add(song.path, "audio") if number % 2 else None
        source = Source(sha256=stored.sha256) if stored else Source(path=str(song.path))
        options = Options(duration="full" if number % 3 else "30s", quality="fast", seed=number)
        request = SongSubmitted(source=source, request_id=request_id, title=request_id, options=options)
        sent.append(submission(request, song.sha256))
    return sent


def _show_figures(
    killer: Killer,
    progress: list[TopicRecord],
    events: list[list[TopicRecord]],
    partition_of_request: _PartitionOfRequest,
    crashed: list[int],
) -> None:
    resumed = [
        delays_s
        for completed in killer.completed
        if (delays_s := resumed_after(completed, progress, partition_of_request))
    ]
    at_most("songs_resume", map(min, resumed), 30.0)
    at_most("songs_resume_slowest_partition", map(max, resumed), 30.0)
    print(f"  repeated events, each with its original id: {[repeats(records) for records in events]}")
    figure("songs_workers_ended_by_themselves", len(crashed), "0", met=not crashed)


def _check(request_ids: list[str], ended: list[TopicRecord], events: list[list[TopicRecord]], output: Path) -> None:
    lost = wrong_outcomes(ended, request_ids)
    doubled = [request_id for records in events for request_id in not_once(records, request_ids)]
    changed = [request_id for records in events for request_id in changed_values(records)]
    disordered = [partition for pair in pairwise(events) for partition in out_of_order(*pair)]
    files = wrong_files(events[-1], output)
    count_is("songs_without_one_good_outcome", lost, 0)
    count_is("songs_without_exactly_one_event_id", doubled, 0)
    count_is("songs_with_an_id_that_says_two_things", changed, 0)
    count_is("songs_partitions_out_of_order", disordered, 0)
    count_is("songs_wrong_files", files, 0)
    assert [lost, doubled, changed, disordered, files] == [[]] * 5
