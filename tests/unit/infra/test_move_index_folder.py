"""A folder that the embedded index cannot write or read for a while: told, healed, and nothing in it half."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from infra.move_index import MoveIndexError, open_index
from infra.move_index.edge import EdgeMoveIndex
from infra.settings import load_settings
from tests.unit.infra.moves import MOVES, away, fill, make_move


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[EdgeMoveIndex]:
    """The embedded index, three moves in."""
    index = EdgeMoveIndex(tmp_path / "moves" / "edge")
    fill(index, MOVES[:3])
    index.flush()
    yield index
    index.close()


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Even its owner, root, cannot write there."""
    flag = shutil.which("chattr")
    if flag is None or subprocess.run([flag, "+i", folder], capture_output=True, check=False).returncode:
        pytest.skip("this file system knows no files that even root may not change")
    try:
        yield
    finally:
        subprocess.run([flag, "-i", folder], check=True)


def test_a_folder_that_cannot_be_written_is_told_and_searched(edge: EdgeMoveIndex, tmp_path: Path) -> None:
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


def test_a_folder_that_cannot_be_written_yet_keeps_nobody_from_starting(tmp_path: Path) -> None:
    (tmp_path / "moves").mkdir()
    with unwritable(tmp_path / "moves"):
        index = EdgeMoveIndex(tmp_path / "moves" / "edge")
        assert all("cannot be written" in str(fault) for fault in away(index))
    fill(index, MOVES[:3])
    assert index.count() == 3
    index.close()


def test_the_engine_is_opened_anew_after_a_write_that_failed(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    # Its log of writes takes a new file for every 32 MiB; a refused one leaves the engine good for no other write.
    heavy = [make_move(number).model_copy(update={"eights": MOVES[0].eights[:1] * 200}) for number in range(400)]
    log_of_writes = tmp_path / "moves" / "edge" / "wal"
    with unwritable(log_of_writes), pytest.raises(MoveIndexError, match="Can't write WAL"):
        fill(edge, heavy)
    fill(edge, heavy)
    edge.flush()
    assert edge.count() == len(heavy)
    edge.close()
    assert reopened_count(tmp_path) == len(heavy)
    assert not (tmp_path / "moves" / "edge.unreadable").exists()


def test_a_full_disk_is_told_before_the_engine_meets_it(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount, umount = (shutil.which(name) or "/bin/false" for name in ("mount", "umount"))
    command = [mount, "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        index = EdgeMoveIndex(small / "edge")
        assert {(fault.reason, str(fault)[:10]) for fault in away(index)} == {("disk_full", "disk full:")}
        index.close()
    finally:
        subprocess.run([umount, small], check=True)


def test_a_folder_that_was_taken_away_is_an_empty_index(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "moves")
    assert edge.count() == 0
    fill(edge, MOVES[:2])
    edge.close()
    assert reopened_count(tmp_path) == 2


def test_a_file_in_the_folders_place_is_told_until_it_is_gone(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    folder = tmp_path / "moves" / "edge"
    folder.rename(tmp_path / "kept")
    folder.write_text("no folder")
    assert all("cannot be written: File exists" in str(fault) for fault in away(edge))
    folder.unlink()
    (tmp_path / "kept").rename(folder)
    assert edge.count() == 3
    edge.upsert(MOVES[3])
    assert edge.count() == 4


def reopened_count(tmp_path: Path) -> int:
    """What another process would find."""
    index = EdgeMoveIndex(tmp_path / "moves" / "edge")
    count = index.count()
    index.close()
    return count


def spoil(folder: Path, pattern: str, how: str) -> None:
    """Damage the first file of that name."""
    file = next(path for path in sorted(folder.rglob(pattern)) if path.is_file())
    if how == "truncated":
        os.truncate(file, file.stat().st_size // 3)
    else:
        file.write_bytes(np.random.default_rng(0).bytes(min(file.stat().st_size, 4096)))


SPOILED = [
    ("edge_config.json", "truncated"),
    ("edge_config.json", "garbage"),
    ("segment.json", "truncated"),
    ("wal/open-1", "garbage"),
    ("vectors/status.dat", "truncated"),  # the engine panics here, which is no `Exception`
    ("payload_storage/page_0.dat", "garbage"),
]


@pytest.mark.parametrize(("pattern", "how"), SPOILED)
def test_a_spoiled_folder_is_set_aside_and_begun_again(
    edge: EdgeMoveIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture, pattern: str, how: str
) -> None:
    edge.close()
    spoil(tmp_path / "moves" / "edge", pattern, how)
    index = open_index(load_settings(), tmp_path / "moves")
    with caplog.at_level(logging.WARNING, logger="infra.move_index"):
        assert index.count() == 0
    assert "a new one is built from the topic" in caplog.text
    assert (tmp_path / "moves" / "edge.unreadable" / "wal").is_dir()
    fill(index)
    assert index.count() == len(MOVES)
    index.close()


def test_damage_that_only_a_search_meets_is_mended_too(edge: EdgeMoveIndex, tmp_path: Path) -> None:
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


def test_it_is_set_aside_once_more(edge: EdgeMoveIndex, tmp_path: Path) -> None:
    edge.close()
    for _ in range(2):
        spoil(tmp_path / "moves" / "edge", "edge_config.json", "garbage")
        assert reopened_count(tmp_path) == 0
