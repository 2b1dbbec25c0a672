"""The resampled sound has no gaps and begins at time 0, for any frames."""

from __future__ import annotations

import av
import numpy as np
import pytest

from agents.media.mp4 import AAC_FRAME
from agents.media.resample import stereo
from tests.unit.media.known_media import RATE


def test_a_gap_is_filled_with_silence_of_its_length() -> None:
    frames = [constant(n * 960) for n in range(20) if not 5 <= n < 10]
    resampled = list(stereo([(frame.pts / RATE, frame) for frame in frames if frame.pts is not None], RATE))
    samples = np.concatenate([np.asarray(frame.to_ndarray())[0] for frame in resampled])
    assert len(samples) == 20 * 960
    assert not samples[5 * 960 : 10 * 960].any()
    assert np.allclose(samples[: 5 * 960], 0.5)
    assert np.allclose(samples[10 * 960 :], 0.5)


def test_sound_before_time_0_is_cut() -> None:
    frames = list(stereo([(-0.03, constant(0)), (-0.01, constant(960)), (0.01, constant(1920))], RATE))
    assert sum(frame.samples for frame in frames) == 480 + 960


@pytest.mark.parametrize("change", [(44_100, "stereo"), (RATE, "mono")])
def test_a_song_may_change_its_rate_or_channels(change: tuple[int, str]) -> None:
    frames = [*(constant(0) for _ in range(10)), *(constant(0, *change) for _ in range(10))]
    length = sum(frame.samples / frame.sample_rate for frame in frames)
    resampled = list(stereo([(None, frame) for frame in frames], RATE))
    assert {frame.samples for frame in resampled[:-1]} == {AAC_FRAME}
    assert sum(frame.samples for frame in resampled) / RATE == pytest.approx(length, abs=2e-3)


def constant(pts: int, rate: int = RATE, layout: str = "stereo") -> av.AudioFrame:
    """Return 960 samples of a constant value (20 ms at 48 kHz)."""
    values = np.full((len(av.AudioLayout(layout).channels), 960), 0.5, np.float32)
    frame = av.AudioFrame.from_ndarray(values, format="fltp", layout=layout)
    frame.pts, frame.sample_rate = pts, rate
    return frame
