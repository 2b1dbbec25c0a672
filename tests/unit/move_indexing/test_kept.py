from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.move_indexing.dancers import kept
from agents.move_indexing.dancers.kept import watched
from tests.unit.media.builders import MakeClip

_CLIP = "c" * 64


def test_a_clip_is_looked_at_once(
    rendered_clips: Path, tmp_path: Path, pose_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = rendered_clips / "dip.mp4"
    first = watched(clip, _CLIP, "fast", pose_model, tmp_path)
    monkeypatch.setattr(kept, "DancerFinder", None)  # whoever would look again would call it
    again = watched(clip, _CLIP, "fast", pose_model, tmp_path)
    assert first.size == again.size == (640, 360)
    assert len(first.moments) == len(again.moments) > 80
    for one, two in zip(first.moments, again.moments, strict=True):
        assert one.time_s == two.time_s
        for dancer, same in zip(one.dancers, two.dancers, strict=True):
            for name in ("xy", "world", "colour"):
                np.testing.assert_array_equal(getattr(dancer, name), getattr(same, name))
            assert dancer.confidence == same.confidence


def test_damage_is_looked_at_again(clip: MakeClip, tmp_path: Path, pose_model: Path) -> None:
    path = clip(seconds=0.3, fps=10)
    first = watched(path, _CLIP, "fast", pose_model, tmp_path)
    (file,) = tmp_path.rglob("*.npz")
    whole = file.read_bytes()
    flipped = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(6, min(len(whole), 300), 3)]
    for damage in (b"", b"PK nonsense", whole[:200], *flipped):
        file.write_bytes(damage)
        assert watched(path, _CLIP, "fast", pose_model, tmp_path) == first


@pytest.mark.parametrize(("quality", "frames"), [("fast", 10), ("balanced", 20), ("high_quality", 30)])
def test_a_better_quality_looks_more_often(
    clip: MakeClip, tmp_path: Path, pose_model: Path, quality: str, frames: int
) -> None:
    seen = watched(clip(seconds=1.0, fps=30), _CLIP, quality, pose_model, tmp_path)
    assert len(seen.moments) == frames
