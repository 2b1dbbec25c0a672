"""Measure scoring and planning a song of four minutes with a library of 1,000 moves.

python -m tests.quality.bench_plan
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from infra.move_index.edge import EdgeMoveIndex
from schemas.base import Options
from schemas.moves_scored import Scores
from tests.quality.costs import median_cpu_s
from tests.quality.report import figure
from tests.unit.move_scoring.builders import make_library, make_song, score_of
from tests.unit.sequence_planning.builders import plan_of

SONG_S, MOVES = 240.0, 1000
GOAL_MS = 300.0


def main() -> None:
    """Print the figures."""
    song, options = make_song(SONG_S), Options(duration="full", difficulty="advanced")
    with tempfile.TemporaryDirectory() as folder:
        index = EdgeMoveIndex(Path(folder) / "moves")
        for move in make_library(MOVES):
            index.upsert(move)
        index.flush()
        score_s, scored = median_cpu_s(lambda: score_of(song, options, index))
        index.close()
    plan_s, planned = median_cpu_s(lambda: plan_of(scored, song, options))
    for name, value_ms in (("score", 1e3 * score_s), ("plan", 1e3 * plan_s)):
        figure(f"{name}_240s_1000_moves_cpu_ms", value_ms, f"{GOAL_MS:.0f}", met=value_ms <= GOAL_MS, digits=1)
    clips = [segment.clip_sha256 for segment in planned.segments]
    print(f"phrases {len(scored.phrases)}, candidates {_mean_candidates(scored):.1f}, segments {len(clips)}")
    print(f"distinct clips {len(set(clips))}, scored event {len(scored.model_dump_json()) / 1e6:.2f} MB")


def _mean_candidates(scored: Scores) -> float:
    return sum(len(phrase.candidates) for phrase in scored.phrases) / len(scored.phrases)


if __name__ == "__main__":
    main()
