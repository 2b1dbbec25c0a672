"""What was seen in a clip goes in; who dances in it and how they move comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import ANKLES, NOSE, FrameDetections
from agents.move_indexing.dancers.reidentify import Pair, assign
from agents.move_indexing.dancers.tracks import RATE_HZ, Track, follow
from schemas.faults import Poison
from schemas.move_indexed import Dancers

_LEAST_SEEN = 0.3
_FEW_SAMPLES = 5


@dataclass(frozen=True)
class Dance:
    """What a clip shows: `front`, whoever the first look finds; the two dancers, the taller first; and how often.

    `pairs`: of each moment the sightings of lead and follow, None where one is not found.
    """

    front: Track
    lead: Track
    follow: Track
    dancers: Dancers
    pairs: tuple[Pair, ...] = ()

    @property
    def well_seen(self) -> tuple[Track, ...]:
        """The dancers seen often enough to judge the move by: one at least."""
        tracks = sorted((self.lead, self.follow), key=lambda track: -track.seen.mean())
        return (tracks[0], *(track for track in tracks[1:] if track.seen.mean() >= _LEAST_SEEN))

    @property
    def is_couple(self) -> bool:
        """Whether both are seen long enough to say how they move together."""
        return int((self.lead.seen & self.follow.seen).sum()) >= _FEW_SAMPLES


def analyze_dance(moments: Sequence[FrameDetections], rate_hz: float = RATE_HZ) -> Dance:
    """The dance that a clip's moments show, its tracks at `rate_hz`.

    Raises `Poison` (`nobody`) where less than 30 % of the frames, or fewer than five, show a dancer.
    """
    shares, found = _shares(moments), sum(bool(moment.dancers) for moment in moments)
    if found < max(_FEW_SAMPLES, _LEAST_SEEN * len(moments)):
        seen = f"a dancer is seen in {found} of the {len(moments)} frames looked at"
        raise Poison(f"{seen}; give a clip that shows both dancers, head to feet", reason="nobody")
    times = [moment.time_s for moment in moments]
    front = follow(times, [moment.dancers[0] if moment.dancers else None for moment in moments], rate_hz)
    pairs = assign(moments)
    lead, partner = _tracks(times, pairs, rate_hz)
    if _height(partner) > _height(lead):
        lead, partner, pairs = partner, lead, [pair[::-1] for pair in pairs]
    return Dance(front, lead, partner, shares, tuple(pairs))


def _shares(moments: Sequence[FrameDetections]) -> Dancers:
    count = np.array([len(moment.dancers) for moment in moments] or [0])
    return Dancers(one=round(float((count >= 1).mean()), 4), both=round(float((count >= 2).mean()), 4))


def _tracks(times: Sequence[float], pairs: Sequence[Pair], rate_hz: float) -> tuple[Track, Track]:
    one, two = ([pair[place] for pair in pairs] for place in (0, 1))
    return follow(times, one, rate_hz), follow(times, two, rate_hz)


def _height(track: Track) -> float:
    """From nose to the lower ankle, pixels: the median, 0 for who is never seen."""
    if not track.seen.any():
        return 0.0
    upright: Floats = track.xy[track.seen][:, :, 1]
    return float(np.median(upright[:, ANKLES].max(axis=1) - upright[:, NOSE]))
