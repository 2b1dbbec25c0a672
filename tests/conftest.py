"""Order and groups of the tests, settings that do not depend on this machine, and folders with media."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no_deadline", deadline=None)  # other tests may have the processors
settings.load_profile("no_deadline")

_PROJECT = Path(__file__).resolve().parent.parent
_FIRST_GROUPS = ("video", "stream")  # the groups that take longest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests of a file for pytest-xdist, where they name no group, and order groups by their duration.

    The tests of a group run on one worker and share its fixtures: a group costs each of its fixtures once.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.location[0]))
    items.sort(key=_start_order)


def _start_order(item: pytest.Item) -> int:
    """Return the position of the test's group: the longest, the others that need Kafka, the rest."""
    group = item.get_closest_marker("xdist_group")
    if group is not None and group.args[0] in _FIRST_GROUPS:
        return _FIRST_GROUPS.index(group.args[0])
    return len(_FIRST_GROUPS) + (item.get_closest_marker("broker") is None)


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
    folder = Path(os.environ.get("BACHATA_SHARED") or _PROJECT.parent / "shared")
    if not (folder / "songs").is_dir():
        pytest.skip("the shared songs and clips are not on this machine (BACHATA_SHARED names their folder)")
    return folder


@pytest.fixture(scope="session")
def demo_dir() -> Path:
    """Return the folder of the demo set."""
    return _PROJECT / "data" / "demo"
