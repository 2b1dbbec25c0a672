"""What a child says of an error that no step foresaw."""

from __future__ import annotations

import errno
import io
import os
import shutil
from dataclasses import replace

import pytest

from agents.step import Tools
from schemas.base import Source
from schemas.song_submitted import SongSubmitted
from streams.steps import ERRAND_BY_NAME
from streams.worker.step_process import _work


def told(error: Exception, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    def fail(event: SongSubmitted, tools: Tools) -> None:
        raise error

    monkeypatch.setitem(ERRAND_BY_NAME, "intake", replace(ERRAND_BY_NAME["intake"], work=fail))
    event = SongSubmitted(source=Source(sha256="0" * 64), request_id="r").model_dump_json()
    return _work({"step": "intake", "event": event}, io.StringIO())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EIO, errno.ESTALE, errno.ENOMEM])
def test_a_machine_that_fails_is_named_without_the_path(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = told(OSError(number, os.strerror(number), "/home/luna/song.mp3"), monkeypatch)
    reason = "disk_full" if number == errno.ENOSPC else "storage"
    assert answer == {"fault": "Retryable", "error": f"OSError: {os.strerror(number)}", "reason": reason}


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/home/luna/a"), "PermissionError: Permission denied"),
        (shutil.Error([("/home/luna/a", "/home/luna/b", "why")]), "Error: no reason given"),
        (ValueError("a bug"), "ValueError: a bug"),
    ],
)
def test_other_errors_are_unexpected(error: Exception, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(error, monkeypatch) == {"fault": "Retryable", "error": text, "reason": "unexpected"}
