"""Fixtures of the media tests: clips and a shared cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.media.known_media import Clip, make_clips
from tests.unit.media.media_builders import MakeClip, write_drawn_clip


@pytest.fixture
def clip(tmp_path: Path) -> MakeClip:
    return lambda **arguments: write_drawn_clip(tmp_path / "clip.mp4", **arguments)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    """Return clips of all frame rates and shapes."""
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache folder that the tests of a session share."""
    return tmp_path_factory.mktemp("cache")
