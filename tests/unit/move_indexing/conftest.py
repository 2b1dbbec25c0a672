"""Define the fixtures of the move indexing tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.arrays import Floats
from agents.move_indexing.dancers.detections import Detection
from agents.step import Tools
from infra.media_store import MediaStore
from infra.settings import load_settings
from tests.paths import DEMO, SHARED
from tests.unit.media.media_builders import MakeClip, write_drawn_clip
from tests.unit.move_indexing import odd_clips
from tests.unit.move_indexing.bodies import RED, MakeBody, standing


@pytest.fixture
def body() -> MakeBody:
    def make(x: float = 320, y: float = 200, torso_px: float = 60, colour: Floats = RED) -> Detection:
        flat = standing()
        world = np.column_stack([flat * 0.5, np.linspace(0, 0.1, 33)])
        return Detection(flat * torso_px + [x, y], world, colour)

    return make


@pytest.fixture
def clip(tmp_path: Path) -> MakeClip:
    return lambda **options: write_drawn_clip(tmp_path / "clip.mp4", **options)


@pytest.fixture(scope="session")
def pose_model() -> Path:
    model = load_settings().pose_model
    if not model.is_file():
        pytest.skip("the pose model is not built: run `make setup`")
    return model


@pytest.fixture
def tools(tmp_path: Path, pose_model: Path) -> Tools:
    return Tools(MediaStore(tmp_path / "media"), tmp_path / "cache", tmp_path / "output", (tmp_path,), pose_model)


@pytest.fixture
def rendered_clips() -> Path:
    return DEMO / "clips"


@pytest.fixture(scope="session")
def couple_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return two seconds of the demo couple, at ten pictures per second."""
    return odd_clips.write(tmp_path_factory.mktemp("couple") / "couple.mp4", odd_clips.couple(), 2.0, 10)


@pytest.fixture(scope="session")
def clips_with_joints() -> Path:
    folder = SHARED / "prototypes" / "dancers" / "clips"
    if not folder.is_dir():
        pytest.skip("the clips with exact joints are not on this machine")
    return folder
