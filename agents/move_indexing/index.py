"""A submitted clip goes in; the move that the library keeps comes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePath

from agents.media.submitted import accept
from agents.move_indexing.clip_beats import ClipBeats, clip_beats_of
from agents.move_indexing.dancers.dance import Dance, analyze_dance
from agents.move_indexing.dancers.detection_cache import ClipDetections, cached_detections
from agents.move_indexing.eights import eights
from agents.move_indexing.indexed_move import IndexedMove
from agents.move_indexing.inputs import IndexingInput
from agents.move_indexing.motion.embedding import VERSION as EMBEDDING_VERSION
from agents.move_indexing.motion.embedding import embed
from agents.move_indexing.motion.estimate_level import difficulty, energy_level
from agents.move_indexing.motion.summary import motion
from agents.step import Tools, part
from schemas.base import MediaFacts, Quality
from schemas.move_submitted import MoveAnnotation

_USUAL_QUALITY: Quality = "balanced"
_WATCHED = 0.6
_FEW_COUPLES = 0.3


def index(clip: IndexingInput, tools: Tools) -> IndexedMove:
    """Watch and hear a clip, and make its mezzanine for the usual quality.

    Raises `Poison`: what intake refuses, `nobody`, `no_tempo`; `Retryable`: `no_model`.
    """
    from agents.media import mezzanine

    report = tools.report
    facts = accept(clip.file, tools, "video")
    path = tools.media.path(facts.sha256)
    dance = analyze_dance(_seen(path, facts, clip.quality, tools, part(report, 0.0, _WATCHED)).moments)
    grid = clip_beats_of(path, facts, clip.annotation)
    move = _move(clip, facts, grid, dance)
    encoded = part(report, _WATCHED, 1.0)
    mezzanine.ensure(path, facts.sha256, move.beats, _USUAL_QUALITY, tools.cache_dir, report=encoded)
    return move


def _seen(
    path: Path, clip: MediaFacts, quality: Quality, tools: Tools, report: Callable[[float], None]
) -> ClipDetections:
    return cached_detections(
        path, clip.sha256, quality, tools.pose_model, tools.cache_dir, report=report, duration_s=clip.duration_s
    )


def _move(clip: IndexingInput, facts: MediaFacts, grid: ClipBeats, dance: Dance) -> IndexedMove:
    annotation = clip.annotation or MoveAnnotation(move=move_name(clip.clip))
    found = eights(grid.beats, grid.counts, dance.lead, dance.follow)
    return IndexedMove(
        clip=facts,
        name=clip.clip,
        move=annotation.move,
        category=annotation.category or annotation.move,
        difficulty=annotation.difficulty or difficulty(dance, grid.tempo_bpm),
        energy=annotation.energy or energy_level(dance),
        tempo_bpm=grid.tempo_bpm,
        beats=grid.beats,
        counts=grid.counts,
        eights=found,
        dancers=dance.dancers,
        motion=motion(dance, grid.tempo_bpm),
        embedding=embed(dance, grid.tempo_bpm, grid.audio),
        embedding_version=EMBEDDING_VERSION,
        warnings=(*grid.warnings, *_warnings(dance, grid, [eight.start_beat for eight in found])),
    )


def move_name(clip: str) -> str:
    """A move's name from its clip's: `basic_step_2` and `moves/basic_step.mp4` are both a `basic_step`."""
    stem = PurePath(clip).stem
    return re.sub(r"_\d+$", "", stem) or stem or clip


def _warnings(dance: Dance, grid: ClipBeats, starts: list[int]) -> list[str]:
    warnings = []
    if dance.dancers.both < _FEW_COUPLES:
        warnings.append(f"both dancers are seen in only {dance.dancers.both:.0%} of its frames")
    if not starts:
        warnings.append("it has fewer than nine beats, so no whole eight: no choreography can use it")
    elif grid.counts[starts[0]] != 1:
        warnings.append("it has no whole eight from a count 1: its eights begin elsewhere")
    return warnings
