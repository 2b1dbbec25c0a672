from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agents.media.sampled_frames import Frame, sample_frames
from agents.move_indexing.dancers.dance import Dance, analyze_dance
from agents.move_indexing.dancers.detection_cache import detect_dancers
from agents.move_indexing.dancers.finder import DancerFinder
from agents.move_indexing.dancers.tracks import RATE_HZ
from schemas.faults import Poison, Retryable
from tests.unit.media.media_builders import MakeClip

# MediaPipe's numbers of the joints with known positions in the rendered clips: hands, hips, knees and feet.
_KNOWN_JOINTS = [15, 16, 23, 24, 25, 26, 27, 28]


def _dance(clip: Path, pose_model: Path) -> Dance:
    return analyze_dance(detect_dancers(clip, "fast", pose_model).frames)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["cross_body_fast"])
def test_both_dancers_are_detected_at_their_positions(clips_with_joints: Path, pose_model: Path, name: str) -> None:
    dance = _dance(clips_with_joints / f"{name}.mp4", pose_model)
    assert dance.dancers.both >= 0.9
    truth = np.array(json.loads((clips_with_joints / f"{name}.truth.json").read_text()))[:, :, 3:] * [640, 360]
    height = np.ptp(truth[..., 1])
    for track, index in ((dance.lead, 0), (dance.follow, 1)):
        frames = np.minimum(np.rint(track.times * 30).astype(int), len(truth) - 1)
        errors = np.linalg.norm(track.xy[:, _KNOWN_JOINTS] - truth[frames, index], axis=2)
        assert np.median(errors) < 0.1 * height
        assert (np.median(errors, axis=1) < 0.2 * height)[track.tracked].mean() > 0.95  # the dancers are not swapped


def test_detection_is_deterministic(couple_clip: Path, pose_model: Path) -> None:
    one, two = (_dance(couple_clip, pose_model) for _ in range(2))
    np.testing.assert_array_equal(one.lead.xy, two.lead.xy)
    np.testing.assert_array_equal(one.follow.world, two.follow.world)
    assert one.dancers.both > 0.9


def test_a_clip_without_dancers_is_refused(clip: MakeClip, pose_model: Path) -> None:
    reported: list[float] = []
    detections = detect_dancers(clip(seconds=2.0, fps=10), "fast", pose_model, duration_s=2.0, report=reported.append)
    with pytest.raises(Poison) as fault:
        analyze_dance(detections.frames)
    assert fault.value.reason == "nobody"
    assert reported == sorted(reported)
    assert reported[-1] > 0.8


def test_the_error_for_a_missing_or_damaged_model_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(Retryable, match="make setup") as fault:
        DancerFinder(tmp_path / "no.task")
    assert fault.value.reason == "no_model"
    (tmp_path / "bad.task").write_bytes(b"no bundle")
    with pytest.raises(Retryable, match="make setup"):
        DancerFinder(tmp_path / "bad.task")


def test_narrow_and_blank_pictures_have_no_dancers(pose_model: Path) -> None:
    finder = DancerFinder(pose_model)
    for shape in ((16, 640), (640, 16), (360, 640)):
        assert finder.find(Frame(0.0, np.zeros((*shape, 3), np.uint8))) == ()


def test_dancers_are_detected_again_after_an_empty_frame(rendered_clips: Path, pose_model: Path) -> None:
    finder = DancerFinder(pose_model)
    frame = next(sample_frames(rendered_clips / "basic_side.mp4", RATE_HZ))
    empty = Frame(0.1, np.full_like(frame.rgb, 90))
    assert [len(finder.find(each)) for each in (frame, frame, empty, frame)] == [2, 2, 0, 2]


def test_detection_prints_nothing(pose_model: Path) -> None:
    code = (
        "import sys, numpy as np; from pathlib import Path;"
        "from agents.move_indexing.dancers.finder import DancerFinder;"
        "from agents.media.sampled_frames import Frame;"
        "DancerFinder(Path(sys.argv[1])).find(Frame(0.0, np.zeros((90, 160, 3), np.uint8)))"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(pose_model)], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("", "")
