"""Cheap steps whose work does what the name of its input says.

A song passes two steps, `here` and `there`; the second ends its request. A clip passes one, `moves`, which writes into
the library.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

from agents.step import Step
from schemas.audio_analyzed import AudioAnalysis, AudioAnalyzed
from schemas.base import MediaFacts
from schemas.request_ended import Ending
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.stage.runners import AnyStep, CompletedWork, Report
from tests.song_requests import accepting_step, facts_of, raise_fault_of

ANALYSIS = AudioAnalysis.model_construct(
    duration_s=1.0,
    tempo_bpm=120.0,
    beats=(),
    counts=(),
    downbeats=(),
    sections=(),
    energy=(),
    energy_level="low",
    confidence=1.0,
    embedding=(0.0,) * 128,
)


class Work:
    """The work of the simulated steps. `kinds`: what happens with an input, by its sha256."""

    def __init__(self, rng: random.Random) -> None:
        self.kinds: dict[str, str] = {}
        self.attempts: Counter[tuple[str, str]] = Counter()
        self.done = 0
        self.unique_results = False
        self._rng = rng
        self.steps: tuple[AnyStep, ...] = (self._accept(), self._analyze())

    async def run(self, step: AnyStep, work_input: Any, report: Report) -> CompletedWork:
        """Do a step's work: the runner of all steps."""
        report(0.0)
        kind = self.kinds.get(work_input.sha256, "good")
        await asyncio.sleep(self._rng.uniform(2, 12) if kind == "slow" else self._rng.uniform(0.001, 0.05))
        return CompletedWork(step.work(work_input, None).model_dump_json(), 0.0, 0)  # type: ignore[arg-type]

    def _work(self, step: str, sha256: str) -> MediaFacts:
        self.attempts[step, sha256] += 1
        raise_fault_of(self.kinds.get(sha256, "good"), self.attempts[step, sha256])
        self.done += 1
        # With `unique_results` no two results are equal: one that is computed again and published is detected.
        return facts_of(sha256, self.done if self.unique_results else 1)

    def _accept(self) -> AnyStep:
        def emit(event: SongSubmitted, song: MediaFacts) -> SongAccepted:
            return SongAccepted.model_construct(
                request_id=event.request_id, song=song, title=event.title or "title", options=event.options
            )

        return accepting_step("here", lambda source, _: self._work("here", str(source.sha256)), emit)

    def _analyze(self) -> AnyStep:
        def emit(event: SongAccepted, song: MediaFacts) -> AudioAnalyzed:
            return AudioAnalyzed.model_construct(
                request_id=event.request_id,
                song=song,
                title=event.title,
                options=event.options,
                analysis=ANALYSIS,
            )

        return Step(
            name="there",
            version="1",
            consumes=SongAccepted,
            result=MediaFacts,
            produces=AudioAnalyzed,
            depends_on=lambda event, tools: event.song,
            takes=MediaFacts,
            work=lambda song, tools: self._work("there", song.sha256),
            emit=emit,
            subject=lambda event, song: song.sha256,
            runs_in="thread",
            reads=frozenset({"library"}),
            ending=lambda event: Ending(),
        )
