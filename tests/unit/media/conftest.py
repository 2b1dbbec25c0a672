"""Fixtures of the media tests: clips and a shared cache."""

from __future__ import annotations

from functools import cache as cached
from pathlib import Path

import pytest

from tests.odd_media.containers import write_clip, write_song
from tests.unit.media.known_media import Clip, make_clips
from tests.unit.media.media_builders import FORMAT_CLIP_S, MadeOnce, MakeClip, write_drawn_clip


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


@pytest.fixture(scope="session")
def song_of(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Return a function that writes a song of `SONGS`, once for all tests of a session: they do not change it."""
    folder = tmp_path_factory.mktemp("songs")
    return cached(lambda name: write_song(folder, name))


@pytest.fixture(scope="session")
def clip_of(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Return a function that writes a clip of `CLIPS` once for all tests of a session."""
    folder = tmp_path_factory.mktemp("containers")
    return cached(lambda name: write_clip(folder, name, FORMAT_CLIP_S))
