"""A clip and its exact joints in; the share of frames in which MediaPipe finds both dancers, out.

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
LANDMARKS = (0, 11, 12, 15, 16, 23, 24, 25, 26, 27, 28)  # MediaPipe's numbers for clip.JOINTS, in its order
FOUND_WITHIN = 0.10  # of the dancer's height on screen: median over the joints
FIRST_CONFIDENCE, SECOND_CONFIDENCE = 0.5, 0.3
MASK_LEVEL, MASK_GROWTH = 0.5, 5


class Detector(Protocol):
    """Finds people in the frames of one clip, in order."""

    def people(self, image: Image, time_ms: int) -> list[Vectors]:
        """Landmarks of each person, (33, 2), in shares of width and height."""


@dataclass(frozen=True)
class Finding:
    """What was found in one clip: shares of its frames, and the frames in which a dancer was missed."""

    one: float
    both: float
    lead: float
    follow: float
    median_error: float
    missed: list[int]

    def line(self) -> str:
        """One line of a table."""
        shares = f"one {self.one:.3f}  both {self.both:.3f}  lead {self.lead:.3f}  follow {self.follow:.3f}"
        return f"{shares}  error {self.median_error:.3f}  missed {runs(self.missed)}"


def landmarker(model: Path, mode: str, people: int, confidence: float, masks: bool = False) -> Any:
    """A MediaPipe pose landmarker: MediaPipe has no types."""
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
    """The image as MediaPipe takes it."""
    import mediapipe as mp

    return mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))


def points(landmarks: Any) -> Vectors:
    """MediaPipe's landmarks of one person as (33, 2)."""
    return np.array([[mark.x, mark.y] for mark in landmarks])


class TwoPass:
    """Find one dancer, paint over that dancer, find the other: as the product does."""

    def __init__(self, model: Path) -> None:
        self._first = landmarker(model, "IMAGE", 1, FIRST_CONFIDENCE, masks=True)
        self._second = landmarker(model, "IMAGE", 1, SECOND_CONFIDENCE)

    def people(self, image: Image, time_ms: int) -> list[Vectors]:
        """Up to two people."""
        first = self._first.detect(media_image(image))
        if not first.pose_landmarks:
            return []
        rest = painted_over(image, np.squeeze(first.segmentation_masks[0].numpy_view()))
        second = self._second.detect(media_image(rest))
        return [points(found) for found in (*first.pose_landmarks, *second.pose_landmarks)]


class Tracked:
    """MediaPipe's own way: one pass, two poses, tracked from frame to frame."""

    def __init__(self, model: Path) -> None:
        self._landmarker = landmarker(model, "VIDEO", 2, FIRST_CONFIDENCE)

    def people(self, image: Image, time_ms: int) -> list[Vectors]:
        """Up to two people."""
        return [
            points(found) for found in self._landmarker.detect_for_video(media_image(image), time_ms).pose_landmarks
        ]


def painted_over(image: Image, mask: NDArray[np.float32]) -> Image:
    """The image with the masked person replaced by the wall's colour."""
    kernel = np.ones((MASK_GROWTH, MASK_GROWTH), np.uint8)
    grown = cv2.dilate((mask > MASK_LEVEL).astype(np.uint8), kernel) > 0
    height, width = image.shape[:2]
    wall = image[height // 18 : height // 4, width // 4 : width * 3 // 4].reshape(-1, 3)
    rest = image.copy()
    rest[grown] = np.median(wall, axis=0)
    return rest


def frames(clip: Path) -> Iterator[tuple[int, Image]]:
    """Time in milliseconds and picture of each frame."""
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            yield round(float(frame.time or 0.0) * 1000), frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)


def errors(people: list[Vectors], joints: Vectors, aspect: float) -> Vectors:
    """Per dancer (lead, follow) the error of the person found there, in body heights; infinite where there is none."""
    best = np.full(2, np.inf)
    heights = np.ptp(joints[:, :, 1], axis=1)
    for person in people:
        off = (person[list(LANDMARKS)][None, 1:] - joints[:, 1:]) * (aspect, 1.0)
        error = np.median(np.linalg.norm(off, axis=2), axis=1) / heights
        who = int(np.argmin(error))
        best[who] = min(best[who], error[who])
    return best


def check(clip: Path, joints: Vectors, detector: Detector) -> Finding:
    """Compare what `detector` finds with the exact joints, (frames, 2, 11, 2) in shares of width and height."""
    rows = [
        errors(detector.people(image, time), joints[index], image.shape[1] / image.shape[0])
        for index, (time, image) in enumerate(frames(clip))
    ]
    error = np.array(rows)
    hit = error < FOUND_WITHIN
    both = hit.all(axis=1)
    return Finding(
        one=float(hit.any(axis=1).mean()),
        both=float(both.mean()),
        lead=float(hit[:, 0].mean()),
        follow=float(hit[:, 1].mean()),
        median_error=float(np.median(error[hit])) if hit.any() else float("nan"),
        missed=[int(index) for index in np.flatnonzero(~both)],
    )


def runs(numbers: list[int]) -> list[str]:
    """Neighbouring numbers as ranges: [3, 4, 5, 9] becomes ["3-5", "9"]."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [f"{first}-{last}" if last > first else str(first) for first, last in found]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Does MediaPipe find both dancers?")
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
        with np.load(options.joints, allow_pickle=False) as told:
            joints = told[clip.stem] / JOINT_UNITS
        print(f"{clip.stem:18} {check(clip, joints, detector).line()}", flush=True)


if __name__ == "__main__":
    main()
