"""A page (HTML) with the parts of recordings, their pictures and the proposed names; it needs no other file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from schemas.audio_analyzed import clock
from streams.cli.moves.html_page import jpeg_url
from streams.cli.moves.proposals import Proposal
from streams.operations.recordings import Recording, ReviewedPart

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #23272e; margin: 24px auto; max-width: 1320px; padding: 0 16px }
h1 { font-size: 22px; margin: 28px 0 4px }
.note, .like { color: #6b727c }
section { display: grid; grid-template-columns: 40px 1fr; gap: 4px 12px; padding: 14px 0 }
section { border-top: 1px solid #dfe3e8 }
.number { font-size: 22px; font-weight: 600 }
.name { font-size: 17px; font-weight: 600 }
.dropped img, .dropped .name { opacity: .35 }
img { max-width: 100%; display: block; margin-top: 6px; border-radius: 4px }
.state { border-radius: 10px; padding: 1px 9px; background: #eef0f3; margin-left: 8px; font-size: 13px }
.accepted .state { background: #d7f0df }
code { background: #f4f5f7; padding: 1px 5px; border-radius: 4px }
"""


def page(
    recordings: Sequence[Recording],
    proposed: Mapping[str, Mapping[int, Proposal]],
    pictures: Mapping[str, Mapping[int, Path]],
) -> str:
    """Return the page. `proposed` and `pictures`: by the SHA-256 of the recording and the number of the part."""
    body = "\n".join(
        line
        for each in recordings
        for line in _recording(each, proposed[each.media.sha256], pictures[each.media.sha256])
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Parts of recordings</title>'
        f"<style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _recording(recording: Recording, proposed: Mapping[int, Proposal], pictures: Mapping[int, Path]) -> Iterator[str]:
    sha256 = recording.media.sha256[:12]
    yield f"<h1>{escape(recording.name)}</h1>"
    yield (
        f'<p class="note">{clock(recording.media.duration_s)}, {len(recording.parts)} parts. '
        f"<code>bachata moves review {sha256} --accept N --name MOVE</code>, <code>--drop N</code>, "
        f"<code>--merge N M</code>, <code>--rename N MOVE</code></p>"
    )
    for part in recording.parts:
        yield _part(part, proposed[part.number], pictures[part.number])


def _part(part: ReviewedPart, proposal: Proposal, picture: Path) -> str:
    eights = part.counts / 8
    facts = f"{clock(part.start_s)} to {clock(part.end_s)}, {part.end_s - part.start_s:.1f} s, {eights:.1f} eights, "
    return (
        f'<section class="{part.state}"><div class="number">{part.number}</div><div>'
        f'<span class="name">{_name(part, proposal)}</span><span class="state">{part.state}</span><br>'
        f"{facts}{part.tempo_bpm:.0f} BPM, both dancers found in {part.dancers.both:.0%} of the pictures"
        f'<div class="like">{_nearest(proposal)}</div>{_image(picture)}</div></section>'
    )


def _name(part: ReviewedPart, proposal: Proposal) -> str:
    if part.name:
        return escape(part.name)
    return f"{escape(proposal.name)}? {proposal.confidence:.0%}" if proposal.name else "no name is proposed"


def _nearest(proposal: Proposal) -> str:
    found = ", ".join(f"{escape(each.clip)} ({each.similarity:.2f})" for each in proposal.nearest)
    return f"nearest moves: {found}" if found else "no move of the library to compare with"


def _image(picture: Path) -> str:
    if not picture.is_file():
        return ""
    return f'<img alt="six pictures of the part" src="{jpeg_url(picture.read_bytes())}">'
