"""A broker that hangs is reported within 30 s by the page, by `status` and in the log, and so is its return."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaProducer

from tests.broker.conftest import DataFolder

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_SONGS = "bachata.song-submitted.v1"
_REPORTED_WITHIN_S = 30.0


@pytest.fixture(scope="module")
def own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    """Yield a data folder whose Kafka may be stopped."""
    folder = DataFolder(tmp_path_factory.mktemp("own_data_folder"))
    with folder.up():
        yield folder


def _health(folder: DataFolder) -> dict[str, Any]:
    page = json.loads((folder.path / "run" / "worker-0.json").read_text())["url"]
    try:
        with urllib.request.urlopen(page + "/readyz", timeout=10) as response:  # noqa: S310 - our own page
            health: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        health = json.loads(error.read())
    return health


def _wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    deadline = monotonic() + timeout_s
    while not condition():
        assert monotonic() < deadline, "too late"
        sleep(0.5)


def _broker(folder: DataFolder) -> int:
    supervisor = json.loads((folder.path / "run" / "kafka.json").read_text())["pid"]
    [java] = [child for child in psutil.Process(supervisor).children(recursive=True) if "java" in child.name()]
    return java.pid


def _log_lines(folder: DataFolder, beginning: str) -> list[str]:
    log: Path = folder.path / "run" / "worker.log"
    return [line for line in log.read_text().splitlines() if f"{beginning}: Kafka at" in line]


def test_a_broker_that_hangs_is_reported_and_then_its_return(own_data_folder: DataFolder) -> None:
    _wait_until(lambda: _health(own_data_folder)["ready"], 30)
    broker = _broker(own_data_folder)
    os.kill(broker, signal.SIGSTOP)
    try:
        _wait_until(lambda: bool(_health(own_data_folder)["stuck"]), _REPORTED_WITHIN_S)
        health = _health(own_data_folder)
        status = own_data_folder.bachata("status", timeout=30)
    finally:
        os.kill(broker, signal.SIGCONT)
    stuck = {problem["what"].partition(":")[0]: problem for problem in health["stuck"]}
    assert not health["ready"]
    assert set(stuck["Kafka at 127.0.0.1"]) == {"what", "since", "reason"}
    assert any("has not answered" in problem for problem in health["problems"])
    assert status.exit_code == 0, status.stderr
    assert not status.json["ready"]
    assert [problem["what"] for problem in status.json["stuck"]]
    assert len(_log_lines(own_data_folder, "stuck")) == 1
    _wait_until(lambda: bool(_health(own_data_folder)["ready"]), 90)
    assert own_data_folder.bachata("status").json["stuck"] == []
    assert len(_log_lines(own_data_folder, "no longer stuck")) == 1
    assert "a check for problems failed" not in (own_data_folder.path / "run" / "worker.log").read_text()


@pytest.mark.chaos
async def test_an_open_transaction_that_holds_events_is_reported(own_data_folder: DataFolder) -> None:
    options = own_data_folder.kafka.client_options()
    async with (
        AIOKafkaProducer(**options, transactional_id="of-another-program") as in_transaction,
        AIOKafkaProducer(**options) as other,
    ):
        await in_transaction.begin_transaction()
        await in_transaction.send_and_wait(_SONGS, b"{}", partition=1)
        await other.send_and_wait(_SONGS, b"garbage", partition=1)
        await asyncio.to_thread(_wait_until, lambda: bool(_health(own_data_folder)["stuck"]), _REPORTED_WITHIN_S)
        [problem] = _health(own_data_folder)["stuck"]
        assert problem["what"].startswith(f"{_SONGS}[1] at offset")
        assert "an open transaction holds the 2 offsets" in problem["reason"]
        await in_transaction.abort_transaction()
        await asyncio.to_thread(_wait_until, lambda: _health(own_data_folder)["ready"], 30)
