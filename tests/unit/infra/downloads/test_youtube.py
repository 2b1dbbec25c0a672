"""Pages of YouTube are read by yt-dlp in a restricted process; a site of tests on this machine stands for YouTube."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.downloads import WebDownloads, downloads, youtube, youtube_process
from infra.downloads.hosts import AllowedHosts
from schemas.faults import Poison, Retryable
from schemas.limits import MediaKind
from tests.file_server import FileServer, Request, file_server, head, response
from tests.paths import PROJECT
from tests.processes import children_with
from tests.unit.infra.downloads.fetching import SONG, fault_of, fetched, redirect
from tests.unit.infra.downloads.site_process import extractors

_ATTEMPTS = """
import os, socket, subprocess, sys
from infra.downloads.youtube_process import restrict
restrict(["songs.example"], allow_private=False)
address = ("127.0.0.1", int(sys.argv[1]))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
attempts = {
    "look up another host": lambda: socket.getaddrinfo("evil.example", 80),
    "look up a longer name": lambda: socket.getaddrinfo("evil-songs.example", 80),
    "look up an address": lambda: socket.getaddrinfo("127.0.0.1", 80),
    "look up by the old function": lambda: socket.gethostbyname("evil.example"),
    "connect": lambda: socket.socket().connect(address),
    "connect with a code": lambda: socket.socket().connect_ex(address),
    "create a connection": lambda: socket.create_connection(address),
    "connect to a socket of the system": lambda: socket.socket(socket.AF_UNIX).connect("/run/docker.sock"),
    "send": lambda: udp.sendto(b"x", address),
    "send a message": lambda: udp.sendmsg([b"x"], [], 0, address),
    "start a program": lambda: subprocess.run(["/bin/true"]),
    "start a shell": lambda: subprocess.run("true", shell=True),
    "call the system": lambda: os.system("true"),
    "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "replace the process": lambda: os.execv("/bin/true", ["true"]),
    "fork": lambda: os.fork(),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except PermissionError:
        continue
    sys.exit(f"it may {name}")
try:
    subprocess.run(["no-such-folder/deno"])
except FileNotFoundError:
    print("refused all, but deno")
"""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Run the site, and let its host be the one whose pages are read by yt-dlp."""
    with file_server() as server:
        monkeypatch.setenv("PYTHONPATH", str(PROJECT))
        monkeypatch.setattr(downloads, "YOUTUBE_HOSTS", {"127.0.0.1"})
        monkeypatch.setattr(youtube, "DOMAINS", ("127.0.0.1",))
        monkeypatch.setattr(youtube, "_FILE_HOSTS", AllowedHosts.of((f"127.0.0.1:{server.port}",)))
        monkeypatch.setattr(youtube, "_PROCESS", "tests.unit.infra.downloads.site_process")
        server.routes["/file/a"] = response(SONG)
        yield server


@pytest.fixture
def in_process(site: FileServer, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """Run yt-dlp in this process, unrestricted, which is faster."""

    async def ask(environment: dict[str, str], request: dict[str, Any]) -> bytes:
        return json.dumps(await asyncio.to_thread(youtube_process.answer, request, extractors)).encode()

    monkeypatch.setattr(youtube, "_ask", ask)
    return site


def fetcher_for(site: FileServer, folder: Path, timeout_s: float = 30.0) -> WebDownloads:
    allowed = AllowedHosts.of((f"127.0.0.1:{site.port}",))
    return WebDownloads(folder / "downloads", allowed, allow_private=True, timeout_s=timeout_s)


def page(**fields: object) -> bytes:
    return json.dumps({"title": "Luna \u202e Nueva", "duration": 11} | fields).encode()


def test_the_sound_of_a_page_is_fetched_with_its_title(site: FileServer, tmp_path: Path) -> None:
    site.routes["/watch/a"] = response(page())
    assert fetched(fetcher_for(site, tmp_path), site.url("/watch/a")) == (SONG, "Luna  Nueva")
    assert [request.target for request in site.requests] == ["/watch/a", "/file/a"]
    assert site.requests[1].headers["user-agent"].startswith("Mozilla/5.0")
    assert site.requests[1].headers["accept-encoding"] == "identity"


def test_a_song_that_is_too_long_is_refused_before_it_is_fetched(in_process: FileServer, tmp_path: Path) -> None:
    in_process.routes["/watch/a"] = response(page(duration=7200))
    fault = fault_of(fetcher_for(in_process, tmp_path), in_process.url("/watch/a"))
    assert (type(fault), fault.reason) == (Poison, "too_long")
    assert len(in_process.requests) == 1


@pytest.mark.parametrize("fields", [{"is_live": True}, {"formats": []}])
def test_a_page_without_a_file_is_refused(fields: dict[str, object], in_process: FileServer, tmp_path: Path) -> None:
    in_process.routes["/watch/a"] = response(page(**fields))
    fault = fault_of(fetcher_for(in_process, tmp_path), in_process.url("/watch/a"))
    assert (type(fault), fault.reason) == (Poison, "download_failed")


def test_a_page_that_breaks_yt_dlp_is_a_fault_with_nothing_of_the_page(in_process: FileServer, tmp_path: Path) -> None:
    in_process.routes["/watch/a"] = response(page(url=5, formats=None))
    fault = fault_of(fetcher_for(in_process, tmp_path), in_process.url("/watch/a"))
    assert (type(fault), str(fault)) == (Retryable, "yt-dlp broke down (AttributeError); a newer one may help")


def test_a_page_that_names_a_file_elsewhere_is_refused(in_process: FileServer, tmp_path: Path) -> None:
    with file_server() as canary:
        elsewhere = {"url": canary.url("/a.mp3"), "vcodec": "none", "acodec": "mp3"}
        in_process.routes["/watch/a"] = response(page(formats=[elsewhere]))
        fault = fault_of(fetcher_for(in_process, tmp_path), in_process.url("/watch/a"))
        assert (type(fault), fault.reason) == (Poison, "url_not_allowed")
        assert canary.connections == 0


def test_a_page_that_redirects_elsewhere_is_refused(site: FileServer, tmp_path: Path) -> None:
    with file_server() as canary:
        site.routes["/watch/a"] = redirect(canary.url("/a", "localhost"))
        fault = fault_of(fetcher_for(site, tmp_path), site.url("/watch/a"))
        assert (type(fault), fault.reason) == (Poison, "download_failed")
        assert canary.connections == 0


@pytest.mark.parametrize(("status", "kind"), [(404, Poison), (403, Poison), (429, Retryable), (503, Retryable)])
def test_a_page_that_is_not_delivered_is_a_fault_without_its_url(
    status: int, kind: type[Exception], in_process: FileServer, tmp_path: Path
) -> None:
    in_process.routes["/watch/a"] = response(b"", status)
    fault = fault_of(fetcher_for(in_process, tmp_path), in_process.url("/watch/a?token=secret"))
    assert (type(fault), fault.reason) == (kind, "download_failed")
    assert "secret" not in str(fault)


def test_a_page_that_cannot_be_reached_is_a_fault_of_the_network(in_process: FileServer, tmp_path: Path) -> None:
    in_process.routes["/watch/a"] = lambda request: iter([b""])
    fault = fault_of(fetcher_for(in_process, tmp_path), in_process.url("/watch/a"))
    assert (type(fault), fault.reason) == (Retryable, "no_network")


def test_a_page_of_another_site_is_read_by_no_other_extractor(in_process: FileServer, tmp_path: Path) -> None:
    in_process.routes["/a.mp3"] = response(SONG)  # which yt-dlp's generic extractor would take
    fault = fault_of(fetcher_for(in_process, tmp_path), in_process.url("/a.mp3"))
    assert (type(fault), fault.reason) == (Poison, "download_failed")
    assert in_process.connections == 0


def test_a_page_that_does_not_answer_is_left_when_the_time_is_over(site: FileServer, tmp_path: Path) -> None:
    is_left = threading.Event()

    def stuck(request: Request) -> Iterator[bytes]:
        yield head(content_length="100")
        is_left.wait(60)

    site.routes["/watch/a"] = stuck
    fault = fault_of(fetcher_for(site, tmp_path, timeout_s=1.5), site.url("/watch/a"))
    is_left.set()
    assert (type(fault), fault.reason) == (Retryable, "timeout")
    assert not children_with(youtube._PROCESS)


def test_a_process_that_breaks_down_is_a_fault(
    site: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(youtube, "_PROCESS", "tests.no_such_module")
    fault = fault_of(fetcher_for(site, tmp_path), site.url("/watch/a"))
    assert (type(fault), fault.reason) == (Retryable, "download_failed")


@pytest.mark.parametrize(("kind", "best"), [("audio", "sound-320"), ("video", "both-720")])
def test_the_best_file_over_http_is_found_for_a_song_and_for_a_clip(
    kind: MediaKind, best: str, site: FileServer
) -> None:
    sound = {"vcodec": "none", "acodec": "mp3"}
    formats = [
        sound | {"url": site.url("/sound-320"), "abr": 320},
        sound | {"url": site.url("/sound-128"), "abr": 128},
        sound | {"url": site.url("/list.m3u8"), "abr": 500, "protocol": "m3u8_native"},
        {"url": site.url("/both-360"), "vcodec": "h264", "acodec": "aac", "height": 360},
        {"url": site.url("/both-720"), "vcodec": "h264", "acodec": "aac", "height": 720},
        {"url": site.url("/picture-1080"), "vcodec": "h264", "acodec": "none", "height": 1080},
    ]
    site.routes["/watch/a"] = response(page(formats=formats))
    assert youtube_process.find(site.url("/watch/a"), kind, extractors())["url"] == site.url(f"/{best}")


def test_without_yt_dlp_the_error_says_how_to_install_it(
    site: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(youtube, "is_installed", lambda: False)
    fault = fault_of(fetcher_for(site, tmp_path), site.url("/watch/a"))
    assert fault.reason == "url_not_allowed"
    assert "make youtube" in str(fault)


def test_the_process_may_connect_to_nothing_but_its_site_and_start_nothing_but_deno() -> None:
    with file_server() as canary:
        command = [sys.executable, "-c", _ATTEMPTS, str(canary.port)]
        process = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, check=False, timeout=60)
        assert (process.returncode, process.stdout) == (0, "refused all, but deno\n"), process.stderr
        assert canary.connections == 0


def test_no_proxy_of_the_environment_is_used_by_yt_dlp(site: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    site.routes["/watch/a"] = response(page())
    with file_server() as proxy:
        for name in ("http_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        found = youtube_process.find(site.url("/watch/a"), "audio", extractors())
        assert proxy.connections == 0
    assert found["url"] == site.url("/file/a")


def test_hosts_of_youtube_s_files_are_those_below_its_domains_with_https() -> None:
    hosts = youtube.AllowedDomains(youtube.DOMAINS)
    assert hosts.allows("https", "rr5---sn-4g5e6nsz.googlevideo.com", 443)
    assert hosts.allows("https", "youtube.com", 443)
    assert not hosts.allows("http", "www.youtube.com", 80)
    assert not hosts.allows("https", "www.youtube.com", 8443)
    assert not hosts.allows("https", "evilgooglevideo.com", 443)
    assert not hosts.allows("https", "googlevideo.com.evil.example", 443)


def test_a_song_of_youtube_itself_is_found() -> None:
    try:
        socket.create_connection(("www.youtube.com", 443), timeout=3).close()
    except OSError:
        pytest.skip("there is no network to YouTube")
    found = youtube_process.find("https://www.youtube.com/watch?v=BaW_jenozKc", "audio", youtube_process._youtube())
    assert "googlevideo.com" in found["url"]
