"""Build unusual clips from the demo couple."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from agents.media.sampled_frames import Frame, sample_frames
from tests.paths import DEMO
from tests.unit.media.media_builders import write_drawn_clip

_CLIPS = DEMO / "clips"
_SIZE = (640, 360)
Pixels = npt.NDArray[np.integer[Any] | np.floating[Any]]  # (height, width, 3), RGB, 0-255
Picture = Callable[[float], Pixels]


@cache
def _couple_frames() -> list[Frame]:
    return list(sample_frames(_CLIPS / "basic_side.mp4", 15.0))


def _frame_at(frames: list[Frame], time_s: float) -> Pixels:
    return cv2.resize(frames[int(time_s * 15) % len(frames)].rgb, _SIZE)


def couple() -> Picture:
    """Return the demo couple unchanged."""
    frames = _couple_frames()
    return lambda time_s: _frame_at(frames, time_s)


def one_person() -> Picture:
    """Return the taller dancer of the demo couple alone: the other half of the picture is an empty wall."""
    frames = _couple_frames()

    def picture(time_s: float) -> Pixels:
        rgb = _frame_at(frames, time_s).copy()
        rgb[:, 275:] = rgb[:, 600:601]
        return rgb

    return picture


def five_people() -> Picture:
    """Return the couple in front of three smaller people."""
    frames = _couple_frames()

    def picture(time_s: float) -> Pixels:
        rgb = _frame_at(frames, time_s).copy()
        other = cv2.resize(rgb[20:345, 200:440], None, fx=0.55, fy=0.55)
        for x, columns in ((10, other), (500, other[:, : other.shape[1] // 2])):
            rgb[120 : 120 + len(columns), x : x + columns.shape[1]] = columns
        return rgb

    return picture


def mirror() -> Picture:
    """Return the couple with its smaller reflection beside it."""
    frames = _couple_frames()

    def picture(time_s: float) -> Pixels:
        rgb = _frame_at(frames, time_s).copy()
        reflection = cv2.resize(rgb[20:345, 200:440], None, fx=0.6, fy=0.6)[:, ::-1]
        rgb[90 : 90 + len(reflection), 485 : 485 + reflection.shape[1]] = reflection
        return rgb

    return picture


def poster() -> Picture:
    """Return a life-size poster of a man, and from 1 s on the couple beside it, smaller because it is farther away."""
    frames = _couple_frames()
    man = _frame_at(frames, 0.0)[:, 175:285].copy()

    def picture(time_s: float) -> Pixels:
        rgb = _frame_at(frames, time_s)
        wall = np.repeat(rgb[:, 600:601], _SIZE[0], axis=1)
        wall[:, 30:140] = man
        if time_s >= 1.0:
            couple = cv2.resize(rgb[20:350, 170:470], None, fx=0.8, fy=0.8)
            wall[80 : 80 + len(couple), 320 : 320 + couple.shape[1]] = couple
        return wall

    return picture


def late_partner() -> Picture:
    """Return the taller dancer beside a poster of a man, and from 1 s on the other dancer too."""
    alone, frames = one_person(), _couple_frames()
    man = _frame_at(frames, 0.0)[:, 200:285].copy()

    def picture(time_s: float) -> Pixels:
        rgb = (alone if time_s < 1.0 else couple())(time_s).copy()
        rgb[:, 60:145] = man
        return rgb

    return picture


def black() -> Picture:
    """Return black pictures."""
    return lambda _: np.zeros((_SIZE[1], _SIZE[0], 3))


def blurred(picture: Pixels, radius_px: float) -> Pixels:
    """Return a picture that is out of focus."""
    return cv2.GaussianBlur(picture.astype(np.uint8), (0, 0), radius_px)


def larger(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return the middle of a picture scaled to `size` (width, height), with the aspect ratio preserved."""

    def cut(time_s: float) -> Pixels:
        rgb = picture(time_s).astype(np.uint8)
        wide = min(_SIZE[0], round(_SIZE[1] * size[0] / size[1]))
        left = (_SIZE[0] - wide) // 2
        return cv2.resize(rgb[:, left : left + wide], size)

    return cut


def write(path: Path, picture: Picture, seconds: float, fps: int, size: tuple[int, int] = _SIZE) -> Path:
    """Write the clip, with a click on each beat at 120 BPM, and return its path."""
    return write_drawn_clip(path, seconds=seconds, fps=fps, size=size, click_bpm=120.0, picture=picture)
