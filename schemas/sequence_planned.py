"""`sequence-planned`: which beats of which clips are shown on which beats of the song."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas import limits
from schemas.base import (
    UNKNOWN_GROUP,
    Code,
    Hold,
    Line,
    Model,
    Name,
    Seconds,
    Sha256,
    SongEvent,
    TempoBpm,
    Terms,
    at_most,
    check_beats,
    check_inside,
)
from schemas.moves_scored import FitsByClip, MovesByClip

_MAX_GAP_S = 1e-4
_MIN_INTERVAL_S = 1e-6  # the difference of two beats is a divisor
ClipBeats = Annotated[tuple[Seconds, ...], Field(max_length=limits.MAX_CLIP_BEATS, fail_fast=True)]


Grade = Literal["A", "B", "C", "D", "F"]


class Seam(Model):
    """How well a part fits the one before it, at the cut between them.

    `grade`: A, the couple's state surely continues; B, it likely does; C, some of it is not known, the couple jumps in
    the picture, or another couple begins a section; D, some of it likely differs; F, it breaks a rule that must hold.
    `reason`: in words. `broken`: names of the rules that must hold and do not.
    """

    grade: Grade
    reason: Line
    broken: tuple[Code, ...] = Field(default=(), max_length=limits.MAX_TERMS, fail_fast=True)


class ClipPart(Model):
    """A part of one clip, shown on a part of the song.

    `song_beats` and `clip_beats`: seconds, equally many, two or more, increasing; each clip beat is shown on the song
    beat of the same index, and time is linear between them. `stretch`: song time over clip time (> 1 plays slower).
    `terms`: the terms of the score by which it was chosen. `mirrored`: its picture is mirrored, left for right.
    """

    move: Name
    clip: Name
    clip_sha256: Sha256
    song_beats: ClipBeats = Field(min_length=2)
    clip_beats: ClipBeats = Field(min_length=2)
    stretch: float = Field(ge=limits.STRETCH[0], le=limits.STRETCH[1])
    mirrored: bool = False
    terms: Terms = Field(default_factory=dict)

    @model_validator(mode="after")
    def _beats_pair_up(self) -> ClipPart:
        if len(self.song_beats) != len(self.clip_beats):
            raise ValueError("song_beats and clip_beats must have the same length")
        for beats in (self.song_beats, self.clip_beats):
            if any(after - before < _MIN_INTERVAL_S for before, after in pairwise(beats)):
                raise PydanticCustomError("bad_beats", "the beats of a segment must increase")
        return self

    @property
    def song_start_s(self) -> float:
        """Return the start in the song, seconds."""
        return self.song_beats[0]

    @property
    def song_end_s(self) -> float:
        """Return the end in the song, seconds."""
        return self.song_beats[-1]

    @property
    def clip_start_s(self) -> float:
        """Return the start in the clip, seconds."""
        return self.clip_beats[0]

    @property
    def clip_end_s(self) -> float:
        """Return the end in the clip, seconds."""
        return self.clip_beats[-1]


RunnerUp = Annotated[tuple[ClipPart, ...], Field(min_length=1, max_length=limits.MAX_EIGHTS, fail_fast=True)]


class ShownPart(ClipPart):
    """A part of one clip in a dance.

    `seam`: the cut before it; None of the first part, where the part before or after the cut was replaced because its
    clip could not be shown, and in events of earlier versions. `section`: the label of the song's section in which it
    begins; None where it is not known.
    """

    seam: Seam | None = None
    section: Code | None = None


class Segment(ShownPart):
    """A part of one clip in a plan, and what can be shown in its place.

    `runners_up`: the best first; each covers the beats of the segment in the song with parts of another clip. Rendering
    uses them where it finds that the segment's own clip cannot be shown.
    """

    runners_up: tuple[RunnerUp, ...] = Field(default=(), max_length=limits.MAX_RUNNERS_UP, fail_fast=True)

    @model_validator(mode="after")
    def _runners_up_cover_it(self) -> Segment:
        for parts in self.runners_up:
            if any(part.clip_sha256 == self.clip_sha256 for part in parts):
                raise ValueError("a runner-up must be of another clip")
            _check_covers(parts, self.song_start_s, self.song_end_s)
        return self

    def parts(self) -> Iterator[ClipPart]:
        """Yield the segment and the parts of its runners-up."""
        yield self
        for runner_up in self.runners_up:
            yield from runner_up

    def alone(self) -> ShownPart:
        """Return the segment without its runners-up."""
        return ShownPart.model_construct(**{name: getattr(self, name) for name in ShownPart.model_fields})


Segments = Annotated[tuple[Segment, ...], Field(max_length=limits.MAX_SEGMENTS, fail_fast=True)]


def _check_covers(parts: Sequence[ClipPart], start_s: float, end_s: float) -> None:
    """Check that parts cover a part of the song without a gap. Raises: `PydanticCustomError` (`plan_gap`)."""
    ends = [start_s, *(part.song_end_s for part in parts)]
    starts = [*(part.song_start_s for part in parts), end_s]
    for end, start in zip(ends, starts, strict=True):
        if abs(start - end) > _MAX_GAP_S:
            message = "the plan leaves a gap or overlap at {time_s} s"
            raise PydanticCustomError("plan_gap", message, {"time_s": round(start, 3)})


class PlanScore(Model):
    """How good the dance is by the rules.

    `score`: 0-100, the weighted mean of the marks. `marks`: 0-10 for timing, technique, connection, musicality,
    presentation and difficulty. `points`: lost in all. `broken_gates`: how often a rule is broken that must hold.
    """

    score: float = Field(ge=0, le=100)
    marks: Annotated[dict[Code, Annotated[float, Field(ge=0, le=10)]], Field(max_length=limits.MAX_TERMS)]
    points: float = Field(ge=0, le=limits.MAX_POINTS)
    broken_gates: int = Field(ge=0, le=limits.MAX_POINTS)


class Shot(Model):
    """A move to film next.

    `kind`: `bridge`, from one hold to another, which would bring the library's moves together; or `another`, where a
    dance has few clips. `from_hold`, `to_hold`: None where those of the couple are not known. `seams`: in how many cuts
    between eights of the library's clips it would fit; of a bridge, cuts that are good with it only.
    """

    kind: Literal["bridge", "another"] = "bridge"
    from_hold: Hold | None
    to_hold: Hold | None
    beats: int = Field(ge=1, le=limits.MAX_CLIP_BEATS)
    tempo_bpm: tuple[TempoBpm, TempoBpm]
    couple: Name
    seams: int = Field(ge=1, le=limits.MAX_POINTS)

    def __str__(self) -> str:
        """Return the shot as a line for a teacher."""
        who = "the same couple" if self.couple == UNKNOWN_GROUP else self.couple
        holds = f"{self.from_hold} to {self.to_hold}".replace("_", " ") if self.from_hold and self.to_hold else ""
        another = ("another move, " if holds else "another move") if self.kind == "another" else ""
        low, high = (round(tempo) for tempo in self.tempo_bpm)
        seams = "1 seam" if self.seams == 1 else f"{self.seams} seams"
        use = f"would free {seams}" if self.kind == "bridge" else f"would fit into {seams}"
        return f"{who}: {another}{holds}, {self.beats} counts, {low}-{high} BPM: {use}"


class MusicPart(Model):
    """A part of the song, in seconds from its start. A beat is where it begins, and where the next one is joined."""

    start_s: Seconds
    end_s: Seconds

    @model_validator(mode="after")
    def _is_long_enough(self) -> MusicPart:
        if self.length_s < limits.MIN_MUSIC_PART_S:
            raise ValueError(f"a part of the song must last {limits.MIN_MUSIC_PART_S} s or more")
        return self

    @property
    def length_s(self) -> float:
        """Return its length, seconds."""
        return self.end_s - self.start_s


MusicParts = Annotated[tuple[MusicPart, ...], Field(max_length=limits.MAX_MUSIC_PARTS, fail_fast=True)]


class Plan(Model):
    """Segments without gaps: each begins on the song beat on which the one before ends.

    `clips`: all beats of each clip used, seconds, those of runners-up included; its mezzanine has a keyframe on each.
    `score`: None in events of earlier versions. `shots`: moves to film next, the most useful first. `music`: the parts
    of the song that are heard one after the other, where it is cut; none where it is heard from the first beat of the
    segments to their last without a cut. Where it is cut, `song_beats` are in the time of the first part, which runs on
    through the joins: `heard_at` has the time of the song's own.
    """

    tempo_bpm: TempoBpm
    library_version: Code
    segments: Segments = Field(min_length=1)
    clips: Annotated[dict[Sha256, ClipBeats], Field(max_length=limits.MAX_MOVES), at_most(limits.MAX_MOVES)]
    score: PlanScore | None = None
    shots: tuple[Shot, ...] = Field(default=(), max_length=limits.MAX_SHOTS, fail_fast=True)
    music: MusicParts = ()

    @model_validator(mode="after")
    def _music_lasts_as_long(self) -> Plan:
        if not self.music:
            return self
        end_s = self.music[0].start_s + sum(part.length_s for part in self.music)
        if abs(self.music[0].start_s - self.start_s) > _MAX_GAP_S or abs(end_s - self.end_s) > _MAX_GAP_S:
            raise ValueError("the parts of the song must begin where the segments do, and last as long as they do")
        return self

    @model_validator(mode="after")
    def _is_complete(self) -> Plan:
        _check_covers(self.segments, self.start_s, self.end_s)
        if not {part.clip_sha256 for part in self.parts()} <= self.clips.keys():
            raise PydanticCustomError("plan_incomplete", "the plan does not name the beats of a clip that it uses")
        for beats in self.clips.values():
            check_beats(beats)
        return self

    def parts(self) -> Iterator[ClipPart]:
        """Yield the segments, each followed by the parts of its runners-up."""
        for segment in self.segments:
            yield from segment.parts()

    @property
    def start_s(self) -> float:
        """Return the time in the song at which the video begins, seconds."""
        return self.segments[0].song_start_s

    @property
    def end_s(self) -> float:
        """Return the time in the song at which the video ends, seconds."""
        return self.segments[-1].song_end_s

    def heard_at(self, time_s: float) -> float:
        """Return the time of the song's own that is heard at a time of the segments, seconds."""
        begins_s = self.start_s
        for part in self.music[:-1]:
            if time_s < begins_s + part.length_s:
                return part.start_s + time_s - begins_s
            begins_s += part.length_s
        return self.music[-1].start_s + time_s - begins_s if self.music else time_s


class SequencePlanned(SongEvent):
    """The song and the plan of its choreography.

    `moves`, `fits`: as of `Scores`, of the clips of a plan that a person edited: the scores of its song may lack them.
    """

    plan: Plan
    moves: MovesByClip = Field(default_factory=dict)
    fits: FitsByClip = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_inside_the_song(self) -> SequencePlanned:
        last_s = max((part.end_s for part in self.plan.music), default=self.plan.end_s)
        check_inside(last_s, self.song.duration_s, "the segments")
        return self
