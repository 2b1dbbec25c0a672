"""Hold what is known of a couple over a clip: tracks, headings and holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from agents.arrays import Bools, Floats
from agents.move_indexing.boundaries.headings import Headings, couple_headings, heading_path
from agents.move_indexing.boundaries.holds import Holds, Model, couple_holds
from agents.move_indexing.dancers.detections import ANKLES, HIPS, NOSE, WRISTS, midpoint, torso_length
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.motion.signals import rate, smooth, speed


class TrackedDancer(NamedTuple):
    """The track of one dancer, with the probabilities of its headings at each sample (n, 24).

    `heading_path` (n,): the mean heading, unwrapped radians. `hip_velocities` (n, 2): pixels per second.
    """

    track: Track
    headings: Floats
    heading_path: Floats
    hip_velocities: Floats


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
    def fastest(self) -> Floats:
        """Return the speed of the fastest of both dancers' heads, hands and feet: (n,), torso lengths per second."""
        fastest: Floats = np.maximum(_fastest(self.lead), _fastest(self.follow))
        return fastest

    @cached_property
    def dancers(self) -> tuple[TrackedDancer, TrackedDancer]:
        """Return the lead and the follow."""
        return _dancer(self.lead, self.headings.lead), _dancer(self.follow, self.headings.follow)

    def sample(self, time_s: float) -> int:
        """Return the index of the sample nearest to a time."""
        return int(np.abs(self.lead.times - time_s).argmin())


def _dancer(track: Track, headings: Floats) -> TrackedDancer:
    return TrackedDancer(track, headings, heading_path(headings), rate(smooth(midpoint(track.xy, HIPS))))


def _fastest(track: Track) -> Floats:
    unit = np.median(torso_length(track.xy[track.tracked])) if track.tracked.any() else 1.0
    fastest: Floats = speed(smooth(track.xy[:, [NOSE, *WRISTS, *ANKLES]]) / unit).max(axis=1)
    return fastest
