"""URLs in normal form, and as people write them."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from infra.downloads.urls import parse, written
from schemas.faults import Poison


@pytest.mark.parametrize(
    ("text", "normal", "origin"),
    [
        ("https://songs.example", "https://songs.example/", "https://songs.example"),
        ("https://Songs.EXAMPLE.:443/A?b=%2F#c", "https://songs.example/A?b=%2F", "https://songs.example"),
        ("http://songs.example:8080?q=@1", "http://songs.example:8080/?q=@1", "http://songs.example:8080"),
        ("http://[2606:4700:0::1]:80/a", "http://[2606:4700::1]/a", "http://[2606:4700::1]"),
        ('https://songs.example/a"<>^`{|}', 'https://songs.example/a"<>^`{|}', "https://songs.example"),
    ],
)
def test_a_url_in_normal_form_names_the_same_file(text: str, normal: str, origin: str) -> None:
    url = parse(text)
    assert (url.text, url.origin) == (normal, origin)
    assert parse(url.text) == url


@settings(max_examples=500, deadline=None)
@given(
    st.text("ahtps:/\\@[]?#.%012x7- ñ", max_size=30).map("http://".__add__) | st.from_regex(r"\Ahttps?://[!-~]{1,30}\Z")
)
def test_a_url_has_the_same_host_for_every_reader(text: str) -> None:
    try:
        url = parse(text)
    except Poison:
        return
    read_by_yarl, read_by_urllib = URL(url.text, encoded=True), urlsplit(url.text)
    assert url.host.strip("[]") == read_by_yarl.raw_host == read_by_urllib.hostname
    assert url.port == read_by_yarl.port == (read_by_urllib.port or read_by_yarl.port)
    assert (read_by_yarl.raw_user, read_by_urllib.username) == (None, None)


@pytest.mark.parametrize(
    ("text", "ascii_text"),
    [
        ("https://música.example/canción.mp3", "https://xn--msica-7ua.example/canci%C3%B3n.mp3"),
        ("https://música.example:8443", "https://xn--msica-7ua.example:8443"),
        ("https://songs.example/a b?c=ñ", "https://songs.example/a%20b?c=%C3%B1"),
        ("https://Songs.example/%20+", "https://Songs.example/%20+"),
        ("https://..ñ/a", "https://..%C3%B1/a"),
    ],
)
def test_a_url_with_other_characters_is_written_in_ascii(text: str, ascii_text: str) -> None:
    assert written(text) == ascii_text
