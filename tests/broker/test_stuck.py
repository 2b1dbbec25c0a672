"""A broker that hangs is reported within 30 s by the page, by `status` and in the log, and so is its return."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from infra.settings import Settings
from streams.local.services import waits_for
from tests.broker.conftest import DataFolder, wait_until

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_REPORTED_WITHIN_S = 30.0


def _broker(folder: DataFolder) -> int:
    supervisor = json.loads((folder.path / "run" / "kafka.json").read_text())["pid"]
    [java] = [child for child in psutil.Process(supervisor).children(recursive=True) if "java" in child.name()]
    return java.pid


def _log_lines(folder: DataFolder, beginning: str) -> list[str]:
    log: Path = folder.path / "run" / "worker.log"
    return [line for line in log.read_text().splitlines() if f"{beginning}: Kafka at" in line]


def test_a_broker_that_hangs_is_reported_and_then_its_return(empty_data_folder: DataFolder) -> None:
    wait_until(lambda: empty_data_folder.health()["ready"], 30)
    broker = _broker(empty_data_folder)
    os.kill(broker, signal.SIGSTOP)
    try:
        wait_until(lambda: bool(empty_data_folder.health()["stuck"]), _REPORTED_WITHIN_S)
        health = empty_data_folder.health()
        status = empty_data_folder.bachata("status", timeout=30)
        waits = waits_for(Settings(data_dir=empty_data_folder.path))
    finally:
        os.kill(broker, signal.SIGCONT)
    stuck = {problem["what"].partition(":")[0]: problem for problem in health["stuck"]}
    assert not health["ready"]
    assert set(stuck["Kafka at 127.0.0.1"]) == {"what", "since", "reason"}
    assert any("has not answered" in problem for problem in health["problems"])
    assert any(wait.startswith("Kafka at 127.0.0.1") for wait in waits)  # what a command whose request waits prints
    assert status.exit_code == 0, status.stderr
    assert not status.json["ready"]
    assert [problem["what"] for problem in status.json["stuck"]]
    assert len(_log_lines(empty_data_folder, "stuck")) == 1
    wait_until(lambda: bool(empty_data_folder.health()["ready"]), 90)
    assert empty_data_folder.bachata("status").json["stuck"] == []
    assert len(_log_lines(empty_data_folder, "no longer stuck")) == 1
    assert "a check for problems failed" not in (empty_data_folder.path / "run" / "worker.log").read_text()
