"""A clip's picture and its moment go in; who dances, the count and the place in the clip are drawn on it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from agents.arrays import Floats, Image
from agents.drawing.canvas import rgb_of
from agents.drawing.text import TextStyle, known
from agents.media.pictures import Picture
from agents.move_indexing.move_pictures.bodies import Dancer
from agents.move_indexing.move_pictures.skeleton import Colour, draw_body
from schemas.move_indexed import MoveSummary

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_FIRST: Colour = (255, 92, 147)
_LAST_FLASH_S = 0.6
_DIM = 0.4
_UNIT = 720  # the sizes below are pixels of a picture whose shorter side is that long
_DIGIT, _LEGEND = 150, 26
_MARGIN, _BAR, _LINE = 28, 20, 4
_SHADE, _EIGHT, _PASSED = 0.5, 0.22, 0.3


class Overlay:
    """What is drawn on every picture of one clip."""

    def __init__(self, move: MoveSummary, dancers: Sequence[Dancer]) -> None:
        self._move = move
        self._dancers = dancers
        self._length_s = max(move.clip.duration_s, *move.beats[-1:], 0.1)

    def draw(self, picture: Picture) -> None:
        """Draw on the picture."""
        bodies = [dancer.at(picture.time_s, picture.size) for dancer in self._dancers]
        unit = min(picture.size) / _UNIT
        for body in bodies:
            if body:
                draw_body(picture.rgb, body, max(2, round(_LINE * unit)))
        self._count(picture, unit)
        self._legend(picture, unit, [body is not None and body.sure for body in bodies])
        self._bar(picture, unit)

    def _count(self, picture: Picture, unit: float) -> None:
        """The count of the last beat, brightest on it."""
        beats = self._move.beats
        last = bisect_right(beats, picture.time_s + 1e-3) - 1
        if last < 0:
            return
        until = beats[last + 1] if last + 1 < len(beats) else beats[last] + _LAST_FLASH_S
        passed = min(1.0, (picture.time_s - beats[last]) / max(until - beats[last], 1e-3))
        count = self._move.counts[last]
        digit = lettering(str(count), max(12, round(_DIGIT * unit)), bold=True)
        place = round(_MARGIN * unit), round(_MARGIN * unit)
        _stamp(picture.rgb, digit, place, _FIRST if count == 1 else _WHITE, flash(passed))

    def _legend(self, picture: Picture, unit: float, found: Sequence[bool]) -> None:
        size = max(9, round(_LEGEND * unit))
        top, right = round(_MARGIN * unit), picture.size[0] - round(_MARGIN * unit)
        for dancer, sure in zip(self._dancers, found, strict=True):
            name = lettering(dancer.name, size, bold=True)
            opacity = 1.0 if sure else _DIM
            _stamp(picture.rgb, name, (right - name.shape[1], top), rgb_of(dancer.colour), opacity)
            top += round(1.5 * size)

    def _bar(self, picture: Picture, unit: float) -> None:
        """The clip's length with its eights and beats, and where we are."""
        width, height = picture.size
        margin, thick = round(_MARGIN * unit), max(8, round(_BAR * unit))
        region = picture.rgb[height - margin - thick : height - margin, margin : width - margin]
        long = region.shape[1]
        _blend(region, _BLACK, _SHADE)
        for eight in self._move.eights:
            start, end = (self._x(self._move.beats[eight.start_beat + k], long) for k in (0, 8))
            _blend(region[:, start + 1 : end - 1], _WHITE, _EIGHT)
        now = self._x(picture.time_s, long)
        _blend(region[:, :now], _WHITE, _PASSED)
        self._ticks(region, long, unit)
        region[:, max(0, now - max(1, round(2 * unit))) : now + max(1, round(2 * unit))] = _WHITE

    def _ticks(self, region: Image, long: int, unit: float) -> None:
        thick, thin = max(1, round(3 * unit)), max(1, round(1.5 * unit))
        for beat, count in zip(self._move.beats, self._move.counts, strict=True):
            x, inset = self._x(beat, long), 0 if count == 1 else region.shape[0] // 4
            rows = region[inset : region.shape[0] - inset]
            rows[:, x : x + (thick if count == 1 else thin)] = _FIRST if count == 1 else _WHITE

    def _x(self, time_s: float, long: int) -> int:
        return round(min(max(time_s / self._length_s, 0.0), 1.0) * (long - 1))


def flash(passed: float) -> float:
    """How bright a count is, by the share of the beat that has passed: 1 on the beat, then less and less."""
    return _DIM + (1 - _DIM) * (1 - passed) ** 2


@lru_cache(maxsize=64)
def lettering(text: str, size: int, *, bold: bool = False) -> Floats:
    """Words as opacities 0-1, (height, width)."""
    from matplotlib.ft2font import FT2Font

    pen = TextStyle(size, "white", bold=bold)
    font = FT2Font(str(pen.font(72).get_file()))
    font.set_size(size, 72)
    font.set_text(known(text, pen))
    font.draw_glyphs_to_bitmap()
    return np.asarray(font.get_image(), np.float32) / 255


def _stamp(rgb: Image, letters: Floats, place: tuple[int, int], colour: Colour, opacity: float) -> None:
    """Letters with a soft shadow, which reads on light and on dark pictures."""
    rim = max(2, letters.shape[0] // 8)
    padded = np.pad(letters, rim)
    shadow = np.clip(1.6 * cv2.GaussianBlur(padded, (0, 0), rim / 2.5), 0, 1)
    left, top = place[0] - rim, place[1] - rim
    region = rgb[max(0, top) : top + padded.shape[0], max(0, left) : left + padded.shape[1]]
    window = slice(max(0, -top), max(0, -top) + region.shape[0]), slice(max(0, -left), max(0, -left) + region.shape[1])
    _blend(region, _BLACK, 0.6 * opacity * shadow[window])
    _blend(region, colour, opacity * padded[window])


def _blend(region: Image, colour: Colour, opacity: float | Floats) -> None:
    share = np.asarray(opacity, np.float32)[..., None]
    region[:] = (region * (1 - share) + np.array(colour, np.float32) * share + 0.5).astype(np.uint8)
