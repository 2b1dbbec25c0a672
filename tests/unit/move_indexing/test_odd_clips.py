from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agents.move_indexing.agent import STEP
from agents.move_indexing.dancers.dance import Dance, analyze_dance
from agents.move_indexing.dancers.detection_cache import detect_dancers
from agents.move_indexing.dancers.detections import HIPS, midpoint
from agents.playable import COUNT_SURE
from agents.step import Tools
from schemas.base import Source
from schemas.faults import Poison
from schemas.move_submitted import MoveSubmitted
from streams.testing import work_of
from tests.unit.move_indexing import odd_clips


def _dance(path: Path, pose_model: Path) -> Dance:
    return analyze_dance(detect_dancers(path, "fast", pose_model).frames)


def _mean_hip_x(dance: Dance) -> float:
    return float(np.mean([midpoint(track.xy, HIPS)[:, 0].mean() for track in (dance.lead, dance.follow)]))


def _submitted(path: Path) -> MoveSubmitted:
    return MoveSubmitted(source=Source(path=str(path)), clip="odd", request_id="r1")


def test_a_clip_of_one_person_has_a_warning(tools: Tools, tmp_path: Path) -> None:
    path = odd_clips.write(tmp_path / "one.mp4", odd_clips.one_person(), 5.0, 10)
    move = work_of(STEP, _submitted(path), tools)
    assert move.dancers.one > 0.9
    assert move.dancers.both < 0.1
    assert any("both dancers" in warning for warning in move.warnings)
    unsure = "which beats are 1 and 5 is unsure: annotate one, `bachata moves edit odd --first-one SECONDS`"
    assert unsure in move.warnings
    assert move.count_confidence < COUNT_SURE
    assert move.motion is not None
    assert move.motion.couple is None
    assert move.motion.energy >= 0
    assert all(eight.start_pose == () for eight in move.eights)


@pytest.fixture(scope="module")
def couple_hip_x(couple_clip: Path, pose_model: Path) -> float:
    """Return where the couple is without other people, pixels from the left."""
    return _mean_hip_x(_dance(couple_clip, pose_model))


@pytest.mark.parametrize("crowd", [odd_clips.five_people, odd_clips.mirror])
def test_the_couple_in_front_is_distinguished_from_people_behind(
    crowd: Callable[[], odd_clips.Picture], couple_hip_x: float, pose_model: Path, tmp_path: Path
) -> None:
    crowded = _dance(odd_clips.write(tmp_path / "crowd.mp4", crowd(), 2.0, 10), pose_model)
    assert crowded.dancers.both > 0.9
    assert _mean_hip_x(crowded) == pytest.approx(couple_hip_x, abs=8)


@pytest.mark.parametrize(("arrival", "left_px"), [(odd_clips.poster, 300), (odd_clips.late_partner, 190)])
def test_dancers_who_come_late_are_found_beside_a_poster(
    arrival: Callable[[], odd_clips.Picture], left_px: float, pose_model: Path, tmp_path: Path
) -> None:
    path = odd_clips.write(tmp_path / "late.mp4", arrival(), 4.0, 10)
    frames = [frame for frame in detect_dancers(path, "fast", pose_model).frames if frame.time_s > 2.25]
    hips_x = [sorted(midpoint(dancer.xy, HIPS)[0] for dancer in frame.dancers) for frame in frames]
    assert all(len(xs) == 2 and xs[0] > left_px for xs in hips_x)


def test_black_frames_are_refused(tools: Tools, tmp_path: Path) -> None:
    with pytest.raises(Poison) as fault:
        work_of(STEP, _submitted(odd_clips.write(tmp_path / "black.mp4", odd_clips.black(), 2.0, 10)), tools)
    assert fault.value.reason == "nobody"
    assert "both dancers" in str(fault.value)


@pytest.mark.parametrize(
    ("fps", "size", "seconds"), [(8, (640, 360), 2.5), (10, (3840, 2160), 1.0), (30, (360, 640), 1.5)]
)
def test_the_couple_is_detected_in_slow_large_and_portrait_clips(
    fps: int, size: tuple[int, int], seconds: float, pose_model: Path, tmp_path: Path
) -> None:
    picture = odd_clips.couple() if size == (640, 360) else odd_clips.larger(odd_clips.couple(), size)
    dance = _dance(odd_clips.write(tmp_path / "clip.mp4", picture, seconds, fps, size), pose_model)
    assert dance.dancers.one > 0.9
    assert len(dance.lead.times) == pytest.approx(10 * seconds, abs=2)
    assert size == (360, 640) or dance.dancers.both > 0.9
