"""Test that each id is counted exactly once by a step with a table while its workers are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.topics import RESULTS_TABLE, changelog_name
from tests.chaos.checks import count_is, not_once, repeats, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster, restarting_crashed
from tests.chaos.killing import IDLE_TIMEOUT_S, Killer, resumed_after
from tests.chaos.partition_owners import watching_owners
from tests.chaos.schedule import plan, print_schedule, scaled
from tests.chaos.submissions import cheap_message, cheap_request, partition_of, sending
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, name_of, read_all, watching
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_IDS, _KILLS = 100_000, 10


async def test_every_id_is_counted_once_whatever_is_killed(tmp_path: Path) -> None:
    count = scaled(_IDS, 1000)
    requests = {str(cheap_request(number).request_id): cheap_request(number) for number in range(count)}
    partitions = {request_id: partition_of(str(request.source.sha256)) for request_id, request in requests.items()}
    with Cluster(tmp_path, COUNTING) as cluster:
        kills = plan(scaled(_KILLS, 2), cluster.slots, victims=["worker"], aims=["any time", "done"])
        print_schedule(f"{count} ids, {len(kills)} kills", kills)
        await cluster.start_all()
        cluster.log_event("the workers are ready")
        watch = Outcomes(requests)
        async with (
            sending(cluster.kafka) as sender,
            watching_owners(cluster, name_of(SongSubmitted)) as owners,
            watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch),
            restarting_crashed(cluster) as crashed,
        ):
            await sender.send_all([cheap_message(number) for number in range(count)])
            cluster.log_event(f"{count} ids are submitted, {len(watch.ended)} have ended")
            killer = Killer(cluster, owners, watch, partitions.__getitem__)
            await killer.carry_out(kills, count)
            await watch.until(watch.all_ended, IDLE_TIMEOUT_S)
            cluster.log_event(f"{len(watch.ended)} ids have ended")
        resumed = [resumed_after(completed, watch.records, partitions.__getitem__) for completed in killer.completed]
        counted = await read_all(cluster.kafka, name_of(SongAccepted))
        changelog = await read_all(cluster.kafka, changelog_name(RESULTS_TABLE))
        stored_keys = {record.key for record in changelog}
        wrong = wrong_outcomes(watch.records, requests) + not_once(counted, requests)
        waits = sorted(min(delays_s) for delays_s in resumed if delays_s)
        print("  seconds until the first partition resumed (kills may overlap):", *(f"{wait:.1f}" for wait in waits))
        figure("count_workers_ended_by_themselves", len(crashed), "0", met=not crashed)
        print(f"  {repeats(counted)} events are repeated, each with its original id")
        count_is("count_distinct_events", {record.event_id for record in counted}, count)
        count_is("count_distinct_requests", {record.request_id for record in counted} & requests.keys(), count)
        count_is("count_results_in_the_table", stored_keys, count)
        count_is("count_wrong", wrong, 0)
        assert wrong == []
        assert len({record.event_id for record in counted}) == len(stored_keys) == count
        assert all(record.value for record in changelog)
