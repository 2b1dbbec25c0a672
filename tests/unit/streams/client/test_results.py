"""A request is complete with its outcome, its result and the last progress, which may be dropped."""

from __future__ import annotations

from typing import Any

import pytest

import streams.client
from schemas.progress import Progress
from schemas.rendered import Rendered
from schemas.request_ended import RequestEnded
from streams.client import RequestResult
from streams.client import client as client_module
from streams.client.client import _drop_complete


def _ended(outcome: str) -> RequestEnded:
    return RequestEnded.model_validate({"request_id": "r", "subject": "s", "step": "rendering", "outcome": outcome})


def _progress(step: str, state: str, **more: Any) -> Progress:
    return Progress.model_validate({"request_id": "r", "subject": "s", "step": step, "state": state, **more})


_RENDERED = Rendered.model_construct(request_id="r")


def _result(*updates: Any) -> RequestResult:
    result = RequestResult()
    for update in updates:
        result.add(update)
    return result


def test_a_done_request_has_an_outcome_only_with_its_result() -> None:
    assert not _result(_progress("rendering", "done")).has_outcome
    assert not _result(_ended("done")).has_outcome
    assert _result(_ended("done"), _RENDERED).has_outcome
    for outcome in ("failed", "cancelled"):
        assert _result(_ended(outcome)).has_outcome


def test_the_last_progress_is_of_the_step_that_ended_the_request() -> None:
    assert not _result(_ended("done"), _progress("intake", "done")).has_last_progress
    assert not _result(_ended("done"), _progress("rendering", "running")).has_last_progress
    assert _result(_ended("done"), _progress("rendering", "done")).has_last_progress
    assert _result(_ended("failed"), _progress("rendering", "failed")).has_last_progress


def test_costs_include_only_steps_that_are_done() -> None:
    result = _result(_progress("intake", "done", seconds=0.5, cpu_seconds=0.25), _progress("rendering", "running"))
    assert result.costs() == {"intake": {"seconds": 0.5, "cpu_seconds": 0.25, "peak_rss_bytes": 0, "cached": False}}
    assert result.seconds == 0.5


def test_dropped_progress_is_waited_for_only_until_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(client_module, "monotonic", lambda: now)
    results = {"r": _result(_ended("done"), _RENDERED), "open": _result(_ended("done"))}
    deadlines: dict[str, float] = {}
    _drop_complete(results, deadlines)
    assert set(results) == {"r", "open"}
    now += 2.5
    _drop_complete(results, deadlines)
    assert set(results) == {"open"}
    assert deadlines == {}
    results["r"] = _result(_ended("done"), _RENDERED, _progress("rendering", "done"))
    _drop_complete(results, deadlines)
    assert set(results) == {"open"}


def test_the_client_exports_its_public_names() -> None:
    assert {"Client", "SyncClient", "FakeClient", "Outcome", "ChoreoGenerationPipeline"} <= set(streams.client.__all__)
    assert all(hasattr(streams.client, name) for name in streams.client.__all__)
