"""A frame goes in; the dancers in it come out, two of them where two can be seen.

MediaPipe asked for two poses finds both dancers of an embracing couple in one frame of ten. So its networks are run
here one by one: the dancer in front is followed and painted over, and the other is followed, or looked for, in what
is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agents.arrays import Floats, Image
from agents.media.sampled_frames import Frame
from agents.move_indexing.dancers.clothing_colours import clothing_colours
from agents.move_indexing.dancers.detections import Detection, are_close, extent, is_partner
from agents.move_indexing.dancers.detector import Candidate, Detector
from agents.move_indexing.dancers.landmarks import Body, Landmarks
from agents.move_indexing.dancers.networks import load
from agents.move_indexing.dancers.outline import Mask, own_pixels, share_beside
from agents.move_indexing.dancers.region import Region

_SECOND_SCORE = 0.3
_MOST_TRIES = 2
_LEAST_BESIDE = 0.2  # of a partner's pixels beside the front dancer's: made-up partners have less
_SPARSE = 5
_CLOSE_UP = 1.4  # side of the second look, in sizes of the first dancer


class _Seen(NamedTuple):
    sighting: Detection
    body: Body


class DancerFinder:
    """Both dancers of a couple, frame by frame. One finder serves one clip, since it follows the dancers."""

    def __init__(self, model: Path, confidence: float = 0.5) -> None:
        """Load the bundle `model`. Raises `Retryable` (`no_model`) where it is missing.

        `confidence` 0-1: how sure the networks must be of the dancer in front, and that there is a body at all.
        """
        networks = load(model)
        self._detector, self._landmarks = Detector(networks.detector), Landmarks(networks.landmarks)
        self._confidence = confidence
        self._next: list[Region] = []

    def find(self, frame: Frame) -> tuple[Detection, ...]:
        """The dancers in a frame: none, one, or two that are plausible as a couple. Frames come in their order."""
        front = self._front(frame.rgb)
        found = [] if front is None else self._couple(frame.rgb, front)
        self._next = [seen.body.after for seen in found]
        return tuple(seen.sighting for seen in found)

    def _front(self, rgb: Image) -> _Seen | None:
        for region in self._front_regions(rgb):
            body = self._look(rgb, region)
            if body is not None:
                return _Seen(_sighting(rgb, body), body)
        return None

    def _front_regions(self, rgb: Image) -> Iterator[Region]:
        yield from self._next
        found = self._detector.find(rgb, self._confidence)
        yield from (candidate.region for candidate in sorted(found, key=_nearness, reverse=True)[:_MOST_TRIES])

    def _look(self, rgb: Image, region: Region) -> Body | None:
        if not region.is_sane():
            return None
        body = self._landmarks.look(rgb, region)
        return body if body.presence >= self._confidence else None

    def _couple(self, rgb: Image, front: _Seen) -> list[_Seen]:
        hidden = own_pixels(front.body, rgb)
        left = _painted_over(rgb, hidden)
        for region in self._other_regions(left, front.sighting):
            other = self._partner(rgb, left, hidden, region, front)
            if other is not None:
                return [self._untangled(rgb, front, other), other]
        return [front]

    def _other_regions(self, left: Image, front: Detection) -> Iterator[Region]:
        yield from self._next[1:]
        tried: list[Region] = []
        for part, corner in ((left, np.zeros(2)), _close_up(left, front)):
            for found in self._detector.find(part, _SECOND_SCORE)[:_MOST_TRIES]:
                region = Candidate(found.score, found.hip + corner, found.top + corner).region
                if not any(region.is_like(before) for before in tried):
                    tried.append(region)
                    yield region

    def _partner(self, rgb: Image, left: Image, hidden: Mask, region: Region, front: _Seen) -> _Seen | None:
        """Who is seen in a region of what is left, if that can be the partner."""
        body = self._look(left, region)
        if body is None or share_beside(body, rgb, hidden) < _LEAST_BESIDE:
            return None
        sighting = _sighting(rgb, body, hidden)
        return _Seen(sighting, body) if is_partner(front.sighting, sighting) else None

    def _untangled(self, rgb: Image, front: _Seen, other: _Seen) -> _Seen:
        """The front dancer once more with the other painted over, where the two are so close that they may be mixed."""
        if not are_close(front.sighting, other.sighting):
            return front
        hidden = own_pixels(other.body, rgb)
        body = self._look(_painted_over(rgb, hidden), front.body.region)
        if body is None or not is_partner(other.sighting, sighting := _sighting(rgb, body, hidden)):
            return front
        return _Seen(sighting, body)


def _nearness(candidate: Candidate) -> float:
    """Who is nearer is larger: dancers rather than those who watch them."""
    return candidate.score * candidate.region.side


def _sighting(rgb: Image, body: Body, hidden: Mask | None = None) -> Detection:
    return Detection(body.xy, body.world, clothing_colours(rgb, body.xy, hidden), round(body.presence, 4))


def _painted_over(rgb: Image, hidden: Mask) -> Image:
    """The picture with a dancer in the usual colour of all the rest."""
    rest = rgb[::_SPARSE, ::_SPARSE][~hidden[::_SPARSE, ::_SPARSE]]
    left = rgb.copy()
    left[hidden] = np.median(rest, axis=0) if len(rest) else 0
    return left


def _close_up(left: Image, first: Detection) -> tuple[Image, Floats]:
    """A square around the first dancer: the detector sees any picture at 224x224, so a part is seen larger."""
    height, width = left.shape[:2]
    side = int(min(height, width, max(64.0, _CLOSE_UP * extent(first.xy))))
    centre = (first.xy.min(axis=0) + first.xy.max(axis=0)) / 2
    x, y = np.clip(centre - side / 2, 0, [width - side, height - side]).astype(int)
    return left[y : y + side, x : x + side], np.array([x, y], float)
