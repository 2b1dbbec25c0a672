"""A server of files, and short pauses between attempts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.downloads import http
from tests.file_server import FileServer, file_server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(http, "PAUSE_S", 0.01)
    with file_server() as running:
        yield running
