"""Generated moves for the tests of the move index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from infra.move_index import MoveIndex
from schemas.base import Difficulty, Level, MediaFacts
from schemas.boundary import Boundary, DancerState, JoinedHands
from schemas.faults import Unavailable
from schemas.move_indexed import Dancers, Eight, Move

DIFFICULTIES: tuple[Difficulty, ...] = ("beginner", "intermediate", "advanced")
ENERGIES: tuple[Level, ...] = ("low", "medium", "high")


def make_move(number: int, name: str = "") -> Move:
    """Return a generated move; the same number gives the same move."""
    rng = np.random.default_rng(number)
    vector = rng.normal(size=512)
    beats = tuple(round(0.1 + 0.47 * beat, 3) for beat in range(17))
    sha = hashlib.sha256(str(number).encode()).hexdigest()
    clip = MediaFacts(sha256=sha, size_bytes=1, kind="video", format="mp4", codec="h264", duration_s=8.2, fps=30.0)
    pose = tuple(float(value) for value in rng.normal(size=52).round(3))
    return Move(
        clip=clip,
        name=f"clip_{number:03d}",
        move=name or f"move_{number % 5}",
        category="basic",
        difficulty=DIFFICULTIES[number % 3],
        energy=ENERGIES[number // 3 % 3],
        tempo_bpm=100.0 + number % 400,
        beats=beats,
        counts=tuple(beat % 8 + 1 for beat in range(17)),
        eights=(Eight(start_beat=0, start_pose=pose, end_pose=pose), Eight(start_beat=8)),
        dancers=Dancers(one=1.0, both=0.9),
        embedding=tuple(float(value) for value in vector / np.linalg.norm(vector)),
    )


def make_boundary(beat: int, **fields: Any) -> Boundary:
    """Return a boundary of two dancers in a closed hold, all with confidence 0.9 except for what `fields` says."""
    lead = DancerState(
        heading_deg=90,
        free_foot="left",
        free_foot_confidence=0.9,
        hip_velocity=(0.0, 0.0),
        place=(0.4, 0.5),
        in_picture=True,
        feet_in_picture=True,
    )
    follow = lead.model_copy(update={"heading_deg": 270.0, "free_foot": "right", "place": (0.6, 0.5)})
    closed = Boundary(
        beat=beat,
        hold="closed",
        hold_confidence=0.9,
        hands=(JoinedHands(lead="left", follow="right", confidence=0.9),),
        facing="face_to_face",
        facing_confidence=0.9,
        lead=lead,
        follow=follow,
        centre=(0.5, 0.5),
        height=0.8,
    )
    return closed.model_copy(update=fields)


MOVES = [make_move(number) for number in range(30)]


def fill(index: MoveIndex, moves: list[Move] = MOVES) -> None:
    """Store the moves in the index."""
    for move in moves:
        index.upsert(move)


def faults_of_all_calls(index: MoveIndex) -> list[Unavailable]:
    """Call every method of an index that cannot be used, and return the faults."""
    calls: list[Callable[[], object]] = [
        lambda: index.upsert(MOVES[5]),
        lambda: index.search(vector=MOVES[0].embedding),
        index.count,
        index.version,
        index.all_moves,
        lambda: index.get(MOVES[0].clip.sha256),
    ]
    faults = []
    for call in calls:
        with pytest.raises(Unavailable) as caught:
            call()
        faults.append(caught.value)
    return faults
