"""Test the embedded index on a folder that it cannot write or read for a while: faults, recovery, complete data."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from infra.move_index import MoveIndexError, MoveIndexLockedError, open_index
from infra.move_index import edge as edge_module
from infra.move_index.edge import EdgeMoveIndex
from infra.settings import load_settings
from tests.unit.infra.moves import MOVES, faults_of_all_calls, fill, make_move


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[EdgeMoveIndex]:
    """Yield the embedded index with three moves."""
    index = EdgeMoveIndex(tmp_path / "moves" / "edge")
    fill(index, MOVES[:3])
    index.flush()
    yield index
    index.close()


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Make the folder read-only, even for root."""
    chattr = shutil.which("chattr")
    if chattr is None or subprocess.run([chattr, "+i", folder], capture_output=True, check=False).returncode:
        pytest.skip("this file system has no immutable files")
    try:
        yield
    finally:
        subprocess.run([chattr, "-i", folder], check=True)


def test_a_read_only_folder_can_be_searched_and_its_writes_fail(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    with unwritable(tmp_path / "moves" / "edge"):
        with pytest.raises(MoveIndexError, match="cannot be written: Operation not permitted") as caught:
            edge.upsert(MOVES[3])
        assert caught.value.reason == "move_index"
        with pytest.raises(MoveIndexError, match="cannot be written"):
            edge.flush()
        assert len(edge.search(vector=MOVES[0].embedding)) == edge.count() == 3
    edge.upsert(MOVES[3])
    edge.flush()
    edge.close()
    assert reopened_count(tmp_path) == 4


def test_an_index_can_be_created_while_its_folder_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "moves").mkdir()
    with unwritable(tmp_path / "moves"):
        index = EdgeMoveIndex(tmp_path / "moves" / "edge")
        assert all("cannot be written" in str(fault) for fault in faults_of_all_calls(index))
    fill(index, MOVES[:3])
    assert index.count() == 3
    index.close()


def test_the_engine_is_reopened_after_a_failed_write(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    # The engine's write-ahead log needs a new file for every 32 MiB. After a failed one it accepts no further write.
    large_moves = [make_move(number).model_copy(update={"eights": MOVES[0].eights[:1] * 200}) for number in range(400)]
    write_ahead_log = tmp_path / "moves" / "edge" / "wal"
    with unwritable(write_ahead_log), pytest.raises(MoveIndexError, match="Can't write WAL"):
        fill(edge, large_moves)
    fill(edge, large_moves)
    edge.flush()
    assert edge.count() == len(large_moves)
    edge.close()
    assert reopened_count(tmp_path) == len(large_moves)
    assert not (tmp_path / "moves" / "edge.unreadable").exists()


def test_a_full_disk_is_reported_before_the_engine_writes(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount, umount = (shutil.which(name) or "/bin/false" for name in ("mount", "umount"))
    command = [mount, "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted on this machine")
    try:
        index = EdgeMoveIndex(small / "edge")
        assert {(fault.reason, str(fault)[:10]) for fault in faults_of_all_calls(index)} == {
            ("disk_full", "disk full:")
        }
        index.close()
    finally:
        subprocess.run([umount, small], check=True)


def test_a_removed_folder_gives_an_empty_index(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "moves")
    assert edge.count() == 0
    fill(edge, MOVES[:2])
    edge.close()
    assert reopened_count(tmp_path) == 2


def test_a_file_instead_of_the_folder_is_reported_until_it_is_removed(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    folder = tmp_path / "moves" / "edge"
    folder.rename(tmp_path / "moved")
    folder.write_text("not a folder")
    assert all("cannot be written: File exists" in str(fault) for fault in faults_of_all_calls(edge))
    folder.unlink()
    (tmp_path / "moved").rename(folder)
    assert edge.count() == 3
    edge.upsert(MOVES[3])
    assert edge.count() == 4


def reopened_count(tmp_path: Path) -> int:
    """Return the number of moves after opening the index again."""
    index = EdgeMoveIndex(tmp_path / "moves" / "edge")
    count = index.count()
    index.close()
    return count


def damage(folder: Path, pattern: str, how: str) -> None:
    """Damage the first file that matches the pattern."""
    file = next(path for path in sorted(folder.rglob(pattern)) if path.is_file())
    if how == "truncated":
        os.truncate(file, file.stat().st_size // 3)
    else:
        file.write_bytes(np.random.default_rng(0).bytes(min(file.stat().st_size, 4096)))


DAMAGES = [
    ("edge_config.json", "truncated"),
    ("edge_config.json", "garbage"),
    ("segment.json", "truncated"),
    ("wal/open-1", "garbage"),
    ("vectors/status.dat", "truncated"),  # the engine panics here, which is no `Exception`
    ("payload_storage/page_0.dat", "garbage"),
]


@pytest.mark.parametrize(("pattern", "how"), DAMAGES)
def test_a_damaged_folder_is_moved_aside_and_a_new_index_is_created(
    edge: EdgeMoveIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture, pattern: str, how: str
) -> None:
    edge.close()
    damage(tmp_path / "moves" / "edge", pattern, how)
    index = open_index(load_settings(), tmp_path / "moves")
    with caplog.at_level(logging.WARNING, logger="infra.move_index"):
        assert index.count() == 0
    assert "a new one is built from the topic" in caplog.text
    assert (tmp_path / "moves" / "edge.unreadable" / "wal").is_dir()
    fill(index)
    assert index.count() == len(MOVES)
    index.close()


def test_damage_found_by_a_later_call_also_gives_a_new_index(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    fill(edge)
    edge.flush()
    edge.close()
    os.truncate(next((tmp_path / "moves" / "edge").rglob("chunk_0.mmap")), 0)
    index = EdgeMoveIndex(tmp_path / "moves" / "edge")
    assert index.count() > 0
    with pytest.raises(MoveIndexError, match="cannot be read"):
        index.all_moves()
    assert index.count() == 0
    fill(index)
    assert len(index.search(vector=MOVES[0].embedding, limit=50)) == len(MOVES)
    index.close()


def test_a_second_damaged_folder_replaces_the_first(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    edge.close()
    for _ in range(2):
        damage(tmp_path / "moves" / "edge", "edge_config.json", "garbage")
        assert reopened_count(tmp_path) == 0


def test_a_lock_that_is_released_soon_is_waited_for(
    edge: EdgeMoveIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_module, "_MAX_LOCK_WAIT_S", 60.0)
    edge.close()
    folder = tmp_path / "moves" / "edge"
    with _locked(folder) as release:
        threading.Timer(0.4, release).start()
        index = EdgeMoveIndex(folder)
        assert index.count() == 3
        index.close()


def test_a_lock_that_stays_is_reported_and_waited_for_once(
    edge: EdgeMoveIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge.close()
    folder = tmp_path / "moves" / "edge"
    index = EdgeMoveIndex(folder)
    with _locked(folder):
        with pytest.raises(MoveIndexLockedError):
            index.count()
        monkeypatch.setattr(edge_module, "_MAX_LOCK_WAIT_S", 1e9)  # the next call does not wait
        with pytest.raises(MoveIndexLockedError):
            index.count()
    assert index.count() == 3
    index.close()


@contextmanager
def _locked(folder: Path) -> Iterator[Callable[[], None]]:
    """Lock the folder as a process does that has it open; yield a function that releases the lock."""
    lock = os.open(folder / "wal", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lambda: fcntl.flock(lock, fcntl.LOCK_UN)
    finally:
        os.close(lock)
