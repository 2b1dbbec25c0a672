"""The couples of a library as one page of HTML, with pictures; it needs no other file and no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from streams.cli.moves.html_page import html_page, jpeg_url

_MAX_PICTURES = 12  # of a couple
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
section { border-top: 1px solid #8884; padding: .6rem 0; }
h2 { font-size: 1.15rem; margin: .2rem 0; }
h2 small { font-weight: normal; opacity: .65; }
div { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; }
figure { margin: 0; font-size: .75rem; }
img { display: block; height: 68px; border-radius: 4px; }
figure:first-child img { height: 120px; }
"""


def pictured(couple: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the moves of a couple that have a picture in the page: at most 12, from all of them."""
    moves = couple["moves"]
    step = max(1, -(-len(moves) // _MAX_PICTURES))
    return list(moves[::step])


def couples_page(couples: Sequence[Mapping[str, Any]], pictures: Mapping[str, bytes]) -> str:
    """Return the page. `couples`: as `moves couples --json` prints them; `pictures`: JPEG, by a clip's SHA-256."""
    sections = "\n".join(_section(couple, pictures) for couple in couples)
    body = f"""<h1>{len(couples)} couples</h1>
<p><code>bachata moves edit MOVE... --couple NAME</code> names a couple. The same name joins couples, different names
split one.</p>
{sections}"""
    return html_page("Couples of the library", _STYLE, body)


def _section(couple: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    count = len(couple["moves"])
    facts = f"{count} {'clip' if count == 1 else 'clips'}, {', '.join(map(escape, couple['rooms']))}"
    figures = "".join(_figure(move, pictures.get(move["sha256"])) for move in pictured(couple))
    more = f"<p><small>{_others(couple)}</small></p>" if count > len(pictured(couple)) else ""
    return f"<section><h2>{escape(couple['name'])} <small>{facts}</small></h2><div>{figures}</div>{more}</section>"


def _figure(move: Mapping[str, Any], picture: bytes | None) -> str:
    name = escape(move["clip"])
    if picture is None:
        return f"<figure>{name}</figure>"
    return f'<figure><img loading="lazy" alt="{name}" src="{jpeg_url(picture)}">{name}</figure>'


def _others(couple: Mapping[str, Any]) -> str:
    """Return the names of the clips that have no picture in the page."""
    with_picture = {move["sha256"] for move in pictured(couple)}
    return "also " + ", ".join(escape(move["clip"]) for move in couple["moves"] if move["sha256"] not in with_picture)
