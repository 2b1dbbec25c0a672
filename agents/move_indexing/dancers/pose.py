"""A frame goes in; the dancers MediaPipe finds in it come out, two of them where two can be seen.

MediaPipe asked for two poses finds both dancers of an embracing couple in one frame of ten. So the first is found,
tracked and painted over, and the second is looked for in what is left.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from agents.move_indexing.dancers.colours import clothing
from agents.move_indexing.dancers.frames import Frame, Image
from agents.move_indexing.dancers.quiet import quiet_stderr
from agents.move_indexing.dancers.sightings import Floats, Sighting, extent, is_partner
from schemas.faults import Retryable

if TYPE_CHECKING:
    from mediapipe.tasks.python.vision import PoseLandmarker, PoseLandmarkerResult

Mask = npt.NDArray[np.bool_]

_FIRST_CONFIDENCE, _SECOND_CONFIDENCE = 0.5, 0.3
_IS_BODY = 0.5
_RIM = np.ones((5, 5), np.uint8)
_SPARSE = 5
_CLOSE_UP = 1.4  # side of the second look, in sizes of the first dancer


class _Body(NamedTuple):
    xy: Floats
    world: Floats
    mask: Mask | None


class DancerFinder:
    """Both dancers of a couple, frame by frame. One finder serves one clip, since it tracks the first dancer."""

    def __init__(self, model: Path) -> None:
        """Load the bundle `model`. Raises `Retryable` (`no_model`) where it is missing."""
        if not model.is_file():
            raise Retryable("the pose model is missing: run `make setup`", reason="no_model")
        with quiet_stderr():
            self._first = _landmarker(model, _FIRST_CONFIDENCE, tracking=True)
            self._partner = _partner_landmarker(model)
        self._last_ms = -1

    def __enter__(self) -> DancerFinder:
        return self

    def __exit__(self, *_: object) -> None:
        self._first.close()

    def find(self, frame: Frame) -> tuple[Sighting, ...]:
        """The dancers in a frame: none, one, or two that are plausible as a couple. Frames come in their order."""
        rgb = frame.rgb
        self._last_ms = max(self._last_ms + 1, round(frame.time_s * 1000))
        front = _body(partial(self._first.detect_for_video, timestamp_ms=self._last_ms), rgb)
        if front is None or front.mask is None:
            return ()
        hidden = _widened(front.mask)
        first = Sighting(front.xy, front.world, clothing(rgb, front.xy))
        second = self._second(rgb, hidden, first)
        return (first,) if second is None else (first, second)

    def _second(self, rgb: Image, hidden: Mask, first: Sighting) -> Sighting | None:
        left = _painted_over(rgb, hidden)
        for part, corner in ((left, np.zeros(2)), _close_up(left, first)):
            body = _body(self._partner.detect, part)
            if body is not None:
                xy = body.xy + corner
                other = Sighting(xy, body.world, clothing(rgb, xy, hidden))
                if is_partner(first, other):
                    return other
        return None


@lru_cache(maxsize=1)
def _partner_landmarker(model: Path) -> PoseLandmarker:
    """Made once in a process: it keeps nothing from one picture to the next."""
    made = _landmarker(model, _SECOND_CONFIDENCE, tracking=False)
    # MediaPipe closes by way of a thread, which Python has stopped by then: the end of the process frees it instead.
    atexit.register(setattr, made, "close", lambda: None)
    return made


def _landmarker(model: Path, confidence: float, *, tracking: bool) -> PoseLandmarker:
    from mediapipe.tasks.python import BaseOptions, vision

    mode = vision.RunningMode.VIDEO if tracking else vision.RunningMode.IMAGE
    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        running_mode=mode,
        min_pose_detection_confidence=confidence,
        min_pose_presence_confidence=confidence,
        min_tracking_confidence=confidence,
        output_segmentation_masks=tracking,
    )
    return vision.PoseLandmarker.create_from_options(options)


def _body(detect: Callable[[Any], PoseLandmarkerResult], rgb: Image) -> _Body | None:
    import mediapipe as mp

    image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
    with quiet_stderr():
        found = detect(image)
    if not found.pose_landmarks:
        return None
    height, width = rgb.shape[:2]
    xy = np.array([(p.x * width, p.y * height) for p in found.pose_landmarks[0]])
    world = np.array([(p.x, p.y, p.z) for p in found.pose_world_landmarks[0]])
    return _Body(xy, world, _mask(found, rgb))


def _mask(found: PoseLandmarkerResult, rgb: Image) -> Mask | None:
    if not found.segmentation_masks:
        return None
    body: Mask = found.segmentation_masks[0].numpy_view().reshape(rgb.shape[:2]) > _IS_BODY
    return body


def _widened(mask: Mask) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), _RIM).astype(bool)


def _painted_over(rgb: Image, hidden: Mask) -> Image:
    """The picture with a dancer in the usual colour of all the rest."""
    rest = rgb[::_SPARSE, ::_SPARSE][~hidden[::_SPARSE, ::_SPARSE]]
    left = rgb.copy()
    left[hidden] = np.median(rest, axis=0) if len(rest) else 0
    return left


def _close_up(left: Image, first: Sighting) -> tuple[Image, Floats]:
    """A square around the first dancer: the detector sees any picture at 224x224, so a part is seen larger."""
    height, width = left.shape[:2]
    side = int(min(height, width, max(64.0, _CLOSE_UP * extent(first.xy))))
    centre = (first.xy.min(axis=0) + first.xy.max(axis=0)) / 2
    x, y = np.clip(centre - side / 2, 0, [width - side, height - side]).astype(int)
    return left[y : y + side, x : x + side], np.array([x, y], float)
