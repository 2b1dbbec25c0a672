"""A supervisor starts a worker again that has ended, but not one that a wrong setting has ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import Settings
from streams.local import supervisor
from streams.local.service_process import WRONG_SETTING
from streams.local.supervisor import WorkerSupervisor


@pytest.mark.parametrize(("status", "starts_again"), [(WRONG_SETTING, False), (1, True), (0, True)])
def test_a_worker_that_a_wrong_setting_has_ended_is_not_started_again(
    status: int, starts_again: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_RESTART_DELAY_S", 0.0)
    supervised = WorkerSupervisor(Settings(data_dir=tmp_path, kafka="127.0.0.1:1"))
    started: list[int] = []
    monkeypatch.setattr(supervised, "_spawn", lambda: started.append(1))
    supervised._worker = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"])
    supervised._worker.wait(20)
    supervised.check()
    assert bool(started) == starts_again
    assert supervised.stop_requested.is_set() != starts_again
    assert supervised.status == (0 if starts_again else WRONG_SETTING)
