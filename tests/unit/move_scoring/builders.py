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
from schemas.boundary import Boundary, DancerState, EightContent
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Dancers, Eight, Move
from schemas.moves_scored import Scores

DIFFICULTIES: tuple[Difficulty, ...] = ("beginner", "intermediate", "advanced")
LEVELS: tuple[Level, ...] = ("low", "medium", "high")
HOLDS = ("closed", "open_two_hands", "open_one_hand", "shadow")
_HOLD_SHARES = (0.35, 0.4, 0.15, 0.1)
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


def make_danced_library(size: int, couples: int, seed: int = 0) -> list[Move]:
    """Return moves as `make_library`, with the couple's states at the ends of all halves of eights, and contents."""
    return [_danced(move, number, f"couple {number % couples}") for number, move in enumerate(make_library(size, seed))]


def _danced(move: Move, number: int, couple: str) -> Move:
    rng = np.random.default_rng(number)
    hold = str(rng.choice(HOLDS, p=_HOLD_SHARES))
    boundaries = []
    for beat in range(move.eights[0].start_beat, move.eights[-1].start_beat + 9, 4):
        if rng.uniform() < 0.2:
            hold = str(rng.choice(HOLDS, p=_HOLD_SHARES))
        boundaries.append(_boundary(rng, beat, hold, is_half=(beat - move.eights[0].start_beat) % 8 == 4))
    eights = tuple(
        eight.model_copy(update={"content": _content(rng, move.beats[eight.start_beat : eight.start_beat + 9])})
        for eight in move.eights
    )
    danced = {"boundaries": tuple(boundaries), "eights": eights, "count_confidence": float(rng.uniform(0.75, 1.0))}
    return move.model_copy(update=danced).annotated(MoveAnnotation(couple=couple))


def _boundary(rng: np.random.Generator, beat: int, hold: str, *, is_half: bool) -> Boundary:
    feet = ("left", "right") if (rng.uniform() < 0.05) == is_half else ("right", "left")
    places = [(round(float(rng.normal(0.5, 0.05)), 3), 0.5) for _ in range(2)]
    lead, follow = (
        DancerState(
            heading_deg=round(float(rng.normal(heading, 15)) % 360, 1) % 360,
            free_foot="left" if foot == "left" else "right",
            free_foot_confidence=round(float(rng.uniform(0.7, 1)), 3),
            hip_velocity=(round(float(rng.normal(0, 0.5)), 3), round(float(rng.normal(0, 0.1)), 3)),
            place=place,
            in_picture=True,
            feet_in_picture=True,
        )
        for foot, heading, place in zip(feet, (90, 270), places, strict=True)
    )
    return Boundary.model_validate(
        {
            "beat": beat,
            "hold": hold,
            "hold_confidence": round(float(rng.uniform(0.5, 1)), 3),
            "facing": "face_to_face" if rng.uniform() < 0.9 else "across",
            "facing_confidence": round(float(rng.uniform(0.6, 1)), 3),
            "lead": lead,
            "follow": follow,
            "centre": (round(float(rng.normal(0.5, 0.05)), 3), 0.5),
            "height": round(float(rng.normal(0.7, 0.05)), 3),
        }
    )


def _content(rng: np.random.Generator, beats: Sequence[float]) -> EightContent:
    effect_s = round(float(rng.uniform(beats[0], beats[-1])), 3) if rng.uniform() < 0.3 else None
    return EightContent(
        kind="basic" if rng.uniform() < 0.5 else "pattern",
        follow_turns=round(float(rng.choice([0, 0, 1, -1, 2])), 1),
        travel=(round(float(rng.normal(0, 1)), 2), 0.0),
        effect=None if effect_s is None else "turn_end",
        effect_s=effect_s,
        footwork=bool(rng.uniform() < 0.05),
    )


def couple_of(move: Move) -> str | None:
    """Return the annotated couple of a move."""
    return move.annotation.couple if move.annotation else None


def make_index(moves: Sequence[Move]) -> MoveIndex:
    """Return the real index, in memory, with these moves."""
    index = QdrantServerMoveIndex("http://memory", client=QdrantClient(":memory:"))
    for move in moves:
        index.upsert(move)
    return index


def score_of(analysis: AudioAnalysis, options: Options, library: Library) -> Scores:
    """Return the scores of a song with these options."""
    scoring_input = ScoringInput(
        analysis=analysis, library_version=library.version(), options=options.for_dance(), quality=options.quality
    )
    return score(scoring_input, library, lambda sha256: True)
