"""A part of a recording is cut out as a clip: exactly, without another encoding where possible, always the same."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from agents.media import cut as cut_module
from agents.media.cut import CutPart, cut
from agents.media.decode import open_video
from agents.media.display import Display
from agents.media.probe import probe
from schemas.faults import Poison
from tests.odd_media.containers import write_clip
from tests.odd_media.marked import SOUND_HZ, original, plain_sound, read_mark
from tests.odd_media.writer import Sound, Video, write

_GROUPS = Video(options={"preset": "ultrafast", "crf": "20", "g": "60", "bf": "3"})  # a keyframe every 2 s


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 5.4 s with a keyframe every 2 s and pictures that are decoded before earlier ones, as of a phone."""
    path = tmp_path_factory.mktemp("cut") / "recording.mp4"
    whole = original()
    return write(path, whole.pictures, [Sound(whole.sound)], video=_GROUPS)


@pytest.mark.parametrize("start_s", [0.0, 0.9, 2.0, 3.1])
def test_a_clip_begins_with_the_picture_at_its_start(recording: Path, tmp_path: Path, start_s: float) -> None:
    cut(recording, CutPart(start_s, start_s + 2.2, 0), tmp_path / "clip.mp4")
    assert _marks(tmp_path / "clip.mp4")[0] == pytest.approx(start_s, abs=0.001)


def test_a_clip_ends_with_at_most_some_pictures_more(recording: Path, tmp_path: Path) -> None:
    cut(recording, CutPart(1.0, 3.2, 0), tmp_path / "clip.mp4")
    marks = _marks(tmp_path / "clip.mp4")
    assert 3.2 - 0.034 <= marks[-1] <= 3.2 + 0.2
    assert np.diff(marks).max() == pytest.approx(1 / 30, abs=0.002)


def test_sound_and_picture_stay_together(recording: Path, tmp_path: Path) -> None:
    cut(recording, CutPart(1.0, 3.5, 0), tmp_path / "clip.mp4")
    ours, theirs = plain_sound(tmp_path / "clip.mp4")[0], plain_sound(recording)[0, SOUND_HZ:]
    part = slice(SOUND_HZ // 2, SOUND_HZ)  # the first packets follow a beginning that is not there
    lags = range(-600, 601, 10)
    errors = [np.abs(ours[part] - theirs[part.start + lag : part.stop + lag]).mean() for lag in lags]
    assert abs(lags[int(np.argmin(errors))]) <= 0.005 * SOUND_HZ


def test_packets_are_copied(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut_module, "_encode", lambda *_: pytest.fail("it is encoded"))
    cut(recording, CutPart(1.0, 3.2, 0), tmp_path / "clip.mp4")


@pytest.mark.parametrize("name", ["mjpeg.avi", "clip.ts", "hevc.mp4", "clip.mkv", "clip.mpg"])
def test_clips_are_cut_from_all_containers(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path, name)
    cut(source, CutPart(1.5, 4.0, 0), tmp_path / "clip.mp4")
    assert _marks(tmp_path / "clip.mp4")[0] == pytest.approx(1.5, abs=0.05)
    assert probe(tmp_path / "clip.mp4", "video").duration_s == pytest.approx(2.5, abs=0.25)
    assert probe(tmp_path / "clip.mp4", "video").has_audio


@pytest.mark.parametrize("name", ["clip.mp4", "mjpeg.avi"])
def test_the_same_part_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    source = write_clip(tmp_path, name)
    for number in (1, 2):
        cut(source, CutPart(1.0, 3.3, 0), tmp_path / f"{number}.mp4")
    assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "2.mp4").read_bytes()


def test_an_upright_recording_stays_upright(tmp_path: Path) -> None:
    source = write(tmp_path / "phone.mp4", original().pictures, video=Video(rotation=90))
    cut(source, CutPart(1.0, 3.2, None), tmp_path / "clip.mp4")
    assert [_rotation(each) for each in (tmp_path / "clip.mp4", source)] == [90, 90]


def _rotation(clip: Path) -> int:
    with av.open(str(clip)) as reader:
        return abs(next(reader.decode(video=0)).rotation)


def test_a_recording_without_sound_gives_a_clip_without_sound(tmp_path: Path) -> None:
    source = write(tmp_path / "silent.mp4", original().pictures)
    cut(source, CutPart(1.0, 3.2, None), tmp_path / "clip.mp4")
    assert not probe(tmp_path / "clip.mp4", "video").has_audio


def test_a_part_behind_the_end_is_refused(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(Poison) as fault:
        cut(recording, CutPart(60.0, 70.0, 0), tmp_path / "clip.mp4")
    assert fault.value.reason == "no_video"


def _marks(clip: Path) -> list[float]:
    """Return the times that the clip's pictures show."""
    with open_video(clip) as video:
        display = Display((640, 360), video.pixel_aspect)
        lumas = [display(frame).to_ndarray(format="gray") for _, frame in video.frames]
    return [mark for luma in lumas if (mark := read_mark(luma)) is not None]
