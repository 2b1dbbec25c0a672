"""The settings of a pipeline: the defaults of the earlier application, and errors in one line."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from schemas.faults import Poison
from streams.client import PipelineConfig
from tests.paths import PROJECT

_LIGHT = """
import sys, streams.client
heavy = {"av", "mediapipe", "numpy", "faust", "qdrant_client", "streams.pipeline.pipeline"} & set(sys.modules)
assert not heavy, heavy
streams.client.ChoreoGenerationPipeline
assert "streams.pipeline.pipeline" in sys.modules
"""


def test_the_defaults_are_those_of_the_earlier_application() -> None:
    documented = PipelineConfig(
        quality_mode="balanced",
        target_fps=20,
        min_detection_confidence=0.4,
        max_workers=4,
        enable_caching=True,
        enable_parallel_move_analysis=True,
        max_cache_size_mb=500,
        cleanup_after_generation=True,
    )
    assert PipelineConfig() == documented


@pytest.mark.parametrize(
    ("mode", "fps", "confidence", "cleanup"),
    [("fast", 10, 0.3, True), ("balanced", 20, 0.4, True), ("high_quality", 30, 0.5, False)],
)
def test_a_mode_has_its_own_defaults(mode: str, fps: float, confidence: float, cleanup: bool) -> None:
    config = PipelineConfig(quality_mode=mode)
    assert (config.target_fps, config.min_detection_confidence) == (fps, confidence)
    assert config.cleanup_after_generation is cleanup
    given = PipelineConfig(
        quality_mode=mode, target_fps=15, min_detection_confidence=0.2, cleanup_after_generation=True
    )
    assert (given.target_fps, given.min_detection_confidence, given.cleanup_after_generation) == (15, 0.2, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quality_mode", "best"),
        ("target_fps", 0),
        ("target_fps", 61),
        ("target_fps", float("nan")),
        ("min_detection_confidence", 1.5),
        ("max_workers", 0),
        ("max_workers", 2.5),
        ("enable_caching", "perhaps"),
        ("enable_parallel_move_analysis", None),
        ("max_cache_size_mb", -1),
        ("cleanup_after_generation", 7),
        ("quality", "fast"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(Poison) as caught:
        PipelineConfig(**{field: value})
    assert caught.value.reason == "settings"
    assert str(caught.value).startswith(f"not a valid PipelineConfig: {field}: ")
    assert "\n" not in str(caught.value)
    assert "target_fps" not in str(caught.value) or field == "target_fps"


def test_a_program_that_only_submits_imports_no_pipeline() -> None:
    subprocess.run([sys.executable, "-c", _LIGHT], cwd=PROJECT, check=True, timeout=60)
