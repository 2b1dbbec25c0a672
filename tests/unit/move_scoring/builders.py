"""Build analysed songs and indexed moves without media, for scoring and planning."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from qdrant_client import QdrantClient

from agents.move_scoring.inputs import ScoringInput
from agents.move_scoring.score import score
from agents.step import Library
from infra.media_store import MediaStore
from infra.move_index import MoveIndex
from infra.move_index.server import QdrantServerMoveIndex
from schemas.audio_analyzed import AudioAnalysis, Section
from schemas.base import Difficulty, Level, MediaFacts, Options
from schemas.boundary import Boundary
from schemas.move_indexed import Dancers, Eight, Move
from schemas.moves_scored import Scores

DIFFICULTIES: tuple[Difficulty, ...] = ("beginner", "intermediate", "advanced")
LEVELS: tuple[Level, ...] = ("low", "medium", "high")
KINDS = ("basic_step", "cross_body_lead", "lady_right_turn", "dip", "body_roll", "combination", "hammerlock")


class CompleteStore(MediaStore):
    """A media store that has every file except those that it lacks."""

    lacks: ClassVar[set[str]] = set()

    def has(self, sha256: str) -> bool:
        """Return whether the store has the file."""
        return sha256 not in self.lacks


def make_move(
    number: int,
    *,
    tempo_bpm: float = 125.0,
    eights: int = 2,
    move: str | None = None,
    difficulty: Difficulty = "beginner",
    energy: Level = "medium",
    pickup: int = 0,
    over_s: float = 0.5,
    posed: bool = True,
    count_confidence: float | None = None,
) -> Move:
    """Return a clip with `eights` whole eights after `pickup` beats, and `over_s` seconds after its last beat.

    `count_confidence`: None for a move of a version that did not measure it, and so without boundaries.
    """
    rng = np.random.default_rng(number)
    period = 60.0 / tempo_bpm
    count = pickup + 8 * eights + 1
    beats = tuple(round(0.2 + index * period + float(rng.uniform(-0.004, 0.004)), 4) for index in range(count))
    poses = [tuple(rng.normal(0, 0.5, 52).round(4).tolist()) if posed else () for _ in range(eights + 1)]
    sha = hashlib.sha256(f"clip {number}".encode()).hexdigest()
    return Move(
        clip=MediaFacts(
            sha256=sha,
            size_bytes=1000,
            kind="video",
            format="mp4",
            codec="h264",
            duration_s=round(beats[-1] + over_s, 3),
            fps=30.0,
        ),
        name=f"clip_{number}",
        move=move or f"{KINDS[number % len(KINDS)]}",
        category=KINDS[number % len(KINDS)],
        difficulty=difficulty,
        energy=energy,
        tempo_bpm=tempo_bpm,
        beats=beats,
        counts=tuple((index - pickup) % 8 + 1 for index in range(count)),
        eights=tuple(
            Eight(start_beat=pickup + 8 * index, start_pose=poses[index], end_pose=poses[index + 1])
            for index in range(eights)
        ),
        count_confidence=count_confidence or 0.0,
        boundaries=() if count_confidence is None else (Boundary(beat=pickup),),
        dancers=Dancers(one=1.0, both=0.9),
        embedding=embedding(number),
    )


def embedding(number: int) -> tuple[float, ...]:
    """Return 384 values of motion and 128 of audio, weighted like a clip's, of length 1."""
    rng = np.random.default_rng(number)
    motion, audio = rng.normal(size=384), rng.normal(size=128)
    weighted = np.concatenate([0.8**0.5 * motion / np.linalg.norm(motion), 0.2**0.5 * audio / np.linalg.norm(audio)])
    return tuple(float(value) for value in weighted / np.linalg.norm(weighted))


def make_library(size: int, seed: int = 0) -> list[Move]:
    """Return moves of all categories, levels and tempi (100-150 BPM), with one to four eights."""
    rng = np.random.default_rng(seed)
    return [
        make_move(
            number,
            tempo_bpm=round(float(rng.uniform(100, 150)), 1),
            eights=int(rng.integers(1, 5)),
            difficulty=DIFFICULTIES[int(rng.integers(3))],
            energy=LEVELS[int(rng.integers(3))],
            pickup=int(rng.integers(0, 4)),
            move=f"{KINDS[number % len(KINDS)]}_{int(rng.integers(40))}",
        )
        for number in range(size)
    ]


def make_analysis(
    counts: Sequence[int],
    *,
    tempo_bpm: float = 125.0,
    first_s: float = 1.3,
    tail_s: float = 0.7,
    beats: Sequence[float] | None = None,
    energy: Sequence[float] | None = None,
    sections: tuple[Section, ...] = (),
) -> AudioAnalysis:
    """Return a song with a beat for each count, even from `first_s` on, or at `beats`; it ends `tail_s` after them."""
    times = tuple(beats) if beats else tuple(round(first_s + i * 60 / tempo_bpm, 4) for i in range(len(counts)))
    audio = np.random.default_rng(5).normal(size=128)
    return AudioAnalysis(
        duration_s=times[-1] + tail_s,
        tempo_bpm=tempo_bpm,
        beats=times,
        counts=tuple(counts),
        downbeats=tuple(time for time, count in zip(times, counts, strict=True) if count in {1, 5}),
        sections=sections,
        energy=tuple(energy) if energy else (0.5,) * len(counts),
        energy_level="medium",
        confidence=0.9,
        embedding=tuple(float(value) for value in audio / np.linalg.norm(audio)),
    )


def make_song(seconds: float, tempo_bpm: float = 125.0) -> AudioAnalysis:
    """Return a song of about `seconds`: three beats before the first 1, rising and falling energy, five sections."""
    total = int(seconds * tempo_bpm / 60)
    counts = [(index + 5) % 8 + 1 for index in range(total)]
    energy = [0.5 + 0.45 * float(np.sin(index / 40)) for index in range(total)]
    edges = [seconds * share for share in (0, 0.1, 0.35, 0.6, 0.9, 1.0)]
    kinds = (("intro", "none"), ("verse", "derecho"), ("chorus", "majao"), ("mambo", "mambo"), ("outro", "derecho"))
    sections = tuple(
        Section.model_validate({"start_s": start, "end_s": end, "label": label, "rhythm": rhythm})
        for start, end, (label, rhythm) in zip(edges, edges[1:], kinds, strict=False)
    )
    return make_analysis(counts, tempo_bpm=tempo_bpm, energy=energy, sections=sections)


def make_index(moves: Sequence[Move]) -> MoveIndex:
    """Return the real index, in memory, with these moves."""
    index = QdrantServerMoveIndex("http://memory", client=QdrantClient(":memory:"))
    for move in moves:
        index.upsert(move)
    return index


def score_of(analysis: AudioAnalysis, options: Options, library: Library) -> Scores:
    """Return the scores of a song with these options."""
    scoring_input = ScoringInput(
        analysis=analysis,
        library_version=library.version(),
        difficulty=options.difficulty,
        energy=options.energy,
    )
    return score(scoring_input, library, lambda sha256: True)
