"""Plan songs with the scoring and planning of an earlier commit, whose packages are on PYTHONPATH.

python earlier_planner.py < TASKS > PLANS

TASKS: JSON with `songs` (analyses by name), `moves` and `options`. PLANS: JSON with the segments of each song by name.
"""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Hit:
    """A move and its similarity to the query."""

    move: Any
    similarity: float


class Library:
    """The moves of the tasks, searched one by one."""

    def __init__(self, moves: list[Any]) -> None:
        self._moves = moves

    def version(self) -> str:
        """Return a constant."""
        return "quality"

    def search(
        self,
        *,
        vector: Any = None,
        tempo_bpm: tuple[float, float] | None = None,
        difficulties: Any = (),
        energies: Any = (),
        limit: int = 10,
    ) -> list[Hit]:
        """Return the nearest moves that pass all filters."""
        low, high = tempo_bpm or (0.0, float("inf"))
        hits = [
            Hit(move.card(), sum(one * other for one, other in zip(vector, move.embedding, strict=True)))
            for move in self._moves
            if low <= move.tempo_bpm <= high
            and (not difficulties or move.difficulty in difficulties)
            and (not energies or move.energy in energies)
        ]
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.move.clip.sha256))[:limit]


def main() -> None:
    score, plan = (
        getattr(importlib.import_module(f"agents.{module}"), name)
        for module, name in (("move_scoring.score", "score"), ("sequence_planning.plan", "plan"))
    )
    schemas = importlib.import_module("schemas.move_indexed"), importlib.import_module("schemas.audio_analyzed")
    tasks = json.load(sys.stdin)
    library = Library([schemas[0].Move.model_validate(move | {"motion": None}) for move in tasks["moves"]])
    options = importlib.import_module("schemas.base").Options.model_validate(tasks["options"])
    plans = {}
    for name, song in tasks["songs"].items():
        analysis = schemas[1].AudioAnalysis.model_validate(song)
        planned = plan(score(analysis, options, library), analysis, options)
        plans[name] = [segment.model_dump(mode="json") for segment in planned.segments]
    json.dump(plans, sys.stdout)


if __name__ == "__main__":
    main()
