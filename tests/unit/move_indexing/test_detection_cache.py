from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.move_indexing.dancers import detection_cache
from agents.move_indexing.dancers.detection_cache import cached_detections
from schemas.base import Quality
from tests.unit.media.media_builders import MakeClip

_CLIP = "c" * 64


def test_a_second_call_reads_the_cache(
    couple_clip: Path, tmp_path: Path, pose_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached_detections(couple_clip, _CLIP, "fast", pose_model, tmp_path)
    monkeypatch.setattr(detection_cache, "DancerFinder", None)  # a second detection would call it
    again = cached_detections(couple_clip, _CLIP, "fast", pose_model, tmp_path)
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


@pytest.mark.parametrize(("quality", "frames"), [("fast", 10), ("balanced", 20), ("high_quality", 30)])
def test_a_higher_quality_samples_more_frames(
    clip: MakeClip, tmp_path: Path, pose_model: Path, quality: Quality, frames: int
) -> None:
    detections = cached_detections(clip(seconds=1.0, fps=30), _CLIP, quality, pose_model, tmp_path)
    assert len(detections.frames) == frames
