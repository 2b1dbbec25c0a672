"""The look of a clip: the colours of its dancers, and its background without them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from agents.arrays import Floats, Image
from agents.media import mezzanine
from agents.media.beat_pictures import beat_pictures
from agents.media.pictures import Picture
from agents.move_indexing.dancers.dance import analyze_dance
from agents.move_indexing.dancers.detection_cache import ClipDetections
from agents.move_indexing.dancers.detections import FrameDetections
from agents.move_indexing.look import beats_to_look_at, look_of
from infra.base.atomic_file import sha256_of
from schemas.faults import Retryable
from schemas.look import ROOM_SHAPE, UNKNOWN, Look
from tests.unit.media.media_builders import write_drawn_clip
from tests.unit.move_indexing import known_dancers
from tests.unit.move_indexing.bodies import BLUE, RED
from tests.unit.move_indexing.known_dancers import SIZE

_BEATS = tuple(0.4 * beat for beat in range(9))
_LEAD = [*RED, *RED, *RED, *RED]


def _picture(time_s: float, rgb: Floats) -> Picture:
    return Picture(time_s, rgb.astype(np.uint8))


def _look(detections: ClipDetections, *pictures: Picture) -> Look:
    return look_of(analyze_dance(detections.frames), detections, pictures)


def _cells(look: Look) -> Floats:
    return np.array(look.room).reshape(ROOM_SHAPE)


def _lab(rgb: Floats) -> Floats:
    image: Image = rgb.astype(np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2LAB), float)


def _with_dancers_painted(time_s: float) -> Floats:
    rgb = known_dancers.slope()
    for xy in (known_dancers.lead_at(time_s), known_dancers.follow_at(time_s)):
        cv2.fillConvexPoly(rgb, cv2.convexHull(xy.astype(np.int32)), (255.0, 255.0, 255.0))
    return rgb


def test_the_background_is_measured_beside_the_dancers() -> None:
    pictures = [_picture(time_s, _with_dancers_painted(time_s)) for time_s in (0.4, 0.8, 2.0)]
    found = _cells(_look(known_dancers.detections(), *pictures))
    rows, columns, _ = ROOM_SHAPE
    height, width = SIZE[1] // rows, SIZE[0] // columns
    background = _lab(known_dancers.slope())[: rows * height, : columns * width]
    expected = np.median(background.reshape(rows, height, columns, width, 3), axis=(1, 3))
    assert np.abs(found[..., :3] - expected).max() < 6
    assert (found[..., 3] > 0).all()


def test_a_cell_that_dancers_hide_in_all_pictures_is_unknown() -> None:
    found = _cells(_look(known_dancers.detections(), _picture(0.8, known_dancers.slope())))
    assert (found[2, 3] == UNKNOWN).all()
    assert (found[:, [0, -1]] != UNKNOWN).all()


def test_a_picture_without_dancers_is_not_the_room() -> None:
    frames = tuple(replace(frame, dancers=frame.dancers * (frame.time_s > 1)) for frame in _frames())
    detections = ClipDetections(frames, SIZE)
    black, room = _picture(0.4, np.zeros((*SIZE[::-1], 3))), _picture(2.0, known_dancers.slope())
    assert _look(detections, black, room) == _look(detections, room)
    assert _look(detections, black).room == ()


def _frames() -> tuple[FrameDetections, ...]:
    return known_dancers.detections().frames


def test_the_dancers_have_their_median_colours() -> None:
    frames = list(_frames())
    odd = [replace(dancer, colour=np.full(12, 200.0)) for dancer in frames[3].dancers]
    frames[3] = replace(frames[3], dancers=tuple(odd))
    look = _look(ClipDetections(tuple(frames), SIZE))
    assert (look.lead, look.follow) == (tuple(np.tile(RED, 2)), tuple(np.tile(BLUE, 2)))


def test_a_colour_that_is_hardly_ever_seen_is_unknown() -> None:
    def visible(number: int, colour: Floats) -> Floats:
        hidden = np.full(12, np.nan)
        hidden[:3] = colour[:3]
        return colour if number < 4 else hidden

    frames = [
        replace(frame, dancers=tuple(replace(each, colour=visible(number, each.colour)) for each in frame.dancers))
        for number, frame in enumerate(_frames())
    ]
    look = _look(ClipDetections(tuple(frames), SIZE))
    assert look.lead == (*RED[:3], *[UNKNOWN] * 9)
    alone = [replace(frame, dancers=frame.dancers[:1]) for frame in _frames()]
    assert _look(ClipDetections(tuple(alone), SIZE)).follow == ()


@pytest.mark.parametrize(("beats", "expected"), [(1, [0]), (2, [0, 1]), (9, [1, 4, 7]), (600, 8)])
def test_the_pictures_are_far_from_each_other_and_few(beats: int, expected: list[int] | int) -> None:
    found = beats_to_look_at([0.4 * beat for beat in range(beats)])
    if isinstance(expected, int):
        assert len(found) == expected
        assert min(np.diff(found)) >= 70
    else:
        assert found == expected


@pytest.mark.parametrize(("size", "shape"), [((640, 480), (180, 240)), ((480, 640), (180, 136))])
def test_pictures_of_beats_have_no_bars(size: tuple[int, int], shape: tuple[int, int], tmp_path: Path) -> None:
    made = _mezzanine(tmp_path, size)
    pictures = beat_pictures(made, [1, 8, 2], size)
    assert [round(picture.time_s, 1) for picture in pictures] == [0.4, 3.2, 0.8]
    for picture in pictures:
        assert picture.rgb.shape == (*shape, 3)
        expected = known_dancers.slope(*shape[::-1])
        assert np.abs(picture.rgb - expected)[2:-2, 2:-2].mean() < 4


def _mezzanine(folder: Path, size: tuple[int, int]) -> mezzanine.Mezzanine:
    path = write_drawn_clip(folder / "clip.mp4", 4.0, 15, size, None, lambda _: known_dancers.slope(*size))
    return mezzanine.ensure(path, sha256_of(path), _BEATS, "balanced", folder / "cache")


def test_a_damaged_mezzanine_is_made_again(tmp_path: Path) -> None:
    made = _mezzanine(tmp_path, SIZE)
    content = made.path.read_bytes()
    start = content.index(b"mdat") + 4
    made.path.write_bytes(content[:start] + bytes(len(content) - start))
    with pytest.raises(Retryable, match="made again") as raised:
        beat_pictures(made, [0], SIZE)
    assert raised.value.reason == "cache_damaged"
    assert not made.path.exists()
