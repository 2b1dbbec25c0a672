"""Analyze a long recording: its music, its dancers, the parts that may be moves, and what each part shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from agents.audio_analysis.analysis import analyze_pieces
from agents.audio_analysis.music_track import music_track
from agents.media.probe import probe_recording
from agents.move_indexing.dancers.dance import Dance, analyze_dance
from agents.move_indexing.dancers.detection_cache import cached_detections
from agents.move_indexing.dancers.detections import FrameDetections
from agents.move_indexing.motion.embedding import embed
from agents.move_indexing.split.movement import movement_of
from agents.move_indexing.split.parts import MusicPiece, Part, counts_between, parts_of
from agents.move_indexing.steps.count import count_steps
from agents.move_indexing.steps.pattern import COUNTS, MIN_BEATS
from agents.playable import COUNT_SURE
from agents.step import Tools, sub_progress
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import MediaFacts, MediaRef, Quality
from schemas.faults import Poison

_SOUND_SHARE = 0.1  # of the progress


@dataclass(frozen=True)
class Analyzed:
    """A recording, its pieces of music and the detections in its sampled frames."""

    facts: MediaFacts
    music: tuple[AudioAnalysis, ...]
    frames: tuple[FrameDetections, ...]

    @cached_property
    def pieces(self) -> list[MusicPiece]:
        """Return the pieces of music as arrays, with the counts of the dancers' steps where they are sure."""
        return [self._counted(_piece(analysis)) for analysis in self.music]

    def parts(self) -> list[Part]:
        """Return the parts that may be moves, in order."""
        return parts_of(movement_of(self.frames), self.pieces) if len(self.frames) > 2 else []

    def part(self, start_s: float, end_s: float) -> Part:
        """Return a given part, danced to the piece of music that lasts for the most of it."""
        overlap_s = [min(end_s, piece.end_s) - max(start_s, piece.start_s) for piece in self.pieces]
        number = int(np.argmax(overlap_s))
        return Part(start_s, end_s, counts_between(start_s, end_s, self.pieces[number]), number)

    def described(self, part: Part) -> tuple[Dance, tuple[float, ...]] | None:
        """Return the dance of a part and its embedding; None where hardly anybody is detected."""
        dance = self._dance(part.start_s, part.end_s)
        if dance is None:
            return None
        music = self.music[part.piece]
        return dance, embed(dance, music.tempo_bpm, music.embedding)

    def _dance(self, start_s: float, end_s: float) -> Dance | None:
        """Return the dance between two times, from 0 s on; None where hardly anybody is detected."""
        try:
            return analyze_dance(_between(self.frames, start_s, end_s))
        except Poison:
            return None

    def _counted(self, piece: MusicPiece) -> MusicPiece:
        dance = self._dance(piece.start_s, piece.end_s)
        if dance is None or len(piece.beats) < MIN_BEATS:
            return piece
        beats = (piece.beats - piece.start_s).tolist()
        count = count_steps(dance, beats, piece.counts.tolist(), piece.downbeat_confidence)
        if count.confidence < COUNT_SURE:
            return piece
        return replace(piece, counts=(piece.counts - 1 + count.later) % COUNTS + 1)


def analyze_recording(
    path: Path, sha256: str, quality: Quality, tools: Tools, report: Callable[[float], None]
) -> Analyzed:
    """Return the recording at `path`, analyzed. Raises: `Poison`: as `probe_recording`; `no_audio`, `no_beats`."""
    found = probe_recording(path, music_track)
    if not found.has_audio:
        raise Poison("it has no sound that decodes; moves are cut between the eights of music", "no_audio")
    media = MediaRef(sha256=sha256, size_bytes=path.stat().st_size, kind="video")
    music = analyze_pieces(path, sub_progress(report, 0.0, _SOUND_SHARE), found.sound_track)
    if not music:
        raise Poison("no music with a beat is found in it; moves are cut between the eights of music", "no_beats")
    detections = cached_detections(
        path,
        sha256,
        quality,
        tools.pose_model,
        tools.cache_dir,
        report=sub_progress(report, _SOUND_SHARE, 1.0),
        duration_s=found.duration_s,
    )
    return Analyzed(MediaFacts(**dict(media), **dict(found)), music, detections.frames)


def _piece(analysis: AudioAnalysis) -> MusicPiece:
    return MusicPiece(
        start_s=analysis.music_start_s,
        end_s=analysis.duration_s if analysis.music_end_s is None else analysis.music_end_s,
        beats=np.array(analysis.beats),
        counts=np.array(analysis.counts, np.int64),
        tempo_bpm=analysis.tempo_bpm,
        downbeat_confidence=analysis.downbeat_confidence,
    )


def _between(frames: Sequence[FrameDetections], start_s: float, end_s: float) -> list[FrameDetections]:
    return [
        FrameDetections(frame.time_s - start_s, frame.dancers) for frame in frames if start_s <= frame.time_s <= end_s
    ]
