"""What tests of media are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.media.known_media import Clip, make_clips
from tests.unit.media.media_builders import MakeClip, write_drawn_clip


@pytest.fixture
def clip(tmp_path: Path) -> MakeClip:
    return lambda **wanted: write_drawn_clip(tmp_path / "clip.mp4", **wanted)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    """Sources of every kind of clock and shape."""
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that keeps what one test made for the next."""
    return tmp_path_factory.mktemp("cache")
