from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.media.sampled_frames import Frame, sample_frames
from agents.move_indexing.dancers.detector import Detector
from agents.move_indexing.dancers.landmarks import LandmarkDetector, refine
from agents.move_indexing.dancers.networks import load
from agents.move_indexing.dancers.region import Region
from tests.paths import DEMO


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    clip = DEMO / "clips" / "basic_side.mp4"
    return list(sample_frames(clip, 2.0))


@pytest.fixture
def mediapipe(pose_model: Path) -> Iterator[Any]:
    from mediapipe.tasks.python import BaseOptions, vision

    base = BaseOptions(model_asset_path=str(pose_model))
    with vision.PoseLandmarker.create_from_options(vision.PoseLandmarkerOptions(base_options=base)) as landmarker:
        yield landmarker


def test_landmarks_equal_those_of_mediapipes_landmarker(frames: list[Frame], mediapipe: Any, pose_model: Path) -> None:
    import mediapipe as mp

    networks = load(pose_model)
    detector, landmarks = Detector(networks.detector), LandmarkDetector(networks.landmarks)
    for frame in frames:
        theirs = mediapipe.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=frame.rgb))
        ours = landmarks.detect(frame.rgb, detector.find(frame.rgb, 0.5)[0].region)
        size = frame.rgb.shape[1::-1]
        xy = np.array([(mark.x, mark.y) for mark in theirs.pose_landmarks[0]]) * size
        world = np.array([(mark.x, mark.y, mark.z) for mark in theirs.pose_world_landmarks[0]])
        assert np.median(np.linalg.norm(xy - ours.xy, axis=1)) < 1.0
        assert np.median(np.linalg.norm(world - ours.world, axis=1)) < 0.02
        assert ours.presence > 0.9


def test_the_mask_lies_on_the_body(frames: list[Frame], pose_model: Path) -> None:
    networks = load(pose_model)
    rgb = frames[0].rgb
    body = LandmarkDetector(networks.landmarks).detect(rgb, Detector(networks.detector).find(rgb, 0.5)[0].region)
    mask = body.mask_on(rgb) > 0.5
    hips = np.rint(body.xy[[23, 24]]).astype(int)
    assert mask[hips[:, 1], hips[:, 0]].all()
    assert 0.01 < mask.mean() < 0.2


def test_a_region_rotates_a_person_upright() -> None:
    lying = Region.around(np.array([100.0, 50.0]), np.array([60.0, 50.0]))  # the head to the left
    assert lying.side == pytest.approx(100.0)
    head = lying.matrix(256) @ [128, 28, 1]  # above the middle of the cut-out
    assert head[0] < 100 - 30
    assert head[1] == pytest.approx(50.0, abs=1e-6)
    upright = Region.around(np.array([100.0, 50.0]), np.array([100.0, 10.0]))
    assert upright.rotation == pytest.approx(0.0)
    assert not Region(np.array([math.nan, 0.0]), 100.0, 0.0).is_valid()


def test_a_landmark_moves_to_the_centroid_of_the_heatmap() -> None:
    heat = np.full((64, 64, 39), -10.0)
    heat[20, 31, 0] = 10.0
    points = np.full((39, 4), 120.0)
    points[0, :2] = [120.0, 84.0]  # cell (30, 21)
    points[1, :2] = [-5.0, 300.0]
    moved = refine(points, heat, 256)
    np.testing.assert_allclose(moved[0, :2], [124.0, 80.0], atol=0.1)
    np.testing.assert_array_equal(moved[1:], points[1:])
