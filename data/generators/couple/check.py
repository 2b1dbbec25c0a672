"""Measure in what fraction of a clip's frames MediaPipe finds both dancers, by the exact joints.

python -m data.generators.couple.check [--joints FILE] CLIP...
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from data.generators.couple.geometry import JOINT_UNITS, Vectors
from infra.settings import load_settings

Image = NDArray[np.uint8]
LANDMARKS = (0, 11, 12, 15, 16, 23, 24, 25, 26, 27, 28)  # MediaPipe's numbers of dancer.JOINTS, in the same order
MAX_ERROR_HEIGHTS = 0.10  # in the dancer's heights on screen: median over the joints
FIRST_CONFIDENCE, SECOND_CONFIDENCE = 0.5, 0.3
MASK_LEVEL, MASK_KERNEL_PX = 0.5, 5  # the mask is dilated by the kernel


class Detector(Protocol):
    """A detector of people in the frames of one clip, in order."""

    def people(self, image: Image, time_ms: int) -> list[Vectors]:
        """Return the landmarks of each person, (33, 2), in fractions of width and height."""


@dataclass(frozen=True)
class ClipResult:
    """The detection results of one clip: fractions of its frames, and the frames in which a dancer was missed."""

    one: float
    both: float
    lead: float
    follow: float
    median_error: float
    missed: list[int]

    def line(self) -> str:
        """Return the result as one line of a table."""
        shares = f"one {self.one:.3f}  both {self.both:.3f}  lead {self.lead:.3f}  follow {self.follow:.3f}"
        return f"{shares}  error {self.median_error:.3f}  missed {runs(self.missed)}"


def landmarker(model: Path, mode: str, people: int, confidence: float, masks: bool = False) -> Any:
    """Return a MediaPipe pose landmarker; `Any` because MediaPipe has no types."""
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        running_mode=getattr(vision.RunningMode, mode),
        num_poses=people,
        min_pose_detection_confidence=confidence,
        min_pose_presence_confidence=confidence,
        output_segmentation_masks=masks,
    )
    return vision.PoseLandmarker.create_from_options(options)


def media_image(image: Image) -> Any:
    """Return the image as MediaPipe's type."""
    import mediapipe as mp

    return mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))


def points(landmarks: Any) -> Vectors:
    """Return MediaPipe's landmarks of one person as (33, 2)."""
    return np.array([[mark.x, mark.y] for mark in landmarks])


class TwoPass:
    """A two-pass detector, as in the product: find one dancer, paint over that dancer, find the other one."""

    def __init__(self, model: Path) -> None:
        self._first = landmarker(model, "IMAGE", 1, FIRST_CONFIDENCE, masks=True)
        self._second = landmarker(model, "IMAGE", 1, SECOND_CONFIDENCE)

    def people(self, image: Image, time_ms: int) -> list[Vectors]:
        """Return up to two people."""
        first = self._first.detect(media_image(image))
        if not first.pose_landmarks:
            return []
        rest = painted_over(image, np.squeeze(first.segmentation_masks[0].numpy_view()))
        second = self._second.detect(media_image(rest))
        return [points(found) for found in (*first.pose_landmarks, *second.pose_landmarks)]


class Tracked:
    """MediaPipe's own tracking: one pass, two poses, tracked from frame to frame."""

    def __init__(self, model: Path) -> None:
        self._landmarker = landmarker(model, "VIDEO", 2, FIRST_CONFIDENCE)

    def people(self, image: Image, time_ms: int) -> list[Vectors]:
        """Return up to two people."""
        return [
            points(found) for found in self._landmarker.detect_for_video(media_image(image), time_ms).pose_landmarks
        ]


def painted_over(image: Image, mask: NDArray[np.float32]) -> Image:
    """Return the image with the masked person replaced by the wall's colour."""
    kernel = np.ones((MASK_KERNEL_PX, MASK_KERNEL_PX), np.uint8)
    grown = cv2.dilate((mask > MASK_LEVEL).astype(np.uint8), kernel) > 0
    height, width = image.shape[:2]
    wall = image[height // 18 : height // 4, width // 4 : width * 3 // 4].reshape(-1, 3)
    rest = image.copy()
    rest[grown] = np.median(wall, axis=0)
    return rest


def frames(clip: Path) -> Iterator[tuple[int, Image]]:
    """Yield the time in milliseconds and the picture of each frame."""
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            yield round(float(frame.time or 0.0) * 1000), frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def errors(people: list[Vectors], joints: Vectors, aspect: float) -> Vectors:
    """Return for each dancer (lead, follow) the error of the nearest person, in body heights; infinite without one."""
    best = np.full(2, np.inf)
    heights = np.ptp(joints[:, :, 1], axis=1)
    for person in people:
        off = (person[list(LANDMARKS)][None, 1:] - joints[:, 1:]) * (aspect, 1.0)
        error = np.median(np.linalg.norm(off, axis=2), axis=1) / heights
        role = int(np.argmin(error))
        best[role] = min(best[role], error[role])
    return best


def check(clip: Path, joints: Vectors, detector: Detector) -> ClipResult:
    """Compare what `detector` finds with the exact joints, (frames, 2, 11, 2) in fractions of width and height."""
    rows = [
        errors(detector.people(image, time), joints[index], image.shape[1] / image.shape[0])
        for index, (time, image) in enumerate(frames(clip))
    ]
    error = np.array(rows)
    detected = error < MAX_ERROR_HEIGHTS
    both = detected.all(axis=1)
    return ClipResult(
        one=float(detected.any(axis=1).mean()),
        both=float(both.mean()),
        lead=float(detected[:, 0].mean()),
        follow=float(detected[:, 1].mean()),
        median_error=float(np.median(error[detected])) if detected.any() else float("nan"),
        missed=[int(index) for index in np.flatnonzero(~both)],
    )


def runs(numbers: list[int]) -> list[str]:
    """Return neighbouring numbers as ranges: [3, 4, 5, 9] becomes ["3-5", "9"]."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [f"{first}-{last}" if last > first else str(first) for first, last in found]


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description="Measure in how many frames MediaPipe finds both dancers.")
    parser.add_argument("--model", type=Path, default=load_settings().pose_model, help="a pose landmarker .task file")
    parser.add_argument("--joints", type=Path, default=Path("data/demo/joints.npz"), help="the exact joints")
    parser.add_argument(
        "--tracked", action="store_true", help="one pass with two poses in VIDEO mode instead of two passes"
    )
    parser.add_argument("clips", type=Path, nargs="+")
    return parser.parse_args()


def main() -> None:
    """Print one line per clip."""
    options = arguments()
    for clip in options.clips:
        detector = Tracked(options.model) if options.tracked else TwoPass(options.model)
        with np.load(options.joints, allow_pickle=False) as stored:
            joints = stored[clip.stem] / JOINT_UNITS
        print(f"{clip.stem:18} {check(clip, joints, detector).line()}", flush=True)


if __name__ == "__main__":
    main()
