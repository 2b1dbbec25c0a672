"""Hold what is known of a couple over a clip: tracks, headings and holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.boundaries.headings import Headings, couple_headings, heading_path
from agents.move_indexing.boundaries.holds import Holds, Model, couple_holds
from agents.move_indexing.dancers.detections import HIPS, midpoint, torso_length
from agents.move_indexing.dancers.tracks import Track


@dataclass(frozen=True)
class TrackedCouple:
    """The tracks of lead and follow, in a picture of `size` (width, height) pixels, with their headings and holds."""

    lead: Track
    follow: Track
    size: tuple[int, int]
    headings: Headings
    holds: Holds

    @staticmethod
    def of(lead: Track, follow: Track, size: tuple[int, int], model: Model | None = None) -> TrackedCouple:
        """Return the couple of two tracks. `model`: other constants for holds than those of the program."""
        headings = couple_headings(lead, follow)
        return TrackedCouple(lead, follow, size, headings, couple_holds(lead, follow, headings, model))

    @cached_property
    def both(self) -> Bools:
        """Return at which samples both dancers are tracked: (n,)."""
        tracked: Bools = self.lead.tracked & self.follow.tracked
        return tracked

    @cached_property
    def centre(self) -> Floats:
        """Return the middle between the dancers' hips at each sample: (n, 2), pixels."""
        middle: Floats = (midpoint(self.lead.xy, HIPS) + midpoint(self.follow.xy, HIPS)) / 2
        return middle

    @cached_property
    def unit(self) -> float:
        """Return the dancers' median torso length, pixels."""
        torsos = [torso_length(track.xy[track.tracked]) for track in (self.lead, self.follow)]
        return float(np.median(np.concatenate(torsos))) if any(map(len, torsos)) else 1.0

    @cached_property
    def _heading_paths(self) -> tuple[Floats, Floats]:
        return heading_path(self.headings.lead), heading_path(self.headings.follow)

    def paths(self) -> tuple[tuple[Track, Floats], tuple[Track, Floats]]:
        """Return the tracks of lead and follow, each with its heading at each sample, unwrapped radians."""
        lead, follow = self._heading_paths
        return (self.lead, lead), (self.follow, follow)

    def sample(self, time_s: float) -> int:
        """Return the index of the sample nearest to a time."""
        return int(np.abs(self.lead.times - time_s).argmin())
