"""A small library, a click song and their video, rendered once for all tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from agents.rendering.result import RenderResult
from agents.step import Tools
from schemas.rendered import Video
from schemas.sequence_planned import SequencePlanned
from tests.unit.media.known_media import Clip, click_samples, make_clips, write_wav
from tests.unit.rendering.builders import FolderStore, make_tools, planned, result_of, segment


@dataclass(frozen=True)
class Scene:
    """The clips, tools and event of a rendering, and its result."""

    clips: dict[str, Clip]
    tools: Tools
    event: SequencePlanned
    result: RenderResult

    @property
    def video(self) -> Video:
        return self.result.video

    @property
    def path(self) -> Path:
        return self.tools.output_dir / self.video.file

    def clip_of(self, sha: str) -> Clip:
        return next(clip for clip in self.clips.values() if clip.sha == sha)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    """Return clips of all frame rates and shapes."""
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def song_beats() -> list[float]:
    """Return the beats of the click song in seconds, with small deviations like a played song's."""
    drift = np.random.default_rng(3).normal(0, 0.004, 40)
    return [round(0.5137 + n * 60 / 129.2 + float(d), 4) for n, d in enumerate(drift)]


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory, clips: dict[str, Clip], song_beats: list[float]) -> Scene:
    """Return a plan over all clips and its video, rendered by the step's own function."""
    root, store = tmp_path_factory.mktemp("scene"), FolderStore()
    song = store.add(write_wav(root / "song.wav", click_samples(song_beats, 20.0)), "audio")
    for clip in clips.values():
        store.add(clip.path, "video")
    order = ["30", "24", "turned", "60", "29.97", "vfr", "50", "portrait", "30"]
    segments = [segment(clips[name], n % 2, song_beats[3 * n + 4 : 3 * n + 8]) for n, name in enumerate(order)]
    event = planned(segments, list(clips.values()), song)
    tools = make_tools(root, store)
    return Scene(clips, tools, event, result_of(event, tools))
