from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from agents.media.sampled_frames import sampled
from schemas.faults import Poison
from tests.unit.media.media_builders import MakeClip

RATE_HZ = 10.0


@pytest.mark.parametrize("fps", [10, 24, 30, 60])
def test_ten_frames_a_second_whatever_the_clip_has(clip: MakeClip, fps: int) -> None:
    times = [frame.time_s for frame in sampled(clip(fps=fps), RATE_HZ)]
    assert 29 <= len(times) <= 31
    assert np.abs(np.array(times) - np.arange(len(times)) / 10).max() <= 0.5 / fps + 0.02


def test_a_tall_clip_keeps_its_shape(clip: MakeClip) -> None:
    frame = next(sampled(clip(size=(360, 1280), seconds=2), RATE_HZ))
    height, width, _ = frame.rgb.shape
    assert height / width == pytest.approx(1280 / 360, rel=0.03)
    assert height * width <= 640 * 360 * 1.03


def test_small_clips_are_not_blown_up(clip: MakeClip) -> None:
    assert next(sampled(clip(size=(160, 120), seconds=2), RATE_HZ)).rgb.shape == (120, 160, 3)


def test_a_frame_is_what_the_clip_shows_then(clip: MakeClip) -> None:
    path = clip(picture=lambda t: np.full((240, 320, 3), 40 + 60 * int(t)))
    shown = {round(frame.time_s, 1): frame.rgb.mean() for frame in sampled(path, RATE_HZ)}
    assert shown[0.5] == pytest.approx(40, abs=4)
    assert shown[2.5] == pytest.approx(160, abs=4)


def test_a_clip_cut_short_gives_what_is_left_of_it(clip: MakeClip) -> None:
    path = clip(fps=30, picture=lambda t: np.random.default_rng(int(t * 30)).integers(0, 255, (240, 320, 3)))
    whole = path.read_bytes()
    # Keep the index at the end, lose the middle.
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 4) + whole[len(whole) * 3 // 4 :])
    assert 10 <= len(list(sampled(path, RATE_HZ))) <= 31


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "clip.mp4"
    text.write_text("no clip at all, only words")
    with pytest.raises(Poison) as fault:
        list(sampled(text, RATE_HZ))
    assert fault.value.reason == "not_media"


def test_pixels_that_are_not_square_are_seen_in_shape(clip: MakeClip) -> None:
    frame = next(sampled(clip(size=(240, 240), pixel_aspect=Fraction(3, 2)), RATE_HZ))
    assert frame.rgb.shape == (240, 360, 3)
