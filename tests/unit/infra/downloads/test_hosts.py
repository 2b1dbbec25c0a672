"""The allow-list of hosts: what is the same host, and what is none."""

from __future__ import annotations

import pytest

from infra.downloads.hosts import YOUTUBE_HOSTS, AllowedHosts, normalised_entry
from infra.settings import load_settings
from schemas.faults import Poison
from streams.tools import process_tools


@pytest.mark.parametrize(
    ("written", "entry"),
    [
        ("songs.example", "songs.example"),
        ("Songs.EXAMPLE.", "songs.example"),
        ("songs.example:8080", "songs.example:8080"),
        ("songs.example.:0080", "songs.example:80"),
        ("Música.example", "xn--msica-7ua.example"),
        ("xn--msica-7ua.example", "xn--msica-7ua.example"),
        ("ｓｏｎｇｓ。example", "songs.example"),
        ("127.0.0.1:9000", "127.0.0.1:9000"),
        ("[2606:4700:0:0::1]:443", "[2606:4700::1]:443"),
        ("my_host", "my_host"),
    ],
)
def test_an_entry_is_normalised(written: str, entry: str) -> None:
    assert normalised_entry(written) == entry


@pytest.mark.parametrize(
    "written",
    [
        *("https://songs.example", "songs.example/", "*.example", "a b", "me@songs.example", "songs.example:", ":80"),
        *("songs.example:0", "songs.example:65536", "a..b", ".", "-a.example", "[::1", "[1.2.3.4]", "::1", "a%41"),
        *("a" * 64, ".".join(["a" * 60] * 5), "é" * 70, "a\\b", "a?b", "a#b"),
    ],
)
def test_what_is_no_host_is_not_taken(written: str) -> None:
    with pytest.raises(ValueError, match="host"):
        normalised_entry(written)


def test_a_host_is_allowed_at_the_port_of_its_scheme_only_unless_it_names_one() -> None:
    hosts = AllowedHosts.of(("songs.example", "cdn.example:8080"))
    assert hosts.allows("https", "songs.example", 443)
    assert hosts.allows("http", "songs.example", 80)
    assert hosts.allows("http", "cdn.example", 8080)
    assert not hosts.allows("http", "songs.example", 443)
    assert not hosts.allows("https", "songs.example", 8443)
    assert not hosts.allows("https", "cdn.example", 443)
    assert not hosts.allows("https", "youtube", 443)


def test_a_word_stands_for_the_hosts_of_youtube() -> None:
    hosts = AllowedHosts.of(("youtube",))
    assert all(hosts.allows("https", host, 443) for host in YOUTUBE_HOSTS)
    assert not hosts.allows("https", "youtube", 443)
    assert not hosts.allows("https", "evil.youtube.com", 443)


def test_the_settings_reach_the_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_URL_HOSTS", " Songs.Example , cdn.example:8080,")
    monkeypatch.setenv("BACHATA_URL_PRIVATE", "1")
    monkeypatch.setenv("BACHATA_URL_TIMEOUT_S", "60")
    process_tools.cache_clear()
    try:
        fetcher = process_tools().downloads
        assert fetcher is not None
        assert vars(fetcher)["hosts"].entries == {"songs.example", "cdn.example:8080"}
        assert (vars(fetcher)["allow_private"], vars(fetcher)["timeout_s"]) == (True, 60)
    finally:
        process_tools.cache_clear()


def test_a_setting_that_is_no_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_URL_HOSTS", "songs.example,https://cdn.example")
    with pytest.raises(Poison, match=r"BACHATA_URL_HOSTS is .*'https://cdn.example' is not a host"):
        load_settings()
