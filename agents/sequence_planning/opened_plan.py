"""A plan file opened: its dance with the sheet by which it is judged, and the plan that its rows mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.dance.cut_music import Heard, heard_parts
from agents.dance.dance_grid import DanceGrid
from agents.dance.judge import Sheet, judge
from agents.dance.music import Request, SlotMusic, music_of, section_at
from agents.dance.parts import Parts, parts_of
from agents.dance.rules import Rules, default_rules
from agents.dance.slots import Slot
from agents.playable import nearest_beat
from agents.sequence_planning.choices import choices_of
from agents.sequence_planning.runners_up import RunnersUp
from agents.sequence_planning.segments import Dance, score_of, segments_of
from agents.sequence_planning.slot_changes import slot_changes
from agents.sequence_planning.written_dance import (
    ON_BEAT_S,
    WrittenDance,
    dance_of,
    pieces_between,
    song_grid,
)
from schemas.audio_analyzed import AudioAnalysis
from schemas.faults import Poison
from schemas.move_indexed import MoveSummary
from schemas.moves_scored import Candidate, MovesScored, Phrase, Scores
from schemas.plan_file import PlanFile, PlanRequest, PlanRow, clock_text, seconds_of
from schemas.sequence_planned import Plan, Segment

_MAX_DECIMALS = 7


@dataclass(frozen=True)
class OpenedPlan:
    """A plan file with what its rows mean. `heard`: its music; `music`, `parts`: of each slot of `dance`."""

    file: PlanFile
    heard: Heard
    dance: WrittenDance
    music: tuple[SlotMusic, ...]
    parts: Parts
    request: Request
    sheet: Sheet

    def plan(self, *, with_runners_up: bool = True) -> Plan:
        """Return the plan, without what to film next.

        Raises: `Poison` (`invalid_plan`) where a row begins on no beat of its clip.
        """
        if self.dance.off_beat:
            raise Poison(self.dance.off_beat[0], reason="invalid_plan", errors=self.dance.off_beat)
        segments = self.segments(with_runners_up=with_runners_up)
        used = sorted({part.clip_sha256 for segment in segments for part in segment.parts()})
        return Plan(
            tempo_bpm=self.file.analysis.tempo_bpm,
            library_version=self.file.library_version,
            segments=segments,
            clips={sha: self.file.moves[sha].beats for sha in used},
            score=score_of(self.sheet),
            music=self.file.music,
        )

    def segments(self, *, with_runners_up: bool = True) -> tuple[Segment, ...]:
        """Return the segments. Runners-up are found for the dance as it is now, among all moves of the file."""
        moves, rules = self.file.moves, self.request.rules
        dance = Dance(self.dance.slots, self.music, self.parts, self.sheet, moves, rules)
        return segments_of(dance, self._runners_up() if with_runners_up else None)

    def _runners_up(self) -> RunnersUp:
        dance, scores = self.dance, _offering_all(self.file)
        choices = choices_of(dance.slots, self.music, scores, self.request, dance.parts).without_unused()
        number = {part: row for row, part in enumerate(choices.parts.parts)}
        return RunnersUp(choices, slot_changes(choices, self.request), [number[part] for part in dance.parts])


def opened(file: PlanFile, rules: Rules | None = None) -> OpenedPlan:
    """Return a plan file with what its rows mean. `rules`: in place of those that the request asks for.

    Raises: `Poison`: `invalid_plan` for rows that cannot be danced; `no_beats` for a song without beats.
    """
    options = file.request.options if rules is None else file.request.options.model_copy(update={"rules": {}})
    request = Request.of(options, rules or default_rules())
    heard = heard_parts(file.analysis, options, file.music)
    dance = dance_of(file.dance, file.starts, file.ends, song_grid(heard.analysis, heard.options), file.moves)
    music = music_of(dance.slots, heard.analysis, request)
    parts = parts_of(dance.parts, file.moves, file.fits)
    sheet = judge(dance.slots, music, parts, request, dance.amounts)
    return OpenedPlan(file, heard, dance, music, parts, request, sheet)


def _offering_all(file: PlanFile) -> Scores:
    """Return scores by which each move of a file is a candidate everywhere: the slots of a dance in rows have phrase 0.

    They are not validated: a phrase of an event has fewer candidates.
    """
    candidates = tuple(Candidate.model_construct(clip_sha256=sha) for sha in file.moves)
    phrase = Phrase.model_construct(candidates=candidates)
    return Scores.model_construct(phrases=(phrase,), moves=file.moves, fits=file.fits)


def plan_file_of(event: MovesScored, plan: Plan) -> PlanFile:
    """Return the file of a plan that was made from an event's scores."""
    request = PlanRequest(
        request_id=event.request_id,
        song=event.song,
        title=event.title,
        options=event.options,
        corrections=event.corrections,
    )
    heard = heard_parts(event.analysis, event.options, plan.music)
    grid = song_grid(heard.analysis, heard.options)
    rows, starts, ends = rows_of(plan, heard.analysis, grid, event.scores.moves)
    return PlanFile(
        request=request,
        dance=rows,
        starts=starts,
        ends=ends,
        music=plan.music,
        library_version=plan.library_version,
        moves=event.scores.moves,
        fits=event.scores.fits,
        analysis=event.analysis,
    )


def rows_of(
    plan: Plan, analysis: AudioAnalysis, grid: DanceGrid, moves: Mapping[str, MoveSummary]
) -> tuple[tuple[PlanRow, ...], str | None, str]:
    """Return the rows of a plan, one for each slot, and when it starts, if before the first, and ends.

    `grid`: of the song, as `song_grid`.
    """
    edges = [nearest_beat(grid.times, segment.song_start_s) for segment in plan.segments]
    moved = {edge: segment.song_start_s for edge, segment in zip(edges, plan.segments, strict=True)}
    moved |= dict(_beside_beats(plan, grid))
    end = nearest_beat(grid.times, plan.end_s)
    pieces = pieces_between(grid, sorted({*edges, *moved, end}))
    rows = []
    for piece in pieces:
        number = max(0, sum(edge <= piece.first for edge in edges) - 1)
        segment = plan.segments[number]
        slot = piece.slot(grid, {})
        at = moved.get(piece.first, slot.times[0])
        rows.append(
            PlanRow(
                at=_clock(at, grid.times),
                counts=piece.counts(grid),
                section=section_name(analysis, slot),
                clip=_clip_name(segment.clip_sha256, moves),
                mirrored=segment.mirrored,
                **_place_in_clip(segment, slot, piece.first - edges[number], moves[segment.clip_sha256]),
            )
        )
    starts = _clock(plan.start_s, grid.times) if pieces[0].start < pieces[0].first else None
    return tuple(rows), starts, _clock(plan.end_s, grid.times)


def _beside_beats(plan: Plan, grid: DanceGrid) -> Iterator[tuple[int, float]]:
    """Yield the beats inside of segments that a person wrote beside a beat of the song: a row begins there."""
    for segment in plan.segments:
        for time_s in segment.song_beats[1:-1]:
            beat = nearest_beat(grid.times, time_s)
            if abs(grid.times[beat] - time_s) > ON_BEAT_S:
                yield beat, time_s


def section_name(analysis: AudioAnalysis, slot: Slot) -> str:
    """Return the label and the letter of the section at the middle of a slot, or nothing."""
    _, section = section_at(analysis.sections, (slot.times[0] + slot.times[-1]) / 2)
    return f"{section.label} {section.letter}" if section else ""


def _clock(time_s: float, beats: Sequence[float]) -> str:
    """Return the shortest text, with two decimals at least, that is read as this time."""
    for decimals in range(2, _MAX_DECIMALS):
        text = clock_text(time_s, decimals)
        read = seconds_of(text)
        beat = beats[nearest_beat(beats, read)]
        if (beat if abs(read - beat) <= ON_BEAT_S else read) == time_s:
            return text
    return clock_text(time_s, _MAX_DECIMALS)


def _clip_name(sha: str, moves: Mapping[str, MoveSummary]) -> str:
    name = moves[sha].name
    is_only_one = sum(move.name == name for move in moves.values()) == 1
    return name if is_only_one else sha


def _place_in_clip(segment: Segment, slot: Slot, into: int, move: MoveSummary) -> dict[str, Any]:
    """Return where a slot of a segment begins in its clip, as a row says it. `into`: beats from the segment's start."""
    first = _first_beat(segment, slot, move)
    if first is None:
        return {"from_s": segment.clip_beats[min(into, len(segment.clip_beats) - 1)]}
    starts = sorted(eight.start_beat for eight in move.eights)
    return {"eight": starts.index(first) + 1} if first in starts else {"beat": first + 1}


def _first_beat(segment: Segment, slot: Slot, move: MoveSummary) -> int | None:
    """Return the index of the clip's beat that is shown on the slot's first one, None where it is on no beat.

    The outermost beats of a segment may last longer than one, or end earlier than in the clip: the others tell.
    """
    clip_beats = dict(zip(segment.song_beats, segment.clip_beats, strict=True))
    for beats, time in enumerate(slot.times):
        beat = clip_beats.get(time)
        is_outermost = beat in {segment.clip_beats[0], segment.clip_beats[-1]} and len(segment.clip_beats) > 3
        if beat is not None and not is_outermost and beat in move.beats:
            return move.beats.index(beat) - beats
    start = segment.clip_beats[0]
    return move.beats.index(start) if start in move.beats else None
