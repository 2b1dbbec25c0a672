"""Steps that cannot run together are rejected before anything starts; the import rules contain all steps."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from schemas.rendered import Rendered
from streams.steps import STEP_BY_NAME, STEPS
from streams.worker.build import check_steps
from tests.paths import PROJECT

_INTAKE = STEP_BY_NAME["intake"]


def test_the_steps_of_the_stream_can_run_together() -> None:
    check_steps(STEPS)


def test_a_topic_without_dead_letters_has_no_consumer() -> None:
    delivery = replace(_INTAKE, name="delivery", consumes=Rendered, produces=None, emit=None)
    with pytest.raises(ValueError, match="delivery consumes rendered, which has no dead letters"):
        check_steps([*STEPS, delivery])


def test_only_one_step_that_produces_events_consumes_a_topic() -> None:
    check_steps([*STEPS, replace(_INTAKE, name="delivery", produces=None, emit=None)])
    with pytest.raises(ValueError, match="more than one step that produces events consumes song-submitted"):
        check_steps([*STEPS, replace(_INTAKE, name="other")])


def test_the_import_rules_contain_every_step() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    rules = project["tool"]["importlinter"]["contracts"]
    [independent] = [rule for rule in rules if rule["type"] == "independence"]
    assert set(independent["modules"]) == {f"agents.{step.name}" for step in STEPS}
