"""What a filtered search costs over 20,000 moves: Qdrant Edge beside qdrant-client's local mode.

python tests/quality/bench_search.py [--moves N]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from qdrant_client import QdrantClient

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from infra.move_index import MoveIndex  # noqa: E402
from infra.move_index.edge import EdgeMoveIndex  # noqa: E402
from infra.move_index.server import QdrantServerMoveIndex  # noqa: E402
from schemas.move_indexed import Move  # noqa: E402
from tests.unit.move_scoring.builders import DIFFICULTIES, LEVELS, make_move  # noqa: E402

GOAL_MS = 2.0
EDGE_TURNS, LOCAL_TURNS = 500, 15
_KINDS = 40  # of cards; only embedding, tempo, difficulty and energy differ from move to move


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=20_000)
    size = parser.parse_args().moves
    with tempfile.TemporaryDirectory() as folder:
        edge = EdgeMoveIndex(Path(folder) / "edge")
        report("edge", edge, size, EDGE_TURNS)
        edge.close()
    warnings.filterwarnings("ignore", category=UserWarning)
    report("local_mode", QdrantServerMoveIndex("memory", client=QdrantClient(":memory:")), size, LOCAL_TURNS)


def report(name: str, index: MoveIndex, size: int, turns: int) -> None:
    """Fill the index, search it, and print what that took."""
    begun = time.perf_counter()
    for move in library(size):
        index.upsert(move)
    filled = time.perf_counter()
    index.flush()
    flushed = time.perf_counter()
    version_ms = _ms(index.version)
    wall, cpu = searches(index, turns)
    print(f"{name}: filled in {filled - begun:.1f} s, flushed in {flushed - filled:.1f} s, version {version_ms:.1f} ms")
    p50, p99 = (float(np.percentile(wall, share)) for share in (50, 99))
    print(f"{name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, CPU {cpu:.2f} ms a search; load {os.getloadavg()[0]:.1f}")
    if name == "edge":
        verdict = "met" if p99 < GOAL_MS else "missed"
        print(f"figure search_{size}_moves_edge_p99_ms = {p99:.2f} (goal {GOAL_MS:.1f}) {verdict}")
    else:
        print(f"figure search_{size}_moves_local_mode_p50_ms = {p50:.1f} (for comparison)")


def searches(index: MoveIndex, turns: int) -> tuple[list[float], float]:
    """Wall times in milliseconds of searches as scoring makes them, one tempo in six and two difficulties of three."""
    rng = np.random.default_rng(1)
    wall: list[float] = []
    begun = time.process_time()
    for _ in range(turns):
        vector, low = rng.normal(size=512).tolist(), float(rng.uniform(100, 142))
        before = time.perf_counter()
        index.search(vector=vector, tempo_bpm=(low, low + 8), difficulties=DIFFICULTIES[:2], limit=20)
        wall.append(1e3 * (time.perf_counter() - before))
    return wall, 1e3 * (time.process_time() - begun) / turns


def library(size: int) -> Iterator[Move]:
    """Moves with embeddings of their own."""
    cards = [make_move(number) for number in range(_KINDS)]
    rng = np.random.default_rng(0)
    for number in range(size):
        card, vector = cards[number % _KINDS], rng.normal(size=512)
        sha = hashlib.sha256(str(number).encode()).hexdigest()
        update = {
            "clip": card.clip.model_copy(update={"sha256": sha}),
            "difficulty": DIFFICULTIES[number % 3],
            "energy": LEVELS[number // 3 % 3],
            "tempo_bpm": round(float(rng.uniform(100, 150)), 2),
            "embedding": tuple((vector / np.linalg.norm(vector)).tolist()),
        }
        yield card.model_copy(update=update)


def _ms(call: object) -> float:
    assert callable(call)
    before = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - before)


if __name__ == "__main__":
    main()
