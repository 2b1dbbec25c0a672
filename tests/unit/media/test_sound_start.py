"""Sound begins where the container says, and has the same place beside the pictures as in the original."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.audio_analysis.analysis import analyze
from agents.media.decode import open_video
from tests.odd_media.marked import SOUND_HZ, read_mark, small_long_original, song
from tests.odd_media.patched import moved
from tests.odd_media.writer import Sound, Video, write

_H264 = Video(options={"preset": "ultrafast", "crf": "18"})
_MP3_IN_AVI_S = 0.025  # AVI does not state the delay of the decoder


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, ...]:
    path = tmp_path_factory.mktemp("plain") / "a.flac"
    return analyze(write(path, sounds=[Sound(_music(), "flac")])).beats


def _music() -> np.ndarray:
    return song()[:, : 8 * SOUND_HZ]


def _beats_beside_the_pictures(path: Path) -> list[float]:
    """Return the beats in seconds of the original's pictures."""
    with open_video(path) as video:
        time_s, frame = next(video.frames)
        shown_s = read_mark(np.asarray(frame.to_ndarray(format="gray")))
    assert shown_s is not None
    return [beat - time_s + shown_s for beat in analyze(path).beats]


def _largest_error_s(found: list[float], expected: list[float]) -> float:
    inside = [beat for beat in expected if found[0] - 0.1 < beat < found[-1] + 0.1]
    assert len(inside) > 8
    return max(min(abs(beat - other) for other in found) for beat in inside)


_CODECS_OF = {
    "clip.mp4": ("aac", "libmp3lame"),
    "clip.mov": ("aac",),
    "clip.mkv": ("libopus", "ac3", "aac"),
    "clip.ts": ("aac", "mp2", "ac3"),
    "clip.mpg": ("mp2",),
}


@pytest.mark.parametrize(
    ("name", "codec", "start_s"),
    [
        *((name, codec, 0.0) for name, codecs in _CODECS_OF.items() for codec in codecs),
        *((name, codecs[0], 0.3) for name, codecs in _CODECS_OF.items()),  # the container has the start, no codec
    ],
)
def test_beats_are_where_the_original_has_them(
    name: str, codec: str, start_s: float, beats: tuple[float, ...], tmp_path: Path
) -> None:
    rate = 48_000 if codec == "libopus" else SOUND_HZ
    sound = Sound(_music(), codec, rate=rate, start_s=start_s)
    path = write(tmp_path / name, small_long_original().pictures, [sound], video=_H264)
    found = _beats_beside_the_pictures(path)
    assert _largest_error_s(found, [beat + start_s for beat in beats[1:-1]]) < 0.010


def test_mp3_in_avi_is_late_by_the_delay_of_its_decoder(beats: tuple[float, ...], tmp_path: Path) -> None:
    pictures, sound = small_long_original().pictures, Sound(_music(), "libmp3lame")
    path = write(tmp_path / "clip.avi", pictures, [sound], video=Video("mpeg4", options={}, bit_rate=4_000_000))
    found = _beats_beside_the_pictures(path)
    assert _largest_error_s(found, [beat + _MP3_IN_AVI_S for beat in beats[1:-1]]) < 0.010


@pytest.mark.parametrize("cut_s", [0.5, 1.37])
def test_what_an_edit_list_cuts_is_not_heard(cut_s: float, beats: tuple[float, ...], tmp_path: Path) -> None:
    """Phones trim a clip so: the start stays in the file and is not played."""
    whole = write(tmp_path / "whole.mp4", small_long_original().pictures, [Sound(_music())], video=_H264)
    found = list(analyze(moved(whole, tmp_path / "cut.mp4", -cut_s)).beats)
    assert _largest_error_s(found, [beat - cut_s for beat in beats[1:-1] if beat > cut_s + 0.1]) < 0.010
