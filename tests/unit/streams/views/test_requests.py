"""The requests view: it merges progress and outcomes into the state of each request, and stores positions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from schemas.progress import Progress
from schemas.request_ended import RequestEnded
from streams.envelope import Record
from streams.log_position import Mark, Position
from streams.topics import PROGRESS, REQUEST_ENDED
from streams.views.requests import Requests

_POSITIONS = {
    TopicPartition(PROGRESS.full_name, 2): Position(7, (Mark(6, 1_700_000_000_000, 5),)),
    TopicPartition(REQUEST_ENDED.full_name, 0): Position(3),
}


@pytest.fixture
def requests(tmp_path: Path) -> Iterator[Requests]:
    view = Requests(tmp_path / "requests")
    yield view
    view.close()


def _progress(request_id: str, step: str, state: str, **more: object) -> Record:
    message = Progress.model_validate(
        {"request_id": request_id, "subject": "Luna", "step": step, "state": state, **more}
    )
    return Record(PROGRESS.full_name, 0, 0, None, message.model_dump_json().encode())


def _ended(request_id: str, outcome: str, **more: object) -> Record:
    message = RequestEnded.model_validate(
        {"request_id": request_id, "subject": "Luna", "step": "rendering", "outcome": outcome, **more}
    )
    return Record(REQUEST_ENDED.full_name, 0, 0, None, message.model_dump_json().encode())


def test_a_request_has_its_steps_and_its_outcome(requests: Requests) -> None:
    requests.apply(
        [_progress("r1", "intake", "done", seconds=0.5), _progress("r1", "rendering", "started")], _POSITIONS
    )
    before = requests.get("r1")
    assert before is not None
    assert (before["outcome"], before["subject"]) == (None, "Luna")
    requests.apply([_ended("r1", "done"), _progress("r1", "rendering", "done", cached=True)], _POSITIONS)
    after = requests.get("r1")
    assert after is not None
    assert (after["outcome"], after["ended_by"]) == ("done", "rendering")
    assert {name: step["state"] for name, step in after["steps"].items()} == {"intake": "done", "rendering": "done"}
    assert requests.positions() == _POSITIONS


def test_an_outcome_may_come_before_progress_and_the_last_one_counts(requests: Requests) -> None:
    failure = {"reason": "not_found", "error": "there is no such file", "dead_letter_id": "ab"}
    requests.apply([_ended("r1", "failed", **failure)], {})
    failed = requests.get("r1")
    assert failed is not None
    assert (failed["outcome"], failed["reason"], failed["steps"]) == ("failed", "not_found", {})
    requests.apply([_ended("r1", "done")], {})
    done = requests.get("r1")
    assert done is not None
    assert (done["outcome"], done["reason"], done["dead_letter_id"]) == ("done", None, None)


def test_the_step_that_a_cancelled_request_was_in_is_cancelled(requests: Requests) -> None:
    progress = [_progress("r1", "intake", "done"), _progress("r1", "rendering", "running")]
    requests.apply([*progress, _ended("r1", "cancelled")], {})
    request = requests.get("r1")
    assert request is not None
    assert {name: step["state"] for name, step in request["steps"].items()} == {
        "intake": "done",
        "rendering": "cancelled",
    }


def test_the_newest_come_first_and_invalid_records_are_skipped(requests: Requests) -> None:
    garbage = [Record(topic.full_name, 0, 0, None, b"garbage") for topic in (PROGRESS, REQUEST_ENDED)]
    for request_id in ("r1", "r2", "r3"):
        requests.apply([_progress(request_id, "intake", "started"), *garbage], {})
    requests.apply([_ended("r1", "done")], {})
    assert [request["request_id"] for request in requests.recent(2)] == ["r3", "r2"]
    assert len(requests.recent()) == 3


def test_a_message_costs_the_same_however_many_steps_a_request_names(requests: Requests) -> None:
    """Each merge reads and writes all of a request's steps."""
    for batch in range(10):
        requests.apply([_progress("r1", f"step {batch} {number}", "running") for number in range(200)], {})
    requests.apply([_progress("r1", "step 0 0", "done"), _ended("r1", "done")], {})
    request = requests.get("r1")
    assert request is not None
    assert list(request["steps"]) == [f"step 0 {number}" for number in range(32)]
    assert (request["steps"]["step 0 0"]["state"], request["outcome"]) == ("done", "done")
