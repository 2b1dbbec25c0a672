"""Other users of the machine cannot enter the data folder, and cannot plant it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.data_folder import check_data_folder, use_data_folder
from infra.settings import Settings, load_settings
from schemas.faults import Poison

_STRANGER = 12345
_as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    found = os.umask(0o022)
    yield
    os.umask(found)


def _use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("BACHATA_DATA_DIR", str(folder))
    settings = load_settings()
    use_data_folder(settings)
    return settings


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("folder", ["/proc/data", "/sys/data/below", "file/below"])
def test_a_folder_that_cannot_be_written_is_named_with_its_setting(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    settings = _use(Path(folder), monkeypatch)
    with pytest.raises(Poison, match=rf"BACHATA_DATA_DIR is .*{folder}, which cannot be written \(.*\)") as caught:
        check_data_folder(settings)
    assert caught.value.reason == "settings"


def test_an_open_folder_of_an_earlier_version_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("media", "kafka", "songs"):
        (tmp_path / "data" / name).mkdir(parents=True)
    assert _mode(tmp_path / "data") == 0o755
    _use(tmp_path / "data", monkeypatch)
    modes = {name: _mode(tmp_path / "data" / name) for name in (".", "media", "kafka", "songs")}
    assert modes == {".": 0o700, "media": 0o700, "kafka": 0o700, "songs": 0o755}


def test_new_folders_and_files_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _use(tmp_path / "data", monkeypatch)
    settings.state_dir.mkdir(parents=True)
    (settings.state_dir / "file").write_text("")
    assert [_mode(path) for path in (settings.data_dir, settings.state_dir)] == [0o700, 0o700]
    assert _mode(settings.state_dir / "file") == 0o600


def test_the_home_folder_is_not_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    _use(tmp_path / "home", monkeypatch)
    assert _mode(tmp_path / "home") == 0o755


def test_a_link_in_the_place_of_a_folder_of_state_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "media").symlink_to(tmp_path / "elsewhere")
    _use(tmp_path / "data", monkeypatch)
    assert _mode(tmp_path / "elsewhere") == 0o755


def _refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("BACHATA_DATA_DIR", str(folder))
    with pytest.raises(Poison) as caught:
        load_settings()
    return str(caught.value)


def test_a_folder_for_everybody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    message = _refused(tmp_path / "tmp", monkeypatch)
    assert message.endswith("it must be the path of a folder that belongs to you and not to everybody")
    assert message.startswith("BACHATA_DATA_DIR is ")


@_as_root
def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    os.chown(tmp_path / "data", _STRANGER, _STRANGER)
    assert "that belongs to you" in _refused(tmp_path / "data", monkeypatch)


@_as_root
@pytest.mark.parametrize("below", [".", "data"])
def test_a_link_that_another_user_has_planted_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    os.chown(tmp_path / "link", _STRANGER, _STRANGER, follow_symlinks=False)
    assert "that belongs to you" in _refused(tmp_path / "link" / below, monkeypatch)


def test_a_link_of_ones_own_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    assert _use(tmp_path / "link" / "data", monkeypatch).data_dir == tmp_path / "mine" / "data"
