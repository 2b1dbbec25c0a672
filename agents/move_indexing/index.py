"""Index a submitted clip: return the move that the library stores."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from agents.media.stated_length import lost_warnings
from agents.media.submitted import accept
from agents.move_indexing.boundaries.of_clip import clip_boundaries, with_contents
from agents.move_indexing.boundaries.tracked_couple import TrackedCouple
from agents.move_indexing.clip_beats import ClipBeats, clip_beats_of
from agents.move_indexing.clip_counts import counted
from agents.move_indexing.dancers.dance import Dance, analyze_dance
from agents.move_indexing.dancers.detection_cache import ClipDetections, cached_detections
from agents.move_indexing.dancers.pose_quality import PoseQuality
from agents.move_indexing.eights import eights
from agents.move_indexing.indexed_move import IndexedMove
from agents.move_indexing.inputs import IndexingInput
from agents.move_indexing.look import beats_to_look_at, look_of
from agents.move_indexing.motion.embedding import embed
from agents.move_indexing.motion.estimate_level import difficulty, energy_level
from agents.move_indexing.motion.summary import motion
from agents.move_indexing.motion.version import VERSION as EMBEDDING_VERSION
from agents.move_indexing.presence import absence_warnings, eights_with_dancers, hole_warnings, presence
from agents.playable import COUNT_SURE, runs_in
from agents.step import Tools, sub_progress
from schemas.base import MediaFacts, Quality, joined_warnings
from schemas.faults import Poison
from schemas.look import Look
from schemas.move_indexed import Eight, Window

if TYPE_CHECKING:
    from agents.media.mezzanine import Mezzanine

_DEFAULT_QUALITY: Quality = "balanced"
_DOWNLOAD_SHARE_OF_PROGRESS = 0.1  # of a clip at a URL
_DETECTION_END = 0.6  # of the progress
_MIN_COUPLE_SHARE_WITHOUT_WARNING = 0.3  # of the sampled frames


def index(clip: IndexingInput, tools: Tools) -> IndexedMove:
    """Return the move of a clip, from its pictures and its sound, and encode its mezzanine in the default quality.

    Raises: as `accept`; `Poison`: `nobody`, `no_tempo`, `no_whole_eight`; `Retryable`: `no_model`.
    """
    from agents.audio_analysis.music_track import music_track
    from agents.media import mezzanine

    report = tools.report
    start = 0.0 if clip.file.url is None else _DOWNLOAD_SHARE_OF_PROGRESS
    accepting = replace(tools, report=sub_progress(report, 0.0, start))
    facts = accept(clip.file, accepting, "video", music_track).facts()
    path = tools.media.path(facts.sha256)
    detection_progress = sub_progress(report, start, _DETECTION_END)
    encoding_progress = sub_progress(report, _DETECTION_END, 1.0)
    detections = _detections(path, facts, clip.pose, tools, detection_progress)
    dance = analyze_dance(detections.frames)
    detected_beats = clip_beats_of(path, facts, clip.tempo_bpm, detections.windows)
    clip_beats = counted(detected_beats, dance, detections.windows, clip.first_one_s)
    move = _move(clip, facts, clip_beats, dance, detections)
    made = mezzanine.ensure(path, facts.sha256, move.beats, _DEFAULT_QUALITY, tools.cache_dir, report=encoding_progress)
    return move.model_copy(update={"look": _look(dance, detections, made)})


def _detections(
    path: Path, clip: MediaFacts, pose: PoseQuality, tools: Tools, report: Callable[[float], None]
) -> ClipDetections:
    return cached_detections(
        path, clip.sha256, pose, tools.pose_model, tools.cache_dir, report=report, duration_s=clip.duration_s
    )


def _look(dance: Dance, detections: ClipDetections, made: Mezzanine) -> Look:
    from agents.media.beat_pictures import beat_pictures

    pictures = beat_pictures(made, beats_to_look_at(made.beats), detections.size)
    return look_of(dance, detections, pictures)


def _move(
    clip: IndexingInput, facts: MediaFacts, clip_beats: ClipBeats, dance: Dance, detections: ClipDetections
) -> IndexedMove:
    name, windows = move_name(clip.clip), detections.windows
    whole_eights = _whole_eights(facts, clip_beats, dance, windows)
    usable_eights = eights_with_dancers(whole_eights)
    couple = TrackedCouple.of(dance.lead, dance.follow, detections.size)
    return IndexedMove(
        clip=facts,
        name=clip.clip,
        move=name,
        category=name,
        difficulty=difficulty(dance, clip_beats.tempo_bpm),
        energy=energy_level(dance),
        tempo_bpm=clip_beats.tempo_bpm,
        beats=clip_beats.beats,
        counts=clip_beats.counts,
        eights=with_contents(couple, clip_beats.beats, usable_eights),
        windows=windows,
        count_confidence=clip_beats.count_confidence,
        boundaries=clip_boundaries(couple, clip_beats, usable_eights),
        dancers=dance.dancers,
        motion=motion(dance, clip_beats.tempo_bpm),
        embedding=embed(dance, clip_beats.tempo_bpm, clip_beats.audio),
        embedding_version=EMBEDDING_VERSION,
        warnings=joined_warnings(
            lost_warnings(facts),
            clip_beats.warnings,
            hole_warnings(windows),
            absence_warnings(windows, presence(dance.lead, dance.follow), whole_eights, usable_eights),
            _warnings(clip, dance, clip_beats, usable_eights),
        ),
    )


def _whole_eights(
    facts: MediaFacts, clip_beats: ClipBeats, dance: Dance, windows: Sequence[Window]
) -> tuple[Eight, ...]:
    """Return all eights of a clip. Raises: `Poison` (`no_whole_eight`) where it has none."""
    runs = runs_in(windows, clip_beats.beats, facts.fps)
    whole_eights = eights(runs, clip_beats.counts, dance.lead, dance.follow)
    if not whole_eights:
        spans = " and ".join(f"from {window.start_s:.1f} to {window.end_s:.1f} s" for window in windows[:3])
        raise Poison(
            f"it has no whole eight: its pictures, {spans or 'never a second without a hole'}, are too short for nine "
            f"beats at {clip_beats.tempo_bpm:.0f} bpm; give a longer clip",
            reason="no_whole_eight",
        )
    return whole_eights


def move_name(clip: str) -> str:
    """Return a move's name from its clip's: `basic_step_2` and `moves/basic_step.mp4` both give `basic_step`."""
    stem = PurePath(clip).stem
    return re.sub(r"_\d+$", "", stem) or stem or clip


def _warnings(
    clip: IndexingInput, dance: Dance, clip_beats: ClipBeats, usable_eights: Sequence[Eight]
) -> Iterator[str]:
    if dance.dancers.both < _MIN_COUPLE_SHARE_WITHOUT_WARNING:
        yield f"both dancers are detected in only {dance.dancers.both:.0%} of the frames"
    if clip_beats.count_confidence < COUNT_SURE:
        edit = f"bachata moves edit {shlex.quote(clip.clip)} --first-one SECONDS"
        yield f"which beats are 1 and 5 is unsure: annotate one, `{edit}`"
    if clip_beats.counts[usable_eights[0].start_beat] != 1:
        yield "the clip has no whole eight that begins on a count 1: its eights begin on other counts"
