"""A command that waits says for what, and when it no longer waits."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import nullcontext
from time import sleep

import pytest

from infra.kafka_connection import KafkaConnection
from infra.settings import Settings
from schemas.faults import Retryable
from streams.cli import read_topics, wait_watch
from streams.cli.wait_watch import WaitWatch, kafka_watch
from streams.worker import create_topics

_QDRANT = "move index: Qdrant at http://127.0.0.1:6333 does not answer: Connection refused"
_DISK = "disk space: 1 MiB is free"


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_watch, "_INTERVAL_S", 0.01)
    monkeypatch.setattr(wait_watch, "_QUIET_S", 0.05)


def _printed(waits: list[list[str]]) -> list[str]:
    """Return what is printed while a worker waits for these, one after the other, and then for nothing."""
    printed: list[str] = []
    ended = threading.Event()

    def waits_for() -> list[str]:
        if not waits:
            ended.set()
        return waits.pop(0) if waits else []

    with WaitWatch(waits_for, printed.append):
        assert ended.wait(10)
    return printed


def test_each_wait_is_printed_once_and_then_its_end() -> None:
    printed = _printed([[_QDRANT], [_QDRANT], [_QDRANT, _DISK], [_DISK], []])
    assert printed == [f"waiting: {_QDRANT}", f"waiting: {_DISK}", "no longer waiting"]


def test_a_wait_that_comes_again_is_printed_again() -> None:
    printed = _printed([[_QDRANT], [], [_QDRANT], []])
    assert printed == [f"waiting: {_QDRANT}", "no longer waiting"] * 2


def test_a_worker_that_works_for_long_is_not_waited_for() -> None:
    assert _printed([[], []]) == []


def test_nothing_is_asked_while_there_is_progress() -> None:
    requests: list[int] = []
    with WaitWatch(lambda: requests.append(1) or [], print) as watch:  # type: ignore[func-returns-value]
        for _ in range(20):
            watch.progressed()
            sleep(0.001)
    assert not requests


def _first_line(watched: Callable[[Callable[[str], None]], WaitWatch]) -> str:
    lines: list[str] = []
    printed = threading.Event()

    def print_line(line: str) -> None:
        lines.append(line)
        printed.set()

    with watched(print_line):
        assert printed.wait(10)
    return lines[0]


def test_a_kafka_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that is stopped by SIGSTOP, or whose disk does not answer: it accepts connections and says nothing."""
    monkeypatch.setattr(wait_watch, "_ANSWER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kafka = KafkaConnection(f"127.0.0.1:{silent.getsockname()[1]}")
        assert (
            _first_line(lambda print_line: kafka_watch(kafka, print_line))
            == f"waiting: Kafka at {kafka} does not answer"
        )


def test_a_command_that_reads_topics_names_a_kafka_that_hangs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wait_watch, "_ANSWER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kafka = KafkaConnection(f"127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(read_topics, "local_kafka", lambda *_: nullcontext(kafka))
        monkeypatch.setattr(create_topics, "ensure_topics", _given_up)
        with pytest.raises(Retryable):
            read_topics.read_topics(Settings(), _work)
    assert capsys.readouterr().err == f"waiting: Kafka at {kafka} does not answer\n"


async def _given_up(*_: object) -> None:
    await asyncio.sleep(1)
    raise Retryable("Kafka does not answer", "kafka")


async def _work(_: object) -> None:
    raise AssertionError
