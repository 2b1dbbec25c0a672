"""A small library, a click song and their video, made once for all tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from agents.rendering.render import render
from agents.step import Tools
from schemas.rendered import Video
from schemas.sequence_planned import SequencePlanned
from tests.unit.rendering.kit import (
    Clip,
    FolderStore,
    click_samples,
    make_clip,
    make_tools,
    planned,
    segment,
    write_wav,
)

SECONDS = 2.6


@dataclass(frozen=True)
class Scene:
    """What was made, and the way to the video that came of it."""

    clips: dict[str, Clip]
    tools: Tools
    event: SequencePlanned
    video: Video

    @property
    def path(self) -> Path:
        return self.tools.output_dir / self.video.file

    def clip_of(self, sha: str) -> Clip:
        return next(clip for clip in self.clips.values() if clip.sha == sha)


def steady(fps: float) -> list[float]:
    return [n / fps for n in range(int(SECONDS * fps))]


def jittered(fps: float) -> list[float]:
    """Gaps of a half to one and a half frames, as of a phone in poor light."""
    gaps = np.random.default_rng(5).uniform(0.5, 1.5, int(SECONDS * fps)) / fps
    return [0.0, *np.cumsum(gaps)[:-1].tolist()]


def grid(tempo_bpm: float, first: float) -> tuple[float, ...]:
    return tuple(round(first + n * 60 / tempo_bpm, 4) for n in range(int((SECONDS - first - 0.1) * tempo_bpm / 60) + 1))


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    """Sources of every kind of clock and shape."""
    root = tmp_path_factory.mktemp("clips")
    ntsc = 30_000 / 1001
    return {
        "24": make_clip(root / "24.mp4", 1, steady(24), grid(118.7, 0.137), rate=Fraction(24)),
        "29.97": make_clip(root / "29.mp4", 2, steady(ntsc), grid(140.1, 0.333), rate=Fraction(30_000, 1001)),
        "30": make_clip(root / "30.mp4", 3, steady(30), grid(125.3, 0.21)),
        "50": make_clip(root / "50.mp4", 4, steady(50), grid(128.0, 0.11), rate=Fraction(50)),
        "60": make_clip(root / "60.mp4", 5, steady(60), grid(133.0, 0.08), rate=Fraction(60)),
        "turned": make_clip(root / "turned.mp4", 6, steady(30), grid(121.0, 0.05), rotation=90),
        "portrait": make_clip(
            root / "portrait.mp4", 7, steady(25), grid(130.0, 0.3), size=(192, 320), rate=Fraction(25)
        ),
        "vfr": make_clip(root / "vfr.mp4", 8, jittered(28), grid(127.0, 0.19), rate=Fraction(28)),
    }


@pytest.fixture(scope="session")
def song_beats() -> list[float]:
    """The beats of the click song, which drift a little as a played song's do."""
    drift = np.random.default_rng(3).normal(0, 0.004, 40)
    return [round(0.5137 + n * 60 / 129.2 + float(d), 4) for n, d in enumerate(drift)]


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory, clips: dict[str, Clip], song_beats: list[float]) -> Scene:
    """A plan over all the clips, rendered by the step's own function."""
    root, store = tmp_path_factory.mktemp("scene"), FolderStore()
    song = store.add(write_wav(root / "song.wav", click_samples(song_beats, 20.0)), "audio")
    for clip in clips.values():
        store.add(clip.path, "video")
    order = ["30", "24", "turned", "60", "29.97", "vfr", "50", "portrait", "30"]
    segments = [segment(clips[name], n % 2, song_beats[3 * n + 4 : 3 * n + 8]) for n, name in enumerate(order)]
    event = planned(segments, list(clips.values()), song)
    tools = make_tools(root, store)
    return Scene(clips, tools, event, render(event, tools))
