"""A file is fetched completely or not at all, from servers that fail in all kinds of ways."""

from __future__ import annotations

import io
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from errno import ENOSPC
from pathlib import Path

import pytest

from infra.downloads import WebDownloads, http
from infra.downloads.hosts import AllowedHosts
from infra.downloads.transfer import Transfer
from infra.downloads.urls import UrlRules
from schemas.faults import Poison, Retryable, Unavailable
from tests.file_server import FileServer, Request, hanging, head, in_turn, part, response
from tests.host_map import map_hosts
from tests.unit.infra.downloads.fetching import SONG, cut_after, downloads, fault_of, fetched

_OTHER = b"ID3" + b"x" * 400_000
_KILLED = """
import sys
from pathlib import Path
from infra.downloads import WebDownloads
from infra.downloads.hosts import AllowedHosts
fetcher = WebDownloads(Path(sys.argv[1]), AllowedHosts.of((sys.argv[2],)), allow_private=True)
with fetcher.fetch(sys.argv[3], "audio", lambda fraction: None):
    pass
"""


@pytest.mark.parametrize(
    "validator", [{"etag": '"one"'}, {"last_modified": "Mon, 30 Nov 2026 07:00:00 GMT"}], ids=["ETag", "time"]
)
def test_a_cut_download_is_resumed(validator: dict[str, str], server: FileServer, tmp_path: Path) -> None:
    [tag] = validator.values()
    server.routes["/a.mp3"] = in_turn(cut_after(200_000, **validator), lambda request: part(request, SONG, tag))
    assert fetched(downloads(server, tmp_path), server.url("/a.mp3"))[0] == SONG
    first, second = server.requests
    assert "range" not in first.headers
    assert second.headers["if-range"] == tag
    assert 0 < int(second.headers["range"].removeprefix("bytes=").removesuffix("-")) <= 200_000


def test_a_connection_that_is_reset_is_resumed(tmp_path: Path) -> None:
    requests: list[str] = []

    def serve() -> None:
        connection, _ = listener.accept()
        requests.append(connection.recv(4096).decode())
        connection.sendall(head(etag='"one"', content_length=str(len(SONG))) + SONG[:100_000])
        time.sleep(0.2)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        connection, _ = listener.accept()
        requests.append(connection.recv(4096).decode())
        start = int(requests[-1].split("Range: bytes=")[1].split("-")[0])
        request = Request("/a.mp3", {"range": f"bytes={start}-", "if-range": '"one"'})
        connection.sendall(b"".join(part(request, SONG, '"one"')))
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        fetcher = WebDownloads(tmp_path, AllowedHosts.of((address,)), allow_private=True)
        assert fetched(fetcher, f"http://{address}/a.mp3")[0] == SONG
        thread.join(5)
    assert len(requests) == 2


def test_a_file_that_changes_between_two_parts_is_fetched_from_the_start(server: FileServer, tmp_path: Path) -> None:
    server.routes["/a.mp3"] = in_turn(cut_after(200_000, etag='"one"'), lambda request: part(request, _OTHER, '"two"'))
    assert fetched(downloads(server, tmp_path), server.url("/a.mp3"))[0] == _OTHER


@pytest.mark.parametrize(
    ("status", "tag", "content_range"),
    [
        (206, '"two"', "bytes {0}-512002/512003"),
        (206, '"one"', "bytes 0-512002/512003"),
        (206, '"one"', "bytes {0}-512002/512004"),
        (206, '"one"', "bytes {0}-512002/*"),
        (206, '"one"', ""),
        (416, '"one"', "bytes */100"),
    ],
)
def test_a_part_of_another_file_is_not_used(
    status: int, tag: str, content_range: str, server: FileServer, tmp_path: Path
) -> None:
    def wrong(request: Request) -> Iterator[bytes]:
        start = request.headers["range"].removeprefix("bytes=").removesuffix("-")
        yield head(status, etag=tag, content_range=content_range.format(start)) + b"y"

    server.routes["/a.mp3"] = in_turn(cut_after(200_000, etag='"one"'), wrong, response(_OTHER))
    assert fetched(downloads(server, tmp_path), server.url("/a.mp3"))[0] == _OTHER


def test_without_a_strong_etag_a_cut_download_begins_again(server: FileServer, tmp_path: Path) -> None:
    server.routes["/a.mp3"] = in_turn(cut_after(200_000), cut_after(300_000, etag='W/"weak"'), response(SONG))
    assert fetched(downloads(server, tmp_path), server.url("/a.mp3"))[0] == SONG
    assert not any("range" in request.headers for request in server.requests)


def test_a_server_that_always_cuts_the_connection_is_a_retryable_fault(server: FileServer, tmp_path: Path) -> None:
    server.routes["/a.mp3"] = cut_after(1000)
    fault = fault_of(downloads(server, tmp_path), server.url("/a.mp3"))
    assert (type(fault), fault.reason) == (Retryable, "download_failed")
    assert 2 <= len(server.requests) <= 5


@pytest.mark.parametrize("status", [204, 300, 304, 400, 401, 403, 404, 410, 451])
def test_another_status_is_a_fault_that_names_it(status: int, server: FileServer, tmp_path: Path) -> None:
    server.routes["/a.mp3"] = response(b"" if status in {204, 304} else b"no", status)
    fault = fault_of(downloads(server, tmp_path), server.url("/a.mp3?token=secret"))
    assert (type(fault), fault.reason, len(server.requests)) == (Poison, "download_failed", 1)
    assert f"answers {status}" in str(fault)
    assert "secret" not in str(fault)


@pytest.mark.parametrize("status", [206, 408, 425, 429, 500, 503, 600])
def test_a_server_that_may_answer_otherwise_later_is_a_retryable_fault(
    status: int, server: FileServer, tmp_path: Path
) -> None:
    server.routes["/a.mp3"] = response(b"", status)
    fault = fault_of(downloads(server, tmp_path), server.url("/a.mp3"))
    assert (type(fault), fault.reason) == (Retryable, "download_failed")


@pytest.mark.parametrize(
    ("header", "lowest_s", "highest_s"),
    [
        ("17", 17, 17),
        ("99999999999", 120, 120),
        ("Mon, 30 Nov 2099 07:00:00 GMT", 120, 120),
        ("Mon, 30 Nov 1999 07:00:00 GMT", 0, 0),
        ("soon", 0, 0),
        ("-5", 0, 0),
        ("", 0, 0),
    ],
)
def test_the_wait_that_a_server_asks_for_is_that_of_the_fault_up_to_two_minutes(
    header: str, lowest_s: float, highest_s: float, server: FileServer, tmp_path: Path
) -> None:
    server.routes["/a.mp3"] = response(b"", 429, retry_after=header)
    fault = fault_of(downloads(server, tmp_path), server.url("/a.mp3"))
    assert isinstance(fault, Retryable)
    assert lowest_s <= fault.retry_after_s <= highest_s


def test_the_wait_until_a_time_that_a_server_names_is_that_of_the_fault(server: FileServer, tmp_path: Path) -> None:
    server.routes["/a.mp3"] = response(b"", 429, retry_after=formatdate(time.time() + 90, usegmt=True))
    fault = fault_of(downloads(server, tmp_path), server.url("/a.mp3"))
    assert isinstance(fault, Retryable)
    assert 30 <= fault.retry_after_s <= 90


@pytest.mark.parametrize("before", [b"", head(content_length="1000000")], ids=["header", "content"])
def test_a_server_that_sends_slowly_is_left_when_the_time_is_over(
    before: bytes, server: FileServer, tmp_path: Path
) -> None:
    all_is_sent = threading.Event()

    def send_slowly(request: Request) -> Iterator[bytes]:
        yield before
        for byte in head(content_length="1000000", x="y" * 4000):
            time.sleep(0.05)
            yield bytes([byte])
        all_is_sent.set()

    server.routes["/a.mp3"] = send_slowly
    fault = fault_of(downloads(server, tmp_path, timeout_s=0.5), server.url("/a.mp3"))
    assert (type(fault), fault.reason) == (Retryable, "timeout")
    assert "BACHATA_URL_TIMEOUT_S" in str(fault)
    assert not all_is_sent.is_set()


@pytest.mark.parametrize(
    "answer", [b"", b"220 ftp ready\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", bytes(5000)]
)
def test_a_server_that_does_not_speak_http_is_a_fault(answer: bytes, server: FileServer, tmp_path: Path) -> None:
    server.routes["/a.mp3"] = lambda request: iter([answer])
    fault = fault_of(downloads(server, tmp_path), server.url("/a.mp3"))
    assert (type(fault), fault.reason) == (Retryable, "download_failed")


def test_a_machine_that_cannot_be_reached_is_a_fault_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    map_hosts(monkeypatch, {"unknown.example": [[]]})
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    fetcher = WebDownloads(tmp_path, AllowedHosts.of((f"127.0.0.1:{port}", "unknown.example")), allow_private=True)
    for url in (f"http://127.0.0.1:{port}/", "http://unknown.example/"):
        fault = fault_of(fetcher, url)
        assert (type(fault), fault.reason) == (Retryable, "no_network")


class _FullDisk(io.RawIOBase):
    def write(self, block: object) -> int:
        raise OSError(ENOSPC, "No space left on device")

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def truncate(self, size: int | None = None) -> int:
        return 0


async def test_a_full_disk_is_waited_for(server: FileServer, tmp_path: Path) -> None:
    server.routes["/a.mp3"] = response(SONG)
    rules = UrlRules(downloads(server, tmp_path).hosts, allow_private=True)
    transfer = Transfer(_FullDisk(), 1 << 30, lambda fraction: None)
    with pytest.raises(Unavailable) as caught:
        await http.fetch(server.url("/a.mp3"), rules, transfer)
    assert caught.value.reason == "disk_full"


def test_nothing_is_left_of_a_process_that_is_killed_while_it_fetches(server: FileServer, tmp_path: Path) -> None:
    begun = threading.Event()
    server.routes["/stuck"], server.routes["/a.mp3"] = hanging(SONG, 300_000, begun), response(SONG)
    fetcher = downloads(server, tmp_path)
    arguments = (str(fetcher.folder), f"127.0.0.1:{server.port}", server.url("/stuck"))
    with subprocess.Popen([sys.executable, "-c", _KILLED, *arguments]) as process:
        assert begun.wait(20)
        process.kill()
    assert list(fetcher.folder.iterdir()) == []
    assert fetched(fetcher, server.url("/a.mp3"))[0] == SONG
