"""Write `boundaries.json`: what the couple of each demo clip exactly does where eights and their halves begin and end.

python -m data.generators.couple.boundaries --out data/demo

Everything is measured on the motion that the pictures are drawn from; no picture is drawn.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data.generators.couple.bake import rest_body
from data.generators.couple.boundary_state import (
    Chests,
    chests,
    facing,
    free_foot,
    headings_deg,
    hold,
    joined_hands,
    moment,
)
from data.generators.couple.catalogue import CLIPS, ClipSpec
from data.generators.couple.clip import BEATS, EIGHTS, LEAD_IN_S, Timing
from data.generators.couple.couple import ENERGIES, Couple
from data.generators.couple.download import body_data
from data.generators.couple.geometry import Vector
from data.generators.couple.moves import MOVES
from data.generators.couple.skeleton import Skeleton
from schemas.boundary import Effect
from schemas.faults import Fault

FILE = "boundaries.json"
BEATS_PER_HALF = 4
STEPS_PER_COUNT = 16
MIN_TURN_DEG, END_OF_TURN_DEG = 180, 10
MIN_DIP_M, LOWEST_M = 0.15, 0.01  # by which her head falls, and within which of its lowest place the dip is reached
Bodies = tuple[Skeleton, Skeleton]


def couple_of(spec: ClipSpec, bodies: Bodies) -> Couple:
    """Return the couple that dances a clip."""
    energy = ENERGIES[spec.energy]
    return Couple(bodies, MOVES[spec.move](energy.step), energy)


def boundaries(spec: ClipSpec, bodies: Bodies) -> Iterator[dict[str, Any]]:
    """Yield the couple's state on each beat with count 1 or 5."""
    couple, timing = couple_of(spec, bodies), Timing(spec.tempo_bpm)
    for beat in range(0, BEATS, BEATS_PER_HALF):
        now = moment(couple, beat + 1.0)
        lead_deg, follow_deg = headings_deg(now.chests)
        yield {
            "clip": spec.name,
            "beat": beat,
            "time_s": round(LEAD_IN_S + beat * timing.beat_s, 4),
            "count": beat % 8 + 1,
            "hold": hold(now),
            "hands": joined_hands(now),
            "facing": facing(now),
            "lead_heading_deg": round(lead_deg, 1),
            "follow_heading_deg": round(follow_deg, 1),
            "lead_free_foot": free_foot(couple.lead, beat + 1),
            "follow_free_foot": free_foot(couple.follow, beat + 1),
        }


def eights(spec: ClipSpec, bodies: Bodies) -> Iterator[dict[str, Any]]:
    """Yield the net turns of both dancers in each eight, positive to their own right, and its moment of effect."""
    couple, timing = couple_of(spec, bodies), Timing(spec.tempo_bpm)
    for eight in range(EIGHTS):
        counts = 1 + 8 * eight + np.arange(8 * STEPS_PER_COUNT + 1) / STEPS_PER_COUNT
        bodies_at = [chests(couple, float(count)) for count in counts]
        headings = np.degrees(np.unwrap(np.radians([headings_deg(both) for both in bodies_at]), axis=0))
        effect, step = _effect(bodies_at, headings)
        yield {
            "clip": spec.name,
            "start_beat": 8 * eight,
            "lead_turns": _turns(headings[:, 0]),
            "follow_turns": _turns(headings[:, 1]),
            "effect": effect,
            "effect_s": round(LEAD_IN_S + (float(counts[step]) - 1) * timing.beat_s, 2) if effect else None,
        }


def _turns(heading_deg: Vector) -> float:
    return round(float(heading_deg[0] - heading_deg[-1]) / 360, 2) + 0.0  # without a negative zero


def _effect(bodies_at: list[Chests], headings: Vector) -> tuple[Effect | None, int]:
    """Return the effect of an eight, and the index of its moment: a dip's lowest point, or the end of a turn."""
    heads = np.array([follow.head[1] for _, follow in bodies_at])
    if heads[0] - heads.min() > MIN_DIP_M:
        return "dip", int(np.argmax(heads < heads.min() + LOWEST_M))
    ends = [_end_of_turn(heading) for heading in headings.T if abs(heading[-1] - heading[0]) > MIN_TURN_DEG]
    return ("turn_end", max(ends)) if ends else (None, 0)


def _end_of_turn(heading_deg: Vector) -> int:
    return int(np.flatnonzero(abs(heading_deg - heading_deg[-1]) > END_OF_TURN_DEG)[-1]) + 1


def write_boundaries(folder: Path, bodies: Bodies) -> Path:
    """Write the boundaries and the eights of all demo clips into `folder`, one a line, and return the file."""
    lists = {
        "boundaries": [row for spec in CLIPS for row in boundaries(spec, bodies)],
        "eights": [row for spec in CLIPS for row in eights(spec, bodies)],
    }
    parts = [f'"{name}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for name, rows in lists.items()]
    path = folder / FILE
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")
    return path


def main() -> int:
    """Run the program; print a fault as one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m data.generators.couple.boundaries", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the demo set")
    options = parser.parse_args()
    try:
        folder = body_data()
        bodies = Skeleton(rest_body("lead", folder)), Skeleton(rest_body("follow", folder))
        print(write_boundaries(options.out, bodies))
    except Fault as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
