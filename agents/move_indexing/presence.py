"""Find when dancers are missing in a clip's pictures, and the eights that show a couple."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.dancers.detections import HIPS, midpoint, torso_length
from agents.move_indexing.dancers.tracks import Track, intervals_of
from agents.playable import MIN_PRESENT_SHARE
from schemas.faults import Poison
from schemas.move_indexed import Dancers, Eight, Window, window_at

_MIN_DETECTED_SHARE = 0.2  # of an eight: what is detected for less is no dancer
_MAX_CLOSE = 0.9  # torso lengths
_SAMPLES = 3
_MIN_ABSENCE_S = 1.0  # shorter ones are detections that fail, mostly
_MIN_HOLE_S = 0.2  # before the first picture
_MAX_NAMED = 3  # spans in a sentence

Spans = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Presence:
    """Who is in the picture at `times` (n,), seconds: `one`, at least one dancer; `both` dancers.

    A dancer who is not detected counts as present, hidden behind the other, where the two are close to each other
    before or after. In 8 eights of 35 real clips a dancer is undetected for more than half of the time, always so.
    """

    times: Floats
    one: Bools
    both: Bools

    def shares(self, start_s: float, end_s: float) -> Dancers:
        """Return the shares of a time in which at least one dancer, and both, are present."""
        during = (self.times >= start_s) & (self.times <= end_s)
        return Dancers(one=_share(self.one[during]), both=_share(self.both[during]))


def presence(lead: Track, follow: Track) -> Presence:
    """Return who is in the picture at the times of the tracks."""
    one, both = lead.tracked | follow.tracked, lead.tracked & follow.tracked
    return Presence(lead.times, one, both | (one & _near_in_time(both, _close(lead, follow))))


def _close(lead: Track, follow: Track) -> Bools:
    """Return when the dancers' hips are less than 0.9 torso lengths beside each other in the picture."""
    beside = np.abs(midpoint(lead.xy, HIPS) - midpoint(follow.xy, HIPS))[:, 0]
    close: Bools = beside < _MAX_CLOSE * (torso_length(lead.xy) + torso_length(follow.xy)) / 2
    return close


def _near_in_time(both: Bools, close: Bools) -> Bools:
    """Return when the dancers are close in one of the last three samples with both, or of the next three."""
    known = np.flatnonzero(both)
    places = np.searchsorted(known, np.arange(len(both)))
    return np.array([bool(close[known[max(0, n - _SAMPLES) : n + _SAMPLES]].any()) for n in places], bool)


def _share(flags: Bools) -> float:
    return round(float(flags.mean()), 4) if len(flags) else 0.0


def eights_with_dancers(eights: Sequence[Eight]) -> tuple[Eight, ...]:
    """Return the eights that show a couple for half of their time, or else those that show anybody.

    A couple is not always detected: without any eight that shows it, all with somebody are returned. Raises: `Poison`
    (`nobody`) where nobody is in any of them.
    """
    with_couple = tuple(eight for eight in eights if eight.dancers.both >= MIN_PRESENT_SHARE)
    with_somebody = tuple(eight for eight in eights if eight.dancers.one >= MIN_PRESENT_SHARE)
    found = with_couple or with_somebody or tuple(eight for eight in eights if eight.dancers.one >= _MIN_DETECTED_SHARE)
    if not found:
        raise Poison(
            "nobody is in the picture in any of its whole eights; give a clip that shows both dancers, head to feet",
            reason="nobody",
        )
    return found


def absence_warnings(
    windows: Sequence[Window], dancers: Presence, eights: Sequence[Eight], used: Sequence[Eight]
) -> Iterator[str]:
    """Yield warnings that say when nobody or only one dancer is in the picture, and what follows for the eights."""
    in_window = np.array([window_at(windows, time_s) is not None for time_s in dancers.times], bool)
    yield from _spans_warning("nobody is in the picture", _absences(dancers.times, in_window & ~dancers.one))
    if all(eight.dancers.both >= MIN_PRESENT_SHARE for eight in eights):
        return
    yield from _spans_warning(
        "only one dancer is in the picture", _absences(dancers.times, dancers.one & ~dancers.both)
    )
    if len(used) < len(eights):
        yield f"{len(eights) - len(used)} of its {len(eights)} whole eights are not used, because a dancer is missing"
    else:
        yield "a dancer is missing in most of each of its whole eights: moves that show both are preferred"


def hole_warnings(windows: Sequence[Window]) -> Iterator[str]:
    """Yield a warning that says when the clip has no picture, up to its last one."""
    ends, starts = [0.0, *(window.end_s for window in windows)], [window.start_s for window in windows]
    holes = [(end, start) for end, start in zip(ends, starts, strict=False) if start - end >= _MIN_HOLE_S]
    yield from _spans_warning("it has no picture", holes, " and is not used there")


def _absences(times: Floats, missing: Bools) -> Spans:
    return [(start, end) for start, end in intervals_of(times, missing) if end - start >= _MIN_ABSENCE_S]


def _spans_warning(what: str, spans: Spans, rest: str = "") -> Iterator[str]:
    if spans:
        named = ", ".join(f"from {start:.1f} to {end:.1f} s" for start, end in spans[:_MAX_NAMED])
        more = f" and {len(spans) - _MAX_NAMED} times more" if len(spans) > _MAX_NAMED else ""
        yield f"{what} {named}{more}{rest}"
