"""Find when dancers are missing in a clip's pictures, and the eights that show a couple."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.tracks import Track, intervals_of
from schemas.faults import Poison
from schemas.move_indexed import Dancers, Eight, Window, window_at

_MIN_SHARE = 0.5  # of an eight, in which a dancer is tracked who counts as shown
_MIN_SEEN = 0.2  # of an eight: what is detected for less is no dancer
_MIN_ABSENCE_S = 1.0  # shorter ones are detections that fail, mostly
_MIN_HOLE_S = 0.2  # before the first picture
_MAX_NAMED = 3  # spans in a sentence

Spans = Sequence[tuple[float, float]]


def tracked_dancers(start_s: float, end_s: float, lead: Track, follow: Track) -> Dancers:
    """Return the shares of a time in which at least one dancer, and both, are tracked."""
    during = (lead.times >= start_s) & (lead.times <= end_s)
    one, two = lead.tracked[during], follow.tracked[during]
    return Dancers(one=_share(one | two), both=_share(one & two))


def _share(flags: Bools) -> float:
    return round(float(flags.mean()), 4) if len(flags) else 0.0


def eights_with_dancers(eights: Sequence[Eight]) -> tuple[Eight, ...]:
    """Return the eights that show a couple for half of their time, or else those that show anybody.

    A couple is not always detected: without any eight that shows it, all with somebody are returned. Raises: `Poison`
    (`nobody`) where nobody is in any of them.
    """
    with_couple = tuple(eight for eight in eights if eight.dancers.both >= _MIN_SHARE)
    with_somebody = tuple(eight for eight in eights if eight.dancers.one >= _MIN_SHARE)
    found = with_couple or with_somebody or tuple(eight for eight in eights if eight.dancers.one >= _MIN_SEEN)
    if not found:
        raise Poison(
            "nobody is in the picture in any of its whole eights; give a clip that shows both dancers, head to feet",
            reason="nobody",
        )
    return found


def absence_warnings(
    windows: Sequence[Window], lead: Track, follow: Track, eights: Sequence[Eight], used: Sequence[Eight]
) -> Iterator[str]:
    """Yield warnings that say when nobody or only one dancer is in the picture, and what follows for the eights."""
    in_window = np.array([window_at(windows, time_s) is not None for time_s in lead.times], bool)
    somebody = lead.tracked | follow.tracked
    yield from _sentence("nobody is in the picture", _long(lead.times, in_window & ~somebody))
    if all(eight.dancers.both >= _MIN_SHARE for eight in eights):
        return
    yield from _sentence(
        "only one dancer is in the picture", _long(lead.times, somebody & ~(lead.tracked & follow.tracked))
    )
    if len(used) < len(eights):
        yield f"{len(eights) - len(used)} of its {len(eights)} whole eights are not used, because a dancer is missing"
    else:
        yield "a dancer is missing in most of each of its whole eights: moves that show both are preferred"


def hole_warnings(windows: Sequence[Window]) -> Iterator[str]:
    """Yield a warning that says when the clip has no picture, up to its last one."""
    ends, starts = [0.0, *(window.end_s for window in windows)], [window.start_s for window in windows]
    holes = [(end, start) for end, start in zip(ends, starts, strict=False) if start - end >= _MIN_HOLE_S]
    yield from _sentence("it has no picture", holes, " and is not used there")


def _long(times: Floats, missing: Bools) -> Spans:
    return [(start, end) for start, end in intervals_of(times, missing) if end - start >= _MIN_ABSENCE_S]


def _sentence(what: str, spans: Spans, rest: str = "") -> Iterator[str]:
    if spans:
        named = ", ".join(f"from {start:.1f} to {end:.1f} s" for start, end in spans[:_MAX_NAMED])
        more = f" and {len(spans) - _MAX_NAMED} times more" if len(spans) > _MAX_NAMED else ""
        yield f"{what} {named}{more}{rest}"
