"""Recommend moves for songs, by the rules of the dance; what is computed is remembered from one call to the next.

```python
engine = OptimizedRecommendationEngine(OptimizationConfig())
scores = engine.recommend_moves_optimized(RecommendationRequest(analysis=analysis), moves, top_k=10)
```
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from threading import Lock
from time import perf_counter
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from pydantic import ConfigDict, Field, ValidationError

from agents.arrays import Bools, Floats
from agents.blas import one_blas_thread
from agents.dance.changes import MusicChange, broken_gates
from agents.dance.danced_music import danced_music
from agents.dance.music import Request, SlotMusic
from agents.dance.rules import BROKEN_GATE, Rules, default_rules
from agents.dance.slot_faults import amounts_in_slots, cost_blocks, cost_in_slots
from agents.move_scoring.allowed import allowed_in
from agents.move_scoring.candidates import as_whole_eight
from agents.move_scoring.known_library import KnownLibrary, LibraryMemory
from agents.move_scoring.phrases import Span, cut_phrases
from agents.move_scoring.song_candidates import SongCandidates, song_candidates
from agents.playable import EIGHT
from agents.step import Library
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import DanceOptions, Model, Options, Sha256
from schemas.faults import Poison
from schemas.move_indexed import Move

_MAX_REMEMBERED: Final = 64  # requests whose ratings are remembered: 80 kB each for 10,000 moves
_DIGITS = 4


class OptimizationConfig(Model):
    """How recommendations are computed; the scores are the same with each, but for the last two fields.

    Raises: `Poison` (`settings`) for a value that is not valid.

    `enable_embedding_cache`: remember the moves of the last call as arrays, and build only those again that changed.
    `enable_similarity_cache`: remember how well these moves fit the songs of the last 64 requests, as long as they are
    remembered and none of them changes.
    `enable_precomputed_matrices`: remember how well each eight of a library of up to 600 eights follows each other one.
    `batch_size`: songs of a batch that are rated at once. `max_workers`: threads that rate parts of a batch.
    `fast_mode`: rate one phrase of each section of a song, in place of all.
    `similarity_threshold`: moves whose sound fits the song less, 0-1, come after all others.
    """

    model_config = ConfigDict(extra="forbid")

    enable_embedding_cache: bool = True
    enable_similarity_cache: bool = True
    enable_precomputed_matrices: bool = True
    batch_size: int = Field(default=32, ge=1, le=10_000)
    max_workers: int = Field(default=4, ge=1, le=64)
    fast_mode: bool = False
    similarity_threshold: float = Field(default=0.1, ge=0, le=1)

    def __init__(self, **values: Any) -> None:
        """Check the values. Raises: `Poison` (`settings`)."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            where = ".".join(map(str, fault["loc"]))
            raise Poison(f"OptimizationConfig: {where}: {fault['msg']}", reason="settings") from error


class RecommendationRequest(Model):
    """A song for which moves are recommended.

    `phrase`: only for this one of the dance, from 1; else for all of it. `after`: the clip of a move, one of the
    candidates, that is danced before: moves that continue its end are better.
    """

    analysis: AudioAnalysis
    options: Options = Options()
    phrase: int | None = Field(default=None, ge=1)
    after: Sha256 | None = None


@dataclass(frozen=True)
class BatchRecommendationRequest:
    """Several requests with the same candidates."""

    requests: Sequence[RecommendationRequest]
    move_candidates: Sequence[Move]
    top_k: int = 10


class MoveScore(NamedTuple):
    """A recommended move.

    `score`: minus the points that it loses in an eight of the music, in the mean: the sum of `terms`, by rule.
    `similarity`: of its sound to the song's, 0-1. `broken`: the rules that a cut from the move before must not break.
    """

    move: Move
    score: float
    terms: dict[str, float]
    similarity: float
    broken: tuple[str, ...] = ()


@dataclass
class EngineMetrics:
    """What an engine has done.

    `requests`: songs for which moves were recommended, or candidates found. `similarity_hits`: those whose ratings were
    remembered. `built`, `remembered`: moves, in each call. `rated`: moves, for each song.
    """

    calls: int = 0
    requests: int = 0
    similarity_hits: int = 0
    built: int = 0
    remembered: int = 0
    rated: int = 0
    seconds: float = 0.0

    @property
    def requests_per_s(self) -> float:
        """Return the throughput."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def embedding_hit_rate(self) -> float:
        """Return the share of moves that did not have to be built."""
        return self.remembered / max(1, self.remembered + self.built)


class OptimizedRecommendationEngine:
    """Recommends moves. It may be called from several threads."""

    def __init__(self, config: OptimizationConfig | None = None, rules: Rules | None = None) -> None:
        self.config = config or OptimizationConfig()
        self.metrics = EngineMetrics()
        self._rules = rules or default_rules()
        self._memory = self._new_memory()
        self._ratings: OrderedDict[object, _Rating] = OrderedDict()
        self._rated: KnownLibrary | None = None
        self._lock = Lock()

    def recommend_moves_optimized(
        self, request: RecommendationRequest, move_candidates: Sequence[Move], top_k: int = 10
    ) -> list[MoveScore]:
        """Return the best of the candidates for a song, the best first.

        Moves without an eight that can be shown, too difficult ones and banned ones are left out.
        Raises: `Poison` for a song without beats (`no_beats`), and a phrase or a clip that is not there
        (`invalid_query`).
        """
        return self.batch_recommend_moves(BatchRecommendationRequest([request], move_candidates, top_k))[0]

    @one_blas_thread()
    def batch_recommend_moves(self, batch_request: BatchRecommendationRequest) -> list[list[MoveScore]]:
        """Return for each request what `recommend_moves_optimized` returns."""
        started = perf_counter()
        moves = {move.clip.sha256: move for move in batch_request.move_candidates}
        known = self._known(moves)
        size = self.config.batch_size
        requests = batch_request.requests
        groups = [requests[start : start + size] for start in range(0, len(requests), size)]
        if len(groups) > 1:
            with ThreadPoolExecutor(min(self.config.max_workers, len(groups))) as threads:
                rated = list(threads.map(lambda group: self._rating(group, known), groups))
        else:
            rated = [self._rating(group, known) for group in groups]
        scores = [
            self._scores(request, rating, known, moves, batch_request.top_k)
            for group, ratings in zip(groups, rated, strict=True)
            for request, rating in zip(group, ratings, strict=True)
        ]
        self._count(calls=1, requests=len(requests), seconds=perf_counter() - started)
        return scores

    def of_library(self, library: Library, rules: Rules | None = None) -> KnownLibrary:
        """Return what is known of an open library, up to date. `rules`: in place of the engine's own."""
        started = perf_counter()
        known = self._counted(self._memory, library.digests(), library.read, rules or self._rules)
        self._count(seconds=perf_counter() - started)
        return known

    def candidates(  # noqa: PLR0913, PLR0917
        self,
        analysis: AudioAnalysis,
        options: DanceOptions,
        spans: Sequence[Span],
        known: KnownLibrary,
        number: int,
        missing: frozenset[str] = frozenset(),
    ) -> SongCandidates:
        """Return the moves of a library of which a dance to a song can be made, for each phrase."""
        started = perf_counter()
        found = song_candidates(analysis, options, spans, known, number, missing, fast=self.config.fast_mode)
        rated = len(known.arrays().clips)
        self._count(calls=1, requests=1, rated=rated, seconds=perf_counter() - started)
        return found

    def _new_memory(self) -> LibraryMemory:
        return LibraryMemory(keep_matrices=self.config.enable_precomputed_matrices)

    def _known(self, moves: Mapping[str, Move]) -> KnownLibrary:
        memory = self._memory if self.config.enable_embedding_cache else self._new_memory()
        known = self._counted(memory, moves, lambda clips: [moves[clip] for clip in clips], self._rules)
        with self._lock:
            if known is not self._rated:
                self._ratings.clear()
                self._rated = known
        return known

    def _counted(
        self,
        memory: LibraryMemory,
        versions: Mapping[str, object],
        read: Callable[[Sequence[str]], Sequence[Move]],
        rules: Rules,
    ) -> KnownLibrary:
        """Return what is known of a library, and count the moves that were built and remembered."""
        built: list[str] = []

        def counted(clips: Sequence[str]) -> Sequence[Move]:
            built.extend(clips)
            return read(clips)

        known = memory.known(versions, counted, rules)
        self._count(built=len(built), remembered=len(versions) - len(built))
        return known

    def _rating(self, requests: Sequence[RecommendationRequest], known: KnownLibrary) -> list[_Rating]:
        """Return the ratings of requests, those that are new all at once."""
        keys = [_key(request) for request in requests]
        with self._lock:
            found = {key: self._ratings[key] for key in keys if key in self._ratings}
        new = {key: request for key, request in zip(keys, requests, strict=True) if key not in found}
        self._count(similarity_hits=len(requests) - len(new))
        found |= dict(zip(new, self._rate(list(new.values()), known), strict=True))
        if self.config.enable_similarity_cache:
            with self._lock:
                if known is self._rated:
                    self._ratings |= found
                for key in keys:
                    if key in self._ratings:
                        self._ratings.move_to_end(key)
                while len(self._ratings) > _MAX_REMEMBERED:
                    self._ratings.popitem(last=False)
        return [found[key] for key in keys]

    def _rate(self, requests: Sequence[RecommendationRequest], known: KnownLibrary) -> list[_Rating]:
        songs = [_Song.of(request, known, fast=self.config.fast_mode) for request in requests]
        self._count(rated=len(songs) * len(known.arrays().clips))
        costs = _costs_of_clips(songs, known)
        return [_Rating(song, np.where(song.allowed, cost, np.inf)) for song, cost in zip(songs, costs, strict=True)]

    def _scores(
        self,
        request: RecommendationRequest,
        rating: _Rating,
        known: KnownLibrary,
        moves: Mapping[str, Move],
        top_k: int,
    ) -> list[MoveScore]:
        arrays = known.arrays()
        seams = _Seams.after(request.after, known, rating.song) if request.after else None
        totals = rating.costs + (seams.costs if seams else 0.0)
        near = rating.song.fits >= self.config.similarity_threshold
        order = np.lexsort((np.arange(len(totals)), totals, ~near))
        clips = [int(clip) for clip in order if np.isfinite(totals[clip])][:top_k]
        return [
            _score(moves[arrays.clips[clip]], rating, seams, clip, terms)
            for clip, terms in zip(clips, rating.terms_of(clips, known), strict=True)
        ]

    def _count(self, **more: float) -> None:
        with self._lock:
            for name, value in more.items():
                setattr(self.metrics, name, getattr(self.metrics, name) + value)


def _key(request: RecommendationRequest) -> object:
    """Return what the rating of a request depends on."""
    options = request.options.for_dance().model_copy(update={"seed": 0, "alternative": 0})
    return request.analysis, options.model_dump_json(), request.phrase


@dataclass(frozen=True)
class _Song:
    """The music of a request: slots, each with its weight among all, and its fit to each clip."""

    request: Request
    music: tuple[SlotMusic, ...]
    weights: Floats
    fits: Floats
    allowed: Bools

    @classmethod
    def of(cls, request: RecommendationRequest, known: KnownLibrary, *, fast: bool) -> _Song:
        of_song = Request.of(request.options, known.rules)
        music = danced_music(request.analysis, cut_phrases(request.analysis), of_song).music
        if request.phrase is not None:
            music = tuple(slot for slot in music if slot.phrase == request.phrase)
            if not music:
                raise Poison(f"the dance has no phrase {request.phrase}", reason="invalid_query")
        arrays = known.arrays()
        every = np.ones(len(arrays.clips), bool)
        allowed = allowed_in(music, arrays, every, of_song).clips
        music, weights = _one_of_each_section(music) if fast else (music, np.ones(len(music)))
        return cls(
            request=of_song,
            music=tuple(as_whole_eight(slot) for slot in music),
            weights=weights / weights.sum(),
            fits=arrays.fits_to(request.analysis.embedding).astype(float),
            allowed=np.asarray(allowed.any(axis=0)),
        )


def _one_of_each_section(music: Sequence[SlotMusic]) -> tuple[tuple[SlotMusic, ...], Floats]:
    """Return the middle slot of each section, and how many slots it is for."""
    sections = defaultdict[int, list[SlotMusic]](list)
    for slot in music:
        sections[slot.section].append(slot)
    middle = tuple(slots[len(slots) // 2] for slots in sections.values())
    return middle, np.array([float(len(slots)) for slots in sections.values()])


@dataclass(frozen=True)
class _Rating:
    """What each clip costs in a song, in the mean of its slots, infinite where it may not be danced."""

    song: _Song
    costs: Floats

    def terms_of(self, clips: Sequence[int], known: KnownLibrary) -> Iterator[dict[str, float]]:
        """Yield minus the points of clips by rule, in the mean of the slots."""
        if not clips:
            return
        arrays = known.arrays()
        parts = arrays.parts.rows(np.concatenate([arrays.rows_of(clip) for clip in clips]))
        parts = replace(parts, fit=self.song.fits[parts.clip])
        amounts = amounts_in_slots(self.song.music, parts, self.song.request)
        points = {name: self.song.request.rules.points(name) * amount for name, amount in amounts.items()}
        total = cost_in_slots(self.song.music, parts, self.song.request)
        slots = np.arange(len(self.song.music))
        for clip in clips:
            columns = np.flatnonzero(parts.clip == clip)
            best = columns[total[:, columns].argmin(axis=1)]
            yield {name: -float(self.song.weights @ values[slots, best]) for name, values in points.items()}


def _costs_of_clips(songs: Sequence[_Song], known: KnownLibrary) -> list[Floats]:
    """Return what each clip costs in each of some songs, (clips,); slots of songs with the same request at once."""
    arrays = known.arrays()
    if not arrays.clips:
        return [np.zeros(0) for _ in songs]
    fits_all = replace(arrays.parts, fit=np.ones(len(arrays.parts.parts)))
    costs: list[Floats] = [np.zeros(len(arrays.clips)) for _ in songs]
    for request, numbers in _by_request(songs):
        slots = [
            (n, slot, weight) for n in numbers for slot, weight in zip(songs[n].music, songs[n].weights, strict=True)
        ]
        blocks = cost_blocks([slot for _, slot, _ in slots], fits_all, request)
        least = chain.from_iterable(map(arrays.least_of_clips, blocks))
        for (n, slot, weight), of_slot in zip(slots, least, strict=True):
            unfit = request.rules.points("fit") * slot.beats / EIGHT * (1.0 - songs[n].fits)
            costs[n] += weight * (of_slot + unfit)
    return costs


def _by_request(songs: Sequence[_Song]) -> Iterable[tuple[Request, list[int]]]:
    """Return the numbers of the songs whose slots cost the same for the same movement."""
    numbers: dict[object, list[int]] = {}
    for n, song in enumerate(songs):
        request = song.request
        rules = tuple(sorted((name, change.model_dump_json()) for name, change in request.options.rules.items()))
        numbers.setdefault((request.level, request.style, request.role, rules), []).append(n)
    return [(songs[some[0]].request, some) for some in numbers.values()]


@dataclass(frozen=True)
class _Seams:
    """What a cut from a clip costs to each other one, by rule, (clips,), and which gates it breaks."""

    costs: Floats
    points: Mapping[str, Floats]
    broken: Mapping[str, Bools]

    @classmethod
    def after(cls, clip: str, known: KnownLibrary, song: _Song) -> _Seams:
        """Return the seams from the end of a clip's last eight."""
        arrays, request = known.arrays(), song.request
        if clip not in arrays.versions:
            raise Poison(f"the clip '{clip}' is not one of the candidates, or has no eight", reason="invalid_query")
        last = arrays.rows_of(arrays.row_of(clip))[-1]
        amounts = {name: values[0] for name, values in known.seams.after(int(last), request.rules).items()}
        inside = replace(song.music[0], starts_section=False)
        gates = broken_gates(amounts, MusicChange.between(inside, inside), request)
        points = {name: request.rules.points(name) * values for name, values in amounts.items()}
        total = sum(points.values(), np.zeros(len(arrays.parts.parts)))
        costs = total + BROKEN_GATE * sum(gates.values(), np.zeros(len(total)))
        every = [arrays.rows_of(clip) for clip in range(len(arrays.clips))]
        best = np.array([rows[costs[rows].argmin()] for rows in every], np.int64)
        return cls(
            costs[best],
            {name: values[best] for name, values in points.items()},
            {name: values[best] for name, values in gates.items()},
        )


def _score(move: Move, rating: _Rating, seams: _Seams | None, clip: int, terms: dict[str, float]) -> MoveScore:
    if seams:
        for name, points in seams.points.items():
            terms[name] = terms.get(name, 0.0) - float(points[clip])
    rounded = {name: round(value, _DIGITS) for name, value in sorted(terms.items()) if round(value, _DIGITS)}
    broken = tuple(sorted(name for name, values in seams.broken.items() if values[clip])) if seams else ()
    return MoveScore(
        move, round(sum(rounded.values()), _DIGITS), rounded, round(float(rating.song.fits[clip]), _DIGITS), broken
    )


_ENGINES: WeakKeyDictionary[Library, OptimizedRecommendationEngine] = WeakKeyDictionary()
_ENGINES_LOCK = Lock()


def engine_of(library: Library) -> OptimizedRecommendationEngine:
    """Return the engine that remembers an open library, as long as the library is open."""
    with _ENGINES_LOCK:
        return _ENGINES.setdefault(library, OptimizedRecommendationEngine())
