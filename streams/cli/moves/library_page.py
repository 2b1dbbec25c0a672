"""The library as one page of HTML, with a picture of each move; it needs no other file and no network."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from agents.move_indexing.draw_job import DRAW_STILL, DrawStill
from agents.step import throttled
from schemas.faults import Fault
from streams.cli.moves.group import count_text
from streams.cli.moves.html_page import html_page, jpeg_url
from streams.cli.output import print_line
from streams.jobs import Jobs

_PROGRESS_INTERVAL_S = 3.0
_MAX_PICTURES = 2_000  # of about 8 KB in the page: with many more, a browser needs minutes to open it
_COLUMNS = ("", "Clip", "Move", "Category", "Difficulty", "Energy", "BPM", "Eights", "Count", "Annotated")
_ANNOTATED = ("first_one_s", "role", "style", "entry_hold", "exit_hold", "couple", "tags", "notes")
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .4rem .6rem; text-align: left; border-bottom: 1px solid #8884; }
th { position: sticky; top: 0; background: Canvas; cursor: pointer; }
td img { display: block; height: 90px; border-radius: 4px; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
small { opacity: .65; }
input { font: inherit; padding: .4rem .6rem; width: 18rem; }
"""
_SCRIPT = """
const rows = [...document.querySelectorAll("tbody tr")];
document.querySelector("input").addEventListener("input", event => {
  const words = event.target.value.toLowerCase().split(/\\s+/);
  for (const row of rows) row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
});
document.querySelectorAll("th").forEach((head, column) => head.addEventListener("click", () => {
  const text = row => row.cells[column].textContent;
  rows.sort((a, b) => text(a).localeCompare(text(b), undefined, {numeric: true}));
  document.querySelector("tbody").append(...rows);
}));
"""


def stills(moves: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """Return a small JPEG picture of each of the first 2,000 moves by its clip's sha256; warnings name the others."""
    if len(moves) > _MAX_PICTURES:
        print_line(f"warning: only the first {_MAX_PICTURES} of {len(moves)} moves have a picture in the page")
    return asyncio.run(_stills(moves[:_MAX_PICTURES]))


async def _stills(moves: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    report = throttled(lambda fraction: print_line(f"pictures of the moves: {fraction:.0%}"), _PROGRESS_INTERVAL_S)
    found = {}
    async with Jobs() as jobs:
        for number, move in enumerate(moves):
            request = DrawStill(clip_sha256=move["sha256"], name=move["clip"], time_s=move["first_eight_s"])
            try:
                found[move["sha256"]] = (await jobs.run(DRAW_STILL, request)).file.read_bytes()
            except Fault as fault:
                print_line(f"warning: no picture of {move['clip']}: {fault}")
            report((number + 1) / len(moves))
    return found


def library_page(library: Mapping[str, Any], pictures: Mapping[str, bytes]) -> str:
    """Return the page. `library`: `moves`, `categories` and `gaps`, as `moves list --json` prints them."""
    counts = "".join(f"<li>{escape(name)}: {count}</li>" for name, count in library["categories"].items())
    gaps = "".join(f"<li>{escape(gap)}</li>" for gap in library["gaps"]) or "<li>Nothing.</li>"
    heads = "".join(f"<th>{column}</th>" for column in _COLUMNS)
    without = sum(move["sha256"] not in pictures for move in library["moves"])
    note = f"<p>{without} of them have no picture here.</p>" if without else ""
    rows = "\n".join(_row(move, pictures.get(move["sha256"])) for move in library["moves"])
    body = f"""<h1>{len(library["moves"])} moves</h1>
{note}
<h2>Categories</h2>
<ul>{counts}</ul>
<h2>What is missing</h2>
<ul>{gaps}</ul>
<p><input type="search" placeholder="Show moves with these words" aria-label="Show moves with these words"></p>
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
<script>{_SCRIPT}</script>"""
    return html_page("Library of moves", _STYLE, body)


def _row(move: Mapping[str, Any], picture: bytes | None) -> str:
    cells = [_picture(move, picture), _clip(move)]
    cells += [_value(move, name) for name in ("move", "category", "difficulty", "energy")]
    numbers = f"<td class=number>{move['tempo_bpm']:.0f}</td><td class=number>{move['eights']}</td>"
    texts = "".join(f"<td>{cell}</td>" for cell in cells)
    count = f"<td>{count_text(move, hint=False).removeprefix('count: ')}</td>"
    return f"<tr>{texts}{numbers}{count}<td>{'<br>'.join(_annotated(move))}</td></tr>"


def _clip(move: Mapping[str, Any]) -> str:
    gone = "<br><small>its file is gone</small>" if move["without_source"] else ""
    return f"{escape(move['clip'])}<br><small>{move['sha256'][:12]}</small>{gone}"


def _picture(move: Mapping[str, Any], picture: bytes | None) -> str:
    if picture is None:
        return ""
    return f'<img loading="lazy" alt="{escape(move["clip"])}" src="{jpeg_url(picture)}">'


def _value(move: Mapping[str, Any], name: str) -> str:
    """Return a value; where a person's is another than the judgement, with the latter."""
    judged = (move["judged"] or {}).get(name, move[name])
    note = "" if judged == move[name] else f"<br><small>judged: {escape(judged)}</small>"
    return escape(move[name]) + note


def _annotated(move: Mapping[str, Any]) -> Iterator[str]:
    for name in _ANNOTATED:
        value = (move["annotation"] or {}).get(name)
        if value or value == 0:  # a time may be 0.0
            text = ", ".join(value) if isinstance(value, list) else str(value)
            yield f"<small>{name.replace('_', ' ')}</small> {escape(text)}"
