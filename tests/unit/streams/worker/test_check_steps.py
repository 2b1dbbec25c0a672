"""Steps that cannot work together are refused before anything starts; the rules of import know all steps."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.rendered import Rendered
from streams.steps import STEP_BY_NAME, STEPS
from streams.worker.build import check_steps

_INTAKE = STEP_BY_NAME["intake"]


def test_the_steps_of_the_stream_work_together() -> None:
    check_steps(STEPS)


def test_a_topic_without_dead_letters_has_no_reader() -> None:
    delivery = replace(_INTAKE, name="delivery", consumes=Rendered, produces=None, emit=None)
    with pytest.raises(ValueError, match="rendered, which has no dead letters"):
        check_steps([*STEPS, delivery])


def test_one_step_alone_decides_about_the_requests_of_a_topic() -> None:
    check_steps([*STEPS, replace(_INTAKE, name="delivery", produces=None, emit=None)])
    with pytest.raises(ValueError, match="more than one step that produces something reads song-submitted"):
        check_steps([*STEPS, replace(_INTAKE, name="other")])


def test_the_rules_of_import_know_every_step() -> None:
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())
    rules = project["tool"]["importlinter"]["contracts"]
    [independent] = [rule for rule in rules if rule["type"] == "independence"]
    assert set(independent["modules"]) == {f"agents.{step.name}" for step in STEPS}
