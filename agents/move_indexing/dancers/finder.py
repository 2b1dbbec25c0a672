"""Detect the two dancers of a couple in each frame of a clip.

MediaPipe's own landmarker, with two poses requested, detects both dancers of an embracing couple in one frame of ten.
So its networks are run one by one here: the front dancer is tracked and painted over, and the other one is tracked,
or detected, in the painted frame. Once a second everybody else is looked for, with both painted over. So a partner who
comes late is found, and the couple where a bystander or a poster was taken for a dancer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agents.arrays import Floats, Image
from agents.media.sampled_frames import Frame
from agents.move_indexing.dancers.clothing_colours import clothing_colours
from agents.move_indexing.dancers.detections import (
    Detection,
    are_close,
    extent,
    is_partner,
    is_same,
)
from agents.move_indexing.dancers.detector import Candidate, Detector
from agents.move_indexing.dancers.landmarks import Body, LandmarkDetector
from agents.move_indexing.dancers.networks import load
from agents.move_indexing.dancers.outline import Mask, body_mask, visible_share
from agents.move_indexing.dancers.region import Region
from agents.move_indexing.dancers.survey import Survey

_MIN_PARTNER_SCORE = 0.3
_MAX_CANDIDATES = 2
_MIN_OTHER_SCORE = 0.5  # of people beside the couple
_MIN_VISIBLE_SHARE = 0.2  # of a partner's pixels outside the front dancer's mask: false partners have less
_PIXEL_STEP = 5  # every fifth row and column is enough for a median colour
_CLOSE_UP_SIZE = 1.4  # side of the close-up, in sizes of the front dancer


class _DetectedBody(NamedTuple):
    detection: Detection
    body: Body


class DancerFinder:
    """Detects the dancers of a couple, frame by frame. It tracks them, so each clip needs its own finder."""

    def __init__(self, model: Path, confidence: float = 0.5) -> None:
        """Load the bundle `model`. Raises: `Retryable` (`no_model`) where it is missing or damaged.

        `confidence` 0-1: the minimum score of the front dancer's box, and of any body's presence.
        """
        networks = load(model)
        self._detector, self._landmarks = Detector(networks.detector), LandmarkDetector(networks.landmarks)
        self._confidence = confidence
        self._next_regions: list[Region] = []
        self._survey = Survey()

    def find(self, frame: Frame) -> tuple[Detection, ...]:
        """Return the dancers in the next frame of the clip: none, one, or two that are plausible as a couple."""
        front = self._front(frame.rgb)
        dancers = [] if front is None else self._couple(frame.rgb, front)
        if self._survey.is_due(frame.time_s):
            dancers = self._chosen(frame, dancers)
        self._next_regions = [dancer.body.next_region for dancer in dancers]
        return tuple(dancer.detection for dancer in dancers)

    def _chosen(self, frame: Frame, dancers: list[_DetectedBody]) -> list[_DetectedBody]:
        """Return the two of all people in the frame who dance together, or the one who dances."""
        people = [*dancers, *self._others(frame.rgb, dancers)]
        chosen = self._survey.choose(frame.time_s, [person.detection for person in people], len(dancers))
        return [people[index] for index in chosen]

    def _others(self, rgb: Image, dancers: list[_DetectedBody]) -> Iterator[_DetectedBody]:
        """Yield the people who are not tracked."""
        hidden = np.zeros(rgb.shape[:2], bool)
        for dancer in dancers:
            hidden |= body_mask(dancer.body, rgb)
        painted = _painted_over(rgb, hidden)
        for candidate in self._detector.find(painted, max(_MIN_OTHER_SCORE, self._confidence))[:_MAX_CANDIDATES]:
            body = self._body_in(painted, candidate.region)
            if body is None or visible_share(body, rgb, hidden) < _MIN_VISIBLE_SHARE:
                continue
            detection = _detection(rgb, body, hidden)
            if not any(is_same(detection, dancer.detection) for dancer in dancers):
                yield _DetectedBody(detection, body)

    def _front(self, rgb: Image) -> _DetectedBody | None:
        for region in self._front_regions(rgb):
            body = self._body_in(rgb, region)
            if body is not None:
                return _DetectedBody(_detection(rgb, body), body)
        return None

    def _front_regions(self, rgb: Image) -> Iterator[Region]:
        yield from self._next_regions
        candidates = self._detector.find(rgb, self._confidence)
        yield from (candidate.region for candidate in sorted(candidates, key=_nearness, reverse=True)[:_MAX_CANDIDATES])

    def _body_in(self, rgb: Image, region: Region) -> Body | None:
        if not region.is_valid():
            return None
        body = self._landmarks.detect(rgb, region)
        return body if body.presence >= self._confidence else None

    def _couple(self, rgb: Image, front: _DetectedBody) -> list[_DetectedBody]:
        hidden = body_mask(front.body, rgb)
        painted = _painted_over(rgb, hidden)
        for region in self._partner_regions(painted, front.detection):
            partner = self._partner(rgb, painted, hidden, region, front)
            if partner is not None:
                return [self._separated(rgb, front, partner), partner]
        return [front]

    def _partner_regions(self, painted: Image, front: Detection) -> Iterator[Region]:
        yield from self._next_regions[1:]
        tried: list[Region] = []
        for picture, corner in ((painted, np.zeros(2)), _close_up(painted, front)):
            for candidate in self._detector.find(picture, _MIN_PARTNER_SCORE)[:_MAX_CANDIDATES]:
                region = Candidate(candidate.score, candidate.hip + corner, candidate.top + corner).region
                if not any(region.is_similar(before) for before in tried):
                    tried.append(region)
                    yield region

    def _partner(
        self, rgb: Image, painted: Image, hidden: Mask, region: Region, front: _DetectedBody
    ) -> _DetectedBody | None:
        body = self._body_in(painted, region)
        if body is None or visible_share(body, rgb, hidden) < _MIN_VISIBLE_SHARE:
            return None
        detection = _detection(rgb, body, hidden)
        return _DetectedBody(detection, body) if is_partner(front.detection, detection) else None

    def _separated(self, rgb: Image, front: _DetectedBody, partner: _DetectedBody) -> _DetectedBody:
        """Return the front dancer, detected again with the partner painted over if their landmarks may be mixed."""
        if not are_close(front.detection, partner.detection):
            return front
        hidden = body_mask(partner.body, rgb)
        body = self._body_in(_painted_over(rgb, hidden), front.body.region)
        if body is None or not is_partner(partner.detection, detection := _detection(rgb, body, hidden)):
            return front
        return _DetectedBody(detection, body)


def _nearness(candidate: Candidate) -> float:
    """Return a score that prefers larger, so nearer, people: dancers rather than the audience."""
    return candidate.score * candidate.region.side


def _detection(rgb: Image, body: Body, hidden: Mask | None = None) -> Detection:
    return Detection(body.xy, body.world, clothing_colours(rgb, body.xy, hidden), round(body.presence, 4))


def _painted_over(rgb: Image, hidden: Mask) -> Image:
    """Return the picture with the `hidden` pixels in the median colour of all others."""
    others = rgb[::_PIXEL_STEP, ::_PIXEL_STEP][~hidden[::_PIXEL_STEP, ::_PIXEL_STEP]]
    painted = rgb.copy()
    painted[hidden] = np.median(others, axis=0) if len(others) else 0
    return painted


def _close_up(painted: Image, front: Detection) -> tuple[Image, Floats]:
    """Return a square crop around the front dancer and its upper left corner (x, y), 64 pixels wide at least.

    The detector scales any picture to 224x224, so people are larger in a crop.
    """
    height, width = painted.shape[:2]
    side = int(min(height, width, max(64.0, _CLOSE_UP_SIZE * extent(front.xy))))
    centre = (front.xy.min(axis=0) + front.xy.max(axis=0)) / 2
    x, y = np.clip(centre - side / 2, 0, [width - side, height - side]).astype(int)
    return painted[y : y + side, x : x + side], np.array([x, y], float)
