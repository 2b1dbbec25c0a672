"""A step process whose job `intake` does all that is done with a song or a clip, but for the search for dancers.

The name of its file says which: `song` and `clip` for everything, `probe.song` and `probe.clip` for the probe only.
"""

from __future__ import annotations

import tempfile
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np

from agents.audio_analysis.analysis import analyze
from agents.media import mezzanine
from agents.media.aac import encode_aac
from agents.media.pictures import pictures_at
from agents.media.probe import probe
from agents.media.redraw import redraw
from agents.media.sampled_frames import sample_frames
from agents.media.submitted import SubmittedFile
from agents.media.windows import windows_of
from agents.move_indexing.clip_beats import clip_beats_of
from agents.step import Tools, no_report
from schemas.base import MediaFacts, ProbedMedia
from streams.steps import JOB_BY_NAME
from streams.worker import step_process

SONG_SUFFIX = ".song"
_MIN_BEAT_S = 0.3


def _work(file: SubmittedFile, tools: Tools) -> MediaFacts:
    del tools
    path = Path(file.path or "")
    facts = probe(path, "audio" if path.suffix == SONG_SUFFIX else "video")
    if path.stem == "probe":
        return MediaFacts(sha256="0" * 64, size_bytes=1, kind="audio", **dict(facts))
    with tempfile.TemporaryDirectory() as folder:
        (_use_song if path.suffix == SONG_SUFFIX else _use_clip)(path, facts, Path(folder))
    return MediaFacts(sha256="0" * 64, size_bytes=1, kind="audio", **dict(facts))


def _use_song(path: Path, facts: ProbedMedia, folder: Path) -> None:
    del facts
    encode_aac(path, 128_000, folder / "song.m4a", no_report)
    analyze(path)


def _use_clip(path: Path, facts: ProbedMedia, folder: Path) -> None:
    intact: list[float] = []
    deque(sample_frames(path, 10.0, intact.append), maxlen=0)
    clip = MediaFacts(sha256="0" * 64, size_bytes=1, kind="video", **dict(facts))
    beats = clip_beats_of(path, clip, 120.0, windows_of(intact)).beats
    mezzanine.ensure(path, "0" * 64, beats, "fast", folder)
    redraw(path, folder / "drawn.mp4", lambda _: None, no_report)
    pictures_at(path, np.arange(0, facts.duration_s, _MIN_BEAT_S).tolist())


if __name__ == "__main__":
    JOB_BY_NAME["intake"] = replace(JOB_BY_NAME["intake"], work=_work)
    step_process.main()
