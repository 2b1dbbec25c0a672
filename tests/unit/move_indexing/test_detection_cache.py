from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from agents.move_indexing.dancers import detection_cache
from agents.move_indexing.dancers.detection_cache import ClipDetections, cached_detections, detect_dancers
from agents.move_indexing.dancers.pose_quality import PoseQuality
from agents.move_indexing.dancers.survey import Survey
from schemas.base import Quality
from tests.unit.media.media_builders import MakeClip
from tests.unit.move_indexing import odd_clips
from tests.unit.move_indexing.odd_clips import blurred

_CLIP = "c" * 64


@pytest.fixture(scope="module")
def couple_cache(
    couple_clip: Path, pose_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ClipDetections]:
    """Return a cache that has the dancers of the couple's clip, and these dancers as they were detected."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, cached_detections(couple_clip, _CLIP, "fast", pose_model, cache)


def test_a_second_call_reads_the_cache(
    couple_clip: Path,
    couple_cache: tuple[Path, ClipDetections],
    pose_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache, first = couple_cache
    monkeypatch.setattr(detection_cache, "DancerFinder", None)  # a second detection would call it
    again = cached_detections(couple_clip, _CLIP, "fast", pose_model, cache)
    assert first.size == again.size == (640, 360)
    assert len(first.frames) == len(again.frames) == 20
    assert all(len(frame.dancers) == 2 for frame in first.frames)
    for one, two in zip(first.frames, again.frames, strict=True):
        assert one.time_s == two.time_s
        for dancer, same in zip(one.dancers, two.dancers, strict=True):
            for name in ("xy", "world", "colour"):
                np.testing.assert_array_equal(getattr(dancer, name), getattr(same, name))
            assert dancer.confidence == same.confidence


def test_a_damaged_cache_file_is_replaced(clip: MakeClip, tmp_path: Path, pose_model: Path) -> None:
    path = clip(seconds=0.3, fps=10)
    first = cached_detections(path, _CLIP, "fast", pose_model, tmp_path)
    (file,) = tmp_path.rglob("*.npz")
    whole = file.read_bytes()
    flipped = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(6, min(len(whole), 300), 6)]
    for damage in (b"", b"PK nonsense", whole[:200], *flipped):
        file.write_bytes(damage)
        assert cached_detections(path, _CLIP, "fast", pose_model, tmp_path) == first


def _rename_to_version_before(cache_dir: Path) -> None:
    (file,) = cache_dir.rglob("fast-3.npz")
    file.rename(file.with_name("fast-2.npz"))


def test_detections_from_before_posters_were_looked_for_are_used_again(
    couple_clip: Path,
    couple_cache: tuple[Path, ClipDetections],
    tmp_path: Path,
    pose_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache, first = couple_cache
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    _rename_to_version_before(tmp_path)
    monkeypatch.setattr(detection_cache, "DancerFinder", None)  # a second detection would call it
    assert len(cached_detections(couple_clip, _CLIP, "fast", pose_model, tmp_path).frames) == len(first.frames)


def test_detections_from_before_are_not_used_where_a_poster_may_have_been_taken_for_a_dancer(
    tmp_path: Path, pose_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = odd_clips.write(tmp_path / "poster.mp4", odd_clips.poster(), 2.0, 10)
    with monkeypatch.context() as before:
        before.setattr(Survey, "is_due", lambda _, time_s: False)
        cached_detections(path, _CLIP, "fast", pose_model, tmp_path)
    _rename_to_version_before(tmp_path)
    cached_detections(path, _CLIP, "fast", pose_model, tmp_path)
    assert len(list(tmp_path.rglob("fast-3.npz"))) == 1


@pytest.mark.parametrize(("quality", "frames"), [("fast", 10), ("balanced", 20), ("high_quality", 30)])
def test_a_higher_quality_samples_more_frames(
    clip: MakeClip, tmp_path: Path, pose_model: Path, quality: Quality, frames: int
) -> None:
    detections = cached_detections(clip(seconds=1.0, fps=30), _CLIP, quality, pose_model, tmp_path)
    assert len(detections.frames) == frames


def test_other_frames_per_second_than_those_of_a_quality_have_a_cache_of_their_own(
    clip: MakeClip, tmp_path: Path, pose_model: Path
) -> None:
    path = clip(seconds=1.0, fps=30)
    counts = [
        len(cached_detections(path, _CLIP, PoseQuality(rate_hz, 0.3), pose_model, tmp_path).frames)
        for rate_hz in (10.0, 15.0)
    ]
    assert counts == [10, 15]
    assert len(list(tmp_path.rglob("fast-*.npz"))) == 1
    assert len(list(tmp_path.rglob("*.npz"))) == 2


def test_a_higher_confidence_finds_fewer_dancers(tmp_path: Path, pose_model: Path) -> None:
    couple = odd_clips.couple()
    path = odd_clips.write(tmp_path / "blurred.mp4", lambda time_s: blurred(couple(time_s), 1 + 7 * time_s), 2.0, 10)
    low, high = (
        sum(len(frame.dancers) for frame in detect_dancers(path, PoseQuality(5.0, confidence), pose_model).frames)
        for confidence in (0.05, 0.95)
    )
    assert low - high >= 5
