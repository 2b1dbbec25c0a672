"""The HTTP API: songs by their bytes, a form or a source; each request once; states, videos, cancellation."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from infra.media_store import MediaStore
from schemas.faults import Poison, Retryable, Unavailable
from schemas.limits import MAX_BYTES
from schemas.request_control import RequestControl
from schemas.request_ended import RequestEnded
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message, Record
from streams.page import openapi, songs, submissions
from streams.page.api import Api
from streams.page.requests import api_routes
from streams.page.songs import Songs
from streams.page.submissions import Submissions
from streams.topics import REQUEST_CONTROL, REQUEST_ENDED, SONG_SUBMITTED
from streams.views.requests import Requests

_TOKEN = "t" * 43
_SONG = bytes(range(256)) * 3600  # 0.9 MB
_SHA = hashlib.sha256(_SONG).hexdigest()


@dataclass
class Service:
    """A running API, whose events are stored in `messages`, and what it depends on."""

    folder: Path
    view: Requests
    messages: list[Message] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    shortage: Unavailable | None = None
    kafka_problem: str = ""
    api: Api | None = None

    async def publish(self, message: Message) -> None:
        await asyncio.sleep(0.01)
        if self.failures:
            raise self.failures.pop(0)
        self.messages.append(message)

    @property
    def submitted(self) -> list[SongSubmitted]:
        return [
            SongSubmitted.model_validate_json(message.value or b"")
            for message in self.messages
            if message.topic == SONG_SUBMITTED.full_name
        ]

    @property
    def stored(self) -> list[str]:
        return [file.name for file in (self.folder / "media").rglob("*") if file.is_file()]

    async def call(self, method: str, path: str, token: str | None = _TOKEN, **options: Any) -> tuple[int, Any, Any]:
        """Return the status, the JSON or bytes of the body, and the headers of the answer to a request."""
        assert self.api is not None
        headers = ({"Authorization": f"Bearer {token}"} if token else {}) | options.pop("headers", {})
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.api.url + path, headers=headers, **options) as response,
        ):
            is_json = response.content_type == "application/json"
            return response.status, await (response.json() if is_json else response.read()), response.headers


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """Yield a running API on 127.0.0.1."""
    folder = tmp_path
    service = Service(folder, Requests(folder / "requests"))
    submitted = Submissions(service.publish, service.view.has)
    taken = Songs(MediaStore(folder / "media"), submitted, lambda: service.shortage, lambda: service.kafka_problem)
    (folder / "output").mkdir()
    routes = [*taken.routes(), *api_routes(service.view, submitted, folder / "output")]
    service.api = Api(routes, _TOKEN, "127.0.0.1", 0)
    await service.api.start()
    yield service
    await service.api.stop()
    service.view.close()


def _ended(service: Service, request_id: str, **changes: Any) -> None:
    fields: dict[str, Any] = {"request_id": request_id, "subject": "Luna", "step": "rendering", "outcome": "failed"}
    ended = RequestEnded(**fields | changes)
    service.view.apply([Record(REQUEST_ENDED.full_name, 0, 0, None, ended.model_dump_json().encode())], {})


async def test_the_bytes_of_a_song_are_stored_and_submitted(service: Service) -> None:
    query = "?title=Luna&difficulty=advanced&seed=7&priority=bulk&request_id=my-1"
    status, answer, headers = await service.call("POST", f"/songs{query}", data=_SONG)
    assert (status, answer, headers["Location"]) == (202, {"request_id": "my-1"}, "/requests/my-1")
    [song] = service.submitted
    assert (song.source.sha256, song.title, song.priority, song.request_id) == (_SHA, "Luna", "bulk", "my-1")
    assert (song.options.difficulty, song.options.seed) == ("advanced", 7)
    assert MediaStore(service.folder / "media").path(_SHA).read_bytes() == _SONG
    [message] = service.messages
    assert message.key == _SHA.encode()
    assert dict(message.headers)["ce_correlationid"] == b"my-1"


@pytest.mark.parametrize("request_first", [True, False])
async def test_a_form_has_a_song_and_a_request(service: Service, request_first: bool) -> None:
    form = aiohttp.FormData(quote_fields=False)
    part = json.dumps({"request_id": "my-1", "options": {"duration": "full"}})
    if request_first:
        form.add_field("request", part, content_type="application/json")
    form.add_field("song", _SONG, filename="../../etc/Luna.mp3")
    if not request_first:
        form.add_field("request", part, content_type="application/json")
    assert (await service.call("POST", "/songs", data=form))[:2] == (202, {"request_id": "my-1"})
    [song] = service.submitted
    assert (song.source.sha256, song.title, song.options.duration) == (_SHA, "Luna", "full")
    assert service.stored == [_SHA]


@pytest.mark.parametrize("source", [{"sha256": "a" * 64}, {"path": "song.mp3"}, {"url": "https://example.org/a.mp3"}])
async def test_json_names_the_source(service: Service, source: dict[str, str]) -> None:
    status, answer, _ = await service.call("POST", "/songs", json={"source": source, "title": "Luna"})
    assert status == 202
    [song] = service.submitted
    assert song.source.model_dump(exclude_none=True) == source
    assert song.request_id == answer["request_id"]


async def test_the_same_key_twice_also_at_once_is_one_request(service: Service) -> None:
    def post() -> Awaitable[Any]:
        return service.call("POST", "/songs?title=Luna", data=_SONG, headers={"Idempotency-Key": "key of mine"})

    answers = [*await asyncio.gather(post(), post(), post()), await post()]
    assert {answer[0] for answer in answers} == {202}
    assert len({answer[1]["request_id"] for answer in answers}) == 1
    assert len(service.submitted) == 1
    _ended(service, "known-1")
    assert (await service.call("POST", "/songs?request_id=known-1", data=_SONG))[0] == 202
    assert len(service.submitted) == 1


async def test_the_same_key_for_another_request_is_refused(service: Service) -> None:
    headers = {"Idempotency-Key": "k"}
    assert (await service.call("POST", "/songs", data=_SONG, headers=headers))[0] == 202
    status, answer, _ = await service.call("POST", "/songs?duration=full", data=_SONG, headers=headers)
    assert (status, answer["reason"], len(service.submitted)) == (422, "repeated_id", 1)


async def test_nothing_is_accepted_while_kafka_is_away_and_the_same_key_succeeds_later(service: Service) -> None:
    headers = {"Idempotency-Key": "k"}
    service.kafka_problem = "Kafka at 127.0.0.1:9 does not answer"
    status, answer, _ = await service.call("POST", "/songs", data=_SONG, headers=headers)
    assert (status, answer["reason"], service.stored) == (503, "kafka", [])
    service.kafka_problem, service.failures = "", [ConnectionError("away"), Poison("too large", "too_large")]
    status, answer, _ = await service.call("POST", "/songs", data=_SONG, headers=headers)
    assert (status, answer["reason"], service.submitted) == (503, "kafka", [])
    assert (await service.call("POST", "/songs", data=_SONG, headers=headers))[0] == 413
    assert (await service.call("POST", "/songs", data=_SONG, headers=headers))[0] == 202
    assert len(service.submitted) == 1


async def test_a_publish_without_an_answer_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(message: Message) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(submissions, "_PUBLISH_TIMEOUT_S", 0.05)
    with pytest.raises(Retryable, match="same request id"):
        await Submissions(never, lambda _: False).cancel("r1")


async def test_a_song_that_is_too_large_is_refused_and_leaves_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MAX_BYTES, "audio", 1 << 19)
    status, answer, _ = await service.call("POST", "/songs", data=_chunks(_SONG))
    assert (status, answer["reason"]) == (413, "too_large")
    status, answer, _ = await service.call("POST", "/songs", data=_SONG)
    assert (status, answer["reason"]) == (413, "too_large")
    assert (service.submitted, service.stored) == ([], [])


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]


async def test_an_upload_that_is_cut_leaves_nothing(service: Service) -> None:
    assert service.api is not None
    head = (
        f"POST /songs HTTP/1.1\r\nHost: {service.api.url[7:]}\r\nAuthorization: Bearer {_TOKEN}\r\n"
        f"Content-Length: {len(_SONG)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", int(service.api.url.rpartition(":")[2]))
    writer.write(head.encode() + _SONG[: len(_SONG) // 2])
    await writer.drain()
    await _until(lambda: len(service.stored) == 1)
    writer.transport.abort()
    await _until(lambda: service.stored == [])
    assert service.submitted == []


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - no event signals it
            await asyncio.sleep(0.01)


async def test_an_upload_that_pauses_is_ended(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(songs, "_SILENCE_TIMEOUT_S", 0.1)

    async def pausing() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.sleep(1)
        yield b"def"

    assert (await service.call("POST", "/songs", data=pausing()))[0] == 408
    assert (service.submitted, service.stored) == ([], [])


async def test_a_full_disk_is_507_before_and_during_an_upload(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.shortage = Unavailable("disk full", "disk_full")
    assert (await service.call("POST", "/songs", data=_SONG))[0] == 507
    service.shortage = None

    def write(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("infra.media_store._write", write)
    status, answer, _ = await service.call("POST", "/songs", data=_SONG)
    assert (status, answer["reason"], service.submitted, service.stored) == (507, "disk_full", [], [])


@pytest.mark.parametrize(
    ("path", "options", "reason"),
    [
        ("/songs", {"json": {"source": {}}}, "invalid_event"),
        ("/songs", {"json": {"source": {"path": "a"}, "request_id": "../x"}}, "invalid_event"),
        ("/songs", {"json": []}, "invalid_event"),
        ("/songs", {"data": b"{", "headers": {"Content-Type": "application/json"}}, "invalid_event"),
        ("/songs", {"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, "invalid_event"),
        ("/songs", {"data": b""}, "empty"),
        ("/songs?sedd=7", {"data": b"x"}, "invalid_query"),
        ("/songs?seed=x", {"data": b"x"}, "invalid_event"),
        ("/songs?cut_music=true", {"data": b"x"}, "invalid_event"),
        ("/songs", {"json": {"source": {"path": "a"}, "options": {"rules": {"holds": {}}}}}, "invalid_event"),
        ("/songs", {"data": b"x", "headers": {"Idempotency-Key": "k" * 300}}, "invalid_event"),
        ("/songs", {"data": {"other": "x"}, "headers": {}}, "invalid_event"),
    ],
)
async def test_what_is_not_valid_is_refused_with_a_reason(
    service: Service, path: str, options: dict[str, Any], reason: str
) -> None:
    if isinstance(options.get("data"), dict):
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("other", b"x", filename="x")
        options = {"data": form}
    status, answer, _ = await service.call("POST", path, **options)
    assert (status, answer["reason"]) == (400, reason)
    assert "\n" not in answer["error"]
    assert service.submitted == []


_SONG_JSON = {"source": {"sha256": "a" * 64}}


@pytest.mark.parametrize(
    ("path", "fields", "error"),
    [
        ("/songs", _SONG_JSON | {"optionz": {}}, "not a valid SongSubmitted event: optionz: there is no such field"),
        ("/songs", _SONG_JSON | {"options": {"sedd": 7}}, "options.sedd: there is no such field"),
        ("/songs", _SONG_JSON | {"corrections": {"offset": 7}}, "corrections.offset: there is no such field"),
        ("/songs", {"source": {"sha256": "a" * 64, "file": "x"}}, "source.file: there is no such field"),
        ("/songs", {"sorce": {}}, "sorce: there is no such field"),
        ("/songs?title=Luna", _SONG_JSON, "'title' goes with the bytes of a song alone: write it into the JSON"),
        ("/songs?pins=1", _SONG_JSON, "'pins' is no parameter of the query: the parameters are alternative, "),
        ("/songs?titel=Luna", _SONG_JSON, "'titel' is no parameter of the query: the parameters are alternative, "),
    ],
)
async def test_a_field_or_parameter_that_is_unknown_is_refused_by_its_name(
    service: Service, path: str, fields: dict[str, Any], error: str
) -> None:
    status, answer, _ = await service.call("POST", path, json=fields)
    assert (status, service.submitted) == (400, [])
    assert error in answer["error"]


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ([("song", "x"), ("request", '{"optionz": {}}')], "optionz: there is no such field"),
        ([("song", "x"), ("request", '{"source": {"path": "a"}}')], "source: in a form, the part 'song' is the source"),
        ([("song", "x"), ("request", "{}"), ("request", "{}")], "the form has more than one part 'request'"),
        ([("song", "x"), ("song", "y")], "the form has more than one part 'song'"),
        ([("song", "x"), ("title", "Luna")], "'title' is no part of the form: these are 'request' and 'song'"),
        ([("request", "{}")], "the form has no part 'song'"),
    ],
)
async def test_a_part_of_a_form_that_is_unknown_is_refused_by_its_name(
    service: Service, parts: list[tuple[str, str]], error: str
) -> None:
    form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, content in parts:
        form.add_field(name, content)
    status, answer, _ = await service.call("POST", "/songs", data=form)
    assert (status, service.submitted) == (400, [])
    assert error in answer["error"]


async def test_a_parameter_of_a_query_is_refused_where_none_is_taken_or_it_is_repeated(service: Service) -> None:
    await service.call("POST", "/songs?request_id=my-1", data=_SONG)
    for method, path in (("GET", "/requests/my-1"), ("DELETE", "/requests/my-1"), ("GET", "/requests/my-1/video")):
        status, answer, _ = await service.call(method, f"{path}?verbose=1")
        assert (status, answer["reason"]) == (400, "invalid_query")
        assert answer["error"] == "'verbose' is no parameter of the query: there is none here"
    assert len(service.messages) == 1
    status, answer, _ = await service.call("POST", "/songs?seed=1&seed=2", data=_SONG)
    assert (status, answer["error"]) == (400, "'seed' is 2 times in the query")
    assert (await service.call("GET", "/livez?verbose=1"))[0] == 404, "a probe may have any query"


async def test_all_but_health_and_the_document_needs_the_token(service: Service) -> None:
    calls = [("POST", "/songs"), ("GET", "/requests/r"), ("DELETE", "/requests/r"), ("GET", "/requests/r/video")]
    for method, path in calls:
        for token in (None, "x", "é" * 43, ""):
            assert (await service.call(method, path, token))[0] == 401
    status, document, _ = await service.call("GET", "/openapi.json", None)
    assert (status, document) == (200, openapi.document())
    assert (await service.call("GET", "/requests/r", headers={"Origin": "https://evil.example"}))[0] == 403
    assert (await service.call("GET", "/requests/r", headers={"Host": "evil.example"}))[0] == 421


async def test_a_request_has_a_state_from_its_submission_to_its_outcome(service: Service) -> None:
    assert (await service.call("GET", "/requests/my-1"))[0] == 404
    await service.call("POST", "/songs?request_id=my-1", data=_SONG)
    status, state, _ = await service.call("GET", "/requests/my-1")
    assert (status, state["outcome"], openapi.RequestState(**state).steps) == (200, None, {})
    _ended(service, "my-1", reason="not_media", error="no media")
    status, state, _ = await service.call("GET", "/requests/my-1")
    assert (state["outcome"], state["reason"]) == ("failed", "not_media")
    assert openapi.RequestState(**state).ended_by == "rendering"


async def test_a_request_is_cancelled_unless_it_has_ended(service: Service) -> None:
    assert (await service.call("DELETE", "/requests/my-1"))[:2] == (202, {"request_id": "my-1"})
    [message] = service.messages
    assert (message.topic, message.key) == (REQUEST_CONTROL.full_name, b"my-1")
    assert RequestControl.model_validate_json(message.value or b"") == RequestControl(
        request_id="my-1", action="cancel"
    )
    _ended(service, "my-1")
    status, answer, _ = await service.call("DELETE", "/requests/my-1")
    assert (status, answer["reason"], len(service.messages)) == (409, "already_ended", 1)
    assert (await service.call("DELETE", "/requests/%20x"))[0] == 400


async def test_a_video_is_sent_whole_and_in_parts(service: Service) -> None:
    assert (await service.call("GET", "/requests/my-1/video"))[0] == 404
    media = {"sha256": _SHA, "size_bytes": len(_SONG), "kind": "video"}
    sizes = {"duration_s": 1.0, "width": 2, "height": 2, "frames": 1, "max_cut_error_ms": 0.0}
    _ended(service, "my-1", outcome="done", video={"file": "luna.mp4", "media": media, **sizes})
    assert (await service.call("GET", "/requests/my-1/video"))[0] == 404, "it is on another machine"
    (service.folder / "output" / "luna.mp4").write_bytes(_SONG)
    status, body, headers = await service.call("GET", "/requests/my-1/video")
    assert (status, body, headers["Content-Type"]) == (200, _SONG, "video/mp4")
    status, body, _ = await service.call("GET", "/requests/my-1/video", headers={"Range": "bytes=10-19"})
    assert (status, body) == (206, _SONG[10:20])


async def test_uploads_are_few_at_a_time(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"abc"
        await hold.wait()

    running = [asyncio.create_task(service.call("POST", "/songs", data=slow())) for _ in range(8)]
    await _until(lambda: len(service.stored) == 8)
    assert (await service.call("POST", "/songs", data=_SONG))[0] == 503
    assert (await service.call("GET", "/requests/r"))[0] == 404
    hold.set()
    assert {(await answer)[0] for answer in running} == {202}


async def test_another_worker_takes_the_address_when_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.page.api._RETRY_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        api = Api([], _TOKEN, "127.0.0.1", port)
        await api.start()
        assert api.url == ""
    await _until(lambda: api.url != "")
    await api.stop()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_an_address_that_is_not_of_this_machine_is_a_wrong_setting(host: str) -> None:
    with pytest.raises(Poison, match="BACHATA_API") as refused:
        await Api([], _TOKEN, host, 8080).start()
    assert refused.value.reason == "settings"


async def test_elsewhere_any_host_name_is_accepted_and_no_origin() -> None:
    api = Api([], _TOKEN, "::1", 0)
    await api.start()
    try:
        async with aiohttp.ClientSession() as session:
            for headers, status in (({"Host": "songs.example"}, 200), ({"Origin": "http://songs.example"}, 403)):
                async with session.get(f"{api.url}/openapi.json", headers=headers) as response:
                    assert response.status == status
    finally:
        await api.stop()


def test_the_schemas_of_what_is_sent_refuse_unknown_fields_and_those_of_answers_do_not() -> None:
    schemas = openapi.document()["components"]["schemas"]
    is_open = {name: schema.get("additionalProperties", True) for name, schema in schemas.items()}
    sent = {"SongSubmitted", "FormRequest", "Options", "OnlyIn", "Pin", "RuleChange", "Corrections", "Source"}
    assert {name for name, allowed in is_open.items() if allowed is False} == sent
    assert "source" not in schemas["FormRequest"]["properties"]


def test_the_checked_in_document_is_up_to_date() -> None:
    assert json.loads(openapi.FILE.read_text()) == openapi.document(), "run `make docs`"
