"""Tests of the bar codes by which odd media are measured."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from tests.odd_media.marked import SIZE, marked, read_mark

GREY = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)


@pytest.mark.parametrize("time_s", [0.0, 0.033, 1.234, 8.4, 16.0])
@pytest.mark.parametrize("size", [(640, 360), (320, 180), (160, 90)])
def test_a_picture_shows_its_time_also_when_it_is_smaller(time_s: float, size: tuple[int, int]) -> None:
    luma = cv2.cvtColor(cv2.resize(marked(GREY, time_s), size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    assert read_mark(luma) == pytest.approx(time_s, abs=0.0005)


def test_a_mirrored_picture_and_one_without_a_bar_code_show_no_time() -> None:
    times = [read_mark(marked(GREY, number / 30)[:, ::-1, 0]) for number in range(1, 150)]
    assert times.count(None) > 90  # two bits of a check sum: one of four passes
    assert read_mark(GREY[..., 0]) is None


def test_a_bar_code_is_read_from_frames_in_limited_range() -> None:
    frame = av.VideoFrame.from_ndarray(marked(GREY, 2.5), format="rgb24").reformat(format="yuv420p")
    assert read_mark(frame.to_ndarray(format="gray")) == pytest.approx(2.5)
