"""The fault that a step process returns for an unexpected error."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from agents.media.submitted import SubmittedFile
from agents.step import Tools
from infra.base.derived_files import remove_unused
from infra.move_index import MoveIndexError
from schemas.base import MediaFacts
from schemas.faults import Fault, Poison, Retryable, Unavailable, from_json, to_json
from streams.steps import JOB_BY_NAME
from streams.testing import tools_below
from streams.worker import step_process
from streams.worker.job_faults import Death, RunningJob, fault_of, fault_of_death
from streams.worker.step_process import _work

MEMORY_MB = 100_000  # far above the memory of the tests' own process


def response_to(error: Exception, monkeypatch: pytest.MonkeyPatch, is_first: bool = True) -> dict[str, object]:
    def fail(file: SubmittedFile, tools: Tools) -> None:
        raise error

    monkeypatch.setitem(JOB_BY_NAME, "intake", replace(JOB_BY_NAME["intake"], work=fail))
    job_input = SubmittedFile(sha256="0" * 64).model_dump_json()
    return _work(RunningJob("intake", MEMORY_MB, 60.0, is_first), job_input, io.StringIO())


def test_the_files_that_a_job_uses_are_in_use_while_it_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def use(file: SubmittedFile, tools: Tools) -> MediaFacts:
        song.write_bytes(b"aac")
        remove_unused(tmp_path, 0)
        assert song.exists()
        return MediaFacts(sha256="0" * 64, size_bytes=1, kind="audio", format="wav", codec="pcm", duration_s=1.0)

    song = tmp_path / "audio" / "song.m4a"
    song.parent.mkdir()
    monkeypatch.setattr(step_process, "process_tools", lambda: tools_below(tmp_path, cache_dir=tmp_path))
    monkeypatch.setitem(JOB_BY_NAME, "intake", replace(JOB_BY_NAME["intake"], work=use))
    job_input = SubmittedFile(sha256="0" * 64).model_dump_json()
    assert "result" in _work(RunningJob("intake", MEMORY_MB, 60.0, True), job_input, io.StringIO())
    remove_unused(tmp_path, 0)
    assert not song.exists()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EIO, errno.ESTALE])
def test_a_storage_error_is_a_fault_without_the_path(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    response = response_to(OSError(number, os.strerror(number), "/home/luna/song.mp3"), monkeypatch)
    fault, reason = ("Unavailable", "disk_full") if number == errno.ENOSPC else ("Retryable", "storage")
    assert response.pop("retry_after_s", None) == (1.0 if fault == "Unavailable" else None)
    assert response == {"fault": fault, "error": f"OSError: {os.strerror(number)}", "reason": reason}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/home/luna/a"), "PermissionError: Permission denied"),
        (shutil.Error([("/home/luna/a", "/home/luna/b", "why")]), "Error: no reason given"),
        (ValueError("a bug"), "ValueError: a bug"),
    ],
)
def test_other_errors_are_unexpected(error: Exception, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert response_to(error, monkeypatch) == {"fault": "Retryable", "error": text, "reason": "unexpected"}


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((1 << 40,), np.dtype(np.uint8)),  # type: ignore[attr-defined]
        av.error.MemoryError(errno.ENOMEM, "Cannot allocate memory"),
        OSError(errno.ENOMEM, "Cannot allocate memory", "/home/luna/song.mp3"),
        RuntimeError("can't start new thread"),
        RuntimeError("std::bad_alloc"),
        ImportError("libx.so: failed to map segment from shared object"),
        cv2.error("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
    ],
)
def test_every_error_of_memory_is_out_of_memory(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can never succeed in a process that had done nothing before; in another one it may in the next."""
    message = f"the step intake needs more than its {MEMORY_MB} MiB of memory; give a smaller file"
    expected = {"error": message, "reason": "out_of_memory"}
    assert response_to(error, monkeypatch) == {"fault": "Poison"} | expected
    assert response_to(error, monkeypatch, is_first=False) == {"fault": "Retryable"} | expected


@pytest.mark.parametrize(
    "error", [RuntimeError("failed to create XNNPACK runtime"), BlockingIOError(errno.EAGAIN, "Resource temporarily")]
)
def test_an_error_near_the_limit_is_one_of_memory(error: Exception) -> None:
    job = RunningJob("intake", 100, 60.0, is_first=True)
    assert fault_of(error, job, private_bytes=90 << 20).reason == "out_of_memory"
    assert fault_of(error, job, private_bytes=50 << 20).reason in {"unexpected", "storage"}
    assert fault_of(Retryable("no thread", "storage"), job, private_bytes=90 << 20).reason == "out_of_memory"
    assert fault_of(Poison("a bad file", "not_media"), job, private_bytes=90 << 20).reason == "not_media"


def test_a_library_that_ends_the_process_for_want_of_memory() -> None:
    job = RunningJob("intake", 100, 60.0, is_first=True)
    openblas = "OpenBLAS error: Memory allocation still failed after 10 retries, giving up."
    assert fault_of_death(Death(1, openblas, near_limit=False, oom_killed=False), job).reason == "out_of_memory"
    assert fault_of_death(Death(1, "", near_limit=False, oom_killed=False), job).reason == "child_died"


@pytest.mark.parametrize(
    "fault",
    [
        Poison("no", "no_audio"),
        Retryable("later", "kafka", 3.0),
        Unavailable("away", "disk_full", 7.0),
        MoveIndexError("gone"),
    ],
)
def test_a_fault_is_raised_again_from_its_json(fault: Fault) -> None:
    restored = from_json(json.loads(json.dumps(to_json(fault))))
    assert (str(restored), restored.reason) == (str(fault), fault.reason)
    assert isinstance(fault, type(restored))
    assert getattr(restored, "retry_after_s", None) == getattr(fault, "retry_after_s", None)
