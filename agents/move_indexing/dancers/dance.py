"""Build the tracks of the two dancers from the detections of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.move_indexing.dancers.detections import FrameDetections, is_upside_down
from agents.move_indexing.dancers.reidentify import Pair, assign_identities, has_duplicate
from agents.move_indexing.dancers.tracks import RATE_HZ, Track, track_dancer
from agents.move_indexing.dancers.who_leads import probability_of_lead
from schemas.faults import Poison
from schemas.move_indexed import Dancers

_MIN_DETECTED_SHARE = 0.3
_MIN_SAMPLES = 5  # frames with a detection, and track samples with both dancers


@dataclass(frozen=True)
class Dance:
    """The dancers of a clip.

    `front`: the track of each frame's first detection, whichever dancer it is; `lead`: the larger dancer; `follow`: the
    other; `dancers`: the shares of frames with one dancer at least, and with both; `pairs`: for each frame the
    detections of lead and follow, None where one is not detected; `lead_confidence`: the probability that the lead is
    not the follow, 0.5-1.
    """

    front: Track
    lead: Track
    follow: Track
    dancers: Dancers
    pairs: tuple[Pair, ...] = ()
    lead_confidence: float = 1.0

    @property
    def well_tracked(self) -> tuple[Track, ...]:
        """Return the dancers to judge the move by, one or two.

        They are the dancer tracked for longer, and the other one if tracked for at least 30 % of the clip.
        """
        tracks = sorted((self.lead, self.follow), key=lambda track: -track.tracked_share)
        return (tracks[0], *(track for track in tracks[1:] if track.tracked_share >= _MIN_DETECTED_SHARE))

    @property
    def is_couple(self) -> bool:
        """Return whether both are tracked at the same time for at least five samples, enough to measure the couple."""
        return int((self.lead.tracked & self.follow.tracked).sum()) >= _MIN_SAMPLES


def analyze_dance(frames: Sequence[FrameDetections], rate_hz: float = RATE_HZ) -> Dance:
    """Return the dance of a clip, from its frames' detections, with tracks at `rate_hz`.

    Raises: `Poison` (`nobody`) where a dancer is detected in less than 30 % of the frames, or in fewer than five.
    """
    frames = [_without_upside_down(frame) for frame in frames]
    shares, detected_frames = _shares(frames), sum(bool(frame.dancers) for frame in frames)
    if detected_frames < max(_MIN_SAMPLES, _MIN_DETECTED_SHARE * len(frames)):
        detected = f"a dancer is detected in {detected_frames} of {len(frames)} sampled frames"
        raise Poison(f"{detected}; submit a clip that shows both dancers, head to feet", reason="nobody")
    times = [frame.time_s for frame in frames]
    front = track_dancer(times, [frame.dancers[0] if frame.dancers else None for frame in frames], rate_hz)
    pairs = assign_identities(frames)
    lead, partner = _tracks(times, pairs, rate_hz)
    probability = probability_of_lead(lead, partner)
    if probability < 0.5:
        lead, partner, pairs = partner, lead, [pair[::-1] for pair in pairs]
    return Dance(front, lead, partner, shares, tuple(pairs), max(probability, 1 - probability))


def _without_upside_down(frame: FrameDetections) -> FrameDetections:
    return FrameDetections(frame.time_s, tuple(body for body in frame.dancers if not is_upside_down(body)))


def _shares(frames: Sequence[FrameDetections]) -> Dancers:
    count = np.array([len(frame.dancers) - has_duplicate(frame) for frame in frames] or [0])
    return Dancers(one=round(float((count >= 1).mean()), 4), both=round(float((count >= 2).mean()), 4))


def _tracks(times: Sequence[float], pairs: Sequence[Pair], rate_hz: float) -> tuple[Track, Track]:
    one, two = ([pair[index] for pair in pairs] for index in (0, 1))
    return track_dancer(times, one, rate_hz), track_dancer(times, two, rate_hz)
