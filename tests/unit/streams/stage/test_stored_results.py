"""Stored results: their keys cover all inputs of a step, and they contain step, version and subject."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from schemas.base import Corrections, MediaFacts, Model, Options, SongEvent
from schemas.move_submitted import MoveSubmitted
from schemas.sequence_planned import Plan, Segment
from schemas.song_submitted import SongSubmitted
from streams.stage.stored_results import from_stored, result_key, to_stored
from streams.steps import STEP_BY_NAME, STEPS

_INTAKE = STEP_BY_NAME["intake"]
_FACTS = MediaFacts(sha256="b" * 64, size_bytes=9, kind="audio", format="mp3", codec="mp3", duration_s=60.0)


def _input(**values: Any) -> Any:
    return _INTAKE.takes(**values)


def test_step_version_and_input_each_change_the_key() -> None:
    first = _input(sha256="a" * 64)
    keys = {
        result_key(_INTAKE, first),
        result_key(replace(_INTAKE, name="other"), first),
        result_key(replace(_INTAKE, version="another"), first),
        result_key(_INTAKE, _input(sha256="b" * 64)),
        result_key(_INTAKE, _input(path="/a", size_bytes=1, mtime_ns=2)),
        result_key(_INTAKE, _input(path="/a", size_bytes=1, mtime_ns=3)),
    }
    assert len(keys) == 6
    assert result_key(_INTAKE, first) == result_key(_INTAKE, first.model_copy())


_NOT_IN_AN_INPUT = (Options, Corrections, SongEvent, SongSubmitted, MoveSubmitted)


@pytest.mark.parametrize("step", [step for step in STEPS if step.decides_request], ids=lambda step: step.name)
def test_the_input_of_work_is_neither_the_event_nor_all_of_its_options(step: Any) -> None:
    """The input is the cache key: an event in it would change the key with every request."""
    assert not [model for model in _models_in(step.takes) if issubclass(model, (*_NOT_IN_AN_INPUT, step.consumes))]


def _models_in(annotation: Any) -> set[type[Model]]:
    """Return the model itself and all models in its fields, nested to any depth."""
    found: set[type[Model]] = set()
    if isinstance(annotation, type) and issubclass(annotation, Model):
        found |= {annotation}
        for field in annotation.model_fields.values():
            found |= _models_in(field.annotation)
    for part in get_args(annotation):
        found |= _models_in(part)
    return found


def test_nested_models_of_an_input_are_found() -> None:
    assert {Plan, Segment} <= _models_in(STEP_BY_NAME["rendering"].takes)
    assert Options in _models_in(dict[str, tuple[SongSubmitted, ...]])


def test_a_stored_result_is_read_again() -> None:
    stored = to_stored(_INTAKE, _FACTS.sha256, _FACTS.model_dump_json())
    metadata = json.loads(stored)
    assert (metadata["step"], metadata["version"], metadata["subject"]) == ("intake", _INTAKE.version, _FACTS.sha256)
    assert from_stored(_INTAKE, stored) == _INTAKE.result.model_validate(_FACTS.model_dump())


def test_a_result_is_read_for_the_request_that_it_was_made_for() -> None:
    anybodys, own = (to_stored(_INTAKE, _FACTS.sha256, _FACTS.model_dump_json(), made_for) for made_for in (None, "r1"))
    facts = _INTAKE.result.model_validate(_FACTS.model_dump())
    assert from_stored(_INTAKE, own, only_for="r1") == from_stored(_INTAKE, own) == facts
    assert from_stored(_INTAKE, own, only_for="r2") is None
    assert from_stored(_INTAKE, anybodys, only_for="r1") is None


@pytest.mark.parametrize("text", [None, "", "{}", "[]", "not JSON", _FACTS.model_dump_json()])
def test_text_that_is_not_a_stored_result_is_none(text: str | None) -> None:
    """The last text is a result as stored by versions without metadata."""
    assert from_stored(_INTAKE, text) is None
