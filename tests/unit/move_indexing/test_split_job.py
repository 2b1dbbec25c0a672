"""A recording is cut into candidates with pictures and embeddings; a part becomes a clip of the media store."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from agents.arrays import Floats
from agents.media.probe import probe
from agents.media.sampled_frames import Frame
from agents.move_indexing.dancers import detection_cache
from agents.move_indexing.dancers.detections import Detection
from agents.move_indexing.split.jobs import CUT_CLIP, SPLIT_RECORDING, CutClip, PartSpan, SplitRecording, strip_file
from agents.step import Tools
from infra.media_store import MediaStore
from schemas.faults import Poison
from tests.odd_media import sounds
from tests.odd_media.marked import Samples, song
from tests.odd_media.writer import Sound, Timed, Video, write
from tests.unit.move_indexing.bodies import BLUE, RED, standing

_SIZE, _FPS = (160, 120), 10
_DANCES = ((1.0, 11.0), (13.0, 24.0))
_END_S = 25.0


class _Finder:
    """Stands in for the networks: a couple that dances in the spans above and stands still between them."""

    calls = 0

    def __init__(self, model: Path, confidence: float) -> None:
        """Take the arguments of `DancerFinder`."""

    def find(self, frame: Frame) -> list[Detection]:
        """Return the couple."""
        type(self).calls += 1
        moving = any(start <= frame.time_s <= end for start, end in _DANCES)
        swing = 10 * np.sin(2 * np.pi * frame.time_s) if moving else 0.0
        return [_detection(60 + swing, RED, 22), _detection(100 + swing, BLUE, 20)]


def _detection(x: float, colour: Floats, torso_px: float) -> Detection:
    xy = standing() * torso_px + [x, 55]
    return Detection(xy, np.column_stack([xy / 60, np.zeros(33)]), np.tile(colour, 2))


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Return tools without a pose model, and a finder that knows the dancers."""
    monkeypatch.setattr(detection_cache, "DancerFinder", _Finder)
    _Finder.calls = 0
    return Tools(MediaStore(tmp_path / "media"), tmp_path / "cache", tmp_path / "output", (), tmp_path / "no-model")


def _pictures() -> list[Timed]:
    shades = [(n / _FPS, np.full((_SIZE[1], _SIZE[0], 3), 40 + n % 160, np.uint8)) for n in range(int(_END_S * _FPS))]
    return list(shades)


def _stored(folder: Path, tools: Tools, sound: Samples) -> str:
    video = Video(rate=Fraction(_FPS), options={"preset": "ultrafast", "g": "20"})
    path = write(folder / "class.mp4", _pictures(), [Sound(sound)], video=video)
    return tools.media.add(path, "video").sha256


@pytest.fixture
def recording(tmp_path: Path, tools: Tools) -> str:
    return _stored(tmp_path, tools, song(_END_S, 20.0))


def test_a_pause_of_the_dancers_makes_two_candidates(recording: str, tools: Tools) -> None:
    result = SPLIT_RECORDING.work(SplitRecording(sha256=recording), tools)
    edges = [(each.start_s, each.end_s) for each in result.candidates]
    assert np.array(edges) == pytest.approx(np.array(_DANCES), abs=0.5)
    assert result.recording.duration_s == pytest.approx(_END_S, abs=0.2)
    for candidate in result.candidates:
        assert candidate.tempo_bpm == pytest.approx(124, abs=1)
        assert candidate.counts == pytest.approx((candidate.end_s - candidate.start_s) * 124 / 60, abs=0.5)
        assert candidate.dancers.both == 1.0
    assert SPLIT_RECORDING.result.model_validate_json(result.model_dump_json()) == result


def test_each_candidate_has_six_pictures(recording: str, tools: Tools) -> None:
    for candidate in SPLIT_RECORDING.work(SplitRecording(sha256=recording), tools).candidates:
        strip = cv2.imread(str(strip_file(tools.cache_dir, recording, candidate)))
        assert strip is not None
        assert strip.shape[:2] == (144, 6 * 192 + 5 * 4)


def test_a_second_time_detects_nothing(recording: str, tools: Tools) -> None:
    first = SPLIT_RECORDING.work(SplitRecording(sha256=recording), tools)
    calls = _Finder.calls
    assert SPLIT_RECORDING.work(SplitRecording(sha256=recording), tools) == first
    assert _Finder.calls == calls


def test_given_spans_are_described(recording: str, tools: Tools) -> None:
    span = PartSpan(start_s=1.0, end_s=24.0)
    (candidate,) = SPLIT_RECORDING.work(SplitRecording(sha256=recording, spans=(span,)), tools).candidates
    assert (candidate.start_s, candidate.end_s) == (1.0, 24.0)
    assert strip_file(tools.cache_dir, recording, span).is_file()


@pytest.mark.parametrize(
    ("sound", "reason"),
    [(sounds.speech(_END_S), "no_beats"), (sounds.silence(_END_S), "silence")],
    ids=["talk", "silence"],
)
def test_a_recording_without_music_is_refused_before_dancers_are_detected(
    tmp_path: Path, tools: Tools, sound: Samples, reason: str
) -> None:
    with pytest.raises(Poison) as fault:
        SPLIT_RECORDING.work(SplitRecording(sha256=_stored(tmp_path, tools, sound)), tools)
    assert fault.value.reason == reason
    assert _Finder.calls == 0


def test_the_same_part_is_the_same_clip(recording: str, tools: Tools) -> None:
    request = CutClip(sha256=recording, start_s=1.0, end_s=11.0)
    clips = [CUT_CLIP.work(request, tools).clip for _ in range(2)]
    assert clips[0] == clips[1]
    assert probe(tools.media.path(clips[0].sha256), "video").duration_s == pytest.approx(10, abs=0.2)
    assert not list((tools.cache_dir / "cuts").iterdir())
