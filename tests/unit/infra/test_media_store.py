"""The media store: whole files under their content's name, whoever adds them and whatever dies."""

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
def here(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def refusal(store: MediaStore, source: Path) -> str:
    with pytest.raises(Poison) as caught:
        store.add(source, "audio")
    assert stored(store) == []
    return caught.value.reason


def stored(store: MediaStore) -> list[Path]:
    return sorted(file for file in store.root.rglob("*") if file.is_file())


@given(contents=st.lists(st.binary(min_size=1, max_size=4000), min_size=1, max_size=5))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_added_is_found_by_its_content(store: MediaStore, here: Path, contents: list[bytes]) -> None:
    for content in contents:
        (here / "source").write_bytes(content)
        media = store.add(here / "source", "video")
        assert media.sha256 == hashlib.sha256(content).hexdigest()
        assert (media.size_bytes, media.kind) == (len(content), "video")
        assert store.has(media.sha256)
        assert store.path(media.sha256) == store.root / media.sha256[:2] / media.sha256
        assert store.path(media.sha256).read_bytes() == content
        assert store.add(here / "source", "video") == media
    assert not list((store.root / "incoming").iterdir())


def test_a_file_that_is_there_is_left_as_it_is(store: MediaStore, here: Path) -> None:
    (here / "a").write_bytes(b"song")
    place = store.path(store.add(here / "a", "audio").sha256)
    before = place.stat()
    store.add(here / "a", "audio")
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_more_than_one_block(store: MediaStore, here: Path) -> None:
    content = os.urandom(3_500_001)
    (here / "a").write_bytes(content)
    assert store.path(store.add(here / "a", "audio").sha256).read_bytes() == content


@pytest.mark.parametrize("sha256", ["", "0" * 64, "../" * 21 + "a", "0" * 63 + "\n", "A" * 64, "incoming"])
def test_what_the_store_does_not_have(store: MediaStore, sha256: str) -> None:
    assert not store.has(sha256)
    with pytest.raises(Poison) as caught:
        store.path(sha256)
    assert caught.value.reason == "unknown_media"


def test_what_is_no_plain_file(store: MediaStore, here: Path) -> None:
    (here / "real").mkdir()
    (here / "real" / "a").write_bytes(b"song")
    (here / "link").symlink_to(here / "real" / "a")
    (here / "linked").symlink_to(here / "real")
    (here / "empty").touch()
    os.mkfifo(here / "pipe")
    assert refusal(store, here / "link") == "not_a_file"
    assert refusal(store, here / "linked" / "a") == "not_a_file"
    assert refusal(store, here / "real" / "a" / "b") == "not_a_file"
    assert refusal(store, here / "real") == "not_a_file"
    assert refusal(store, here / "pipe") == "not_a_file"
    assert refusal(store, Path("/dev/zero")) == "not_a_file"
    assert refusal(store, here / "a\0b") == "not_a_file"
    assert refusal(store, here / ("a" * 300)) == "not_a_file"
    assert refusal(store, here / "none") == "not_found"
    assert refusal(store, here / "empty") == "empty"


@pytest.mark.parametrize(("kind", "most"), [("audio", 500 << 20), ("video", 2 << 30)])
def test_too_large_is_known_without_copying(store: MediaStore, here: Path, kind: str, most: int) -> None:
    with (here / "huge").open("wb") as file:
        file.truncate(most + 1)
    with pytest.raises(Poison) as caught:
        store.add(here / "huge", kind)  # type: ignore[arg-type]
    assert caught.value.reason == "too_large"
    assert not store.root.exists()


def test_a_file_that_grows_is_stopped_at_the_limit(store: MediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAX_BYTES, "audio", 20)
    assert Path("/proc/version").stat().st_size == 0  # a plain file that holds more than it says
    assert refusal(store, Path("/proc/version")) == "too_large"


def test_a_disk_that_does_not_take_it_may_take_it_later(store: MediaStore, here: Path) -> None:
    (here / "a").write_bytes(b"song")
    store.root.write_bytes(b"a file where the folder should be")
    with pytest.raises(Retryable) as caught:
        store.add(here / "a", "audio")
    assert caught.value.reason == "storage"


def test_many_at_once(store: MediaStore, here: Path) -> None:
    contents = [bytes([i % 4]) * 300_000 for i in range(32)]
    for index, content in enumerate(contents):
        (here / f"{index}").write_bytes(content)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda index: store.add(here / f"{index}", "audio"), range(32)))
    assert [store.path(media.sha256).read_bytes() for media in found] == contents
    assert len(stored(store)) == 4


def test_what_a_dead_process_left_is_swept_and_what_lives_is_not(store: MediaStore, here: Path) -> None:
    (here / "a").write_bytes(b"song")
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
        half = store.root / "incoming" / copying.stdout.readline().strip()
    store.add(here / "a", "audio")
    assert half.exists()
    copying.send_signal(signal.SIGKILL)
    copying.wait()
    assert half.exists()
    store.add(here / "a", "audio")
    assert not half.exists()


def test_a_sweep_between_creation_and_lock_costs_only_another_try(
    store: MediaStore, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "a").write_bytes(b"song")
    real, swept = fcntl.flock, list[Path]()

    def flock_late(handle: int, operation: int) -> None:
        if not swept:
            swept.extend((store.root / "incoming").iterdir())
            swept[0].unlink()
        real(handle, operation)

    monkeypatch.setattr(fcntl, "flock", flock_late)
    assert store.has(store.add(here / "a", "audio").sha256)
    assert len(swept) == 1


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE, errno.ENOMEM, errno.ENOSPC])
def test_a_machine_that_does_not_open_it_may_open_it_later(
    store: MediaStore, here: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(path: str, *args: object, **kwargs: object) -> int:
        raise OSError(number, os.strerror(number), path)

    with monkeypatch.context() as system:
        system.setattr(os, "open", refused)
        with pytest.raises((Retryable, Unavailable), match=os.strerror(number)) as caught:
            store.add(here / "a", "audio")
    full = number == errno.ENOSPC
    assert isinstance(caught.value, Unavailable) == full
    assert caught.value.reason == ("disk_full" if full else "storage")
