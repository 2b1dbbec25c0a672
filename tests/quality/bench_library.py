"""Measure the move index at several sizes: Qdrant Edge beside qdrant-client's local mode and plain numpy.

python -m tests.quality.bench_library [--sizes N ...]

A search filters as scoring does: a sixth of the tempo range and two difficulties of three, and returns ten moves. Each
row is measured in a process of its own. `CPU`: milliseconds of one search, of all threads. `recall`: the share of the
ten nearest moves, by comparison with all, that are found. `written`: moves per second. `MiB`: memory of the process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from qdrant_client import QdrantClient

from agents.arrays import Floats
from infra.base.memory import MIB
from infra.move_index import MoveIndex
from infra.move_index.edge import EdgeMoveIndex
from infra.move_index.server import QdrantServerMoveIndex
from schemas.move_indexed import Move
from tests.paths import PROJECT
from tests.quality.report import Goal, figure
from tests.unit.move_scoring.builders import DIFFICULTIES, LEVELS, make_move

_SIZES = (150, 2_000, 20_000, 100_000)
_SEARCHES = {"edge": 500, "local mode": 10, "numpy": 200}
_COLUMNS = ("p50 ms", "p99 ms", "CPU ms", "recall", "written", "MiB")
_HITS, _BATCH = 10, 256
_BASE_MOVES = 40  # only embedding, tempo, difficulty and energy differ from move to move
_TEMPO_WIDTH_BPM = 8.0


class Query(NamedTuple):
    """A search: a vector, the lowest tempo, and two difficulties."""

    vector: list[float]
    low_bpm: float

    @property
    def tempo_bpm(self) -> tuple[float, float]:
        return self.low_bpm, self.low_bpm + _TEMPO_WIDTH_BPM


Search = Callable[[Query], list[str]]


@dataclass(frozen=True)
class Row:
    """What was measured of one backend at one size."""

    p50_ms: float
    p99_ms: float
    cpu_ms: float
    recall: float
    written_per_s: float
    mib: float


class Exact:
    """All moves in arrays; every search compares all that pass the filters."""

    def __init__(self, moves: Iterator[Move]) -> None:
        rows = [
            (move.clip.sha256, move.tempo_bpm, move.difficulty, np.array(move.embedding, np.float32)) for move in moves
        ]
        clips, tempi, difficulties, vectors = zip(*rows, strict=True)
        self._clips, self._tempi = np.array(clips), np.array(tempi)
        self._allowed = np.isin(np.array(difficulties), DIFFICULTIES[:2])
        self._vectors = np.array(vectors)

    def search(self, query: Query) -> list[str]:
        """Return the clips of the nearest moves."""
        low, high = query.tempo_bpm
        passing = np.flatnonzero(self._allowed & (self._tempi >= low) & (self._tempi <= high))
        similarity = self._vectors[passing] @ _float32(query.vector)
        nearest = passing[np.argsort(-similarity)[:_HITS]]
        return [str(clip) for clip in self._clips[nearest]]


def main() -> None:
    """Print the table and the figures; or, with `--measure`, measure one row and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES)
    parser.add_argument("--measure", nargs=2, metavar=("BACKEND", "SIZE"))
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(asdict(_measured(arguments.measure[0], int(arguments.measure[1])))))
        return
    print(f"{'moves':>7} {'backend':10}" + "".join(f"{name:>9}" for name in _COLUMNS))
    rows = {size: {backend: _row(backend, size) for backend in _SEARCHES} for size in arguments.sizes}
    for size, by_backend in rows.items():
        edge = by_backend["edge"]
        if size == 20_000:
            figure("search_20000_moves_p99_ms", edge.p99_ms, Goal(2.0))
        figure(f"search_{size}_moves_recall_at_10", edge.recall, Goal(0.99, at_least=True), digits=4)
    print(f"load {os.getloadavg()[0]:.1f}")


def _row(backend: str, size: int) -> Row:
    command = [sys.executable, "-m", "tests.quality.bench_library", "--measure", backend, str(size)]
    ended = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, check=True)
    row = Row(**json.loads(ended.stdout.splitlines()[-1]))
    print(
        f"{size:7} {backend:10}{row.p50_ms:9.2f}{row.p99_ms:9.2f}{row.cpu_ms:9.2f}{row.recall:9.4f}"
        f"{row.written_per_s:9.0f}{row.mib:9.0f}",
        flush=True,
    )
    return row


def _measured(backend: str, size: int) -> Row:
    warnings.filterwarnings("ignore", category=UserWarning)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        search = _filled(backend, size, Path(folder))
        filled_s = time.perf_counter() - started
        queries = list(_queries(_SEARCHES[backend]))
        found, wall_ms, cpu_ms = _searches(search, queries)
        mib = _memory_mib()
        expected = list(map(Exact(library(size)).search, queries))
    hits = sum(len(set(one) & set(other)) for one, other in zip(found, expected, strict=True))
    p50, p99 = np.percentile(wall_ms, [50, 99])
    return Row(float(p50), float(p99), cpu_ms, hits / sum(map(len, expected)), size / filled_s, mib)


def _filled(backend: str, size: int, folder: Path) -> Search:
    if backend == "numpy":
        return Exact(library(size)).search
    index: MoveIndex
    index = (
        EdgeMoveIndex(folder)
        if backend == "edge"
        else QdrantServerMoveIndex("http://unused", client=QdrantClient(":memory:"))
    )
    moves = library(size)
    while batch := list(islice(moves, _BATCH)):
        index.upsert(*batch)
    index.flush()

    def search(query: Query) -> list[str]:
        hits = index.search(vector=query.vector, tempo_bpm=query.tempo_bpm, difficulties=DIFFICULTIES[:2], limit=_HITS)
        return [hit.move.clip.sha256 for hit in hits]

    return search


def _searches(search: Search, queries: list[Query]) -> tuple[list[list[str]], list[float], float]:
    """Return what the searches found, the wall time of each and the CPU time of one, milliseconds."""
    search(queries[0])  # opens what is opened on first use
    found, wall_ms = [], []
    cpu_s = time.process_time()
    for query in queries:
        before = time.perf_counter()
        found.append(search(query))
        wall_ms.append(1000 * (time.perf_counter() - before))
    return found, wall_ms, 1000 * (time.process_time() - cpu_s) / len(queries)


def _queries(count: int) -> Iterator[Query]:
    rng = np.random.default_rng(1)
    for _ in range(count):
        yield Query(rng.normal(size=512).tolist(), float(rng.uniform(100, 142)))


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


def _float32(values: Sequence[float]) -> Floats:
    return np.array(values, np.float32)


def _memory_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


if __name__ == "__main__":
    main()
