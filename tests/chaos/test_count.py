"""Distinct ids go through a step with a table while its workers are killed: each is counted once, none is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.topics import RESULTS_TABLE, changelog_name
from tests.chaos.checks import count_is, figure, not_once, repeats, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster, tended
from tests.chaos.killing import QUIET_S, Killer, resumed_after
from tests.chaos.partition_owners import watching_owners
from tests.chaos.schedule import plan, scaled, show
from tests.chaos.submissions import partition_of, sending, trifle, trifling
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, name_of, read_all, watching

pytestmark = pytest.mark.chaos

_IDS, _KILLS = 100_000, 10


async def test_every_id_is_counted_once_whatever_is_killed(tmp_path: Path) -> None:
    count = scaled(_IDS, 1000)
    requests = {str(trifle(number).request_id): trifle(number) for number in range(count)}
    places = {request_id: partition_of(str(request.source.sha256)) for request_id, request in requests.items()}
    with Cluster(tmp_path, COUNTING) as rig:
        kills = plan(scaled(_KILLS, 2), rig.slots, victims=["worker"], aims=["any moment", "done"])
        show(f"{count} ids, {len(kills)} kills", kills)
        await rig.start_all()
        rig.say("the workers are ready")
        watch = Outcomes(requests)
        async with (
            sending(rig.bootstrap) as sender,
            watching_owners(rig, name_of(SongSubmitted)) as owners,
            watching(rig.bootstrap, PROGRESS_AND_OUTCOMES, watch),
            tended(rig) as fallen,
        ):
            await sender.send_all([trifling(number) for number in range(count)])
            rig.say(f"{count} ids are submitted, {len(watch.ended)} are through")
            killer = Killer(rig, owners, watch, places.__getitem__)
            await killer.carry_out(kills, count)
            await watch.until(watch.all_ended, QUIET_S)
            rig.say(f"{len(watch.ended)} ids are through")
        resumed = [resumed_after(struck, watch.seen, places.__getitem__) for struck in killer.struck]
        counted = await read_all(rig.bootstrap, name_of(SongAccepted))
        changelog = await read_all(rig.bootstrap, changelog_name(RESULTS_TABLE))
        remembered = {seen.key for seen in changelog}
        wrong = wrong_outcomes(watch.seen, requests) + not_once(counted, requests)
        waits = sorted(min(moments) for moments in resumed if moments)
        print("  seconds until one moved on, where kills may fall together:", *(f"{wait:.1f}" for wait in waits))
        figure("count_workers_ended_by_themselves", len(fallen), "0", met=not fallen)
        print(f"  {repeats(counted)} events came twice, each with the id it had")
        count_is("count_distinct_events", {seen.event_id for seen in counted}, count)
        count_is("count_distinct_requests", {seen.request_id for seen in counted} & requests.keys(), count)
        count_is("count_results_in_the_table", remembered, count)
        count_is("count_wrong", wrong, 0)
        assert wrong == []
        assert len({seen.event_id for seen in counted}) == len(remembered) == count
        assert all(seen.value for seen in changelog)
