"""Measure a filtered search over 20,000 moves: Qdrant Edge beside qdrant-client's local mode.

python -m tests.quality.bench_search [--moves N]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from qdrant_client import QdrantClient

from infra.move_index import MoveIndex
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.server import QdrantServerMoveIndex
from schemas.move_indexed import Move
from tests.quality.report import figure
from tests.unit.move_scoring.builders import DIFFICULTIES, LEVELS, make_move

GOAL_MS = 2.0
EDGE_SEARCHES, LOCAL_SEARCHES = 500, 15
_BASE_MOVES = 40  # only embedding, tempo, difficulty and energy differ from move to move


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=20_000)
    size = parser.parse_args().moves
    with tempfile.TemporaryDirectory() as folder:
        edge = EdgeMoveIndex(Path(folder) / "edge")
        measure("edge", edge, size, EDGE_SEARCHES)
        edge.close()
    warnings.filterwarnings("ignore", category=UserWarning)
    measure("local_mode", QdrantServerMoveIndex("memory", client=QdrantClient(":memory:")), size, LOCAL_SEARCHES)


def measure(name: str, index: MoveIndex, size: int, count: int) -> None:
    """Fill the index, search it `count` times, and print the times."""
    start = time.perf_counter()
    for move in library(size):
        index.upsert(move)
    filled = time.perf_counter()
    index.flush()
    flushed = time.perf_counter()
    version_ms = _ms(index.version)
    wall, cpu = searches(index, count)
    print(f"{name}: filled in {filled - start:.1f} s, flushed in {flushed - filled:.1f} s, version {version_ms:.1f} ms")
    p50, p99 = (float(np.percentile(wall, share)) for share in (50, 99))
    print(f"{name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, CPU {cpu:.2f} ms per search; load {os.getloadavg()[0]:.1f}")
    if name == "edge":
        figure(f"search_{size}_moves_edge_p99_ms", p99, f"{GOAL_MS:.1f}", met=p99 < GOAL_MS)
    else:
        print(f"figure search_{size}_moves_local_mode_p50_ms = {p50:.1f} (for comparison)")


def searches(index: MoveIndex, count: int) -> tuple[list[float], float]:
    """Return the wall times of `count` searches and the CPU time of one, in milliseconds.

    They filter as scoring does: a sixth of the tempo range and two difficulties of three.
    """
    rng = np.random.default_rng(1)
    wall: list[float] = []
    start = time.process_time()
    for _ in range(count):
        vector, low = rng.normal(size=512).tolist(), float(rng.uniform(100, 142))
        before = time.perf_counter()
        index.search(vector=vector, tempo_bpm=(low, low + 8), difficulties=DIFFICULTIES[:2], limit=20)
        wall.append(1e3 * (time.perf_counter() - before))
    return wall, 1e3 * (time.process_time() - start) / count


def library(size: int) -> Iterator[Move]:
    """Yield moves, each with its own embedding."""
    base_moves = [make_move(number) for number in range(_BASE_MOVES)]
    rng = np.random.default_rng(0)
    for number in range(size):
        base, vector = base_moves[number % _BASE_MOVES], rng.normal(size=512)
        sha = hashlib.sha256(str(number).encode()).hexdigest()
        update = {
            "clip": base.clip.model_copy(update={"sha256": sha}),
            "difficulty": DIFFICULTIES[number % 3],
            "energy": LEVELS[number // 3 % 3],
            "tempo_bpm": round(float(rng.uniform(100, 150)), 2),
            "embedding": tuple((vector / np.linalg.norm(vector)).tolist()),
        }
        yield base.model_copy(update=update)


def _ms(call: Callable[[], object]) -> float:
    before = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - before)


if __name__ == "__main__":
    main()
