"""What the system does not give: the file's fault or the machine's, and never a path in what is said of it."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from agents.media.container import open_container
from agents.media.sniff import sniff
from agents.media.submitted import SubmittedFile, locate, store
from agents.step import Tools
from infra.media_store import MediaStore
from schemas.base import Source
from schemas.faults import Fault, Poison, Retryable
from tests.unit.media.media_builders import tone, write_sound


@pytest.fixture
def song(tmp_path: Path) -> Path:
    return write_sound(tmp_path.resolve() / "a.mkv", tone(2), "aac")


@pytest.fixture
def tools(song: Path) -> Tools:
    home = song.parent
    return Tools(MediaStore(home / "media"), home / "cache", home / "output", (home,), home / "pose.task")


def refuse(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, number: int) -> None:
    """Let the system answer with an error, as it does: with the path."""

    def refused(path: object, *args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(owner, name, refused)


@contextmanager
def no_more_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def check(fault: Fault, kind: type[Fault], reason: str, song: Path) -> None:
    assert (type(fault), fault.reason) == (kind, reason)
    assert str(song.parent) not in str(fault)


ANSWERS = [
    (errno.EACCES, Poison, "unreadable"),
    (errno.ENOENT, Poison, "not_found"),
    (errno.ENAMETOOLONG, Poison, "not_found"),
    (errno.EIO, Retryable, "storage"),
    (errno.ESTALE, Retryable, "storage"),
]


@pytest.mark.parametrize(("number", "kind", "reason"), ANSWERS)
@pytest.mark.parametrize(("owner", "call"), [(os, "open"), (os, "read"), (Path, "is_file")])
def test_a_file_that_cannot_be_sniffed(
    song: Path, monkeypatch: pytest.MonkeyPatch, owner: object, call: str, number: int, kind: type[Fault], reason: str
) -> None:
    with monkeypatch.context() as system:
        refuse(system, owner, call, number)
        with pytest.raises(Fault) as caught:
            sniff(song)
    check(caught.value, kind, reason, song)


@pytest.mark.parametrize(("number", "kind", "reason"), ANSWERS)
def test_a_source_that_cannot_be_looked_at(
    song: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Fault], reason: str
) -> None:
    monkeypatch.setattr("agents.media.submitted.resolve_under", lambda roots, name: song)
    with monkeypatch.context() as system:
        refuse(system, Path, "stat", number)
        with pytest.raises(Fault) as caught:
            locate(Source(path="a.mkv"), tools)
    check(caught.value, kind, reason, song)


def test_a_name_longer_than_any_file_has(tools: Tools) -> None:
    with pytest.raises(Poison) as caught:
        store(SubmittedFile(path="a" * 300), tools, "audio")
    assert caught.value.reason == "not_found"


def test_a_process_with_too_many_files_open_may_have_fewer_later(song: Path) -> None:
    with no_more_files(), pytest.raises(Retryable) as caught:
        sniff(song)
    check(caught.value, Retryable, "storage", song)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.ESTALE])
def test_what_ffmpeg_cannot_open_now_is_not_called_bad_media(
    song: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(url: str, *args: object, **kwargs: object) -> None:
        av.error.err_check(-number, url)

    monkeypatch.setattr(av, "open", refused)
    with pytest.raises(Retryable) as caught:
        open_container(song)
    check(caught.value, Retryable, "storage", song)


def test_an_input_error_is_the_files_where_the_disk_reads_it(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song.write_bytes(song.read_bytes()[:200])
    with pytest.raises(av.error.OSError) as said:
        av.open(str(song), format="matroska")
    assert said.value.errno == errno.EIO
    with pytest.raises(Poison) as caught:
        open_container(song)
    check(caught.value, Poison, "not_media", song)


def test_an_input_error_is_the_disks_where_it_does_not_read(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song.write_bytes(song.read_bytes()[:200])
    read = os.read

    def read_little(handle: int, size: int) -> bytes:
        if size > 16:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(handle, size)

    with monkeypatch.context() as system:
        system.setattr(os, "read", read_little)
        with pytest.raises(Retryable) as caught:
            open_container(song)
    check(caught.value, Retryable, "storage", song)
