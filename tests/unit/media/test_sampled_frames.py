"""Frames are sampled at a fixed rate, in the clip's shape and at a limited size."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from agents.media.sampled_frames import sample_frames
from schemas.faults import Poison
from tests.unit.media.media_builders import MakeClip

RATE_HZ = 10.0


@pytest.mark.parametrize("fps", [10, 24, 30, 60])
def test_ten_frames_per_second_are_sampled_at_any_frame_rate(clip: MakeClip, fps: int) -> None:
    times = [frame.time_s for frame in sample_frames(clip(fps=fps), RATE_HZ)]
    assert 29 <= len(times) <= 31
    assert np.abs(np.array(times) - np.arange(len(times)) / 10).max() <= 0.5 / fps + 0.02


def test_a_tall_clip_keeps_its_shape(clip: MakeClip) -> None:
    frame = next(sample_frames(clip(size=(360, 1280), seconds=2), RATE_HZ))
    height, width, _ = frame.rgb.shape
    assert height / width == pytest.approx(1280 / 360, rel=0.03)
    assert height * width <= 640 * 360 * 1.03


def test_small_clips_are_not_enlarged(clip: MakeClip) -> None:
    assert next(sample_frames(clip(size=(160, 120), seconds=2), RATE_HZ)).rgb.shape == (120, 160, 3)


def test_a_sampled_frame_is_the_clips_frame_at_that_time(clip: MakeClip) -> None:
    path = clip(picture=lambda t: np.full((240, 320, 3), 40 + 60 * int(t)))
    brightness = {round(frame.time_s, 1): frame.rgb.mean() for frame in sample_frames(path, RATE_HZ)}
    assert brightness[0.5] == pytest.approx(40, abs=4)
    assert brightness[2.5] == pytest.approx(160, abs=4)


def test_the_intact_frames_of_a_damaged_clip_are_sampled(clip: MakeClip) -> None:
    path = clip(fps=30, picture=lambda t: np.random.default_rng(int(t * 30)).integers(0, 255, (240, 320, 3)))
    whole = path.read_bytes()
    # Damage the middle, and leave the index at the end intact.
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 4) + whole[len(whole) * 3 // 4 :])
    assert 10 <= len(list(sample_frames(path, RATE_HZ))) <= 31


def test_a_file_without_media_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "clip.mp4"
    text.write_text("no clip at all, only text")
    with pytest.raises(Poison) as fault:
        list(sample_frames(text, RATE_HZ))
    assert fault.value.reason == "not_media"


def test_frames_with_non_square_pixels_are_resampled_to_square_ones(clip: MakeClip) -> None:
    frame = next(sample_frames(clip(size=(240, 240), pixel_aspect=Fraction(3, 2)), RATE_HZ))
    assert frame.rgb.shape == (240, 360, 3)
