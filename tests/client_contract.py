"""What the client does, with Kafka and in memory alike: each test is run with both."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pytest

from schemas.base import MediaFacts, Options, Source
from schemas.faults import Poison
from schemas.move_indexed import MoveIndexed
from schemas.move_submitted import MoveSubmitted
from schemas.progress import Progress
from schemas.rendered import Rendered
from schemas.sequence_planned import Plan, Segment, SequencePlanned
from schemas.song_submitted import SongSubmitted
from streams.client import (
    AnyClient,
    Outcome,
    PositionError,
    RequestCancelledError,
    RequestFailedError,
    SyncClient,
    Update,
)
from streams.client.scripted import Scripted, ScriptedService, Submitted, done, failed, never_ends
from streams.ids import new_request_id

T = TypeVar("T")
_LATER_S = 0.3
_TIMEOUT_S = 60.0


def script(event: Submitted) -> Scripted:
    """Return what becomes of a request: its title says it."""
    name = event.clip if isinstance(event, MoveSubmitted) else event.title
    if name == "fails":
        return failed("no_audio", "it has no sound")
    if name == "open":
        return never_ends()
    return done(_LATER_S if name == "later" else 0.0)


def _plan(request_id: str) -> SequencePlanned:
    """Return a plan that a person edited."""
    beats = (0.0, 0.5, 1.0, 1.5, 2.0)
    part = Segment(
        move="basic", clip="a", clip_sha256="b" * 64, song_beats=beats, clip_beats=beats, stretch=1.0, runners_up=()
    )
    return SequencePlanned(
        request_id=request_id,
        song=MediaFacts(sha256="a" * 64, size_bytes=1, kind="audio", format="mp3", codec="mp3", duration_s=60.0),
        title="Luna",
        options=Options(),
        plan=Plan(tempo_bpm=120.0, library_version="v", segments=(part,), clips={"b" * 64: beats}),
    )


async def _first(items: AsyncGenerator[T, None], wanted: Callable[[T], bool], count: int = 1) -> list[T]:
    found = []
    async with asyncio.timeout(_TIMEOUT_S):
        async for item in items:
            found += [item] if wanted(item) else []
            if len(found) == count:
                break
    await items.aclose()
    return found


async def _all(items: AsyncGenerator[T, None]) -> list[T]:
    async with asyncio.timeout(_TIMEOUT_S):
        return [item async for item in items]


class ClientContract:
    """The tests. A subclass has the fixtures `new_client`, which returns a client to be opened, and `service`."""

    async def test_a_song_of_bytes_is_stored_and_done(
        self, new_client: Callable[[], AnyClient], service: ScriptedService
    ) -> None:
        content = new_request_id().encode()
        async with new_client() as client:
            request_id = await client.submit(content, options=Options(duration="30s"), title="bytes")
            outcome = await client.wait(request_id, timeout_s=_TIMEOUT_S)
        assert (outcome.request_id, outcome.state) == (request_id, "done")
        assert outcome.video is not None
        assert outcome.video.duration_s == 30
        event = _submitted(service, request_id)
        assert event.source == Source(sha256=hashlib.sha256(content).hexdigest())

    async def test_a_file_is_stored_and_gives_the_title(
        self, new_client: Callable[[], AnyClient], service: ScriptedService, tmp_path: Path
    ) -> None:
        file = tmp_path / "Luna \x1b[31m.mp3"
        file.write_bytes(b"a song")
        async with new_client() as client:
            by_path, by_text = await asyncio.gather(client.submit(file, priority="bulk"), client.submit(str(file)))
            await client.wait_all([by_path, by_text], timeout_s=_TIMEOUT_S)
        event = _submitted(service, by_path)
        assert event.source.sha256 == hashlib.sha256(b"a song").hexdigest()
        assert (event.title, event.priority) == ("Luna [31m", "bulk")
        assert _submitted(service, by_text).priority == "interactive"

    async def test_a_url_and_a_source_are_submitted_as_they_are(
        self, new_client: Callable[[], AnyClient], service: ScriptedService
    ) -> None:
        url, source = "https://example.org/song.mp3", Source(path="song.mp3")
        async with new_client() as client:
            ids = [await client.submit(url), await client.submit(source)]
            await client.wait_all(ids, timeout_s=_TIMEOUT_S)
        assert [_submitted(service, request_id).source for request_id in ids] == [Source(url=url), source]

    async def test_what_is_no_song_is_refused_in_one_line(
        self, new_client: Callable[[], AnyClient], service: ScriptedService, tmp_path: Path
    ) -> None:
        refused: list[tuple[Any, dict[str, Any], str]] = [
            (tmp_path / "none.mp3", {}, "there is no such file"),
            (tmp_path, {}, "submit_folder"),
            (b"", {}, "empty"),
            ("ftp://example.org/song.mp3", {}, "not an http or https URL"),
            ("http://example.org/a song.mp3", {}, "not a valid Source event"),
            (b"song", {"request_id": "a b"}, "request_id"),
            (b"song", {"request_id": ""}, "request_id"),
            (b"song", {"title": "x" * 5000}, "title"),
            (SongSubmitted(source=Source(path="a")), {}, "submit_event"),
            *((song, {}, "a song is a path, bytes, a URL or a Source, not") for song in (None, 7, object(), ["a"])),
            *((song, {}, "no file has the name") for song in ("", "a\0b")),
            *((b"song", {name: 7}, name) for name in ("request_id", "title", "priority", "options", "corrections")),
        ]
        before = len(service.submitted)
        async with new_client() as client:
            for song, fields, problem in refused:
                with pytest.raises(Poison, match=problem) as raised:
                    await client.submit(song, **fields)
                assert "\n" not in str(raised.value)
            with pytest.raises(ValueError, match="request_id"):
                await client.submit_event(SongSubmitted(source=Source(path="a")))
            with pytest.raises(Poison, match="request id"):
                await client.cancel("a b")
            with pytest.raises(Poison, match="no songs"):
                await client.submit_folder(tmp_path)
        assert len(service.submitted) == before

    async def test_a_wrong_argument_is_refused_in_one_line(
        self, new_client: Callable[[], AnyClient], service: ScriptedService
    ) -> None:
        before = len(service.submitted)
        async with new_client() as client:
            any_client: Any = client
            for wrong in (None, 7, "a b", "", b"a"):
                for method in ("outcome", "wait", "cancel", "hold", "resume"):
                    with pytest.raises(Poison, match=r"request.id"):
                        await getattr(any_client, method)(wrong)
                for iterated in (client.watch(wrong), client.follow([wrong])):  # type: ignore[arg-type,list-item]
                    with pytest.raises(Poison, match="request id"):
                        await anext(iterated)
            for ids in (None, "abc", 7, [None], ["a b"]):
                with pytest.raises(Poison, match="request id"):
                    await any_client.wait_all(ids)
            event = SongSubmitted(source=Source(path="a"), request_id="a")
            wrong_events: list[Any] = [[None], [7], [{}], ["a"], [[event]], None, 7, "a", event]
            for events in wrong_events:
                with pytest.raises(Poison, match="a request is a SongSubmitted, MoveSubmitted or SequencePlanned"):
                    await any_client.submit_events(events)
            with pytest.raises(Poison, match=r"a request is a SongSubmitted, .* or SequencePlanned, not None"):
                await any_client.submit_event(None)
            for folder in (None, 7, b"a", ""):
                with pytest.raises(Poison, match=r"named by a path|no file has the name"):
                    await any_client.submit_folder(folder)
            with pytest.raises(PositionError, match="not a position of results: '7'"):
                await anext(any_client.results(7))
        assert len(service.submitted) == before

    async def test_a_folder_gives_one_request_for_each_song(
        self, new_client: Callable[[], AnyClient], service: ScriptedService, tmp_path: Path
    ) -> None:
        for name in ("b.mp3", "a/c.FLAC", ".hidden.mp3", ".hidden/d.mp3", "cover.jpg"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(name)
        async with new_client() as client:
            ids = await client.submit_folder(tmp_path)
            await client.wait_all(ids, timeout_s=_TIMEOUT_S)
            count = len(service.submitted)
            (tmp_path / "c.mp3").touch()
            with pytest.raises(Poison, match=r"c\.mp3: the file is empty"):
                await client.submit_folder(tmp_path)
            await client.wait(await client.submit(b"last"), timeout_s=_TIMEOUT_S)
            assert len(service.submitted) == count + 1, "none of the folder"
        assert [(event.title, event.priority) for event in (_submitted(service, id_) for id_ in ids)] == [
            ("c", "bulk"),
            ("b", "bulk"),
        ]

    async def test_a_request_that_is_not_done_raises_with_its_reason(self, new_client: Callable[[], AnyClient]) -> None:
        async with new_client() as client:
            fails, opened = await client.submit(b"1", title="fails"), await client.submit(b"2", title="open")
            with pytest.raises(RequestFailedError, match=rf"{fails} failed in intake: it has no sound \(no_audio\)"):
                await client.wait(fails, timeout_s=_TIMEOUT_S)
            assert await client.cancel(opened, timeout_s=_TIMEOUT_S)
            with pytest.raises(RequestCancelledError) as raised:
                await client.wait(opened, timeout_s=_TIMEOUT_S)
            assert raised.value.outcome.request_id == opened
            outcomes = await client.wait_all([fails, opened], timeout_s=_TIMEOUT_S)
        assert [outcome.state for outcome in outcomes.values()] == ["failed", "cancelled"]

    async def test_a_request_that_ended_before_the_client_was_opened_is_found(
        self, new_client: Callable[[], AnyClient]
    ) -> None:
        own_id = f"my-{new_request_id()}"
        async with new_client() as client:
            ids = [await client.submit(b"1"), await client.submit(b"2", request_id=own_id)]
            ended = await client.wait_all(ids, timeout_s=_TIMEOUT_S)
            assert await client.outcome(f"none-{own_id}") is None
        async with new_client() as client:
            assert await client.wait_all(ids, timeout_s=_TIMEOUT_S) == ended
            assert await client.outcome(own_id) == ended[own_id]
            assert await _all(client.watch(own_id)) == [ended[own_id]]

    async def test_waiting_ends_after_the_seconds(self, new_client: Callable[[], AnyClient]) -> None:
        async with new_client() as client:
            request_id = await client.submit(b"1", title="open")
            with pytest.raises(TimeoutError):
                await client.wait(request_id, timeout_s=0.2)
            assert await client.cancel(request_id, timeout_s=_TIMEOUT_S)

    async def test_many_requests_are_waited_for_at_the_same_time(self, new_client: Callable[[], AnyClient]) -> None:
        async with new_client() as client:
            ids = await client.submit_events([_song(new_request_id(), "later") for _ in range(50)])
            outcomes = await asyncio.gather(*[client.wait(request_id, timeout_s=_TIMEOUT_S) for request_id in ids])
        assert [outcome.request_id for outcome in outcomes] == ids

    async def test_a_request_id_that_is_submitted_twice_has_one_effect(
        self, new_client: Callable[[], AnyClient], service: ScriptedService
    ) -> None:
        request_id, last = new_request_id(), new_request_id()
        async with new_client() as client:
            position = await client.end_position()
            for _ in range(2):
                await client.submit(b"1", request_id=request_id)
                await client.wait(request_id, timeout_s=_TIMEOUT_S)
            await client.wait(await client.submit(b"1", request_id=last), timeout_s=_TIMEOUT_S)
            await client.wait(request_id, timeout_s=_TIMEOUT_S)
            found = await _first(client.results(position), lambda outcome: outcome.request_id == request_id)
            again = await client.outcome(request_id)
        assert {outcome.id for outcome in found} == {again.id if again else None}
        assert [event.request_id for event in service.submitted].count(request_id) == 1

    async def test_cancel_says_whether_the_request_is_cancelled(self, new_client: Callable[[], AnyClient]) -> None:
        async with new_client() as client:
            ended, opened = await client.submit(b"1"), await client.submit(b"2", title="open")
            await client.wait(ended, timeout_s=_TIMEOUT_S)
            assert not await client.cancel(ended, timeout_s=_TIMEOUT_S)
            assert await client.cancel(opened, timeout_s=_TIMEOUT_S)
            assert await client.cancel(opened, timeout_s=_TIMEOUT_S)

    async def test_a_request_on_hold_goes_on_when_it_is_resumed(self, new_client: Callable[[], AnyClient]) -> None:
        async with new_client() as client:
            request_id = await client.submit(b"1", title="later")
            await client.hold(request_id)
            with pytest.raises(TimeoutError):
                await client.wait(request_id, timeout_s=2 * _LATER_S)
            await client.resume(request_id)
            assert (await client.wait(request_id, timeout_s=_TIMEOUT_S)).state == "done"

    async def test_watching_yields_progress_and_at_last_the_outcome(self, new_client: Callable[[], AnyClient]) -> None:
        async with new_client() as client:
            request_id = await client.submit(b"1", title="later")
            *progress, outcome = await _all(client.watch(request_id))
        assert isinstance(outcome, Outcome)
        assert outcome.state == "done"
        assert {(update.step, update.state) for update in progress if isinstance(update, Progress)} >= {
            ("intake", "started"),
            ("rendering", "done"),
        }

    async def test_following_yields_the_results_of_songs_and_clips(self, new_client: Callable[[], AnyClient]) -> None:
        song, clip = new_request_id(), new_request_id()
        clip_event = MoveSubmitted(source=Source(path="a.mp4"), clip="a", request_id=clip)
        async with new_client() as client:
            await client.submit_events([_song(song, "later"), clip_event])
            updates: list[Update] = await _all(client.follow([song, clip]))
        assert {type(update) for update in updates if update.request_id == song} >= {Rendered}
        assert {type(update) for update in updates if update.request_id == clip} >= {MoveIndexed}

    async def test_an_edited_plan_is_a_request_that_is_rendered(self, new_client: Callable[[], AnyClient]) -> None:
        plan = _plan(new_request_id())
        async with new_client() as client:
            await client.submit_event(plan)
            updates: list[Update] = await _all(client.follow([plan.request_id]))
        assert {update.step for update in updates if isinstance(update, Progress)} == {"rendering"}
        [rendered] = [update for update in updates if isinstance(update, Rendered)]
        assert (rendered.song, rendered.title) == (plan.song, plan.title)

    async def test_results_resume_after_each_outcome(self, new_client: Callable[[], AnyClient]) -> None:
        async with new_client() as client:
            start = await client.end_position()
            ids = set(await client.submit_events([_song(new_request_id(), "song") for _ in range(8)]))
            outcomes = await _first(client.results(start), lambda outcome: outcome.request_id in ids, len(ids))
        assert {outcome.request_id for outcome in outcomes} == ids
        for count in (1, 4, 7):
            async with new_client() as client:
                rest = await _first(
                    client.results(outcomes[count - 1].position), lambda outcome: True, len(ids) - count
                )
            assert {outcome.id for outcome in rest} == {outcome.id for outcome in outcomes[count:]}
        async with new_client() as client:
            everything = await _first(client.results(), lambda outcome: outcome.request_id in ids, len(ids))
        assert {outcome.id for outcome in everything} == {outcome.id for outcome in outcomes}

    async def test_a_position_of_something_else_is_refused(self, new_client: Callable[[], AnyClient]) -> None:
        async with new_client() as client:
            for position in ("", "7", "[]", "null", '{"0": "x"}', '{"0": []}', '{"x": "1"}', '{"99": "1"}', "[" * 9999):
                with pytest.raises(PositionError, match=r"None|from_position") as raised:
                    await _first(client.results(position), lambda outcome: True)
                assert "\n" not in str(raised.value)
            with pytest.raises(PositionError, match="created again"):
                await _first(client.results('{"0": "999999 999998:1:1"}'), lambda outcome: True)

    def test_a_script_uses_the_same_methods_and_they_block(self, new_client: Callable[[], AnyClient]) -> None:
        with SyncClient(new_client()) as client:
            position = client.end_position()
            request_id = client.submit(b"1", title="later")
            *_, watched = client.watch(request_id)
            outcome = client.wait(request_id, timeout_s=_TIMEOUT_S)
            assert watched == outcome
            assert [found.id for found in islice(client.results(position), 1)] == [outcome.id]
            assert not client.cancel(request_id, timeout_s=_TIMEOUT_S)
            with pytest.raises(RequestFailedError):
                client.wait(client.submit(b"2", title="fails"), timeout_s=_TIMEOUT_S)


def _song(request_id: str, title: str) -> SongSubmitted:
    return SongSubmitted(source=Source(path="song.mp3"), request_id=request_id, title=title)


def _submitted(service: ScriptedService, request_id: str) -> SongSubmitted:
    events: Sequence[Submitted] = service.submitted
    [event] = [event for event in events if event.request_id == request_id]
    assert isinstance(event, SongSubmitted)
    return event
