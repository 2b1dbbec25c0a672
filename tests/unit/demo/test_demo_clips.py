"""Test the demo clips in the repository: their frames, beats, sound and annotations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.paths import DEMO

LIMIT_BYTES = 8_000_000
CLIPS = sorted((DEMO / "clips").glob("*.mp4"))


def json_of(clip: Path) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))
    return expected


@pytest.fixture(scope="module")
def annotation_set() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((DEMO / "annotations.json").read_text(encoding="utf-8"))
    return stored


def test_there_are_twelve_clips_and_each_is_annotated_once(annotation_set: dict[str, Any]) -> None:
    assert len(CLIPS) == 12
    assert sorted(entry["video_path"] for entry in annotation_set["clips"]) == [f"clips/{clip.name}" for clip in CLIPS]
    assert sorted(entry["clip_id"] for entry in annotation_set["clips"]) == [clip.stem for clip in CLIPS]


def test_annotations_are_complete_and_match_the_clips(annotation_set: dict[str, Any]) -> None:
    for entry in annotation_set["clips"]:
        assert entry["move_label"] in annotation_set["move_categories"]
        assert entry["estimated_tempo"] == json_of(DEMO / entry["video_path"])["tempo_bpm"]
    assert {entry["difficulty"] for entry in annotation_set["clips"]} == {"beginner", "intermediate", "advanced"}
    assert {entry["energy_level"] for entry in annotation_set["clips"]} == {"low", "medium", "high"}


def test_the_demo_set_is_small() -> None:
    assert sum(file.stat().st_size for file in DEMO.rglob("*") if file.is_file()) < LIMIT_BYTES


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_a_clip_decodes_to_the_frames_of_its_json(clip: Path) -> None:
    expected = json_of(clip)
    with av.open(str(clip)) as container:
        frames = [float(frame.time or 0.0) for frame in container.decode(video=0)]
    assert expected["clip"] == clip.stem
    assert len(frames) == round(expected["duration_s"] * expected["fps"])
    assert np.allclose(np.diff(frames), 1 / expected["fps"], atol=1e-3)


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_a_clip_has_two_whole_eights_on_an_even_grid(clip: Path) -> None:
    expected = json_of(clip)
    beats = np.array(expected["beats"])
    assert expected["counts"] == [beat % 8 + 1 for beat in range(17)]
    assert np.allclose(np.diff(beats), 60 / expected["tempo_bpm"], atol=2e-4)
    assert beats[0] >= 0.3
    assert expected["duration_s"] - beats[-1] >= 0.3


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_the_music_has_onsets_on_the_beats(clip: Path) -> None:
    """Compare the rise of energy within 20 ms of the beats with that a third of a beat later."""
    expected = json_of(clip)
    samples, rate = decoded(clip)
    assert abs(len(samples) / rate - expected["duration_s"]) < 0.05
    onsets = loudness_rises(samples, rate)
    beats, beat = np.array(expected["beats"]), 60 / expected["tempo_bpm"]
    assert mean_rise(onsets, beats) > 1.5 * mean_rise(onsets, beats + beat / 3)


def decoded(clip: Path) -> tuple[NDArray[np.float32], int]:
    """Return the sound mixed to one channel, and its sample rate."""
    with av.open(str(clip)) as container:
        frames = list(container.decode(audio=0))
    return np.concatenate([frame.to_ndarray().mean(axis=0) for frame in frames]), frames[0].sample_rate


def loudness_rises(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Return by how much each 10 ms are louder than the 10 ms before, at least 0."""
    step = rate // 100
    power = np.log1p(
        1e4 * (samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64) ** 2).mean(axis=1)
    )
    return np.asarray(np.maximum(np.diff(power, prepend=power[:1]), 0.0))


def mean_rise(onsets: NDArray[np.float64], times: NDArray[np.float64]) -> float:
    """Return the mean of the largest rise within 20 ms of each time."""
    middles = np.round(times * 100).astype(int)
    return float(np.mean([onsets[max(m - 2, 0) : m + 3].max() for m in middles if m + 3 < len(onsets)]))
