"""A file is refused that is too large, stated or not, and nothing is decompressed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.faults import Poison
from schemas.limits import MAX_BYTES
from tests.file_server import FileServer, Request, head, response
from tests.unit.infra.downloads.fetching import downloads, fault_of, fetched


def test_a_file_that_states_too_large_a_size_is_refused_before_it_is_fetched(
    server: FileServer, tmp_path: Path
) -> None:
    size = MAX_BYTES["audio"] + 1
    server.routes["/a.mp3"] = lambda request: iter([head(content_length=str(size))])
    fault = fault_of(downloads(server, tmp_path), server.url("/a.mp3"))
    assert (type(fault), fault.reason) == (Poison, "too_large")


def test_a_file_that_states_no_size_is_left_when_it_is_too_large(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MAX_BYTES, "audio", 1 << 20)
    sent: list[int] = []

    def endless(request: Request) -> Iterator[bytes]:
        yield head()
        for _ in range(1000):
            sent.append(1 << 16)
            yield bytes(1 << 16)

    server.routes["/a.mp3"] = endless
    fault = fault_of(downloads(server, tmp_path), server.url("/a.mp3"))
    assert (type(fault), fault.reason) == (Poison, "too_large")
    assert sum(sent) < 20 << 20


def test_a_compressed_file_is_refused_or_stays_compressed(server: FileServer, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(20 << 20))
    server.routes["/stated"], server.routes["/hidden"] = response(bomb, content_encoding="gzip"), response(bomb)
    fault = fault_of(downloads(server, tmp_path), server.url("/stated"))
    assert (type(fault), fault.reason) == (Poison, "download_failed")
    assert fetched(downloads(server, tmp_path), server.url("/hidden"))[0] == bomb
