"""Measure pictures and sounds of odd media beside those of their original, and the sync of a finished video."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from tests.odd_media.marked import FPS, SOUND_HZ, STRIP_SHARE, Original, Samples, read_mark

BOX = (320, 180)  # the size in which pictures are compared
_FAR_FRAMES = 8  # how far from its expected place a picture without a mark is looked for
_MAX_LAG_S = 0.2
_CUT_S, _MISSED_S = 0.002, 0.1
_MOVES = 20  # difference of luma between two pictures
Luma = NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """How pictures differ from the original's: the lowest correlation, and the means of two differences of luma."""

    correlation: float
    mean: float
    p95: float

    def __str__(self) -> str:
        return f"{self.correlation:5.3f} {self.mean:+4.0f} {self.p95:+4.0f}"


@dataclass(frozen=True)
class DisplayedPicture:
    """A picture that is displayed from `time_s` on, in the box, with bars where its shape is another one."""

    time_s: float
    luma: Luma


class Reference:
    """The original's pictures as a file shows them. `flip`: OpenCV's code of how it is mirrored."""

    def __init__(self, original: Original, flip: int | None = None) -> None:
        self._flip = flip
        height, width = original.pictures[0][1].shape[:2]
        self._size = fitted(width, height)
        self._lumas = [self._flipped(self.inside(in_box(_luma(rgb)))) for _, rgb in original.pictures]

    def __len__(self) -> int:
        return len(self._lumas)

    def inside(self, luma: Luma) -> Luma:
        """Return the part of the box in which the original is displayed."""
        left, top = (BOX[0] - self._size[0]) // 2, (BOX[1] - self._size[1]) // 2
        return luma[top : top + self._size[1], left : left + self._size[0]]

    def bars(self, luma: Luma) -> float:
        """Return the mean luma outside of the original, but for two lines beside it; 0 where it has no bars."""
        bars = np.ones(luma.shape, bool)
        left, top = (max(0, (side - size) // 2 - 2) for side, size in zip(BOX, self._size, strict=True))
        bars[top : BOX[1] - top, left : BOX[0] - left] = False
        return float(luma[bars].mean()) if bars.any() else 0.0

    def marked_time(self, picture: DisplayedPicture) -> float | None:
        """Return the original's time that a picture shows, or None."""
        return read_mark(self._flipped(self.inside(picture.luma)))

    def nearest_time(self, picture: DisplayedPicture, expected_s: float) -> float:
        """Return the time of the original's picture that is most like a picture, around where it is expected."""
        first = max(0, round(expected_s * FPS) - _FAR_FRAMES)
        numbers = range(first, min(len(self._lumas), first + 2 * _FAR_FRAMES + 1))
        luma = self._compared(self.inside(picture.luma))

        def likeness(number: int) -> tuple[float, float]:
            alike = _correlation(luma, self._compared(self._lumas[number]))
            return round(alike, 4), -abs(number / FPS - expected_s)

        return max(numbers, key=likeness, default=0) / FPS

    def look(self, pictures: Iterable[DisplayedPicture], time_of: Callable[[DisplayedPicture], float]) -> Look:
        """Compare pictures with the original's; `time_of`: the original's time of a picture."""
        rows = [self._differences(picture, time_of(picture)) for picture in pictures]
        if not rows:
            return Look(0.0, -255.0, -255.0)
        correlations, means, p95s = zip(*rows, strict=True)
        return Look(min(correlations), float(np.mean(means)), float(np.mean(p95s)))

    def _differences(self, picture: DisplayedPicture, time_s: float) -> tuple[float, float, float]:
        number = min(len(self._lumas) - 1, max(0, round(time_s * FPS)))
        one, other = (self._compared(luma) for luma in (self.inside(picture.luma), self._lumas[number]))
        p95s = np.percentile(one, 95) - np.percentile(other, 95)
        return _correlation(one, other), float(one.mean() - other.mean()), float(p95s)

    def _compared(self, luma: Luma) -> Luma:
        """Return a picture without the strip of its mark."""
        strip = round(len(luma) * (STRIP_SHARE + 0.02))
        return luma[: len(luma) - strip] if self._flip in {0, -1} else luma[strip:]

    def _flipped(self, luma: Luma) -> Luma:
        return luma if self._flip is None else np.asarray(cv2.flip(luma, self._flip), np.uint8)


def pictures_of(path: Path, step: int = 1) -> Iterator[DisplayedPicture]:
    """Yield every `step`-th of a video's pictures as FFmpeg decodes them: not turned, and with square pixels."""
    with av.open(str(path)) as reader:
        start_s = (reader.start_time or 0) / av.time_base
        for number, frame in enumerate(reader.decode(video=0)):
            if frame.time is not None and number % step == 0:
                yield DisplayedPicture(float(frame.time) - start_s, in_box(_box_luma(frame)))


def _box_luma(frame: av.VideoFrame) -> NDArray[Any]:
    size = fitted(frame.width, frame.height)
    return _luma(frame.reformat(*size, format="rgb24", interpolation=Interpolation.AREA).to_ndarray())


def in_box(luma: NDArray[Any]) -> Luma:
    """Return a picture in the box, with bars where its shape is another one."""
    width, height = fitted(luma.shape[1], luma.shape[0])
    box = np.zeros(BOX[::-1], np.uint8)
    left, top = (BOX[0] - width) // 2, (BOX[1] - height) // 2
    box[top : top + height, left : left + width] = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
    return box


def fitted(width: int, height: int) -> tuple[int, int]:
    """Return the size in the box of a picture of a shape."""
    scale = min(BOX[0] / width, BOX[1] / height)
    return round(width * scale), round(height * scale)


def combing(pictures: Sequence[NDArray[Any]]) -> float:
    """Return how much lines differ from the next ones, relative to those after them, where the picture moves.

    `pictures`: luma in the file's own number of lines, in order. Above 1 the lines of two fields are mixed.
    """
    near, far = 0.0, 1e-6
    for before, now in pairwise(pictures):
        picture = now.astype(float)
        moves = np.abs(picture - before)[2:-2] > _MOVES
        one = np.abs(picture[2:-2] - (picture[1:-3] + picture[3:-1]) / 2)
        two = np.abs(picture[2:-2] - (picture[:-4] + picture[4:]) / 2)
        near, far = near + float(one[moves].sum()), far + float(two[moves].sum())
    return near / far


def lag_s(sound: Samples, other: Samples) -> float:
    """Return how much later a sound is than another, seconds, at most 0.2 either way; both stereo at 44100 Hz.

    Of each the first channel: the mean of two can be nothing.
    """
    length = min(sound.shape[1], other.shape[1])
    size = 1 << (2 * length).bit_length()
    one, two = (np.fft.rfft(samples[0, :length].astype(float), size) for samples in (sound, other))
    product = np.abs(np.fft.irfft(one * np.conj(two), size))
    most = round(_MAX_LAG_S * SOUND_HZ)
    lags = np.concatenate([product[-most:], product[: most + 1]])
    return float((lags.argmax() - most) / SOUND_HZ)


def beat_errors(found: Sequence[float], right: Sequence[float], end_s: float) -> tuple[float, int]:
    """Return the largest distance of found beats from the right ones, seconds, and how many right ones are missed.

    Beats before the first right one and after the last are not compared; those of the last half second may be missing.
    """
    if not found or not right:
        return 9.0, len(right)
    distances = np.abs(np.subtract.outer(np.array(found), np.array(right)))
    missed = (distances.min(axis=0) > _MISSED_S) & (np.array(right) < end_s - 0.5)
    compared = [right[0] - _MISSED_S < beat < right[-1] + _MISSED_S for beat in found]
    return float(distances.min(axis=1)[compared].max(initial=0.0)), int(missed.sum())


def sync_errors(
    displayed_s: Sequence[float],
    clip_s: Sequence[float],
    clip_beats: Sequence[float],
    song_beats: Sequence[float],
    cuts_s: Sequence[float],
) -> NDArray[Any]:
    """Return how much too late each picture is, song seconds.

    `displayed_s`: when pictures are displayed, on the song's clock; `clip_s`: their times in the original clip. Which
    beat falls on which does not matter. The first picture after one of `cuts_s` can be no nearer to its beat than the
    clip has pictures, so half the time between two of them is not counted.
    """
    displayed, clip = np.array(displayed_s), np.array(clip_s)
    ahead = _phase(displayed, song_beats) - _phase(clip, clip_beats)
    late = (ahead - np.round(ahead)) * float(np.median(np.diff(song_beats)))
    half = float(np.median(np.diff(clip))) / 2
    is_cut = np.abs(np.subtract.outer(displayed, np.array(cuts_s))).min(axis=1) < _CUT_S
    return np.asarray(np.where(is_cut, np.sign(late) * np.maximum(0, np.abs(late) - half), late))


def _phase(times: NDArray[Any], beats: Sequence[float]) -> NDArray[Any]:
    """Return times in beats; before the first and after the last beat the tempo stays the same."""
    period = float(np.median(np.diff(beats)))
    inside = np.interp(times, beats, np.arange(len(beats)))
    before, after = np.minimum(0, times - beats[0]) / period, np.maximum(0, times - beats[-1]) / period
    return np.asarray(inside + before + after)


def _luma(rgb: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    if one.std() < 1 or other.std() < 1:
        return float(one.std() < 1 and other.std() < 1)  # an empty picture is like another one
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
