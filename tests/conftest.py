"""What all tests share: their order, no settings of this machine, and media outside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no_deadline", deadline=None)  # other tests may have the processors
settings.load_profile("no_deadline")

_PROJECT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests: the longest file, the others that need Kafka, the rest.

    `make test` starts them in this order and runs the tests of a file on one worker of pytest-xdist.
    """
    items.sort(key=lambda item: (item.get_closest_marker("first") is None, item.get_closest_marker("broker") is None))


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("BACHATA_") and name not in {"BACHATA_CACHE_DIR", "BACHATA_SHARED"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with songs and clips that are not part of the project."""
    folder = Path(os.environ.get("BACHATA_SHARED") or _PROJECT.parent / "shared")
    if not (folder / "songs").is_dir():
        pytest.skip("the shared songs and clips are not on this machine (BACHATA_SHARED names their folder)")
    return folder


@pytest.fixture(scope="session")
def demo_dir() -> Path:
    """The demo set."""
    return _PROJECT / "data" / "demo"
