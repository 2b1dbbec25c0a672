"""A plan file opened: its dance with the sheet by which it is judged, and the plan that its rows mean."""

from __future__ import annotations

from dataclasses import dataclass

from agents.dance.cut_music import Heard, heard_parts
from agents.dance.judge import Sheet, judge
from agents.dance.music import Request, SlotMusic, music_of
from agents.dance.parts import Parts, parts_of
from agents.dance.rules import Rules, default_rules
from agents.sequence_planning.choices import choices_of
from agents.sequence_planning.plan_rows import rows_of
from agents.sequence_planning.runners_up import RunnersUp
from agents.sequence_planning.segments import Dance, score_of, segments_of
from agents.sequence_planning.slot_changes import slot_changes
from agents.sequence_planning.slot_pieces import song_grid
from agents.sequence_planning.written_dance import WrittenDance, dance_of
from schemas.faults import Poison
from schemas.moves_scored import Candidate, MovesScored, Phrase, Scores
from schemas.plan_file import PlanFile, PlanRequest
from schemas.sequence_planned import Plan, Segment


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

    def plan(self) -> Plan:
        """Return the plan, without what to film next.

        Raises: `Poison` (`invalid_plan`) where a row begins on no beat of its clip.
        """
        if self.dance.off_beat:
            lines = tuple(self.dance.off_beat.values())
            raise Poison(lines[0], reason="invalid_plan", errors=lines)
        segments = self.segments()
        used = sorted({part.clip_sha256 for segment in segments for part in segment.parts()})
        return Plan(
            tempo_bpm=self.file.analysis.tempo_bpm,
            library_version=self.file.library_version,
            segments=segments,
            clips={sha: self.file.moves[sha].beats for sha in used},
            score=score_of(self.sheet),
            music=self.file.music,
        )

    def segments(self) -> tuple[Segment, ...]:
        """Return the segments. Runners-up are found for the dance as it is now, among all moves of the file."""
        moves, rules = self.file.moves, self.request.rules
        dance = Dance(self.dance.slots, self.music, self.parts, self.sheet, moves, rules)
        return segments_of(dance, self._runners_up())

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
