"""The chapters of a video: one for each part, with its move, the song's section and the grade of the cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.media.packet_copy import Chapter
from agents.rendering.timeline import PlacedSegment
from schemas.sequence_planned import ShownPart


def chapters_of(shown: Sequence[ShownPart], placed: Sequence[PlacedSegment]) -> list[Chapter]:
    """Return a chapter for each part. `placed`: the same parts, on the timeline of the video."""
    titles = (_title(number, part) for number, part in enumerate(shown))
    return [Chapter(place.start, place.end, title) for place, title in zip(placed, titles, strict=True)]


def _title(number: int, part: ShownPart) -> str:
    return ", ".join(_facts(number, part)).replace("_", " ")


def _facts(number: int, part: ShownPart) -> Iterator[str]:
    yield part.move
    if part.mirrored:
        yield "mirrored"
    if part.section:
        yield part.section
    if part.seam:
        yield f"cut {part.seam.grade}"
    elif number:
        yield "cut without grade"
