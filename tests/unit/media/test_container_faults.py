"""Errors of the system: whether they are faults of the file or of the machine; no message contains a path."""

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
from agents.media.probe import probe
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
    root = song.parent
    return Tools(MediaStore(root / "media"), root / "cache", root / "output", (root,), root / "pose.task")


def make_fail(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, number: int) -> None:
    """Let a function raise an `OSError` as the system does, with the path."""

    def failing(path: object, *args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(owner, name, failing)


@contextmanager
def no_free_file_descriptors() -> Iterator[None]:
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


ERRORS = [
    (errno.EACCES, Poison, "unreadable"),
    (errno.ENOENT, Poison, "not_found"),
    (errno.ENAMETOOLONG, Poison, "not_found"),
    (errno.EIO, Retryable, "storage"),
    (errno.ESTALE, Retryable, "storage"),
]


@pytest.mark.parametrize(("number", "kind", "reason"), ERRORS)
@pytest.mark.parametrize(("owner", "call"), [(os, "open"), (os, "pread"), (Path, "is_file")])
def test_a_file_whose_format_cannot_be_read(
    song: Path, monkeypatch: pytest.MonkeyPatch, owner: object, call: str, number: int, kind: type[Fault], reason: str
) -> None:
    with monkeypatch.context() as system:
        make_fail(system, owner, call, number)
        with pytest.raises(Fault) as caught:
            sniff(song)
    check(caught.value, kind, reason, song)


@pytest.mark.parametrize(("number", "kind", "reason"), ERRORS)
def test_a_source_whose_status_cannot_be_read(
    song: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Fault], reason: str
) -> None:
    monkeypatch.setattr("agents.media.submitted.resolve_under", lambda roots, name: song)
    with monkeypatch.context() as system:
        make_fail(system, Path, "stat", number)
        with pytest.raises(Fault) as caught:
            locate(Source(path="a.mkv"), tools)
    check(caught.value, kind, reason, song)


def test_a_name_longer_than_the_file_system_allows_is_not_found(tools: Tools) -> None:
    with pytest.raises(Poison) as caught:
        store(SubmittedFile(path="a" * 300), tools, "audio")
    assert caught.value.reason == "not_found"


def test_too_many_open_files_can_be_retried(song: Path) -> None:
    with no_free_file_descriptors(), pytest.raises(Retryable) as caught:
        sniff(song)
    check(caught.value, Retryable, "storage", song)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ESTALE])
def test_a_temporary_error_of_ffmpeg_can_be_retried(song: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def failing(url: str, *args: object, **kwargs: object) -> None:
        av.error.err_check(-number, url)

    monkeypatch.setattr(av, "open", failing)
    with pytest.raises(Retryable) as caught:
        open_container(song)
    check(caught.value, Retryable, "storage", song)


def test_an_input_error_of_a_readable_file_is_a_fault_of_the_file(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song.write_bytes(song.read_bytes()[:200])
    with pytest.raises(av.error.OSError) as raised:
        av.open(str(song), format="matroska")
    assert raised.value.errno == errno.EIO
    with pytest.raises(Poison) as caught:
        open_container(song)
    check(caught.value, Poison, "not_media", song)


def test_an_input_error_of_an_unreadable_file_can_be_retried(song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song.write_bytes(song.read_bytes()[:200])
    read = os.pread

    def failing_read(handle: int, size: int, offset: int) -> bytes:
        if size > 1_000_000:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(handle, size, offset)

    with monkeypatch.context() as system:
        system.setattr(os, "pread", failing_read)
        with pytest.raises(Retryable) as caught:
            open_container(song)
    check(caught.value, Retryable, "storage", song)


def test_an_mp4_behind_junk_that_cannot_be_read_can_be_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_sound(tmp_path.resolve() / "a.m4a", tone(11), "aac")
    path.write_bytes(b"\r\n" * 50 + path.read_bytes())
    read = os.pread

    def failing_read(handle: int, size: int, offset: int) -> bytes:
        if offset > 50_000:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(handle, size, offset)

    with monkeypatch.context() as system:
        system.setattr(os, "pread", failing_read)
        with pytest.raises(Retryable) as caught:
            probe(path, "audio")
    check(caught.value, Retryable, "storage", path)
