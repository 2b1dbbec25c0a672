"""Measure an index with generated moves, beside an exact search in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from infra.move_index.base import MoveIndex
from infra.move_index.config import VECTOR_SIZE
from schemas.base import MediaFacts
from schemas.move_indexed import Dancers, Eight, Move

_DIFFICULTIES = ("beginner", "intermediate", "advanced")
_ENERGIES = ("low", "medium", "high")
_HITS = 10
_TEMPO_WIDTH_BPM = 12.0
_WRITTEN_TOGETHER = 128


@dataclass(frozen=True)
class Latencies:
    """Milliseconds of a search, at the median and for 99 % of all, and searches per second."""

    p50_ms: float
    p99_ms: float
    per_second: float


@dataclass(frozen=True)
class Measurement:
    """What was measured with `moves`: of the index, of numpy, and the share of numpy's hits that the index found."""

    moves: int
    searches: int
    writes_per_second: float
    index: Latencies
    exact: Latencies
    recall: float


@dataclass(frozen=True)
class _Query:
    vector: np.ndarray[tuple[int], np.dtype[np.float32]]
    low_bpm: float
    difficulties: tuple[str, ...]


def measure(index: MoveIndex, moves: int, searches: int, seed: int = 0) -> Measurement:
    """Fill an empty index with generated moves and search it: nearest ten in a tempo range with two difficulties."""
    generator = np.random.default_rng(seed)
    exact = _Exact(moves)
    seconds = sum(_written(index, exact, batch) for batch in _batches(moves, generator))
    writes_per_second = moves / (seconds + _duration_s(index.flush))
    queries = [_query(generator) for _ in range(searches)]
    index_latencies, found = _timed(lambda query: _search(index, query), queries)
    exact_latencies, expected = _timed(exact.search, queries)
    hits = sum(len(set(one) & set(other)) for one, other in zip(found, expected, strict=True))
    recall = hits / max(1, sum(map(len, expected)))
    return Measurement(moves, searches, writes_per_second, index_latencies, exact_latencies, recall)


def _batches(moves: int, generator: np.random.Generator) -> Iterator[list[Move]]:
    """Yield the moves in batches: a move takes 20 kB, and not all are in memory at once."""
    for start in range(0, moves, _WRITTEN_TOGETHER):
        yield [_generated(number, generator) for number in range(start, min(moves, start + _WRITTEN_TOGETHER))]


def _written(index: MoveIndex, exact: _Exact, batch: Sequence[Move]) -> float:
    """Store moves in both; return the seconds that the index took."""
    for move in batch:
        exact.add(move)
    return _duration_s(lambda: index.upsert(*batch))


def _duration_s(call: Callable[[], None]) -> float:
    started = perf_counter()
    call()
    return perf_counter() - started


def _search(index: MoveIndex, query: _Query) -> list[str]:
    hits = index.search(
        vector=query.vector.tolist(),
        tempo_bpm=(query.low_bpm, query.low_bpm + _TEMPO_WIDTH_BPM),
        difficulties=query.difficulties,
        limit=_HITS,
    )
    return [hit.move.name for hit in hits]


class _Exact:
    """The moves in arrays, 2 kB each; every search compares all of them."""

    def __init__(self, moves: int) -> None:
        self._names: list[str] = []
        self._tempos = np.empty(moves)
        self._difficulties = np.empty(moves, f"<U{max(map(len, _DIFFICULTIES))}")
        self._vectors = np.empty((moves, VECTOR_SIZE), np.float32)

    def add(self, move: Move) -> None:
        """Add a move."""
        number = len(self._names)
        self._names.append(move.name)
        self._tempos[number], self._difficulties[number] = move.tempo_bpm, move.difficulty
        self._vectors[number] = move.embedding

    def search(self, query: _Query) -> list[str]:
        in_range = (self._tempos >= query.low_bpm) & (self._tempos <= query.low_bpm + _TEMPO_WIDTH_BPM)
        passing = np.flatnonzero(in_range & np.isin(self._difficulties, query.difficulties))
        similarity = self._vectors[passing] @ query.vector
        return [self._names[number] for number in passing[np.argsort(-similarity)[:_HITS]]]


def _timed(search: Callable[[_Query], list[str]], queries: Sequence[_Query]) -> tuple[Latencies, list[list[str]]]:
    search(queries[0])  # opens what is opened on first use
    seconds, found = [], []
    for query in queries:
        started = perf_counter()
        found.append(search(query))
        seconds.append(perf_counter() - started)
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return Latencies(float(p50), float(p99), len(seconds) / sum(seconds)), found


def _query(generator: np.random.Generator) -> _Query:
    vector = generator.normal(size=VECTOR_SIZE).astype(np.float32)
    low = float(generator.uniform(100, 160 - _TEMPO_WIDTH_BPM))
    return _Query(vector / np.linalg.norm(vector), low, _DIFFICULTIES[:2])


def _generated(number: int, generator: np.random.Generator) -> Move:
    vector = generator.normal(size=VECTOR_SIZE)
    beats = tuple(round(0.5 * beat, 3) for beat in range(9))
    clip = MediaFacts(
        sha256=hashlib.sha256(f"generated {number}".encode()).hexdigest(),
        size_bytes=1,
        kind="video",
        format="mp4",
        codec="h264",
        duration_s=4.5,
        fps=30.0,
    )
    return Move.model_construct(
        clip=clip,
        name=f"generated {number}",
        move="generated",
        category="generated",
        difficulty=_DIFFICULTIES[number % 3],
        energy=_ENERGIES[number // 3 % 3],
        tempo_bpm=float(generator.uniform(100, 160)),
        beats=beats,
        counts=tuple(beat % 8 + 1 for beat in range(9)),
        eights=(Eight(start_beat=0),),
        dancers=Dancers(one=1.0, both=1.0),
        embedding=tuple(float(value) for value in vector / np.linalg.norm(vector)),
    )
