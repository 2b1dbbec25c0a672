"""Fixtures of all tests: settings that do not depend on this machine, and folders with media."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _isolated_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("BACHATA_") and name != "BACHATA_CACHE_DIR":  # fixtures of a session read the tests' own
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
