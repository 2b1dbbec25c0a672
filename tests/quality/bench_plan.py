"""What it costs to score and to plan a song of four minutes over a library of 1,000 moves.

python tests/quality/bench_plan.py
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from infra.move_index.edge import EdgeMoveIndex  # noqa: E402
from schemas.base import Options  # noqa: E402
from schemas.moves_scored import Scores  # noqa: E402
from tests.unit.move_scoring.builders import make_library, make_song, score_of  # noqa: E402
from tests.unit.sequence_planning.builders import plan_of  # noqa: E402

T = TypeVar("T")
SONG_S, MOVES, TURNS = 240.0, 1000, 5
PLAN_GOAL_MS = 300.0


def main() -> None:
    """Print the figures."""
    song, options = make_song(SONG_S), Options(duration="full", difficulty="advanced")
    with tempfile.TemporaryDirectory() as folder:
        index = EdgeMoveIndex(Path(folder) / "moves")
        for move in make_library(MOVES):
            index.upsert(move)
        index.flush()
        scored, score_ms = cpu_ms(lambda: score_of(song, options, index))
        index.close()
    planned, plan_ms = cpu_ms(lambda: plan_of(scored, song, options))
    figure("score_240s_1000_moves_cpu_ms", score_ms, PLAN_GOAL_MS)
    figure("plan_240s_1000_moves_cpu_ms", plan_ms, PLAN_GOAL_MS)
    clips = [segment.clip_sha256 for segment in planned.segments]
    print(f"phrases {len(scored.phrases)}, candidates {_mean_candidates(scored):.1f}, segments {len(clips)}")
    print(f"distinct clips {len(set(clips))}, scored event {len(scored.model_dump_json()) / 1e6:.2f} MB")


def cpu_ms(work: Callable[[], T]) -> tuple[T, float]:
    """The result, and the median CPU time of some turns after a first one, milliseconds."""
    result, spent = work(), []
    for _ in range(TURNS):
        begun = time.process_time()
        work()
        spent.append(1e3 * (time.process_time() - begun))
    return result, sorted(spent)[TURNS // 2]


def figure(name: str, value: float, goal: float) -> None:
    """One line a figure; no figure may be above its goal."""
    print(f"figure {name} = {value:.1f} (goal {goal:.0f}) {'met' if value <= goal else 'missed'}")


def _mean_candidates(scored: Scores) -> float:
    return sum(len(phrase.candidates) for phrase in scored.phrases) / len(scored.phrases)


if __name__ == "__main__":
    main()
