"""Describe what the dancers and the room of a clip look like: the colours of clothes and hair, and the background."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import cv2
import numpy as np

from agents.arrays import Bools, Floats
from agents.media.pictures import Picture
from agents.move_indexing.dancers.clothing_colours import COLOUR_VALUES
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.detection_cache import ClipDetections
from agents.move_indexing.dancers.detections import Detection, FrameDetections, extent
from schemas.look import ROOM_SHAPE, UNKNOWN, Look

_ROWS, _COLUMNS, _ = ROOM_SHAPE
_CELL_PX = 8
_MIN_FRAMES = 5  # a colour seen in fewer may be the partner's, or the background's
_MIN_CELL_SHARE = 0.4  # of a cell that is beside the dancers
_NEAR_S = 0.16  # dancers at most so long before or after a picture hide the background
_MARGIN = 0.1  # of a dancer's height: hair, skirts and shoes extend beyond the landmarks
_PICTURES_HZ, _PICTURES = 0.6, (3, 8)


def beats_to_look_at(beats: Sequence[float]) -> list[int]:
    """Return the indices of the beats, at least one, whose pictures show the room: 3 to 8, far from each other."""
    low, high = _PICTURES
    count = min(max(low, round(_PICTURES_HZ * (beats[-1] - beats[0]))), high)
    return sorted({round((n + 0.5) / count * (len(beats) - 1)) for n in range(count)})


def look_of(dance: Dance, detections: ClipDetections, pictures: Sequence[Picture]) -> Look:
    """Return the look of a clip. `pictures`: some of its pictures, from which the background is taken."""
    lead, follow = (_clothes([pair[index] for pair in dance.pairs]) for index in (0, 1))
    return Look(lead=lead, follow=follow, room=_room(detections, pictures))


def _clothes(detections: Sequence[Detection | None]) -> tuple[float, ...]:
    """Return the median colours of a dancer, nothing where all are unknown."""
    colours = np.array([detection.colour for detection in detections if detection] or [np.full(COLOUR_VALUES, np.nan)])
    rare = np.isfinite(colours).sum(axis=0) < _MIN_FRAMES
    colours[:, rare] = UNKNOWN
    return _values(np.nanmedian(colours, axis=0))


def _values(values: Floats) -> tuple[float, ...]:
    known = np.where(np.isfinite(values), values, UNKNOWN).ravel()
    return tuple(np.round(known, 1).tolist()) if (known != UNKNOWN).any() else ()


def _room(detections: ClipDetections, pictures: Sequence[Picture]) -> tuple[float, ...]:
    """Return the background, of pictures in which a dancer is detected: one without may be black, or a title."""
    backgrounds = [
        _background(picture, near, detections.size)
        for picture in pictures
        if (near := _dancers_near(detections.frames, picture.time_s))
    ]
    if not backgrounds:
        return ()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where dancers hide the background in all pictures
        return _values(_cells(np.nanmedian(backgrounds, axis=0)))


def _dancers_near(frames: Sequence[FrameDetections], time_s: float) -> list[Detection]:
    return [dancer for frame in frames if abs(frame.time_s - time_s) <= _NEAR_S for dancer in frame.dancers]


def _background(picture: Picture, dancers: Sequence[Detection], size: tuple[int, int]) -> Floats:
    """Return a picture's Lab colours in the size of the cells, NaN where a dancer may be."""
    shape = _COLUMNS * _CELL_PX, _ROWS * _CELL_PX
    rgb = cv2.resize(picture.rgb, shape, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(float)
    lab[_hidden(dancers, size)] = np.nan
    return lab


def _hidden(dancers: Sequence[Detection], size: tuple[int, int]) -> Bools:
    hidden = np.zeros((_ROWS * _CELL_PX, _COLUMNS * _CELL_PX), bool)
    scale = np.array(hidden.shape[::-1]) / size
    for dancer in dancers:
        margin = _MARGIN * extent(dancer.xy)
        left, top = np.maximum(np.floor((dancer.xy.min(axis=0) - margin) * scale), 0).astype(int)
        right, bottom = np.maximum(np.ceil((dancer.xy.max(axis=0) + margin) * scale), 0).astype(int)
        hidden[top:bottom, left:right] = True
    return hidden


def _cells(pixels: Floats) -> Floats:
    """Return the median Lab and the deviation of L of each cell, (rows, columns, 4); NaN where it is mostly hidden."""
    cells = pixels.reshape(_ROWS, _CELL_PX, _COLUMNS, _CELL_PX, 3).transpose(0, 2, 1, 3, 4)
    cells = cells.reshape(_ROWS, _COLUMNS, _CELL_PX**2, 3)
    known = np.isfinite(cells[..., 0]).mean(axis=2) >= _MIN_CELL_SHARE
    values = np.concatenate([np.nanmedian(cells, axis=2), np.nanstd(cells[..., :1], axis=2)], axis=2)
    return np.where(known[..., None], values, np.nan)
