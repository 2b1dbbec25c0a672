"""Order of the tests, settings that do not depend on this machine, and folders with media."""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.paths import DEMO, SHARED

settings.register_profile("no_deadline", deadline=None)  # other tests may have the processors
settings.load_profile("no_deadline")

# A shell lets programs that it starts in the background ignore Ctrl-C, and those that they start inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


_BROKER = "tests/broker/"
_LIBRARY_FILES = frozenset(
    f"{_BROKER}{name}.py"
    for name in (
        "test_bad_clip",
        "test_earlier_application",
        "test_other_systems",
        "test_pipeline",
        "test_song_to_video",
        "test_written_commands",
    )
)  # they need the library of demo clips
_OWN_KAFKA_FILES = frozenset(
    f"{_BROKER}{name}.py"
    for name in (
        "test_client",
        "test_lifecycle",
        "test_unreadable_records",
        "test_two_steps_on_one_topic",
        "infra/test_local_kafka",
    )
)
# Others that take more than ten seconds, the longest first: one that starts last would run alone at the end.
_LONG_FILES = tuple(
    f"tests/{name}.py"
    for name in (
        "unit/streams/worker/test_step_limits",
        "unit/move_indexing/test_usable_eights",
        "unit/move_indexing/test_move_pictures",
        "unit/audio_analysis/test_music_track",
        "unit/media/test_formats_taken",
        "unit/audio_analysis/test_hard_music",
        "simulation/test_simulation",
        "unit/media/test_cut",
        "unit/media/test_channels",
        "unit/infra/test_move_index_parts",
        "unit/rendering/test_render",
        "unit/media/test_mezzanine",
        "unit/media/test_cut_short",
        "unit/infra/test_move_index_migrate",
        "unit/demo/test_contact",
        "unit/rendering/test_bad_clips",
        "unit/move_indexing/test_odd_clips",
        "unit/move_indexing/test_index",
        "unit/move_indexing/test_split_job",
        "unit/infra/test_move_index_away",
        "unit/infra/test_move_index_replaced",
        "unit/streams/client/test_qdrant_service",
        "unit/streams/cli/test_output",
        "unit/streams/cli/test_demo_moves",
        "unit/schemas/test_limits",
    )
)


class _FileScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Runs the tests of a file on one worker, as far as possible.

    Session fixtures exist once for each worker. So all tests that need the library of demo clips are on one worker, and
    all others that share a Kafka on another: each indexes its clips once, and while they wait, other tests compute.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _scope_of(nodeid.split("::", maxsplit=1)[0])


def _scope_of(file: str) -> str:
    if file in _LIBRARY_FILES:
        return "library"
    return "shared Kafka" if file.startswith(_BROKER) and file not in _OWN_KAFKA_FILES else file


def _place(item: pytest.Item) -> tuple[bool, bool, bool, int]:
    """Return the place of a test: the smallest is first."""
    file = item.location[0]
    scope = _scope_of(file)
    rank = _LONG_FILES.index(file) if file in _LONG_FILES else len(_LONG_FILES)
    return scope != "shared Kafka", scope != "library", item.get_closest_marker("broker") is None, rank


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _FileScheduling:
    """Return the scheduler of `pytest -n`; it starts files in the order of `pytest_collection_modifyitems`."""
    config.option.loadscopereorder = False
    return _FileScheduling(config, log)


def pytest_collection() -> None:
    """Let no garbage be searched for among the modules, which all stay."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Search for garbage from now on, but not among what was there before the first test."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by duration: the two long scopes, the others that need Kafka, long files, the rest."""
    items.sort(key=_place)


@pytest.fixture(autouse=True)
def _isolated_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        # The cache has the downloads of set-up. Fixtures of the session run before and read the real environment.
        if name.startswith("BACHATA_") and name != "BACHATA_CACHE_DIR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with songs and clips that are not part of the project."""
    if not (SHARED / "songs").is_dir():
        pytest.skip("the shared songs and clips are not on this machine (BACHATA_SHARED names their folder)")
    return SHARED


@pytest.fixture(scope="session")
def demo_dir() -> Path:
    """Return the folder of the demo set."""
    return DEMO
