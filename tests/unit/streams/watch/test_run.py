"""When folders are searched, and which outcomes a run returns."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest

from streams.watch.run import _run, _Schedule
from tests.unit.streams.watch.watched import CLIP, Watched

_TICKS, _TICK_S = 40, 0.05


def _schedule(watched: Watched, every_s: float = 1000.0) -> _Schedule:
    """Return ticks at which nothing is noticed but at the first one; requests end at once."""

    def ticks() -> Iterator[bool]:
        for number in range(_TICKS):
            watched.worker.end_all()
            yield number == 0
            sleep(_TICK_S)

    return _Schedule(ticks(), every_s)


@pytest.mark.parametrize("once", [True, False])
def test_a_run_without_end_collects_no_outcomes(once: bool, tmp_path: Path) -> None:
    watched = Watched(tmp_path, settle_s=0.0)
    watched.put("a.mp4", CLIP)
    outcomes = _run(watched.watcher, replace(watched.options, once=once), threading.Event(), _schedule(watched))
    assert [outcome.status for outcome in outcomes] == ["done"] * once
    assert [line.split(",")[0] for line in watched.lines] == ["a.mp4: done: move_3"]


def test_a_file_that_is_missing_is_searched_for_until_it_counts_as_gone(tmp_path: Path) -> None:
    watched = Watched(tmp_path, settle_s=2 * _TICK_S)
    file = watched.put("a.mp4", CLIP)
    watched.finish()
    watched.restart()
    file.unlink()
    _run(watched.watcher, replace(watched.options, once=True), threading.Event(), _schedule(watched))
    assert watched.watcher.is_finished
    assert [content.clip for content in watched.state.without_source()] == ["a"]
