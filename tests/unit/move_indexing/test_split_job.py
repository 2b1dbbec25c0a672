"""A recording is cut into parts with pictures and embeddings; one becomes a clip of the media store."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from agents.media.probe import probe
from agents.move_indexing.dancers import detection_cache
from agents.move_indexing.split.jobs import CUT_CLIP, SPLIT_RECORDING, CutClip, PartSpan, SplitRecording, strip_file
from agents.step import Tools
from infra.media_store import MediaStore
from schemas.faults import Poison
from tests.odd_media import sounds
from tests.odd_media.marked import Samples, song
from tests.unit.move_indexing.drawn_recording import DANCES, END_S, Finder, write_drawn_recording


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Return tools without a pose model, and a finder that knows the dancers."""
    monkeypatch.setattr(detection_cache, "DancerFinder", Finder)
    Finder.calls = 0
    return Tools(MediaStore(tmp_path / "media"), tmp_path / "cache", tmp_path / "output", (), tmp_path / "no-model")


def _stored(folder: Path, tools: Tools, sound: Samples) -> str:
    return tools.media.add(write_drawn_recording(folder / "class.mp4", sound), "video").sha256


@pytest.fixture
def recording(tmp_path: Path, tools: Tools) -> str:
    return _stored(tmp_path, tools, song(END_S, 20.0))


def test_a_pause_of_the_dancers_makes_two_parts(recording: str, tools: Tools) -> None:
    result = SPLIT_RECORDING.work(SplitRecording(sha256=recording), tools)
    edges = [(each.start_s, each.end_s) for each in result.parts]
    assert np.array(edges) == pytest.approx(np.array(DANCES), abs=0.5)
    assert result.recording.duration_s == pytest.approx(END_S, abs=0.2)
    for part in result.parts:
        assert part.tempo_bpm == pytest.approx(124, abs=1)
        assert part.counts == pytest.approx((part.end_s - part.start_s) * 124 / 60, abs=0.5)
        assert part.dancers.both == 1.0
    assert SPLIT_RECORDING.result.model_validate_json(result.model_dump_json()) == result


def test_each_part_has_six_pictures(recording: str, tools: Tools) -> None:
    for part in SPLIT_RECORDING.work(SplitRecording(sha256=recording), tools).parts:
        strip = cv2.imread(str(strip_file(tools.cache_dir, recording, part)))
        assert strip is not None
        assert strip.shape[:2] == (144, 6 * 192 + 5 * 4)


def test_a_second_time_detects_nothing(recording: str, tools: Tools) -> None:
    first = SPLIT_RECORDING.work(SplitRecording(sha256=recording), tools)
    calls = Finder.calls
    assert SPLIT_RECORDING.work(SplitRecording(sha256=recording), tools) == first
    assert Finder.calls == calls


def test_given_spans_are_described(recording: str, tools: Tools) -> None:
    span = PartSpan(start_s=1.0, end_s=24.0)
    (part,) = SPLIT_RECORDING.work(SplitRecording(sha256=recording, spans=(span,)), tools).parts
    assert (part.start_s, part.end_s) == (1.0, 24.0)
    assert strip_file(tools.cache_dir, recording, span).is_file()


@pytest.mark.parametrize(
    ("sound", "reason"),
    [(sounds.speech(END_S), "no_beats"), (sounds.silence(END_S), "silence")],
    ids=["talk", "silence"],
)
def test_a_recording_without_music_is_refused_before_dancers_are_detected(
    tmp_path: Path, tools: Tools, sound: Samples, reason: str
) -> None:
    with pytest.raises(Poison) as fault:
        SPLIT_RECORDING.work(SplitRecording(sha256=_stored(tmp_path, tools, sound)), tools)
    assert fault.value.reason == reason
    assert Finder.calls == 0


def test_the_same_part_is_the_same_clip(recording: str, tools: Tools) -> None:
    request = CutClip(sha256=recording, start_s=1.0, end_s=11.0)
    clips = [CUT_CLIP.work(request, tools).clip for _ in range(2)]
    assert clips[0] == clips[1]
    assert probe(tools.media.path(clips[0].sha256), "video").duration_s == pytest.approx(10, abs=0.2)
    assert not list((tools.cache_dir / "cuts").iterdir())
