"""Events written by version 1 must stay readable, because a replay reads old records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.topics import TOPICS, Topic

_RECORDED = Path(__file__).with_name("v1")


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_recorded_event_is_read_without_change(topic: Topic) -> None:
    recorded = json.loads((_RECORDED / f"{topic.name}.json").read_text())
    event = topic.payload.model_validate(recorded)
    assert event.model_dump(mode="json", exclude_unset=True) == recorded


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_fields_of_newer_versions_are_ignored(topic: Topic) -> None:
    recorded = json.loads((_RECORDED / f"{topic.name}.json").read_text())
    assert topic.payload.model_validate(recorded | {"added_later": [1]}) == topic.payload.model_validate(recorded)
