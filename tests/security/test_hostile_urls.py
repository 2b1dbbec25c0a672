"""URLs in events that lead to machines which are not public: all are refused, and nothing connects to the machines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.downloads import WebDownloads, http
from infra.downloads.hosts import AllowedHosts, normalised_entry
from schemas.faults import Fault, Poison
from tests.file_server import FileServer, file_server, head, response
from tests.host_map import PUBLIC, map_hosts

_SONG = b"ID3" + bytes(1000)

# {0}: the port of a server on 127.0.0.1 and ::1 that nothing may connect to. {1}: that of the allowed songs.example.
ADDRESSES = {
    "loopback": "http://127.0.0.1:{0}/a.mp3",
    "loopback, another": "http://127.8.9.1:{0}/a.mp3",
    "name of loopback": "http://localhost:{0}/a.mp3",
    "name of loopback, upper case": "http://LOCALHOST:{0}/a.mp3",
    "name of loopback with a dot": "http://localhost.:{0}/a.mp3",
    "short": "http://127.1:{0}/a.mp3",
    "short, three parts": "http://127.0.1:{0}/a.mp3",
    "decimal": "http://2130706433:{0}/a.mp3",
    "octal": "http://017700000001:{0}/a.mp3",
    "octal parts": "http://0177.0.0.01:{0}/a.mp3",
    "hexadecimal": "http://0x7f000001:{0}/a.mp3",
    "hexadecimal parts": "http://0x7f.0.0.1:{0}/a.mp3",
    "unspecified": "http://0.0.0.0:{0}/a.mp3",
    "zero": "http://0:{0}/a.mp3",
    "IPv6 loopback": "http://[::1]:{0}/a.mp3",
    "IPv6 loopback, long": "http://[0:0:0:0:0:0:0:1]:{0}/a.mp3",
    "IPv6 unspecified": "http://[::]:{0}/a.mp3",
    "IPv4-mapped": "http://[::ffff:127.0.0.1]:{0}/a.mp3",
    "IPv4-mapped, hexadecimal": "http://[::ffff:7f00:1]:{0}/a.mp3",
    "IPv4-compatible": "http://[::127.0.0.1]:{0}/a.mp3",
    "NAT64": "http://[64:ff9b::7f00:1]:{0}/a.mp3",
    "6to4": "http://[2002:7f00:1::]:{0}/a.mp3",
    "private, class A": "http://10.0.0.1/a.mp3",
    "private, class B": "http://172.16.0.1/a.mp3",
    "private, class C": "http://192.168.1.1/a.mp3",
    "metadata of clouds": "http://169.254.169.254/latest/meta-data/a.mp3",
    "shared": "http://100.64.0.1/a.mp3",
    "multicast": "http://224.0.0.1/a.mp3",
    "documentation": "http://203.0.113.9/a.mp3",
    "IPv6 link-local": "http://[fe80::1]/a.mp3",
    "IPv6 unique local": "http://[fd00:ec2::254]/a.mp3",
    "name of a private address": "http://private.example:{0}/a.mp3",
    "one private address of two": "http://mixed.example:{0}/a.mp3",
    "one private address of two, and the other one answers": "http://mixed.example:{1}/a.mp3",
    "name of a mapped address": "http://mapped.example:{0}/a.mp3",
    "name of a NAT64 address": "http://nat64.example:{0}/a.mp3",
}
NOT_PLAIN = {
    "file": "file:///etc/passwd",
    "file with a host": "file://songs.example/etc/passwd",
    "ftp": "ftp://songs.example/a.mp3",
    "gopher": "gopher://127.0.0.1:{0}/_GET%20/",
    "data": "data:audio/mpeg;base64,SUQz",
    "no scheme": "//127.0.0.1:{0}/a.mp3",
    "no slashes": "http:127.0.0.1:{0}/a.mp3",
    "three slashes": "http:///127.0.0.1:{0}/a.mp3",
    "user is an allowed host": "http://songs.example@127.0.0.1:{0}/a.mp3",
    "user and password": "http://songs.example:{1}@127.0.0.1:{0}/a.mp3",
    "user at an allowed host": "http://me:hunter2@songs.example:{1}/a.mp3",
    "user behind a backslash": "http://127.0.0.1:{0}\\@songs.example:{1}/a.mp3",
    "backslash": "http://songs.example:{1}\\.127.0.0.1:{0}/a.mp3",
    "percent in the host": "http://songs.example%2f@127.0.0.1:{0}/a.mp3",
    "zero byte in the host": "http://songs.example%00.127.0.0.1:{0}/a.mp3",
    "zone": "http://[::1%25lo]:{0}/a.mp3",
    "digits in circles": "http://①②⑦.⓪.⓪.①:{0}/a.mp3",
    "space": "http://127.0.0.1:{0} .songs.example/a.mp3",
    "line end": "http://songs.example:{1}/a.mp3\r\nHost: 127.0.0.1",
    "tab": "ht\ttp://127.0.0.1:{0}/a.mp3",
    "two ports": "http://songs.example:{1}:{0}/a.mp3",
    "port beyond the last": "http://songs.example:65536/a.mp3",
    "port zero": "http://songs.example:0/a.mp3",
    "empty host": "http://:{0}/a.mp3",
}
NOT_IN_LIST = {
    "another port": "http://songs.example:{0}/a.mp3",
    "no port": "http://songs.example/a.mp3",
    "longer name": "http://evil-songs.example:{1}/a.mp3",
    "allowed host as a prefix": "http://songs.example.evil.example:{1}/a.mp3",
    "part of the allowed host": "http://example:{1}/a.mp3",
    "below the allowed host": "http://cdn.songs.example:{1}/a.mp3",
}
REDIRECTS = {
    "to loopback": "http://127.0.0.1:{0}/a.mp3",
    "to loopback, without a scheme": "//127.0.0.1:{0}/a.mp3",
    "to loopback in IPv6": "http://[::1]:{0}/a.mp3",
    "to loopback, decimal": "http://2130706433:{0}/a.mp3",
    "to metadata of clouds": "http://169.254.169.254/latest/meta-data/",
    "to an allowed name of a private address": "http://private.example:{0}/a.mp3",
    "to the same host, which has another address now": "http://changing.example:{1}/again",
    "to a host that is not allowed": "http://evil.example:{0}/a.mp3",
    "to a public host that is not allowed": "http://public.example:{1}/a.mp3",
    "to a port that is not allowed": "http://songs.example/a.mp3",
    "to a file": "file:///etc/passwd",
    "to a user at loopback": "http://songs.example@127.0.0.1:{0}/a.mp3",
    "to a name in other letters": "http://①②⑦.⓪.⓪.①:{0}/a.mp3",
}
HARMLESS_REDIRECTS = {  # they lead to the same host
    "to itself without end": "/loop",
    "to nothing": "",
    "to a path that begins with backslashes": "\\\\127.0.0.1:{0}\\a.mp3",
}
_NAMES = {
    "songs.example": [[PUBLIC]],
    "private.example": [["127.0.0.1"]],
    "mixed.example": [[PUBLIC, "127.0.0.1"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "nat64.example": [["64:ff9b::7f00:1"]],
    "public.example": [[PUBLIC]],
    "evil.example": [["127.0.0.1"]],
    "cdn.songs.example": [["127.0.0.1"]],
    "evil-songs.example": [["127.0.0.1"]],
    "songs.example.evil.example": [["127.0.0.1"]],
    "example": [["127.0.0.1"]],
    "changing.example": [[PUBLIC], ["127.0.0.1"]],
}


class Network:
    """The servers: `allowed` counts as public, `canaries` must not be connected to."""

    def __init__(self, allowed: FileServer, canaries: list[FileServer]) -> None:
        self.allowed, self.canaries = allowed, canaries

    def url(self, text: str) -> str:
        return text.replace("{0}", str(self.canaries[0].port)).replace("{1}", str(self.allowed.port))

    def contacts(self) -> int:
        return sum(canary.connections for canary in self.canaries)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[Network]:
    map_hosts(monkeypatch, _NAMES)
    monkeypatch.setattr(http, "PAUSE_S", 0.01)
    with ExitStack() as stack:
        allowed = stack.enter_context(file_server(PUBLIC))
        canary = stack.enter_context(file_server("127.0.0.1"))
        with_ipv6 = stack.enter_context(file_server("::1", port=canary.port))
        allowed.routes["/a.mp3"] = response(_SONG)
        for server in (canary, with_ipv6):
            server.routes["/a.mp3"] = response(_SONG)
        yield Network(allowed, [canary, with_ipv6])


def downloads(folder: Path, *hosts: str) -> WebDownloads:
    return WebDownloads(folder / "downloads", AllowedHosts.of(hosts), timeout_s=20.0)


def refusal(fetcher: WebDownloads, url: str) -> Fault:
    with pytest.raises(Poison) as refused, fetcher.fetch(url, "audio", lambda fraction: None):
        pass
    assert list(fetcher.folder.glob("*")) == []
    return refused.value


def entry_of(url: str) -> str:
    """Return the entry of the allow-list that names the host of a URL, as a careless person would write it."""
    [entry] = re.findall(r"^http://([^/]+)/", url)
    return normalised_entry(entry)


def test_an_allowed_file_is_fetched(network: Network, tmp_path: Path) -> None:
    url = network.url("http://SONGS.example.:{1}/a.mp3")
    fetcher = downloads(tmp_path, network.url("songs.example:{1}"))
    with fetcher.fetch(url, "audio", lambda fraction: None) as download:
        assert download.path.read_bytes() == _SONG
    assert network.allowed.requests[0].headers["host"] == network.url("songs.example:{1}")


@pytest.mark.parametrize("text", ADDRESSES.values(), ids=ADDRESSES.keys())
def test_an_address_that_is_not_public_is_refused_although_its_host_is_allowed(
    text: str, network: Network, tmp_path: Path
) -> None:
    url = network.url(text)
    fault = refusal(downloads(tmp_path, entry_of(url)), url)
    assert fault.reason == "url_not_allowed"
    assert network.contacts() == network.allowed.connections == 0


@pytest.mark.parametrize("text", [*NOT_PLAIN.values(), *NOT_IN_LIST.values()], ids=[*NOT_PLAIN, *NOT_IN_LIST])
def test_a_url_that_is_not_plain_or_whose_host_is_not_allowed_is_refused(
    text: str, network: Network, tmp_path: Path
) -> None:
    fault = refusal(downloads(tmp_path, network.url("songs.example:{1}")), network.url(text))
    assert fault.reason == "url_not_allowed"
    assert "hunter2" not in str(fault)
    assert network.contacts() == network.allowed.connections == 0


@pytest.mark.parametrize(
    "location", [*REDIRECTS.values(), *HARMLESS_REDIRECTS.values()], ids=[*REDIRECTS, *HARMLESS_REDIRECTS]
)
def test_a_redirect_is_checked_like_the_url_itself(location: str, network: Network, tmp_path: Path) -> None:
    target = network.url(location)
    for path in ("/start", "/loop"):
        network.allowed.routes[path] = lambda request: iter([head(302, location=target, content_length="0")])
    hosts = ("songs.example:{1}", "changing.example:{1}", "private.example:{0}", "127.0.0.1:{0}", "[::1]:{0}")
    fetcher = downloads(tmp_path, *map(network.url, (*hosts, "2130706433:{0}", "169.254.169.254")))
    host = "changing.example" if "changing" in location else "songs.example"
    fault = refusal(fetcher, network.url(f"http://{host}:{{1}}/start"))
    assert fault.reason == ("download_failed" if location in HARMLESS_REDIRECTS.values() else "url_not_allowed")
    assert network.contacts() == 0
    assert 1 <= network.allowed.connections <= 6


def test_a_name_that_changes_its_address_after_the_check_is_looked_up_once(network: Network, tmp_path: Path) -> None:
    url = network.url("http://changing.example:{1}/a.mp3")
    fetcher = downloads(tmp_path, network.url("changing.example:{1}"))
    with fetcher.fetch(url, "audio", lambda fraction: None) as download:
        assert download.path.read_bytes() == _SONG
    assert network.contacts() == 0
    assert refusal(fetcher, url).reason == "url_not_allowed"  # the second address
    assert network.contacts() == 0


def test_the_servers_that_must_not_be_contacted_would_notice(network: Network, tmp_path: Path) -> None:
    for text in ("http://127.0.0.1:{0}/a.mp3", "http://[::1]:{0}/a.mp3"):
        url = network.url(text)
        careless = WebDownloads(tmp_path, AllowedHosts.of((entry_of(url),)), allow_private=True)
        with careless.fetch(url, "audio", lambda fraction: None) as download:
            assert download.path.read_bytes() == _SONG
    assert [canary.connections for canary in network.canaries] == [1, 1]
