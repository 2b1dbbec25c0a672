"""Test the media store: complete files under the hash of their content, with concurrent writers and killed ones."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.media_store import MediaStore
from schemas.faults import Poison, Retryable, Unavailable
from schemas.limits import MAX_BYTES


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(tmp_path.resolve() / "media")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return the folder of the files to add, without links in its path."""
    return tmp_path.resolve()


def rejection_reason(store: MediaStore, source: Path) -> str:
    with pytest.raises(Poison) as caught:
        store.add(source, "audio")
    assert stored_files(store) == []
    return caught.value.reason


def stored_files(store: MediaStore) -> list[Path]:
    return sorted(file for file in store.root.rglob("*") if file.is_file())


@given(contents=st.lists(st.binary(min_size=1, max_size=4000), min_size=1, max_size=5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_added_file_is_found_by_its_hash(store: MediaStore, sources: Path, contents: list[bytes]) -> None:
    for content in contents:
        (sources / "source").write_bytes(content)
        media = store.add(sources / "source", "video")
        assert media.sha256 == hashlib.sha256(content).hexdigest()
        assert (media.size_bytes, media.kind) == (len(content), "video")
        assert store.has(media.sha256)
        assert store.path(media.sha256) == store.root / media.sha256[:2] / media.sha256
        assert store.path(media.sha256).read_bytes() == content
        assert store.add(sources / "source", "video") == media
    assert not list((store.root / "incoming").iterdir())


def test_a_stored_file_is_not_written_again(store: MediaStore, sources: Path) -> None:
    (sources / "a").write_bytes(b"song")
    path = store.path(store.add(sources / "a", "audio").sha256)
    before = path.stat()
    store.add(sources / "a", "audio")
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_stored_file_that_is_damaged_is_replaced_when_it_is_added_again(store: MediaStore, sources: Path) -> None:
    (sources / "a").write_bytes(b"song")
    path = store.path(store.add(sources / "a", "audio").sha256)
    path.unlink()
    path.write_bytes(b"sonf")
    store.add(sources / "a", "audio")
    assert path.read_bytes() == b"song"


def test_a_file_of_several_blocks(store: MediaStore, sources: Path) -> None:
    content = os.urandom(3_500_001)
    (sources / "a").write_bytes(content)
    assert store.path(store.add(sources / "a", "audio").sha256).read_bytes() == content


@pytest.mark.parametrize("sha256", ["", "0" * 64, "../" * 21 + "a", "0" * 63 + "\n", "A" * 64, "incoming"])
def test_an_unknown_hash_is_poison(store: MediaStore, sha256: str) -> None:
    assert not store.has(sha256)
    with pytest.raises(Poison) as caught:
        store.path(sha256)
    assert caught.value.reason == "unknown_media"


def test_only_regular_files_without_links_are_added(store: MediaStore, sources: Path) -> None:
    (sources / "real").mkdir()
    (sources / "real" / "a").write_bytes(b"song")
    (sources / "link").symlink_to(sources / "real" / "a")
    (sources / "linked").symlink_to(sources / "real")
    (sources / "empty").touch()
    os.mkfifo(sources / "pipe")
    assert rejection_reason(store, sources / "link") == "not_a_file"
    assert rejection_reason(store, sources / "linked" / "a") == "not_a_file"
    assert rejection_reason(store, sources / "real" / "a" / "b") == "not_a_file"
    assert rejection_reason(store, sources / "real") == "not_a_file"
    assert rejection_reason(store, sources / "pipe") == "not_a_file"
    assert rejection_reason(store, Path("/dev/zero")) == "not_a_file"
    assert rejection_reason(store, sources / "a\0b") == "not_a_file"
    assert rejection_reason(store, sources / ("a" * 300)) == "not_a_file"
    assert rejection_reason(store, sources / "none") == "not_found"
    assert rejection_reason(store, sources / "empty") == "empty"


@pytest.mark.parametrize(("kind", "max_bytes"), [("audio", 500 << 20), ("video", 2 << 30)])
def test_a_too_large_file_is_rejected_without_copying(
    store: MediaStore, sources: Path, kind: str, max_bytes: int
) -> None:
    with (sources / "large").open("wb") as file:
        file.truncate(max_bytes + 1)
    with pytest.raises(Poison) as caught:
        store.add(sources / "large", kind)  # type: ignore[arg-type]
    assert caught.value.reason == "too_large"
    assert not store.root.exists()


def test_a_file_that_grows_is_rejected_at_the_limit(store: MediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAX_BYTES, "audio", 20)
    assert Path("/proc/version").stat().st_size == 0  # a regular file with more content than its size
    assert rejection_reason(store, Path("/proc/version")) == "too_large"


def test_a_write_error_is_retryable(store: MediaStore, sources: Path) -> None:
    (sources / "a").write_bytes(b"song")
    store.root.write_bytes(b"a file instead of the folder")
    with pytest.raises(Retryable) as caught:
        store.add(sources / "a", "audio")
    assert caught.value.reason == "storage"


def test_concurrent_adds(store: MediaStore, sources: Path) -> None:
    contents = [bytes([i % 4]) * 300_000 for i in range(32)]
    for index, content in enumerate(contents):
        (sources / f"{index}").write_bytes(content)
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda index: store.add(sources / f"{index}", "audio"), range(32)))
    assert [store.path(media.sha256).read_bytes() for media in added] == contents
    assert len(stored_files(store)) == 4


def test_incoming_files_are_removed_once_their_process_was_killed(store: MediaStore, sources: Path) -> None:
    (sources / "a").write_bytes(b"song")
    code = (
        "import sys, time, pathlib, infra.media_store as m\n"
        "store = m.MediaStore(pathlib.Path(sys.argv[1]))\n"
        "with store._incoming() as (name, writer):\n"
        "    print(name.name, flush=True)\n"
        "    time.sleep(60)\n"
    )
    copying = subprocess.Popen([sys.executable, "-c", code, str(store.root)], stdout=subprocess.PIPE, text=True)
    assert copying.stdout is not None
    with copying.stdout:
        incoming = store.root / "incoming" / copying.stdout.readline().strip()
    store.add(sources / "a", "audio")
    assert incoming.exists()
    copying.send_signal(signal.SIGKILL)
    copying.wait()
    assert incoming.exists()
    store.add(sources / "a", "audio")
    assert not incoming.exists()


def test_a_file_removed_before_it_is_locked_is_created_again(
    store: MediaStore, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sources / "a").write_bytes(b"song")
    flock, removed = fcntl.flock, list[Path]()

    def flock_late(handle: int, operation: int) -> None:
        if not removed:
            removed.extend((store.root / "incoming").iterdir())
            removed[0].unlink()
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", flock_late)
    assert store.has(store.add(sources / "a", "audio").sha256)
    assert len(removed) == 1


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE, errno.ENOMEM, errno.ENOSPC])
def test_a_fault_of_the_machine_is_not_poison(
    store: MediaStore, sources: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def failing_open(path: str, *args: object, **kwargs: object) -> int:
        raise OSError(number, os.strerror(number), path)

    with monkeypatch.context() as system:
        system.setattr(os, "open", failing_open)
        with pytest.raises((Retryable, Unavailable), match=os.strerror(number)) as caught:
            store.add(sources / "a", "audio")
    disk_full = number == errno.ENOSPC
    assert isinstance(caught.value, Unavailable) == disk_full
    assert caught.value.reason == ("disk_full" if disk_full else "storage")
