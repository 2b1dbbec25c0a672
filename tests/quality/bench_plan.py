"""Measure scoring and planning a song of four minutes with libraries of several sizes, and recommendations in batches.

python -m tests.quality.bench_plan [--sizes 150,1000,10000]

Exits with 0 when every goal is met.
"""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, get_args

import psutil

from agents.move_scoring.score import CANDIDATES
from infra.move_index.edge import EdgeMoveIndex
from schemas.base import Options, Quality
from schemas.move_indexed import Move
from schemas.moves_scored import Scores
from schemas.sequence_planned import Plan
from streams.client.recommendation_engine import (
    BatchRecommendationRequest,
    OptimizationConfig,
    OptimizedRecommendationEngine,
    RecommendationRequest,
)
from tests.quality.costs import cpu_s, median_cpu_s
from tests.quality.report import Goal, figure
from tests.unit.move_scoring.builders import make_danced_library, make_song, score_of
from tests.unit.sequence_planning.builders import plan_of

SONG_S = 240.0
GOALS_MS: Final = {1000: 300.0, 10_000: 2000.0}
_CLIPS_OF_A_COUPLE = 50
_SONGS = 32
_BATCHED_MOVES = 1000


def main() -> None:
    """Print the figures."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="150,1000,10000")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    warm, met = {}, list[bool]()
    for size in sizes:
        library = make_danced_library(size, couples=max(3, size // _CLIPS_OF_A_COUPLE))
        found = _songs(size, library)
        warm[size] = found["balanced"]
        met += _song_figures(size, found)
        if size == min(sizes, key=lambda each: abs(each - _BATCHED_MOVES)):
            met += _batches(size, library)
    if len(sizes) > 1:
        print(
            f"growth of scoring and planning, {sizes[0]} to {sizes[-1]} moves: {warm[sizes[-1]] / warm[sizes[0]]:.1f}"
        )
    sys.exit(0 if all(met) else 1)


def _songs(size: int, library: Sequence[Move]) -> dict[Quality, float]:
    """Return the CPU seconds of scoring and planning in each quality."""
    song, found = make_song(SONG_S), dict[Quality, float]()
    with tempfile.TemporaryDirectory() as folder:
        index = EdgeMoveIndex(Path(folder) / "moves")
        index.upsert(*library)
        index.flush()
        before = _rss()
        cold_s, _ = cpu_s(lambda: score_of(song, Options(duration="full", difficulty="advanced"), index))
        print(f"{size} moves: first song {1e3 * cold_s:.0f} ms, memory {(_rss() - before) / 1e6:.0f} MB more")
        for quality in get_args(Quality):
            options = Options(duration="full", difficulty="advanced", quality=quality)
            score_s, scored = median_cpu_s(lambda options=options: score_of(song, options, index))  # type: ignore[misc]
            plan_s, planned = median_cpu_s(lambda scored=scored, options=options: plan_of(scored, song, options))  # type: ignore[misc]
            found[quality] = score_s + plan_s
            _print(size, quality, 1e3 * score_s, 1e3 * plan_s, scored, planned)
        index.close()
    return found


def _song_figures(size: int, found: Mapping[Quality, float]) -> Iterator[bool]:
    """Print the figures of a size that has a goal, and yield whether it is met."""
    for quality, seconds in found.items() if size in GOALS_MS else ():
        name = f"score_and_plan_240s_{size}_moves_{quality}_cpu_ms"
        yield figure(name, 1e3 * seconds, Goal(GOALS_MS[size]), digits=0)


def _rss() -> int:
    return int(psutil.Process().memory_info().rss)


def _print(size: int, quality: Quality, score_ms: float, plan_ms: float, scored: Scores, planned: Plan) -> None:
    name = f"240s_{size}_moves_{quality}"
    clips = {segment.clip_sha256 for segment in planned.segments}
    print(
        f"{name}: score {score_ms:.0f} ms, plan {plan_ms:.0f} ms, candidates {CANDIDATES[quality]}, "
        f"moves {len(scored.moves)}, event {len(scored.model_dump_json()) / 1e6:.2f} MB; "
        f"points {planned.score.points if planned.score else 0:.1f}, "
        f"broken gates {planned.score.broken_gates if planned.score else 0}, segments {len(planned.segments)}, "
        f"clips {len(clips)}"
    )


def _batches(size: int, library: Sequence[Move]) -> Iterator[bool]:
    """Measure recommendations for many songs: in a batch, one by one, and one by one with nothing remembered.

    Yields whether each goal is met.
    """
    requests = [
        RecommendationRequest(analysis=make_song(SONG_S, 100.0 + number), options=Options(duration="full"))
        for number in range(_SONGS)
    ]
    nothing = OptimizationConfig(enable_embedding_cache=False, enable_precomputed_matrices=False)
    each_s = _one_by_one_s(requests, library, OptimizationConfig(enable_similarity_cache=False))
    bare_s = _one_by_one_s(requests[:4], library, nothing) * _SONGS / 4
    engine = OptimizedRecommendationEngine(OptimizationConfig(enable_similarity_cache=False))
    batch_s, _ = median_cpu_s(lambda: engine.batch_recommend_moves(BatchRecommendationRequest(requests, library)))
    print(
        f"{_SONGS} songs, {size} moves: batch {1e3 * batch_s:.0f} ms, one by one {1e3 * each_s:.0f} ms, "
        f"with nothing remembered {1e3 * bare_s:.0f} ms"
    )
    yield figure("batch_less_cpu_than_one_by_one", 1 - batch_s / each_s, Goal(0.1, at_least=True))
    yield figure("batch_less_cpu_than_nothing_remembered", 1 - batch_s / bare_s, Goal(0.5, at_least=True))


def _one_by_one_s(
    requests: Sequence[RecommendationRequest], library: Sequence[Move], config: OptimizationConfig
) -> float:
    engine = OptimizedRecommendationEngine(config)
    return median_cpu_s(lambda: [engine.recommend_moves_optimized(request, library) for request in requests])[0]


if __name__ == "__main__":
    main()
