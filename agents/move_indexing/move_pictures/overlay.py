"""Draw the skeletons, the count, the dancers' names and a progress bar on the pictures of a clip."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from agents.arrays import Floats, Image
from agents.drawing.canvas import rgb_of
from agents.drawing.text import TextStyle, replace_missing_glyphs
from agents.media.pictures import Picture
from agents.move_indexing.move_pictures.bodies import Dancer
from agents.move_indexing.move_pictures.skeleton import Colour, draw_body
from schemas.move_indexed import MoveSummary

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_ONE_COLOUR: Colour = (255, 92, 147)
_LAST_COUNT_FADE_S = 0.6
_DIM_OPACITY = 0.4
# The sizes below are in pixels of a picture whose shorter side has 720.
_REFERENCE_SIDE_PX = 720
_COUNT_PX, _NAME_PX = 150, 26
_MARGIN_PX, _BAR_PX, _LINE_PX = 28, 20, 4
_BAR_OPACITY, _EIGHT_OPACITY, _PLAYED_OPACITY = 0.5, 0.22, 0.3


class Overlay:
    """The drawing on every picture of one clip."""

    def __init__(self, move: MoveSummary, dancers: Sequence[Dancer]) -> None:
        self._move = move
        self._dancers = dancers
        self._length_s = max(move.end_s, *move.beats[-1:], 0.1)

    def draw(self, picture: Picture) -> None:
        """Draw on the picture."""
        bodies = [dancer.body_at(picture.time_s, picture.size) for dancer in self._dancers]
        scale = min(picture.size) / _REFERENCE_SIDE_PX
        for body in bodies:
            if body:
                draw_body(picture.rgb, body, max(2, round(_LINE_PX * scale)))
        self._count(picture, scale)
        self._names(picture, scale, [body is not None and body.detected for body in bodies])
        self._bar(picture, scale)

    def _count(self, picture: Picture, scale: float) -> None:
        """Draw the count of the last beat, brightest on the beat."""
        beats = self._move.beats
        last = bisect_right(beats, picture.time_s + 1e-3) - 1
        if last < 0:
            return
        until = beats[last + 1] if last + 1 < len(beats) else beats[last] + _LAST_COUNT_FADE_S
        elapsed = min(1.0, (picture.time_s - beats[last]) / max(until - beats[last], 1e-3))
        count = self._move.counts[last]
        mask = text_mask(str(count), max(12, round(_COUNT_PX * scale)), bold=True)
        corner = round(_MARGIN_PX * scale), round(_MARGIN_PX * scale)
        _draw_text(picture.rgb, mask, corner, _ONE_COLOUR if count == 1 else _WHITE, count_opacity(elapsed))

    def _names(self, picture: Picture, scale: float, detected: Sequence[bool]) -> None:
        size_px = max(9, round(_NAME_PX * scale))
        top, right = round(_MARGIN_PX * scale), picture.size[0] - round(_MARGIN_PX * scale)
        for dancer, is_detected in zip(self._dancers, detected, strict=True):
            mask = text_mask(dancer.name, size_px, bold=True)
            opacity = 1.0 if is_detected else _DIM_OPACITY
            _draw_text(picture.rgb, mask, (right - mask.shape[1], top), rgb_of(dancer.colour), opacity)
            top += round(1.5 * size_px)

    def _bar(self, picture: Picture, scale: float) -> None:
        """Draw the clip's length as a bar with its eights and beats, and the picture's time on it."""
        width, height = picture.size
        margin, bar_height = round(_MARGIN_PX * scale), max(8, round(_BAR_PX * scale))
        bar = picture.rgb[height - margin - bar_height : height - margin, margin : width - margin]
        length = bar.shape[1]
        _blend(bar, _BLACK, _BAR_OPACITY)
        for eight in self._move.eights:
            start, end = (self._x(self._move.beats[eight.start_beat + k], length) for k in (0, 8))
            _blend(bar[:, start + 1 : end - 1], _WHITE, _EIGHT_OPACITY)
        now = self._x(picture.time_s, length)
        _blend(bar[:, :now], _WHITE, _PLAYED_OPACITY)
        self._ticks(bar, length, scale)
        bar[:, max(0, now - max(1, round(2 * scale))) : now + max(1, round(2 * scale))] = _WHITE

    def _ticks(self, bar: Image, length: int, scale: float) -> None:
        thick, thin = max(1, round(3 * scale)), max(1, round(1.5 * scale))
        for beat, count in zip(self._move.beats, self._move.counts, strict=True):
            x, inset = self._x(beat, length), 0 if count == 1 else bar.shape[0] // 4
            rows = bar[inset : bar.shape[0] - inset]
            rows[:, x : x + (thick if count == 1 else thin)] = _ONE_COLOUR if count == 1 else _WHITE

    def _x(self, time_s: float, length: int) -> int:
        return round(min(max(time_s / self._length_s, 0.0), 1.0) * (length - 1))


def count_opacity(elapsed: float) -> float:
    """Return the opacity of a count, by the elapsed share of its beat: 1 on the beat, then falling to 0.4."""
    return _DIM_OPACITY + (1 - _DIM_OPACITY) * (1 - elapsed) ** 2


@lru_cache(maxsize=64)
def text_mask(text: str, size_px: int, *, bold: bool = False) -> Floats:
    """Return a line of text as opacities 0-1, (height, width)."""
    from matplotlib.ft2font import FT2Font

    style = TextStyle(size_px, "white", bold=bold)
    font = FT2Font(str(style.font(72).get_file()))
    font.set_size(size_px, 72)
    font.set_text(replace_missing_glyphs(text, style))
    font.draw_glyphs_to_bitmap()
    return np.asarray(font.get_image(), np.float32) / 255


def _draw_text(rgb: Image, mask: Floats, corner: tuple[int, int], colour: Colour, opacity: float) -> None:
    """Draw text from its upper left `corner` on, with a soft shadow, legible on light and on dark pictures."""
    rim = max(2, mask.shape[0] // 8)
    padded = np.pad(mask, rim)
    shadow = np.clip(1.6 * cv2.GaussianBlur(padded, (0, 0), rim / 2.5), 0, 1)
    left, top = corner[0] - rim, corner[1] - rim
    region = rgb[max(0, top) : top + padded.shape[0], max(0, left) : left + padded.shape[1]]
    window = slice(max(0, -top), max(0, -top) + region.shape[0]), slice(max(0, -left), max(0, -left) + region.shape[1])
    _blend(region, _BLACK, 0.6 * opacity * shadow[window])
    _blend(region, colour, opacity * padded[window])


def _blend(region: Image, colour: Colour, opacity: float | Floats) -> None:
    share = np.asarray(opacity, np.float32)[..., None]
    region[:] = (region * (1 - share) + np.array(colour, np.float32) * share + 0.5).astype(np.uint8)
