"""What the tests of downloads share."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.downloads import WebDownloads
from infra.downloads.hosts import AllowedHosts
from schemas.faults import Fault
from tests.file_server import FileServer, Respond, head

SONG = b"ID3" + bytes(range(256)) * 2000


def downloads(server: FileServer, folder: Path, timeout_s: float = 20.0) -> WebDownloads:
    """Return downloads from a server of this machine, also by the names songs.example and cdn.example."""
    hosts = [f"{host}:{server.port}" for host in ("127.0.0.1", "songs.example", "cdn.example")]
    return WebDownloads(folder / "downloads", AllowedHosts.of(tuple(hosts)), allow_private=True, timeout_s=timeout_s)


def fetched(fetcher: WebDownloads, url: str) -> tuple[bytes, str | None]:
    """Return the content of a file and its title; afterwards nothing of it is left."""
    with fetcher.fetch(url, "audio", lambda fraction: None) as download:
        content = download.path.read_bytes()
    assert list(fetcher.folder.iterdir()) == []
    return content, download.title


def fault_of(fetcher: WebDownloads, url: str) -> Fault:
    """Return why a file cannot be fetched; nothing of it is left."""
    with pytest.raises(Fault) as caught, fetcher.fetch(url, "audio", lambda fraction: None):
        pass
    assert list(fetcher.folder.iterdir()) == []
    return caught.value


def cut_after(size: int, **headers: str) -> Respond:
    """Return what sends only a part of the song and then closes the connection."""
    return lambda request: iter([head(content_length=str(len(SONG)), **headers) + SONG[:size]])


def redirect(location: str, status: int = 302, /, **headers: str) -> Respond:
    """Return what redirects."""
    return lambda request: iter([head(status, location=location, content_length="0", **headers)])
