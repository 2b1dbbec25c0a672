"""The worker's page answers each malformed request with 4xx, and no connection stays open for long."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.engine import Engine
from schemas.faults import Poison
from schemas.safe_text import is_harmless
from streams.page import connections, health, library, requests
from streams.page.server import Page
from streams.views.requests import Requests
from tests.unit.infra.moves import MOVES, fill, make_move

_TOKEN = "t" * 43


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EdgeMoveIndex]:
    """Yield an index with 30 moves."""
    index = EdgeMoveIndex(tmp_path_factory.mktemp("index") / "edge")
    fill(index)
    yield index
    index.close()


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Requests]:
    """Yield the view of requests, empty."""
    view = Requests(tmp_path_factory.mktemp("requests") / "requests")
    yield view
    view.close()


@pytest.fixture
async def page(index: EdgeMoveIndex, view: Requests) -> AsyncIterator[Page]:
    """Yield the running page."""

    async def broken(_: web.Request) -> web.Response:
        raise ZeroDivisionError("a bug\nwith \x1b[31m two lines")

    routes = [
        *health.routes(0, lambda: health.Health([])),
        *library.routes(index),
        *requests.routes(view),
        web.get("/broken", broken),
    ]
    page = Page(routes, _TOKEN)
    await page.start()
    yield page
    await page.stop()


def _port(page: Page) -> int:
    return int(page.url.rpartition(":")[2])


@asynccontextmanager
async def _connected(page: Page) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", _port(page))
    try:
        yield reader, writer
    finally:
        writer.close()


async def _exchange(page: Page, sent: bytes) -> tuple[int, Any]:
    """Send bytes and return the status and the JSON of the first response."""
    async with _connected(page) as (reader, writer):
        writer.write(sent)
        response = await asyncio.wait_for(_until_closed(reader), 60)
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    parts = []
    try:
        while part := await reader.read(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def _head(page: Page, line: str, *headers: bytes, host: str = "", token: str = _TOKEN) -> bytes:
    own = [f"Host: {host or page.url.removeprefix('http://')}", f"Authorization: Bearer {token}"]
    return b"\r\n".join([line.encode(), *(header.encode() for header in own), *headers, b"", b""])


async def _post(page: Page, body: bytes, *headers: bytes) -> tuple[int, Any]:
    head = _head(page, "POST /moves/search HTTP/1.1", b"Content-Length: %d" % len(body), *headers)
    return await _exchange(page, head + body)


def _assert_refused(answer: tuple[int, Any]) -> None:
    status, content = answer
    assert 400 <= status < 500
    assert {"error"} <= set(content) <= {"error", "reason"}
    assert is_harmless(content["error"])
    assert 0 < len(content["error"]) <= 500


_INVALID_BODIES = [
    *(
        f'{{"limit": {limit}}}'
        for limit in ("-1", "0", "1001", "1e9", '"x"', '"10"', "true", "null", "NaN", "1.5", "9" * 400)
    ),
    *(
        f'{{"tempo_bpm": {tempo}}}'
        for tempo in ("[NaN, NaN]", "[1, Infinity]", "[1, 2, 3]", "[1]", "[135, 120]", "[-1, 5]")
    ),
    *(f'{{"tempo_bpm": {tempo}}}' for tempo in ("[1e308, 1e309]", '["1", "2"]', "{}", "7", '"120-135"', "[true, 2]")),
    *(f'{{"difficulties": {values}}}' for values in ('["expert"]', '"beginner"', "[1]", "[null]", "{}", "[[]]")),
    *(f'{{"roles": {values}}}' for values in ('["leader"]', '"both"', "[null]")),
    *(f'{{"styles": {values}}}' for values in ('[""]', "[1]", '"sensual"', '["\\u001b]0;x"]', f'["{"x" * 999}"]')),
    *(f'{{"duration_s": {ends}}}' for ends in ("[5, 2]", "[NaN, 2]", "[-1, 5]", "[1, 1e9]", "7")),
    *(f'{{"diversity": {value}}}' for value in ("-0.1", "1.5", "NaN", "null", '"1"', "0.5")),
    *(
        f'{{"vector": {values}}}'
        for values in ("[1, 0]", json.dumps([0.0] * 512), json.dumps(["1"] * 512), '"x"', "{}")
    ),
    *(f'{{"energies": {values}}}' for values in ('["loud"]', "7", '["low", 1]', '["\\ud800"]')),
    *(
        f'{{"like": {like}}}'
        for like in ("7", "[]", '""', '"nothing"', "true", f'"{"x" * 300}"', '"\\u001b]0;x"', "{}")
    ),
    *("[]", "[1, 2]", '"text"', "7", "null", "true", "", "{", "{} {}", '{"unknown": 1}', "NaN", "\ufeff{}"),
    *("[" * 100_000, '{"like":' * 100_000, '{"a":' * 500 + "1" + "}" * 500),
]


async def test_moves_are_searched_by_an_embedding_of_this_version(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    move = MOVES[3]
    assert (await _post(page, json.dumps({"vector": list(move.embedding)}).encode()))[1] == {
        "moves": [],
        "softened": [],
    }
    monkeypatch.setattr(library, "EMBEDDING_VERSION", move.embedding_version)
    status, content = await _post(page, json.dumps({"vector": list(move.embedding), "limit": 2}).encode())
    assert status == 200
    assert content["moves"][0]["sha256"] == move.clip.sha256
    assert content["moves"][0]["similarity"] == pytest.approx(1, abs=0.001)


async def test_a_move_is_found_by_the_name_of_its_clip_without_reading_all(
    page: Page, index: EdgeMoveIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.count()  # opened, which reads all digests
    monkeypatch.delattr(Engine, "_scan")  # what reads all moves
    named = make_move(70).model_copy(update={"name": "Vuelta\u00a0doble \u00ad ⟨1⟩"})  # not all of it is printable
    index.upsert(named)
    try:
        for like in (named.name, named.clip.sha256):
            content = (await _post(page, json.dumps({"like": like, "limit": 1}).encode()))[1]
            assert content["moves"][0]["sha256"] == named.clip.sha256
    finally:
        index.remove(named.clip.sha256)


async def test_filters_are_softened_on_request_only(page: Page) -> None:
    query = {"styles": ["nothing"], "difficulties": ["beginner"], "tempo_bpm": [300, 400]}
    assert (await _post(page, json.dumps(query).encode()))[1] == {"moves": [], "softened": []}
    content = (await _post(page, json.dumps(query | {"soften": True}).encode()))[1]
    assert content["softened"] == ["styles", "tempo_bpm"]
    assert {move["difficulty"] for move in content["moves"]} == {"beginner"}


@pytest.mark.parametrize("body", _INVALID_BODIES, ids=lambda body: body[:30])
async def test_an_invalid_query_is_refused(page: Page, body: str, caplog: pytest.LogCaptureFixture) -> None:
    _assert_refused(await _post(page, body.encode()))
    assert not caplog.records


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{}", b"\x00" * 10, b"\x1f\x8b\x08\x00" + b"\x00" * 20, b"{" + b" " * (2 << 20)]
)
async def test_a_body_of_other_bytes_is_refused(page: Page, body: bytes) -> None:
    for headers in ((), (b"Content-Encoding: gzip",), (b"Content-Type: text/html; charset=x",)):
        _assert_refused(await _post(page, body, *headers))


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=5), children, max_size=4),
    max_leaves=8,
)
_FIELDS = st.sampled_from(list(library.MoveQuery.model_fields))


@given(query=st.dictionaries(_FIELDS, _JSON, max_size=3) | _JSON)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_makes_the_search_fail(index: EdgeMoveIndex, query: object) -> None:
    with suppress(Poison):
        assert len(library._search(index, library._query(json.dumps(query).encode()))["moves"]) <= 1000


def _requests_of_strangers(page: Page) -> dict[str, bytes]:
    get, post = "GET /moves HTTP/1.1", "POST /moves/search HTTP/1.1"
    chunked = _head(page, post, b"Transfer-Encoding: chunked")
    return {
        "a token that is not ASCII": _head(page, get, token="\xe4\u20ac" * 21),
        "a token of bytes that are no UTF-8": _head(page, get).replace(b"tttt", b"\xff\xfe", 1),
        "no token": _head(page, get).replace(b"Authorization", b"X"),
        "two tokens": _head(page, get, b"Authorization: Bearer " + _TOKEN.encode()),
        "another scheme": _head(page, get).replace(b"Bearer", b"Basic"),
        "no host": _head(page, get).replace(b"Host", b"X"),
        "two hosts": _head(page, get, b"Host: evil.example"),
        "another host": _head(page, get, host="evil.example"),
        "another host at this port": _head(page, get, host=f"evil.example:{_port(page)}"),
        "another port": _head(page, get, host="127.0.0.1:1"),
        "a host of 0.0.0.0": _head(page, get, host=f"0.0.0.0:{_port(page)}"),
        "health for another host": _head(page, "GET /readyz HTTP/1.1", host="evil.example"),
        "another origin": _head(page, get, b"Origin: http://evil.example"),
        "an opaque origin": _head(page, get, b"Origin: null"),
        "a preflight": _head(page, "OPTIONS /moves HTTP/1.1", b"Access-Control-Request-Method: GET"),
        "an unknown route": _head(page, "GET /nothing HTTP/1.1"),
        "another method": _head(page, "DELETE /moves HTTP/1.1"),
        "an unknown method": _head(page, "BREW /moves HTTP/1.1"),
        "a search with GET": _head(page, "PUT /moves/search HTTP/1.1", b"Content-Length: 2") + b"{}",
        "an odd expectation": _head(page, get, b"Expect: tea"),
        "an odd move": _head(page, "GET /moves/%00%1b%2f%ff HTTP/1.1"),
        "an odd request": _head(page, "GET /requests/%ed%a0%80%0a HTTP/1.1"),
        "a long request": _head(page, f"GET /requests/{'x' * 7000} HTTP/1.1"),
        "a long line": _head(page, f"GET /{'x' * 20_000} HTTP/1.1"),
        "a long header": _head(page, get, b"X: " + b"x" * 20_000),
        "many headers": _head(page, get, *(b"X-%d: x" % number for number in range(500))),
        "a header without a colon": _head(page, get, b"nonsense"),
        "a control in a header": _head(page, get, b"X: a\x00b"),
        "a version of the future": _head(page, "GET /moves HTTP/9.9"),
        "an absolute address": _head(page, "GET http://[::1 HTTP/1.1"),
        "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50 + b"\r\n\r\n",
        "text": b"hello\r\n\r\n",
        "a negative length": _head(page, post, b"Content-Length: -1"),
        "two lengths": _head(page, post, b"Content-Length: 2", b"Content-Length: 3") + b"{} ",
        "an odd chunk": chunked + b"zz\r\n{}\r\n0\r\n\r\n",
        "a huge chunk": chunked + b"f" * 40 + b"\r\n{}",
        "an odd encoding": _head(page, post, b"Transfer-Encoding: tea") + b"{}",
    }


async def test_a_malformed_request_gets_one_line_and_no_line_in_the_log(
    page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    for name, sent in _requests_of_strangers(page).items():
        answer = await _exchange(page, sent)
        assert 400 <= answer[0] < 500, (name, answer)
        _assert_refused(answer)
    assert [record.getMessage() for record in caplog.records] == []


async def test_random_bytes_get_4xx(page: Page, caplog: pytest.LogCaptureFixture) -> None:
    random = Random(7)  # noqa: S311 - the same bytes in each run
    for head in (b"", b"GET ", b"GET /moves HTTP/1.1\r\n", _head(page, "POST /moves/search HTTP/1.1")[:-2]):
        for _ in range(20):
            _assert_refused(await _exchange(page, head + random.randbytes(random.randrange(1, 300)) + b"\r\n\r\n"))
    assert not caplog.records


async def test_valid_requests_are_answered(page: Page) -> None:
    assert await _exchange(page, _head(page, "GET /livez HTTP/1.1", token="")) == (200, {"live": True})
    assert (await _exchange(page, _head(page, "GET /moves HTTP/1.1", host=f"LOCALHOST:{_port(page)}")))[0] == 200
    own_origin = f"Origin: {page.url}".encode()
    _, found = await _exchange(page, _head(page, "GET /moves HTTP/1.1", own_origin))
    assert len(found["moves"]) == len(MOVES)
    query = {
        "like": MOVES[0].name,
        "tempo_bpm": [100, 110.5],
        "difficulties": ["beginner"],
        "energies": ["low"],
        "limit": 3,
    }
    status, found = await _post(page, json.dumps(query).encode())
    assert (status, found["moves"][0]["clip"], len(found["moves"])) == (200, MOVES[0].name, 2)
    query |= {"categories": ["BASIC"], "duration_s": [8, 8.5], "diversity": 0.5}
    status, found = await _post(page, json.dumps(query).encode())
    assert (status, found["moves"][0]["clip"], len(found["moves"])) == (200, MOVES[0].name, 2)
    for nothing in ({"categories": ["turns"]}, {"styles": ["sensual"]}, {"roles": ["both"]}, {"duration_s": [1, 8]}):
        assert await _post(page, json.dumps(query | nothing).encode()) == (200, {"moves": [], "softened": []})


async def test_an_unexpected_error_is_one_line_in_the_response_and_in_the_log(
    page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    status, content = await _exchange(page, _head(page, "GET /broken HTTP/1.1"))
    assert (status, list(content)) == (500, ["error"])
    [record] = caplog.records
    assert (record.levelno, record.exc_info) == (logging.ERROR, None)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_half_requests_take_no_more_places_than_allowed_and_do_not_lock_others_out(page: Page) -> None:
    before = _open_files()
    writers = []
    for _ in range(3 * connections.MAX_CONNECTIONS):
        _, writer = await asyncio.open_connection("127.0.0.1", _port(page))
        writer.write(b"GET /moves HTTP/1.1\r\nHost: ")
        writers.append(writer)
        if len(writers) % 50 == 0:
            assert (await _exchange(page, _head(page, "GET /moves HTTP/1.1")))[0] == 200
    await asyncio.sleep(0.1)
    assert _open_files() - before - len(writers) <= connections.MAX_CONNECTIONS
    for writer in writers:
        writer.close()


@pytest.mark.parametrize(
    ("name", "line", "headers"),
    [
        ("HEAD_TIMEOUT_S", "", ()),
        ("HEAD_TIMEOUT_S", "GET /moves HTT", ()),
        ("REQUEST_TIMEOUT_S", "POST /moves/search HTTP/1.1", (b"Content-Length: 100",)),
        ("REQUEST_TIMEOUT_S", "POST /moves/search HTTP/1.1", (b"Transfer-Encoding: chunked",)),
    ],
)
async def test_a_request_that_trickles_is_closed_in_time(
    page: Page, monkeypatch: pytest.MonkeyPatch, name: str, line: str, headers: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(connections, name, 0.4)
    async with _connected(page) as (reader, writer):
        if headers:
            writer.write(_head(page, line, *headers))
        reading = asyncio.ensure_future(_until_closed(reader))
        for character in line:
            if not reading.done():
                writer.write(b"1" if headers else character.encode())
                await asyncio.sleep(0.05)
        assert await asyncio.wait_for(reading, 60) == b""


async def test_a_slow_body_is_answered_in_time(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_BODY_TIMEOUT_S", 0.2)
    answer = await _exchange(page, _head(page, "POST /moves/search HTTP/1.1", b"Content-Length: 100"))
    assert answer[0] == 408


async def test_a_reader_that_does_not_read_is_closed_in_time(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT_S", 0.5)
    monkeypatch.setattr(library, "_moves", lambda *_: [{"text": "x" * (64 << 20)}])
    reader, writer = await asyncio.open_connection("127.0.0.1", _port(page), limit=1024)
    writer.write(_head(page, "GET /moves HTTP/1.1"))
    await asyncio.sleep(1.0)
    assert len(await _until_closed(reader)) < 64 << 20
    writer.close()


async def test_a_connection_serves_one_request(page: Page) -> None:
    async with _connected(page) as (reader, writer):
        writer.write(2 * _head(page, "GET /livez HTTP/1.1"))
        response = await asyncio.wait_for(_until_closed(reader), 60)
    assert response.count(b"HTTP/1.1 200") == 1
