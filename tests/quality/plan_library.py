"""The songs and clips of which plans are measured: analyzed and indexed once, and kept from one run to the next."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from agents.audio_analysis.agent import STEP as ANALYSIS
from agents.audio_analysis.analysis import analyze_music
from agents.couples.couples import places
from agents.dance.rules import Rules
from agents.move_indexing.agent import STEP as INDEXING
from agents.move_scoring.inputs import ScoringInput
from agents.move_scoring.phrases import cut_phrases
from agents.move_scoring.score import score
from agents.playable import usable_eights
from infra.base.atomic_file import sha256_of
from infra.move_index import MoveIndex
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Model, Options
from schemas.move_indexed import Move
from schemas.moves_scored import Candidate, MoveFit, Phrase, Scores
from streams.files.annotations import Annotations, annotation_file
from tests.paths import DEMO, SHARED
from tests.quality.seam_clips import SeamClip
from tests.unit.move_scoring.builders import make_index

MOTION_VALUES = 384  # of an embedding, before those of the sound
_Result = TypeVar("_Result", bound=Model)


@dataclass(frozen=True)
class Collection:
    """Songs and clips that belong together. `songs`: by name; `paths`: of the clips, by sha256."""

    name: str
    songs: dict[str, AudioAnalysis]
    moves: tuple[Move, ...]
    paths: dict[str, Path]

    @cached_property
    def index(self) -> MoveIndex:
        """Return a move index in memory with these moves."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Payload indexes have no effect")  # in memory, all are searched
            return make_index(self.moves)

    def chosen(self, analysis: AudioAnalysis, options: Options, rules: Rules) -> Scores:
        """Return what scoring chooses: as many moves for each phrase as the quality says."""
        asked = ScoringInput(
            analysis=analysis,
            options=options.for_dance(),
            quality=options.quality,
            library_version=self.index.version(),
        )
        return score(asked, self.index, lambda sha256: True, rules=rules)

    def scores(self, analysis: AudioAnalysis) -> Scores:
        """Return scores in which every usable move is a candidate for every phrase."""
        usable = [move for move in self.moves if usable_eights(move)]
        groups = places(self.moves)
        candidates = tuple(Candidate(clip_sha256=move.clip.sha256, score=0.0, terms={}) for move in usable)
        return Scores(
            library_version="quality",
            phrases=tuple(
                Phrase(
                    start_beat=span.start_beat,
                    end_beat=span.end_beat,
                    energy=min(1.0, max(0.0, span.energy)),
                    section=span.section,
                    candidates=candidates,
                )
                for span in cut_phrases(analysis)
            ),
            moves={move.clip.sha256: move.summary() for move in usable},
            fits={
                move.clip.sha256: MoveFit(
                    fit=_similarity(move, analysis),
                    couple=groups[move.clip.sha256].couple,
                    room=groups[move.clip.sha256].room,
                )
                for move in usable
            },
        )


def demo_collection(cache: Path) -> Collection:
    """Return the songs and clips of the demo set."""
    return _collection("demo", DEMO / "songs", DEMO / "clips", DEMO, cache)


def shared_collection(folder: Path | None, cache: Path) -> Collection | None:
    """Return the shared songs and clips, or those in `folder`/songs and `folder`/clips; None where there are none."""
    folder = folder or SHARED
    if not (folder / "songs").is_dir() or not (folder / "clips").is_dir():
        print(f"skipped: shared songs and clips: {folder} has no folders songs and clips")
        return None
    return _collection("shared", folder / "songs", folder / "clips", folder / "clips", cache)


def _collection(name: str, songs: Path, clips: Path, annotated: Path, cache: Path) -> Collection:
    annotations = Annotations(annotation_file(annotated))
    moves, paths = [], {}
    for path in sorted(clips.rglob("*.mp4")):
        move = _indexed(SeamClip(path, cache))
        if move is None:
            continue
        entry = annotations.of([path], move.clip.sha256)
        moves.append(move.annotated(entry.annotation(None)) if entry else move)
        paths[move.clip.sha256] = path
    found = {path.stem: _analyzed(path, cache) for path in sorted(songs.glob("*.mp3"))}
    return Collection(name, found, tuple(moves), paths)


def _indexed(clip: SeamClip) -> Move | None:
    refused = _kept_path(clip.path, INDEXING.version, clip.cache).with_suffix(".refused")
    if refused.is_file():
        print(f"{clip.name} is refused: {refused.read_text(encoding='utf-8')}")
        return None
    try:
        return _kept(clip.path, INDEXING.version, clip.cache, Move, lambda: _move(clip))
    except _RefusedError as error:
        refused.write_text(str(error), encoding="utf-8")
        return None


class _RefusedError(Exception):
    """Indexing refuses a clip."""


def _move(clip: SeamClip) -> Move:
    if clip.move is None:
        raise _RefusedError("see the first run with this cache")
    return Move.model_construct(**{name: getattr(clip.move, name) for name in Move.model_fields})


def _analyzed(path: Path, cache: Path) -> AudioAnalysis:
    return _kept(path, ANALYSIS.version, cache, AudioAnalysis, lambda: analyze_music(path, finds_ends=True))


def _kept(path: Path, version: str, cache: Path, kind: type[_Result], make: Callable[[], _Result]) -> _Result:
    """Return the result of a file that is kept in the cache, or else make it and keep it."""
    file = _kept_path(path, version, cache)
    if not file.is_file():
        print(f"analyzing {path.name}", file=sys.stderr, flush=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        result = make()
        file.write_text(result.model_dump_json(), encoding="utf-8")
    return kind.model_validate_json(file.read_text(encoding="utf-8"))


def _kept_path(path: Path, version: str, cache: Path) -> Path:
    return cache / "plans" / f"{sha256_of(path)}-{version}.json"


def _similarity(move: Move, analysis: AudioAnalysis) -> float:
    """Return the cosine of the sounds of a move and of a song, 0 where it is below."""
    audio = np.array(move.embedding[MOTION_VALUES:])
    norm = float(np.linalg.norm(audio))
    return float(np.clip(audio @ np.array(analysis.embedding) / norm, 0.0, 1.0)) if norm else 0.0
