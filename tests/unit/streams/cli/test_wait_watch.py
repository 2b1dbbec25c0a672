"""A command that waits says for what, and when it no longer waits."""

from __future__ import annotations

import threading
from time import sleep

import pytest

from streams.cli import wait_watch
from streams.cli.wait_watch import WaitWatch

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
    asked: list[int] = []
    with WaitWatch(lambda: asked.append(1) or [], print) as watch:  # type: ignore[func-returns-value]
        for _ in range(20):
            watch.progressed()
            sleep(0.01)
    assert not asked
