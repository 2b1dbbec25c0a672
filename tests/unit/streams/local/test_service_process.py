"""Background programs end at once with one line where starting them again would not help."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

import pytest

from streams.local.service_process import WRONG_SETTING, error_in

_SERVICES = {
    "worker": ("streams.worker", str(os.getpid())),
    "supervisor of the worker": ("streams.local.supervisor", "worker"),
    "supervisor of Kafka": ("streams.local.supervisor", "kafka"),
}
_services = pytest.mark.parametrize("service", _SERVICES.values(), ids=list(_SERVICES))


def _run(service: tuple[str, str], max_files: int | None = None) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        if max_files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))

    command = [sys.executable, "-P", "-m", *service]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=limit,
    )


@_services
@pytest.mark.parametrize(("variable", "value"), [("BACHATA_KAFKA", "localhost"), ("BACHATA_DATA_DIR", "/proc/data")])
def test_a_wrong_setting_is_one_line_and_a_status_of_its_own(
    service: tuple[str, str], variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    completed = _run(service)
    assert completed.returncode == WRONG_SETTING
    assert completed.stderr.startswith(f"error: {variable} is ")
    assert len(completed.stderr.splitlines()) == 1


@_services
@pytest.mark.parametrize("max_files", [64, 128, 256])
def test_too_few_open_files_are_one_line_that_says_what_to_do(service: tuple[str, str], max_files: int) -> None:
    completed = _run(service, max_files)
    assert completed.returncode == 1
    assert completed.stderr.startswith(f"error: only {max_files} files may be open at once")
    assert "ulimit" in completed.stderr
    assert len(completed.stderr.splitlines()) == 1


def test_the_last_fault_in_a_log_is_found_before_later_lines() -> None:
    assert error_in("error: a\n2026 INFO x\nerror: b\n2026 ERROR asyncio Unclosed\n\n") == "b"
    assert error_in("one\ntwo\n") == "two"
    assert error_in("2026-11-29 19:36:07,853 WARNING __main__ the worker ended\n") == "the worker ended"
    assert not error_in("")
