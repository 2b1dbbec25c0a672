"""A page (HTML) of boundaries with a small picture of each, to check many at a look; it needs no other file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from agents.move_indexing.draw_job import DRAW_BOUNDARIES, BoundaryAt, DrawBoundaries
from agents.move_indexing.move_pictures.boundary_texts import HANDS_LEGEND, SURE, Fact
from agents.step import throttled
from schemas.faults import Fault
from streams.cli.moves.html_page import html_page, jpeg_url
from streams.cli.output import print_line
from streams.jobs import Jobs
from streams.operations.boundaries import ClipBoundary

_Key = tuple[str, int]  # of a `ClipBoundary`
_PROGRESS_INTERVAL_S = 2.0
_LOW = 0.6  # a confidence below it is marked in red
_ANY = '<option value="">all</option>'
# On a screen of 1920x1080 ten tiles beside each other and five below each other.
_STYLE = """
:root { color-scheme: light dark; font: 11px/13px system-ui, sans-serif; --unsure: #a85800; --low: #c2124f; }
@media (prefers-color-scheme: dark) { :root { --unsure: #ffb054; --low: #ff7aa2; } }
body { margin: 0 8px 8px; }
header { position: sticky; top: 0; z-index: 1; background: Canvas; padding: 5px 0; display: flex; gap: 14px; }
header { align-items: baseline; flex-wrap: wrap; }
h1 { font-size: 14px; margin: 0; }
select { font: inherit; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); gap: 5px; }
figure { margin: 0; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
figure[hidden] { display: none; }
.picture { aspect-ratio: 8 / 5; background: #8882; }
img { display: block; width: 100%; border-radius: 3px; }
figure div { overflow: hidden; text-overflow: ellipsis; }
figure:focus { overflow: visible; outline: none; }
figure:focus img { position: fixed; z-index: 2; top: 40px; left: calc(50vw - 384px); width: 768px; }
.unsure { color: var(--unsure); }
.low { color: var(--low); font-weight: 600; }
.unknown { opacity: .55; }
.lead { color: #1f9bff; font-weight: 600; }
.follow { color: #ff9a1f; font-weight: 600; }
"""
_SCRIPT = """
const main = document.querySelector("main"), tiles = [...main.children];
const [order, hold, count] = document.querySelectorAll("select");
function update() {
  tiles.sort((a, b) => a.dataset[order.value] - b.dataset[order.value]);
  main.append(...tiles);
  for (const tile of tiles) {
    const fits = select => !select.value || tile.dataset[select.name] === select.value;
    tile.hidden = !(fits(hold) && fits(count));
  }
}
for (const select of [order, hold, count]) select.addEventListener("change", update);
update();
"""


def stills(listed: Sequence[ClipBoundary]) -> dict[_Key, bytes]:
    """Return a small JPEG picture of each boundary by its key; warnings name the clips that have none."""
    return asyncio.run(_stills(sorted(listed, key=lambda each: each.by_clip)))


async def _stills(listed: Sequence[ClipBoundary]) -> dict[_Key, bytes]:
    report = throttled(lambda fraction: print_line(f"pictures of the boundaries: {fraction:.0%}"), _PROGRESS_INTERVAL_S)
    found: dict[_Key, bytes] = {}
    done = 0
    async with Jobs() as jobs:
        for _, group in groupby(listed, key=lambda each: each.sha256):
            of_clip = list(group)
            try:
                found |= await _stills_of(jobs, of_clip)
            except Fault as fault:
                print_line(f"warning: no picture of {of_clip[0].clip}: {fault}")
            done += len(of_clip)
            report(done / len(listed))
    return found


async def _stills_of(jobs: Jobs, of_clip: Sequence[ClipBoundary]) -> dict[_Key, bytes]:
    """Return the pictures of one clip's boundaries."""
    first = of_clip[0]
    with TemporaryDirectory(prefix="bachata-") as folder:
        request = DrawBoundaries(
            clip_sha256=first.sha256,
            name=first.clip,
            duration_s=first.duration_s,
            boundaries=tuple(BoundaryAt(time_s=each.time_s, boundary=each.boundary) for each in of_clip),
            folder=Path(folder),
        )
        files = (await jobs.run(DRAW_BOUNDARIES, request)).files
        return {each.key: file.read_bytes() for each, file in zip(of_clip, files, strict=True)}


def boundaries_page(listed: Sequence[ClipBoundary], pictures: Mapping[_Key, bytes]) -> str:
    """Return the page, the boundaries in their order. `pictures`: JPEG, by key."""
    by_clip = {each.key: n for n, each in enumerate(sorted(listed, key=lambda each: each.by_clip))}
    tiles = "\n".join(_tile(each, n, by_clip[each.key], pictures.get(each.key)) for n, each in enumerate(listed))
    holds = _options((each.boundary.hold or "", each.facts.hold.text) for each in listed)
    counts = _options((str(each.count), str(each.count)) for each in listed)
    body = f"""<header>
<h1>{len(listed)} boundaries</h1>
<label>order <select><option value="bySure">least sure first</option><option value="byClip">by clip</option></select>
</label>
<label>hold <select name="hold">{_ANY}{holds}</select></label>
<label>count <select name="count">{_ANY}{counts}</select></label>
<span>arrows: where the <span class=lead>lead</span> and the <span class=follow>follow</span> face; {HANDS_LEGEND};
free: the foot that is free until this beat; confidence: {SURE:g} or more,
<span class=unsure>less ?</span>, <span class=low>less than {_LOW:g} ?</span>; click a picture to enlarge it.
Wrong? <code>bachata moves edit CLIP --first-one S | --entry-hold HOLD | --exit-hold HOLD</code></span>
</header>
<main>
{tiles}
</main>
<script>{_SCRIPT}</script>"""
    return html_page("Boundaries of eights", _STYLE, body)


def _options(values: Iterable[tuple[str, str]]) -> str:
    """Return an option for each (value, text), by text, without that of an empty value."""
    found = sorted({(text, value) for value, text in values if value})
    return "".join(f'<option value="{value}">{text}</option>' for text, value in found)


def _tile(each: ClipBoundary, by_sure: int, by_clip: int, picture: bytes | None) -> str:
    facts = each.facts
    count = f"<b>{each.count}</b>{' ?' if each.certainty['count'] == 'unsure' else ''}"
    lines = (
        f"{count} {each.time_s:.2f} s {escape(each.clip)}",
        f"{_text(facts.hold)}, {_text(facts.hands)}",
        f"free: lead {_text(facts.lead_foot)}, follow {_text(facts.follow_foot)}",
        _text(facts.facing),
    )
    texts = "".join(f"<div>{line}</div>" for line in lines)
    return (
        f'<figure tabindex=0 data-by-sure="{by_sure}" data-by-clip="{by_clip}" data-hold="{each.boundary.hold or ""}" '
        f'data-count="{each.count}" title="{escape(each.clip)} {each.time_s:.2f} s">{_image(picture)}{texts}</figure>'
    )


def _image(picture: bytes | None) -> str:
    image = f'<img loading="lazy" alt="" src="{jpeg_url(picture)}">' if picture else ""
    return f"<div class=picture>{image}</div>"


def _text(fact: Fact) -> str:
    """Return a fact in the colour of its confidence, which a tooltip has as a number."""
    if fact.confidence is None:
        return f"<span class=unknown>{fact.text}</span>"
    kind = "sure" if fact.is_sure else "low" if fact.confidence < _LOW else "unsure"
    return f'<span class={kind} title="{fact.confidence:.2f}">{fact.marked}</span>'
