"""What a move depends on: the values of pose detection are part of it, and change no earlier result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.move_indexing.agent import STEP
from agents.move_indexing.dancers.pose_quality import PoseQuality
from agents.move_indexing.indexed_move import IndexedMove
from agents.move_indexing.inputs import IndexingInput, indexing_input, with_annotation
from schemas.base import Source
from schemas.move_annotated import MoveAnnotation
from schemas.move_submitted import MoveSubmitted
from streams.stage.stored_results import result_key
from streams.testing import tools_below
from tests.unit.move_scoring.builders import make_move

_SHA = "a" * 64


def _input(**values: Any) -> IndexingInput:
    event = MoveSubmitted(source=Source(sha256=_SHA), clip="turn", request_id="r1", **values)
    return indexing_input(event, tools_below(Path()))


def test_the_input_without_values_for_pose_detection_is_the_one_of_earlier_versions() -> None:
    """Another text would be another cache key: each clip would be analyzed again."""
    file = f'{{"sha256":"{_SHA}","path":null,"size_bytes":null,"mtime_ns":null}}'
    assert _input().model_dump_json() == f'{{"file":{file},"clip":"turn","tempo_bpm":null,"quality":"fast"}}'


@pytest.mark.parametrize("values", [{"pose_rate_hz": 15}, {"pose_confidence": 0.35}])
def test_each_value_for_pose_detection_is_part_of_the_key(values: dict[str, float]) -> None:
    assert result_key(STEP, _input(**values)) != result_key(STEP, _input())
    assert result_key(STEP, _input(**values)) == result_key(STEP, _input(**values))


def test_the_annotation_of_the_library_decides_the_count_whatever_the_event_says() -> None:
    submitted = _input(annotation=MoveAnnotation(first_one_s=1.0, tempo_bpm=120))
    indexed = IndexedMove.model_construct(clip=make_move(1).clip)
    found: dict[str, MoveAnnotation] = {}
    tools = replace(tools_below(Path()), annotation_of=found.get)
    assert with_annotation(submitted, indexed, tools) == submitted, "there is none"
    found[indexed.clip.sha256] = MoveAnnotation(first_one_s=3.21)
    revised = with_annotation(submitted, indexed, tools)
    assert (revised.first_one_s, revised.tempo_bpm) == (3.21, 120)
    found[indexed.clip.sha256] = MoveAnnotation(tempo_bpm=130)
    revised = with_annotation(submitted, indexed, tools)
    assert (revised.first_one_s, revised.tempo_bpm) == (None, 130)


def test_the_values_of_a_quality_are_the_same_work_as_the_quality() -> None:
    named = _input(quality="balanced")
    assert _input(pose_rate_hz=20, pose_confidence=0.4) == named
    assert _input(quality="high_quality", pose_rate_hz=20, pose_confidence=0.4) == named


def test_a_value_takes_the_place_of_that_of_the_quality() -> None:
    assert _input(quality="balanced", pose_rate_hz=15).pose == PoseQuality(15.0, 0.4)
    assert _input(quality="balanced", pose_confidence=0.2).pose == PoseQuality(20.0, 0.2)
    stored = IndexingInput.model_validate_json(_input(quality="balanced", pose_rate_hz=15).model_dump_json())
    assert stored.pose == PoseQuality(15.0, 0.4)


def test_an_annotated_count_is_part_of_the_key_and_no_other_field_of_the_annotation_changes_it() -> None:
    annotated = _input(annotation=MoveAnnotation(first_one_s=3.21))
    assert annotated.first_one_s == 3.21
    assert result_key(STEP, annotated) != result_key(STEP, _input())
    assert _input(annotation=MoveAnnotation(first_one_s=3.21, move="turn")) == annotated
    assert IndexingInput.model_validate_json(annotated.model_dump_json()) == annotated
