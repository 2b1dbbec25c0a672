"""URLs in normal form, and as people write them."""

from __future__ import annotations

import pytest

from infra.downloads.urls import parse, written


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
