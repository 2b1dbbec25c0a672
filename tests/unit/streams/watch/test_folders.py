"""Which folders are watched by one watcher only, which are on a network, and that notices of the system arrive."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import takewhile
from pathlib import Path
from time import monotonic

import pytest
import watchfiles
from watchfiles._rust_notify import WatchfilesRustInternalError

from schemas.faults import Poison, Retryable
from streams.watch.locks import locked_folders
from streams.watch.network import is_on_network
from streams.watch.run import _notices
from streams.watch.scan import scan
from tests.paths import PROJECT

_HOLD = """
import sys
from pathlib import Path
from streams.watch.locks import locked_folders
with locked_folders(Path(sys.argv[1]), [Path(sys.argv[2])]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_folder_in_or_around_one_that_another_process_watches_is_refused(tmp_path: Path) -> None:
    outer, inner, other = tmp_path / "outer", tmp_path / "outer" / "inner", tmp_path / "outer2"
    command = [sys.executable, "-c", _HOLD, str(tmp_path / "locks"), str(inner)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        for folder in (inner, outer, inner / "deeper"):
            with (
                pytest.raises(Retryable, match="watched already") as caught,
                locked_folders(tmp_path / "locks", [folder]),
            ):
                pass
            assert caught.value.reason == "watched"
        with locked_folders(tmp_path / "locks", [other]):
            pass
        process.kill()
    with locked_folders(tmp_path / "locks", [outer]):
        pass


def test_a_folder_in_another_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Poison, match="leave one out"), locked_folders(tmp_path, [tmp_path / "a", tmp_path / "a" / "b"]):
        pass


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/data/clips", False),
        ("/mnt/nas/clips", True),
        ("/mnt/nas/local/clips", False),
        ("/mnt/with space/clips", True),
        ("/mnt/usb/clips", False),
        ("/mnt/nas2", False),
    ],
)
def test_network_folders_are_known_by_their_file_system(folder: str, expected: bool, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        "nas:/clips /mnt/nas nfs4 rw 0 0\n"
        "/dev/sdb1 /mnt/nas/local xfs rw 0 0\n"
        "me@host:/ /mnt/with\\040space fuse.sshfs rw 0 0\n"
        "/dev/sdc1 /mnt/usb fuseblk rw 0 0\n"
    )
    assert is_on_network(Path(folder), mounts) is expected


@contextmanager
def _noticing(*folders: Path) -> Iterator[tuple[Callable[[Callable[[], object]], bool], list[str]]]:
    """Yield a function that returns whether notice is given after a change, and the lines that were printed."""
    stop, lines = threading.Event(), list[str]()
    notices = _notices(folders, stop, lines.append)
    assert next(notices) is True

    def is_noticed(change: Callable[[], object]) -> bool:
        timer = threading.Timer(0.3, change)
        timer.start()
        deadline = monotonic() + 10
        found = any(noticed for noticed in takewhile(lambda _: monotonic() < deadline, notices))
        timer.join()
        return found

    yield is_noticed, lines
    stop.set()
    assert list(notices) == [], "it ends when it is stopped"


def test_the_system_gives_notice_of_a_file(tmp_path: Path) -> None:
    with _noticing(tmp_path) as (is_noticed, _):
        assert is_noticed((tmp_path / "a.mp4").touch)


def test_the_system_gives_notice_of_the_folders_that_are_there_and_of_those_that_come(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    with _noticing(first, second) as (is_noticed, lines):
        assert is_noticed((first / "a.mp4").touch)
        assert is_noticed(second.mkdir)
        assert is_noticed((second / "b.mp4").touch)
        assert is_noticed(partial(second.rename, tmp_path / "away"))
        assert is_noticed(second.mkdir)
        assert is_noticed((second / "c.mp4").touch)
        assert is_noticed((first / "d.mp4").touch)
        assert lines == []


def test_without_notices_of_the_system_folders_are_searched_until_it_gives_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Iterator[object]:
        raise WatchfilesRustInternalError("error in underlying watcher: No space left on device")

    with _noticing(tmp_path) as (is_noticed, lines):
        with monkeypatch.context() as patch:
            patch.setattr(watchfiles, "watch", refuse)
            assert is_noticed(int)
            assert is_noticed(int)
        assert sum("No space left on device" in line for line in lines) == len(lines) == 1
        assert is_noticed((tmp_path / "a.mp4").touch)


def test_a_link_to_a_file_is_found_and_a_link_to_a_folder_is_not(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.mp4").touch()
    folder = tmp_path / "watched"
    folder.mkdir()
    (folder / "link.mp4").symlink_to(tmp_path / "elsewhere" / "a.mp4")
    (folder / "nothing.mp4").symlink_to(tmp_path / "nothing")
    (folder / "folder").symlink_to(tmp_path / "elsewhere")
    (folder / b"\xff.mp4".decode(errors="surrogateescape")).touch()
    assert {name.encode(errors="surrogateescape") for name in scan(folder, ()).files} == {b"link.mp4", b"\xff.mp4"}
