"""Output files replace nothing of ours, follow no link, and are complete or not there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.media_store import MediaStore
from infra.settings import load_settings
from schemas.base import MediaRef
from schemas.faults import Poison
from schemas.rendered import Video
from streams.files.user_files import check_targets, copy_out, video_file, write_out
from tests.paths import BACHATA, DEMO
from tests.unit.streams.cli.bachata import run

_CONTENT = b"a video"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file to copy."""
    file = tmp_path / "result"
    file.write_bytes(_CONTENT)
    return file


def _stored(tmp_path: Path) -> Path:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"a song")
    store = MediaStore(load_settings().media_dir)
    return store.path(store.add(song, "audio").sha256)


def _hard_link(tmp_path: Path) -> Path:
    target = tmp_path / "hard"
    os.link(_stored(tmp_path), target)
    return target


def _link(tmp_path: Path) -> Path:
    target = tmp_path / "soft"
    target.symlink_to(_stored(tmp_path))
    return target


def _link_to_nothing(tmp_path: Path) -> Path:
    target = tmp_path / "dangling"
    target.symlink_to(tmp_path / "victim")
    return target


def _below_link(tmp_path: Path) -> Path:
    load_settings().data_dir.mkdir(exist_ok=True)
    (tmp_path / "elsewhere").symlink_to(load_settings().data_dir)
    return tmp_path / "elsewhere" / "run" / "token"


def _fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


def _song_by_hard_link(tmp_path: Path) -> Path:
    os.link(tmp_path / "result", tmp_path / "other-name")
    return tmp_path / "other-name"


_REFUSED: dict[str, Callable[[Path], Path]] = {
    "a stored file": _stored,
    "a hard link to a stored file": _hard_link,
    "a link to a stored file": _link,
    "a link to nothing": _link_to_nothing,
    "a new file of the data folder": lambda _: load_settings().data_dir / "output" / "new.mp4",
    "the data folder through a link": _below_link,
    "the cache": lambda _: load_settings().cache_dir / "jars" / "new.jar",
    "a fifo": _fifo,
    "a device": lambda _: Path("/dev/full"),
    "a folder": lambda tmp_path: tmp_path,
    "no name": lambda _: Path(),
    "the folder above": lambda _: Path(".."),
    "the source by another name": _song_by_hard_link,
    "below a file": lambda tmp_path: tmp_path / "result" / "x",
    "a long name": lambda tmp_path: tmp_path / ("x" * 300),
}


@pytest.mark.parametrize("name", _REFUSED)
def test_what_must_not_be_replaced_is_refused(tmp_path: Path, source: Path, name: str) -> None:
    target = _REFUSED[name](tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(Poison) as caught:
        check_targets([target], source)
    assert caught.value.reason == "bad_target"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_link_that_appears_later_is_replaced_and_not_followed(tmp_path: Path, source: Path) -> None:
    victim, target = tmp_path / "victim", tmp_path / "out.mp4"
    victim.write_bytes(b"precious")
    check_targets([target], source)
    target.symlink_to(victim)
    copy_out(source, target)
    assert victim.read_bytes() == b"precious"
    assert not target.is_symlink()
    assert target.read_bytes() == _CONTENT


def test_a_folder_that_becomes_a_link_to_ours_is_refused(tmp_path: Path, source: Path) -> None:
    settings = load_settings()
    settings.run_dir.mkdir(parents=True)
    (tmp_path / "folder").symlink_to(settings.run_dir)
    with pytest.raises(Poison, match="data or cache folder"):
        copy_out(source, tmp_path / "folder" / "token")
    assert not list(settings.run_dir.iterdir())


def test_the_temporary_name_cannot_be_guessed(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    open_file = os.open

    def recorded(path: str, flags: int, *arguments: int, **options: int) -> int:
        if flags & os.O_CREAT:
            opened.append(str(path))
            assert flags & os.O_EXCL
            assert flags & os.O_NOFOLLOW
        return open_file(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", recorded)
    for _ in range(3):
        copy_out(source, tmp_path / "out.mp4")
    assert len(set(opened)) == 3
    assert all(len(name) > 32 for name in opened)


def test_a_failed_copy_leaves_nothing_and_the_earlier_file(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "out" / "a.mp4"
    write_out(b"earlier", target)
    with pytest.raises(Poison, match="was changed since it was made"):
        copy_out(source, target, "0" * 64)
    assert [path.name for path in target.parent.iterdir()] == ["a.mp4"]
    assert target.read_bytes() == b"earlier"
    assert copy_out(source, target, hashlib.sha256(_CONTENT).hexdigest()).read_bytes() == _CONTENT
    with pytest.raises(Poison, match="No such file"):
        copy_out(tmp_path / "missing", target)


def test_what_is_written_is_named_without_links_of_its_folders(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    assert write_out("ñ".encode(), tmp_path / "link" / "a.html") == tmp_path / "folder" / "a.html"
    assert (tmp_path / "folder" / "a.html").read_text(encoding="utf-8") == "ñ"


def _video(file: str, content: bytes = _CONTENT) -> Video:
    media = MediaRef(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content), kind="video")
    return Video.model_construct(file=file, media=media)


def test_only_the_video_of_the_event_is_handed_out(tmp_path: Path) -> None:
    settings = load_settings()
    settings.output_dir.mkdir(parents=True)
    video = settings.output_dir / "a.mp4"
    video.write_bytes(_CONTENT)
    assert video_file(settings, _video("a.mp4")) == video
    with pytest.raises(Poison) as caught:
        video_file(settings, _video("a.mp4", b"another"))
    assert caught.value.reason == "checksum"
    (settings.output_dir / "link.mp4").symlink_to(video)
    with pytest.raises(Poison):
        video_file(settings, _video("link.mp4"))
    for name in ("/etc/passwd", "../run/token", "sub/a.mp4", "..", ""):
        with pytest.raises(Poison) as caught:
            video_file(settings, _video(name))
        assert caught.value.reason == "path_not_allowed"


def test_a_video_that_is_not_a_regular_file_is_refused_with_and_without_a_copy(tmp_path: Path) -> None:
    settings = load_settings()
    (settings.output_dir / "folder").mkdir(parents=True)
    os.mkfifo(settings.output_dir / "fifo")
    for name in ("folder", "fifo"):
        with pytest.raises(Poison) as found:
            video_file(settings, _video(name, b""))
        with pytest.raises(Poison) as copied:
            copy_out(settings.output_dir / name, tmp_path / "out.mp4")
        assert found.value.reason == copied.value.reason == "bad_target"
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("target", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "same"])
def test_standard_output_is_no_output_file(target: str, tmp_path: Path) -> None:
    song = Path(shutil.copy(DEMO / "songs" / "luna_124.mp3", tmp_path / "song.mp3"))
    plot = str(tmp_path / "same") if target == "same" else target
    command = [str(BACHATA), "analyze", str(song), "--plot", plot, "--json"]
    with (tmp_path / "same").open("w") as output:
        completed = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert completed.returncode == 1
    assert len(completed.stderr.splitlines()) == 1
    assert json.loads((tmp_path / "same").read_text())["reason"] == "bad_target"


def test_every_command_checks_its_output_files(tmp_path: Path) -> None:
    ours = load_settings().data_dir / "x"
    for arguments in (
        ("generate", DEMO / "songs" / "luna_124.mp3", "--out", ours),
        ("analyze", DEMO / "songs" / "luna_124.mp3", "--click", ours),
        ("moves", "show", "x", "--video", ours),
        ("moves", "map", "--png", ours),
        ("dead-letters", "show", "x", "--value", ours),
    ):
        completed = run(*arguments, "--json")
        assert json.loads(completed.stdout)["reason"] == "bad_target", arguments
