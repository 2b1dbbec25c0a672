"""The demo clips that are kept in the project: each can be played, danced to and taken into a library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

DEMO = Path(__file__).parents[3] / "data" / "demo"
LIMIT_BYTES = 8_000_000
CLIPS = sorted((DEMO / "clips").glob("*.mp4"))


def facts_of(clip: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(clip.with_suffix(".json").read_text(encoding="utf-8"))
    return facts


@pytest.fixture(scope="module")
def annotated() -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((DEMO / "annotations.json").read_text(encoding="utf-8"))
    return stored


def test_there_are_twelve_clips_and_each_is_annotated_once(annotated: dict[str, Any]) -> None:
    assert len(CLIPS) == 12
    assert sorted(entry["video_path"] for entry in annotated["clips"]) == [f"clips/{clip.name}" for clip in CLIPS]
    assert sorted(entry["clip_id"] for entry in annotated["clips"]) == [clip.stem for clip in CLIPS]


def test_annotations_say_what_a_dancer_would_ask(annotated: dict[str, Any]) -> None:
    for entry in annotated["clips"]:
        assert entry["move_label"] in annotated["move_categories"]
        assert entry["estimated_tempo"] == facts_of(DEMO / entry["video_path"])["tempo_bpm"]
    assert {entry["difficulty"] for entry in annotated["clips"]} == {"beginner", "intermediate", "advanced"}
    assert {entry["energy_level"] for entry in annotated["clips"]} == {"low", "medium", "high"}


def test_the_demo_set_is_small() -> None:
    assert sum(file.stat().st_size for file in DEMO.rglob("*") if file.is_file()) < LIMIT_BYTES


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_a_clip_plays_as_its_facts_say(clip: Path) -> None:
    facts = facts_of(clip)
    with av.open(str(clip)) as container:
        frames = [float(frame.time or 0.0) for frame in container.decode(video=0)]
    assert facts["clip"] == clip.stem
    assert len(frames) == round(facts["duration_s"] * facts["fps"])
    assert np.allclose(np.diff(frames), 1 / facts["fps"], atol=1e-3)


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_a_clip_has_two_whole_eights_on_an_even_grid(clip: Path) -> None:
    facts = facts_of(clip)
    beats = np.array(facts["beats"])
    assert facts["counts"] == [beat % 8 + 1 for beat in range(17)]
    assert np.allclose(np.diff(beats), 60 / facts["tempo_bpm"], atol=2e-4)
    assert beats[0] >= 0.3
    assert facts["duration_s"] - beats[-1] >= 0.3


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.stem)
def test_the_music_strikes_on_the_beats(clip: Path) -> None:
    """Energy rises more within 40 ms around the beats than at the same places a third of a beat off them."""
    facts = facts_of(clip)
    samples, rate = decoded(clip)
    assert abs(len(samples) / rate - facts["duration_s"]) < 0.05
    onsets = rises(samples, rate)
    beats, beat = np.array(facts["beats"]), 60 / facts["tempo_bpm"]
    assert strength(onsets, beats) > 1.5 * strength(onsets, beats + beat / 3)


def decoded(clip: Path) -> tuple[NDArray[np.float32], int]:
    """The sound, mixed to one channel."""
    with av.open(str(clip)) as container:
        frames = list(container.decode(audio=0))
    return np.concatenate([frame.to_ndarray().mean(axis=0) for frame in frames]), frames[0].sample_rate


def rises(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """How much louder each 10 ms are than the 10 ms before, from 0 on."""
    step = rate // 100
    power = np.log1p(
        1e4 * (samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64) ** 2).mean(axis=1)
    )
    return np.asarray(np.maximum(np.diff(power, prepend=power[:1]), 0.0))


def strength(onsets: NDArray[np.float64], times: NDArray[np.float64]) -> float:
    """The mean of the largest rise near each time."""
    middles = np.round(times * 100).astype(int)
    return float(np.mean([onsets[max(m - 2, 0) : m + 3].max() for m in middles if m + 3 < len(onsets)]))
