"""The intake step fetches a song at a URL once for each request, and reveals nothing secret of the URL."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.intake.agent import STEP
from agents.media.submitted import AcceptedMedia, SubmittedFile, accept
from agents.move_indexing.inputs import indexing_input
from agents.step import Tools
from infra.downloads import WebDownloads
from infra.downloads.hosts import AllowedHosts
from schemas.base import MediaFacts, Source
from schemas.faults import Poison
from schemas.limits import MAX_DOWNLOAD_S
from schemas.move_submitted import MoveSubmitted
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.stage.runners import ThreadRunner
from streams.stage.stored_results import from_stored, to_stored
from streams.testing import InMemoryBroker, InMemoryResults, run_step, tools_below, work_of
from streams.topics import topic_of
from tests.file_server import FileServer, file_server, in_turn, response
from tests.unit.media.media_builders import tone, write_clip, write_sound

_SECRET = "hunter2-is-secret"  # noqa: S105 - of these tests only


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        yield running


@pytest.fixture
def song(tmp_path: Path) -> bytes:
    return write_sound(tmp_path / "a.mp3", tone(11), "libmp3lame").read_bytes()


def tools_for(server: FileServer, folder: Path, *hosts: str) -> Tools:
    allowed = AllowedHosts.of(hosts or (f"127.0.0.1:{server.port}",))
    return tools_below(folder, downloads=WebDownloads(folder / "downloads", allowed, allow_private=True))


def submitted(url: str, request_id: str = "r1") -> SongSubmitted:
    return SongSubmitted(source=Source(url=url), request_id=request_id)


async def run(event: SongSubmitted, tools: Tools, results: InMemoryResults | None = None) -> InMemoryBroker:
    return await run_step(STEP, event, tools, run=ThreadRunner(tools).run, results=results)


def accepted_sha256(broker: InMemoryBroker) -> str:
    [message] = broker.messages_on(topic_of(SongAccepted).full_name)
    return SongAccepted.model_validate_json(message.value or b"").song.sha256


def test_a_song_at_a_url_is_stored_and_accepted_with_its_title(server: FileServer, song: bytes, tmp_path: Path) -> None:
    server.routes["/Luna%20Nueva.mp3"] = response(song)
    fractions: list[float] = []
    tools = replace(tools_for(server, tmp_path), report=fractions.append)
    event = submitted(server.url("/Luna%20Nueva.mp3"))
    result = work_of(STEP, event, tools)
    accepted = STEP.event_after(event, result)
    assert tools.media.path(accepted.song.sha256).read_bytes() == song
    assert accepted.title == "Luna Nueva"
    assert STEP.event_after(event.model_copy(update={"title": "Otra"}), result).title == "Otra"
    assert SongAccepted.model_validate_json(accepted.model_dump_json()) == accepted
    assert fractions[-1] == pytest.approx(0.9)
    assert list((tmp_path / "downloads").iterdir()) == []


def test_a_page_of_text_is_refused_and_not_stored(server: FileServer, tmp_path: Path) -> None:
    server.routes["/a.mp3"] = response(b"<!DOCTYPE html><html><body>Sign in</body></html>", content_type="audio/mpeg")
    tools = tools_for(server, tmp_path)
    with pytest.raises(Poison) as caught:
        work_of(STEP, submitted(server.url("/a.mp3")), tools)
    assert caught.value.reason == "not_media"
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_without_an_allow_list_the_error_names_the_setting(server: FileServer, tmp_path: Path) -> None:
    tools = tools_below(tmp_path, downloads=WebDownloads(tmp_path, AllowedHosts.of(())))
    with pytest.raises(Poison, match=rf"'127\.0\.0\.1:{server.port}'.* BACHATA_URL_HOSTS") as caught:
        work_of(STEP, submitted(server.url("/a.mp3")), tools)
    assert caught.value.reason == "url_not_allowed"
    assert server.connections == 0


async def test_an_event_that_is_delivered_twice_is_fetched_once(
    server: FileServer, song: bytes, tmp_path: Path
) -> None:
    server.routes["/a.mp3"] = response(song)
    tools, results, event = tools_for(server, tmp_path), InMemoryResults(), submitted(server.url("/a.mp3"))
    first, second = [await run(event, tools, results) for _ in range(2)]
    assert accepted_sha256(first) == accepted_sha256(second)
    assert len(server.requests) == 1


async def test_an_error_of_the_server_is_tried_again(server: FileServer, song: bytes, tmp_path: Path) -> None:
    server.routes["/a.mp3"] = in_turn(response(b"", 500), response(b"", 503), response(song))
    broker = await run(submitted(server.url("/a.mp3")), tools_for(server, tmp_path))
    assert accepted_sha256(broker)
    assert len(server.requests) == 3


async def test_another_request_gets_what_is_at_the_url_now(server: FileServer, song: bytes, tmp_path: Path) -> None:
    tools, results = tools_for(server, tmp_path), InMemoryResults()
    other = write_sound(tmp_path / "b.mp3", tone(12), "libmp3lame").read_bytes()
    found = []
    for request_id, content in (("r1", song), ("r2", other)):
        server.routes["/a.mp3"] = response(content)
        found.append(accepted_sha256(await run(submitted(server.url("/a.mp3"), request_id), tools, results)))
    assert found[0] != found[1]
    assert tools.media.path(found[1]).read_bytes() == other


@pytest.mark.parametrize("path", ["/missing.mp3", "/text.mp3", "/away.mp3"])
async def test_nothing_secret_of_a_url_is_published_or_logged(
    path: str, server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.routes["/text.mp3"] = response(b"la la la")
    server.routes["/away.mp3"] = response(b"", 302, location=f"http://evil.example/?token={_SECRET}")
    event = submitted(server.url(f"{path}?token={_SECRET}#{_SECRET}"))
    broker = await run(event, tools_for(server, tmp_path))
    [ended] = broker.ended
    assert ended.outcome == "failed"
    for message in broker.records:
        is_original = message.value == event.model_dump_json().encode()  # of the dead letter
        texts = [value.decode() for _, value in message.headers] + ([] if is_original else [str(message.value)])
        assert _SECRET not in " ".join(texts)
    assert _SECRET not in caplog.text


def test_results_of_files_are_found_as_before() -> None:
    file = SubmittedFile(path="/songs/a.mp3", size_bytes=1, mtime_ns=2)
    assert file.model_dump_json() == '{"sha256":null,"path":"/songs/a.mp3","size_bytes":1,"mtime_ns":2}'
    facts = MediaFacts(sha256="a" * 64, size_bytes=1, kind="audio", format="mp3", codec="mp3", duration_s=11.0)
    result = from_stored(STEP, to_stored(STEP, facts.sha256, facts.model_dump_json()))
    assert isinstance(result, AcceptedMedia)
    assert result.facts() == facts
    assert result.model_dump_json() == facts.model_dump_json()


def test_a_clip_at_a_url_is_accepted_as_a_video(server: FileServer, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "basic.mp4", 3, fps=20).read_bytes()
    server.routes["/basic.mp4"] = response(clip)
    tools = tools_for(server, tmp_path)
    event = MoveSubmitted(source=Source(url=server.url("/basic.mp4")), clip="basic", request_id="r1")
    facts = accept(indexing_input(event, tools).file, tools, "video").facts()
    assert (facts.kind, facts.width, facts.fps) == ("video", 96, 20.0)
    assert tools.media.path(facts.sha256).read_bytes() == clip


def test_the_time_limit_of_the_step_allows_for_a_download() -> None:
    at_url = SubmittedFile(url="https://songs.example/a.mp3", request_id="r1")
    assert STEP.timeout_of(at_url) > MAX_DOWNLOAD_S > STEP.timeout_of(SubmittedFile(sha256="a" * 64))
