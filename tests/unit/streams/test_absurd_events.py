"""An absurd value anywhere in an event, in whichever topic, ends as an outcome within a second and is no bug."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.step import Tools
from streams.envelope import Record
from streams.stage.runners import AnyStep
from streams.steps import STEPS
from streams.testing import InMemoryBroker, make_stage, tools_below
from streams.topics import Topic, topic_of
from tests.paths import PROJECT
from tests.unit.move_scoring.builders import CompleteStore, make_index, make_library

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning")
_ABSURD: list[Any] = [
    None, True, 0, -1, 1, 1e-9, 5e-324, 0.5, 1e9, -1e300, 2**63, 10**400, "", "x" * 100_000, "\x1b]0;x\x07",
    "../../etc/passwd",
    "d" * 64, "video", "audio", [], [[]], [0.5], [1e9] * 5000, list(range(1, 3000)), [n / 1000 for n in range(30_000)],
    [0.5, 0.4], [{}] * 1000, {}, {"a": 1}, {str(n): 1.0 for n in range(1000)}, {"c" * 64: [0.5, 1.0]},
]  # fmt: skip


def _recorded(topic: Topic) -> Any:
    return json.loads((PROJECT / "tests" / "contract" / "v1" / f"{topic.name}.json").read_text())


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value of a JSON value but the whole; of a list only those of the first and the last."""
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if isinstance(value, dict) or key in {0, len(value) - 1}:
            yield from _paths(child, (*path, key))


def _changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[path[0]] = _changed(value[path[0]], path[1:], new)
    return copy


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    """Return tools with a library, and a media store without files."""
    return tools_below(tmp_path_factory.mktemp("absurd"), library=make_index(make_library(30)))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_an_absurd_value_ends_as_an_outcome(step: AnyStep, tools: Tools, data: st.DataObject) -> None:
    event = _recorded(topic_of(step.consumes))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(list(_paths(event))))
        event = _changed(event, path, data.draw(st.sampled_from(_ABSURD)))
    _check_outcome(step, tools, event)


def _check_outcome(step: AnyStep, tools: Tools, event: Any) -> None:
    topic, broker = topic_of(step.consumes), InMemoryBroker()
    if step.reads:
        tools = replace(tools, media=CompleteStore(tools.cache_dir))
    record = Record(topic.full_name, 0, 0, b"key", json.dumps(event).encode(), [("ce_id", b"e1")])
    started = process_time()
    asyncio.run(make_stage(step, tools, broker).handle(record))
    assert process_time() - started < 2.0, "a second where nothing else runs"
    reasons = [ended.reason for ended in broker.ended if ended.outcome == "failed"]
    letters = broker.dead_letters(topic)
    assert len(letters) <= 1
    assert len(reasons) == (len(letters) if step.decides_request else 0)
    assert "unexpected" not in reasons
    assert not list(tools.output_dir.rglob("*"))
