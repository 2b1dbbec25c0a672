"""Progress without a terminal: a line at each step's end, and now and then while a step takes long."""

from __future__ import annotations

import pytest

from schemas.progress import Progress
from streams.cli import follow_requests
from streams.cli.follow_requests import _Display
from streams.client import RequestResult


def _printed(interval_s: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    monkeypatch.setattr(follow_requests, "_LINE_INTERVAL_S", interval_s)
    progress = Progress(request_id="a", subject="a clip", step="move_indexing", state="running", fraction=0.25)
    results = {"a": RequestResult(), "b": RequestResult()}
    with _Display(results) as display:
        display.display(progress)
        display.display(progress.model_copy(update={"request_id": "b", "subject": "another"}))
    return capsys.readouterr().err.splitlines()


def test_a_step_that_takes_long_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _printed(0, monkeypatch, capsys) == ["a clip: move indexing: 25%", "another: move indexing: 25%"]


def test_a_short_step_is_not_named_before_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _printed(10, monkeypatch, capsys) == []
