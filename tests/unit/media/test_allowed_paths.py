"""The names in an event resolve only to paths below an allowed root."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.media.allowed_paths import resolve_under
from schemas.faults import Poison

PARTS = (
    "..",
    ".",
    "",
    "sub",
    "song.mp3",
    "out",
    "in",
    "loop",
    "secret.mp3",
    "outside",
    "songs",
    "songs2",
    "new",
    "a" * 300,
)
names = st.lists(st.sampled_from(PARTS), min_size=1, max_size=7).map("/".join)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the root `songs`, links inside it (outwards, inwards, in a loop), and secrets beside it."""
    base = tmp_path_factory.mktemp("base").resolve()
    (base / "songs" / "sub").mkdir(parents=True)
    (base / "songs" / "song.mp3").write_bytes(b"song")
    (base / "songs" / "sub" / "song.mp3").write_bytes(b"song")
    for folder in ("outside", "songs2"):
        (base / folder).mkdir()
        (base / folder / "secret.mp3").write_bytes(b"secret")
    (base / "songs" / "out").symlink_to("../outside")
    (base / "songs" / "in").symlink_to("sub")
    (base / "songs" / "loop").symlink_to("loop")
    (base / "songs" / "song_out.mp3").symlink_to(base / "outside" / "secret.mp3")
    return base


def resolved(roots: list[Path], name: str) -> Path | None:
    """Return the path, or None where the name is refused."""
    try:
        return resolve_under(roots, name)
    except Poison as fault:
        refused = fault.reason
    assert refused == "path_not_allowed"
    return None


@given(name=names, absolute=st.sampled_from(("", "songs", "outside", "songs/sub")))
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_name_reads_anything_outside_the_root(base: Path, name: str, absolute: str) -> None:
    full_name = f"{base}/{absolute}/{name}" if absolute else name
    path = resolved([base / "songs"], full_name)
    if path is None:
        return
    assert path.is_relative_to(base / "songs")
    assert path != base / "songs"
    assert os.path.realpath(path) == str(path)
    if os.path.isfile(path):  # noqa: PTH113 - never raises
        assert path.read_bytes() == b"song"


@given(name=st.text(max_size=60))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_resolves_or_is_refused(base: Path, name: str) -> None:
    path = resolved([base / "songs"], name)
    assert path is None or path.is_relative_to(base / "songs")


@pytest.mark.parametrize(
    "name", ["song.mp3", "./song.mp3", "sub/../song.mp3", "out/../songs/song.mp3", "in/song.mp3", "{root}/song.mp3"]
)
def test_a_name_below_the_root_is_resolved(base: Path, name: str) -> None:
    path = resolve_under([base / "songs"], name.format(root=base / "songs"))
    assert path.read_bytes() == b"song"


@pytest.mark.parametrize(
    "name",
    [
        "../outside/secret.mp3",
        "out/secret.mp3",
        "song_out.mp3",
        "loop/../out/secret.mp3",
        "sub/../../outside/secret.mp3",
        "{base}/outside/secret.mp3",
        "{base}/songs2/secret.mp3",
        "{base}/songs",
        ".",
        "..",
        "/etc/passwd",
        "song.mp3\0.txt",
        "\ud800",
        "/" + "a/" * 3000,
    ],
)
def test_a_name_outside_the_root_is_refused(base: Path, name: str) -> None:
    assert resolved([base / "songs"], name.format(base=base)) is None


def test_a_root_may_be_a_link(base: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(base / "songs")
    assert resolve_under([tmp_path / "linked"], "song.mp3") == base / "songs" / "song.mp3"


def test_a_relative_name_is_searched_below_each_root(base: Path) -> None:
    roots = [base / "songs" / "sub", base / "songs2"]
    assert resolve_under(roots, "secret.mp3") == base / "songs2" / "secret.mp3"
    assert resolve_under(roots, "nowhere.mp3") == base / "songs" / "sub" / "nowhere.mp3"


def test_without_roots_nothing_is_allowed(base: Path) -> None:
    assert resolved([], str(base / "songs" / "song.mp3")) is None
