"""Measure odd clips: what is indexed of them, and the video that shows them."""

from __future__ import annotations

import asyncio
import subprocess
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from agents.media.sampled_frames import sample_frames
from agents.move_indexing.indexed_move import IndexedMove
from agents.move_indexing.inputs import IndexingInput
from agents.rendering.inputs import RenderingInput
from agents.rendering.result import RenderResult
from infra.settings import load_settings
from schemas.audio_analyzed import AudioAnalysis
from schemas.faults import Fault
from schemas.sequence_planned import Plan, Segment
from tests.odd_media.marked import SOUND_HZ, Original, Samples, plain_sound
from tests.quality.media_cases import MAX_BEAT_S, ClipCase, Timeline, clip_beat_errors, timeline_of
from tests.quality.media_measures import (
    DisplayedPicture,
    Reference,
    combing,
    in_box,
    lag_s,
    pictures_of,
    sync_errors,
)
from tests.quality.media_row import Row, Runner, plain_beats, plainly_converted, submitted

MAX_SYNC_MS = 8.0
_MAX_BAR, _MAX_COMBING, _MAX_UNREAD = 24.0, 1.0, 0.05
_SAMPLED_HZ = 5.0
_EIGHT = 8
_EDGE_S = 0.05


@dataclass(frozen=True)
class AnalyzedSong:
    """The song of all videos: its analysis by our own step, its true beats, its sound."""

    sha256: str
    analysis: AudioAnalysis
    true_beats: tuple[float, ...]
    sound: Samples


@dataclass
class _Measured:
    """A clip that is measured."""

    case: ClipCase
    row: Row
    path: Path
    reference: Reference
    timeline: Timeline


class Clips:
    """Measures clips; the first one of each original gives the right beats of the others."""

    def __init__(self, runner: Runner, folder: Path, song: AnalyzedSong) -> None:
        self._runner, self._folder, self._song = runner, folder, song
        self._right_beats: dict[int, tuple[float, ...]] = {}
        self.taken: list[tuple[ClipCase, IndexedMove]] = []

    async def measure(self, case: ClipCase) -> Row:
        """Make a clip, index it, render it, and compare all with what is right."""
        row, path = Row(case.name), self._folder / case.name
        await asyncio.to_thread(case.make, path)
        clip = IndexingInput(file=submitted(path), clip=path.stem, tempo_bpm=case.tempo_bpm, quality="fast")
        try:
            move = IndexedMove.model_validate_json(await self._runner.run(row, "move_indexing", clip))
        except Fault as fault:
            row.check_fault(fault, case.refused)
        else:
            await self._measure_taken(row, case, path, move)
        row.other = await asyncio.to_thread(self._other, case, path)
        return row

    async def _measure_taken(self, row: Row, case: ClipCase, path: Path, move: IndexedMove) -> None:
        if case.refused:
            row.check("taken", right=False, wrong=f"taken; right: {case.refused.reason or 'refused'}")
        reference = await asyncio.to_thread(_reference, case.shows, case.flip)
        clip = _Measured(case, row, path, reference, timeline_of(path, case))
        of_original = self._right_beats.setdefault(len(reference), move.beats)
        beats = [beat + case.late_s for beat in of_original]
        await asyncio.to_thread(_check_poses, clip)
        _check_beats(clip, move, beats)
        _check_eights(clip, move)
        row.check_words(" ".join(move.warnings), case.warns)
        if case.duration_s:
            row.check(f"{move.clip.duration_s:.2f} s", abs(move.clip.duration_s - case.duration_s) < _EDGE_S)
        if move.eights:
            self.taken.append((case, move))
            own_beats = [clip.timeline.to_original(beat) for beat in move.beats]
            plan = plan_of([move], self._song.analysis)
            is_exact = case.has_beats and case.max_beat_s == MAX_BEAT_S
            await self._check_video(clip, plan, beats if is_exact else own_beats)

    async def _check_video(self, clip: _Measured, plan: Plan, beats: Sequence[float]) -> None:
        rendering = RenderingInput(song_sha256=self._song.sha256, plan=plan, quality="balanced", title_slug="odd")
        try:
            result = RenderResult.model_validate_json(await self._runner.run(clip.row, "rendering", rendering))
        except Fault as fault:
            clip.row.check("rendering fails", right=False, wrong=f"rendering: {fault.reason}: {fault}")
        else:
            file = load_settings().output_dir / result.video.file
            await asyncio.to_thread(self._check_frames, clip, plan, file, beats)

    def _check_frames(self, clip: _Measured, plan: Plan, video: Path, beats: Sequence[float]) -> None:
        pictures = list(pictures_of(video))
        times = _times(clip, plan, pictures)
        by_picture = {picture.time_s: time_s for picture, time_s in zip(pictures, times, strict=True)}
        clip.row.check_look(
            "video", clip.reference.look(pictures[::3], lambda picture: by_picture[picture.time_s]), clip.case.brighter
        )
        bars = max(clip.reference.bars(picture.luma) for picture in pictures[::20])
        clip.row.check(f"bars {bars:.0f}", bars <= _MAX_BAR)
        sound_lag_s = lag_s(plain_sound(video), self._song.sound[:, round(plan.start_s * SOUND_HZ) :])
        on_song = [picture.time_s + plan.start_s - sound_lag_s for picture in pictures]
        cuts_s = [segment.song_start_s for segment in plan.segments]
        found = beats, self._song.analysis.beats
        true = clip.case.shows().beats, self._song.true_beats
        clip.row.sync_ms, by_true_ms = (
            _sync_ms(clip.case.is_marked, sync_errors(on_song, times, *beats, cuts_s)) for beats in (found, true)
        )
        text = f"sync {clip.row.sync_ms:.1f} ms ({by_true_ms:.1f} by true beats)"
        clip.row.check(text, clip.row.sync_ms <= MAX_SYNC_MS)

    def _other(self, case: ClipCase, path: Path) -> str:
        """Return what a plain conversion gives."""
        try:
            converted = plainly_converted(path)
            reference, timeline = _reference(case.shows, case.flip), timeline_of(converted, case)
            look = reference.look(pictures_of(converted, 10), lambda picture: timeline.to_original(picture.time_s))
        except (av.FFmpegError, ValueError, IndexError, subprocess.CalledProcessError) as error:
            return f"fails: {type(error).__name__}"
        right = [timeline.to_file(beat + case.late_s) for beat in self._right_beats.get(len(reference), ())]
        try:
            return f"video {look}; {plain_beats(converted, right, timeline.to_file(case.window[1]))}"
        except (av.FFmpegError, ValueError, IndexError) as error:
            return f"video {look}; no sound ({type(error).__name__})"


@cache
def _reference(shows: Callable[[], Original], flip: int | None) -> Reference:
    return Reference(shows(), flip)


def _check_poses(clip: _Measured) -> None:
    """Check the pictures in which dancers are looked for: how they look, their times, their lines."""
    frames = [
        (frame.time_s, cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)) for frame in sample_frames(clip.path, _SAMPLED_HZ)
    ]
    pictures = [DisplayedPicture(time_s, in_box(luma)) for time_s, luma in frames]
    clip.row.check_look(
        "poses",
        clip.reference.look(pictures, lambda picture: clip.timeline.to_original(picture.time_s)),
        clip.case.brighter,
    )
    if clip.case.is_marked:
        _check_marks(clip, pictures)
    ratio = combing([luma for _, luma in frames])
    clip.row.check(f"comb {ratio:.2f}", ratio <= _MAX_COMBING)


def _check_marks(clip: _Measured, pictures: Sequence[DisplayedPicture]) -> None:
    marks = [(clip.timeline.to_original(picture.time_s), clip.reference.marked_time(picture)) for picture in pictures]
    late = [abs(time_s - mark) for time_s, mark in marks if mark is not None]
    unread = 1 - len(late) / max(1, len(marks))
    right = unread <= _MAX_UNREAD and max(late) < 0.002
    clip.row.check(
        f"picture times {1000 * max(late, default=9):.0f} ms", right, wrong=f"{unread:.0%} of the marks unread"
    )


def _check_beats(clip: _Measured, move: IndexedMove, right: Sequence[float]) -> None:
    start, end = map(clip.timeline.to_file, clip.case.window)
    outside = [beat for beat in move.beats if not start - _EDGE_S <= beat <= end + _EDGE_S]
    wrong = f"{len(outside)} of {len(move.beats)} beats outside {start:.2f}-{end:.2f} s"
    clip.row.check(f"{len(move.beats)} beats", not outside, wrong=wrong)
    if clip.case.has_beats:
        error, missed = clip_beat_errors(clip.case, clip.timeline, move.beats, right)
        text = f"beats {1000 * error:.1f} ms"
        clip.row.check(text, error <= clip.case.max_beat_s and not missed, wrong=f"{text}, {missed} missed")


def _check_eights(clip: _Measured, move: IndexedMove) -> None:
    starts = [eight.start_beat for eight in move.eights]
    spans = [tuple(clip.timeline.to_original(move.beats[at]) for at in (start, start + _EIGHT)) for start in starts]
    bad = [span for span in spans if not clip.case.is_usable(*span)]
    right = not bad and len(spans) >= clip.case.eights
    wrong = f"{len(spans)} eights, right: {clip.case.eights}" + "".join(
        f"; {a:.2f}-{b:.2f} s cannot be used" for a, b in bad
    )
    clip.row.check(f"{len(spans)} eights", right, wrong=wrong)


def plan_of(moves: Sequence[IndexedMove], song: AudioAnalysis, most: int = 2) -> Plan:
    """Return a plan of the first eights of clips, one clip after the other, from the song's first 1 on."""
    segments, at = [], song.counts.index(1)
    for move in moves:
        for eight in move.eights[:most]:
            segments.append(_segment(move, eight.start_beat, song.beats[at : at + _EIGHT + 1]))
            at += _EIGHT
    clips = {move.clip.sha256: move.beats for move in moves}
    return Plan(tempo_bpm=song.tempo_bpm, library_version="odd", segments=tuple(segments), clips=clips)


def _segment(move: IndexedMove, first: int, song_beats: Sequence[float]) -> Segment:
    clip_beats = move.beats[first : first + _EIGHT + 1]
    stretch = (song_beats[-1] - song_beats[0]) / (clip_beats[-1] - clip_beats[0])
    names = {"move": move.move, "clip": move.name, "clip_sha256": move.clip.sha256}
    return Segment.model_validate(names | {"song_beats": song_beats, "clip_beats": clip_beats, "stretch": stretch})


def _times(clip: _Measured, plan: Plan, pictures: Sequence[DisplayedPicture]) -> list[float]:
    """Return the original's time of each picture: that of its mark, else that of the original's most like it."""
    times = []
    for picture in pictures:
        expected = clip.timeline.to_original(_planned_s(plan, picture.time_s + plan.start_s))
        mark = clip.reference.marked_time(picture) if clip.case.is_marked else None
        times.append(clip.reference.nearest_time(picture, expected) if mark is None else mark)
    return times


def _sync_ms(is_marked: bool, late: NDArray[Any]) -> float:
    """Return the largest error of marked pictures, the median error of others: theirs are known to a frame only."""
    return 1000 * float(np.abs(late).max() if is_marked else abs(np.median(late)))


def _planned_s(plan: Plan, time_s: float) -> float:
    """Return the clip's time at a time of the song."""
    number = bisect_right([segment.song_start_s for segment in plan.segments], time_s) - 1
    segment = plan.segments[max(0, number)]
    return float(np.interp(time_s, segment.song_beats, segment.clip_beats))
