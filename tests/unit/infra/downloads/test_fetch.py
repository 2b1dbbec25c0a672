"""A file is fetched with its title, through redirects, over TLS, and without what only browsers need."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.faults import Poison
from tests.certificates import make_certificates
from tests.file_server import FileServer, file_server, head, response
from tests.host_map import map_hosts
from tests.unit.infra.downloads.fetching import SONG, downloads, fault_of, fetched, redirect


def test_a_file_with_a_stated_length_is_fetched_and_its_progress_reported(server: FileServer, tmp_path: Path) -> None:
    server.routes["/Luna%20Nueva.mp3"] = response(SONG, content_type="text/html")
    fractions: list[float] = []
    url = server.url("/Luna%20Nueva.mp3?token=secret")
    with downloads(server, tmp_path).fetch(url, "audio", fractions.append) as download:
        assert download.path.read_bytes() == SONG
        assert download.path.stat().st_mode & 0o777 == 0o600
    assert download.title == "Luna Nueva"
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    [request] = server.requests
    assert request.target == "/Luna%20Nueva.mp3?token=secret"
    assert request.headers["accept-encoding"] == "identity"
    assert not request.headers.keys() & {"cookie", "referer", "authorization", "range"}


def test_a_file_without_a_stated_length_is_fetched(server: FileServer, tmp_path: Path) -> None:
    chunk = b"%x\r\n" % len(SONG) + SONG + b"\r\n0\r\n\r\n"
    server.routes["/until-the-end"] = lambda request: iter([head() + SONG])
    server.routes["/chunked"] = lambda request: iter([head(transfer_encoding="chunked") + chunk])
    for path in ("/until-the-end", "/chunked"):
        assert fetched(downloads(server, tmp_path), server.url(path)) == (SONG, None)


@pytest.mark.parametrize(
    ("disposition", "title"),
    [
        ('attachment; filename="Otra Luna.mp3"', "Otra Luna"),
        ("attachment; filename*=UTF-8''Canci%C3%B3n%20%E2%80%AE.mp3", "Canción"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\songs\\\\a.mp3"', "a"),
        ("attachment; filename=", "song"),
        ("not valid;;=", "song"),
        (f'attachment; filename="{"x" * 300}.mp3"', "x" * 200),
    ],
)
def test_the_title_is_that_which_the_server_gives_else_that_of_the_url(
    disposition: str, title: str, server: FileServer, tmp_path: Path
) -> None:
    server.routes["/song.mp3"] = response(SONG, content_disposition=disposition)
    assert fetched(downloads(server, tmp_path), server.url("/song.mp3")) == (SONG, title)


def test_a_secret_at_the_end_of_a_path_is_no_title(server: FileServer, tmp_path: Path) -> None:
    server.routes["/get/b7e23ec29af22b0b"] = response(SONG)
    assert fetched(downloads(server, tmp_path), server.url("/get/b7e23ec29af22b0b")) == (SONG, None)


def test_a_redirect_within_the_allowed_hosts_is_followed(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    map_hosts(monkeypatch, {"songs.example": [["127.0.0.1"]], "cdn.example": [["127.0.0.1"]]})
    server.routes["/a"] = redirect("/b", 301, set_cookie="a=b")
    server.routes["/b"] = redirect(f"//CDN.example:{server.port}/x/canción.mp3?sig=%2F%7e+", 307)
    server.routes["/x/canci%C3%B3n.mp3"] = response(SONG)
    assert fetched(downloads(server, tmp_path), server.url("/a", "songs.example")) == (SONG, "canción")
    last = server.requests[-1]
    assert last.target == "/x/canci%C3%B3n.mp3?sig=%2F%7e+"
    assert last.headers["host"] == f"cdn.example:{server.port}"
    assert not any("cookie" in request.headers for request in server.requests)


def test_no_proxy_of_the_environment_is_used(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.routes["/a.mp3"] = response(SONG)
    with file_server() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        assert fetched(downloads(server, tmp_path), server.url("/a.mp3"))[0] == SONG
        assert proxy.connections == 0


def test_a_certificate_is_checked_against_the_name_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = make_certificates(tmp_path)
    map_hosts(monkeypatch, {"songs.example": [["127.0.0.1"]]})
    with file_server(tls=certificates.context()) as server:
        server.routes["/a.mp3"], server.routes["/down"] = response(SONG), redirect(server.url("/a.mp3"))
        fetcher = downloads(server, tmp_path)
        own, named = (server.url("/a.mp3", host, "https") for host in ("127.0.0.1", "songs.example"))
        assert fault_of(fetcher, own).reason == "download_failed"  # no authority that is known has signed it
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
        assert fetched(fetcher, own)[0] == SONG
        fault = fault_of(fetcher, named)  # the certificate is for 127.0.0.1
        assert (type(fault), fault.reason) == (Poison, "download_failed")
        assert "from https to http" in str(fault_of(fetcher, server.url("/down", scheme="https")))
