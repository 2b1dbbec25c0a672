"""Which names of an event lead below an allowed root."""

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
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root `songs` with links that lead out of it, in and round, and what must not be reached beside it."""
    home = tmp_path_factory.mktemp("home").resolve()
    (home / "songs" / "sub").mkdir(parents=True)
    (home / "songs" / "song.mp3").write_bytes(b"song")
    (home / "songs" / "sub" / "song.mp3").write_bytes(b"song")
    for folder in ("outside", "songs2"):
        (home / folder).mkdir()
        (home / folder / "secret.mp3").write_bytes(b"secret")
    (home / "songs" / "out").symlink_to("../outside")
    (home / "songs" / "in").symlink_to("sub")
    (home / "songs" / "loop").symlink_to("loop")
    (home / "songs" / "song_out.mp3").symlink_to(home / "outside" / "secret.mp3")
    return home


def resolved(roots: list[Path], name: str) -> Path | None:
    """`None` for what is refused."""
    try:
        return resolve_under(roots, name)
    except Poison as fault:
        refused = fault.reason
    assert refused == "path_not_allowed"
    return None


@given(name=names, absolute=st.sampled_from(("", "songs", "outside", "songs/sub")))
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_name_reads_anything_outside_the_root(home: Path, name: str, absolute: str) -> None:
    full = f"{home}/{absolute}/{name}" if absolute else name
    found = resolved([home / "songs"], full)
    if found is None:
        return
    assert found.is_relative_to(home / "songs")
    assert found != home / "songs"
    assert os.path.realpath(found) == str(found)
    if os.path.isfile(found):  # noqa: PTH113 - raises for no name
        assert found.read_bytes() == b"song"


@given(name=st.text(max_size=60))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_judged_and_never_crashes(home: Path, name: str) -> None:
    found = resolved([home / "songs"], name)
    assert found is None or found.is_relative_to(home / "songs")


@pytest.mark.parametrize(
    "name", ["song.mp3", "./song.mp3", "sub/../song.mp3", "out/../songs/song.mp3", "in/song.mp3", "{root}/song.mp3"]
)
def test_what_lies_below_the_root_is_found(home: Path, name: str) -> None:
    found = resolve_under([home / "songs"], name.format(root=home / "songs"))
    assert found.read_bytes() == b"song"


@pytest.mark.parametrize(
    "name",
    [
        "../outside/secret.mp3",
        "out/secret.mp3",
        "song_out.mp3",
        "loop/../out/secret.mp3",
        "sub/../../outside/secret.mp3",
        "{home}/outside/secret.mp3",
        "{home}/songs2/secret.mp3",
        "{home}/songs",
        ".",
        "..",
        "/etc/passwd",
        "song.mp3\0.txt",
        "\ud800",
        "/" + "a/" * 3000,
    ],
)
def test_what_lies_elsewhere_is_refused(home: Path, name: str) -> None:
    assert resolved([home / "songs"], name.format(home=home)) is None


def test_a_root_may_itself_be_reached_by_a_link(home: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(home / "songs")
    assert resolve_under([tmp_path / "linked"], "song.mp3") == home / "songs" / "song.mp3"


def test_a_relative_name_is_looked_for_below_each_root(home: Path) -> None:
    roots = [home / "songs" / "sub", home / "songs2"]
    assert resolve_under(roots, "secret.mp3") == home / "songs2" / "secret.mp3"
    assert resolve_under(roots, "nowhere.mp3") == home / "songs" / "sub" / "nowhere.mp3"


def test_without_roots_nothing_is_allowed(home: Path) -> None:
    assert resolved([], str(home / "songs" / "song.mp3")) is None
