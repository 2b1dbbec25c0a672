from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.move_indexing.dancers import kept
from agents.move_indexing.dancers.kept import Watched, watched
from agents.move_indexing.dancers.sightings import Moment
from tests.unit.move_indexing.kit import MakeBody, MakeClip

_CLIP = "c" * 64


def test_a_clip_is_looked_at_once(
    body: MakeBody, tmp_path: Path, pose_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = (Moment(0.0, (body(), body(x=420))), Moment(0.1, ()), Moment(0.2, (body(),)))
    looked = []
    monkeypatch.setattr(kept, "look", lambda *_, **__: looked.append(1) or Watched(moments, (640, 360)))
    one, two = (watched(Path("clip.mp4"), _CLIP, "fast", pose_model, tmp_path) for _ in range(2))
    assert len(looked) == 1
    assert one.size == two.size == (640, 360)
    assert [len(moment.dancers) for moment in two.moments] == [2, 0, 1]
    for before, first, again in zip(moments[0].dancers, one.moments[0].dancers, two.moments[0].dancers, strict=True):
        np.testing.assert_array_equal(first.xy, again.xy)
        np.testing.assert_allclose(before.world, again.world, atol=1e-6)


def test_damage_is_looked_at_again(clip: MakeClip, tmp_path: Path, pose_model: Path) -> None:
    path = clip(seconds=1.0, fps=10)
    first = watched(path, _CLIP, "fast", pose_model, tmp_path)
    (file,) = tmp_path.rglob("*.npz")
    for damage in (b"", b"PK nonsense", file.read_bytes()[:200]):
        file.write_bytes(damage)
        assert watched(path, _CLIP, "fast", pose_model, tmp_path) == first


@pytest.mark.parametrize(("quality", "frames"), [("fast", 10), ("balanced", 20), ("high_quality", 30)])
def test_a_better_quality_looks_more_often(
    clip: MakeClip, tmp_path: Path, pose_model: Path, quality: str, frames: int
) -> None:
    seen = watched(clip(seconds=1.0, fps=30), _CLIP, quality, pose_model, tmp_path)
    assert len(seen.moments) == frames
