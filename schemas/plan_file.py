"""The plan of a dance as a file that a person can read and edit: it needs nothing else to be judged."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from schemas import limits
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import (
    Code,
    Corrections,
    MediaFacts,
    Model,
    Name,
    Options,
    Seconds,
    check_inside,
)
from schemas.moves_scored import FitsByClip, MovesByClip
from schemas.sequence_planned import MusicParts

Clock = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}:[0-5][0-9](\.[0-9]{1,7})?$")]
_Number = Annotated[int, Field(ge=1, le=limits.MAX_CLIP_BEATS)]


class PlanRow(Model):
    """A row of a dance: from this time to that of the next row, this clip is danced.

    `at`: the time in the song, minutes and seconds. `counts`, `section`: which counts and which section of the song
    these are, for people. `clip`: the name of the clip, or at least 8 digits of its SHA-256. Where it begins in the
    clip is said by one of three: `eight`, the number of its eight, from 1; `beat`, the number of its beat, from 1; or
    `from_s`, seconds from the start of its file. `mirrored`: its picture is mirrored, left for right.
    """

    at: Clock
    counts: Code = ""
    section: Code = ""
    clip: Name
    eight: _Number | None = None
    beat: _Number | None = None
    from_s: Seconds | None = None
    mirrored: bool = False

    @model_validator(mode="after")
    def _begins_somewhere(self) -> PlanRow:
        if [self.eight, self.beat, self.from_s].count(None) != 2:
            raise ValueError("say by one of eight, beat or from_s where the clip begins")
        return self

    @property
    def at_s(self) -> float:
        """Return the time in the song, seconds."""
        return seconds_of(self.at)


class PlanRequest(Model):
    """The request that a plan is of; `request_id`: of the one that it was made for, if there was one."""

    request_id: Code | None = None
    song: MediaFacts
    title: Name
    options: Options = Options()
    corrections: Corrections = Corrections()

    @model_validator(mode="after")
    def _song_is_audio(self) -> PlanRequest:
        if self.song.kind != "audio":
            raise ValueError("the song must be audio")
        return self


class PlanFile(Model):
    """A plan in rows, with all that is needed to judge and to render it.

    `dance`: the rows, in order. `starts`: when the video begins, if it is up to three counts before the first row: its
    clip leads into the dance. `ends`: when the last row ends. `music`: as of a plan, the parts of the song that are
    heard. `moves`: of all clips that a row may name, by SHA-256. `fits`: what the song makes of them.
    `library_version`: of the library that the moves are from.
    """

    format: Literal["bachata-plan-1"] = "bachata-plan-1"
    request: PlanRequest
    dance: tuple[PlanRow, ...] = Field(min_length=1, max_length=limits.MAX_SEGMENTS, fail_fast=True)
    starts: Clock | None = None
    ends: Clock
    music: MusicParts = ()
    library_version: Code
    moves: MovesByClip
    fits: FitsByClip = Field(default_factory=dict)
    analysis: AudioAnalysis

    @model_validator(mode="after")
    def _is_of_the_song(self) -> PlanFile:
        duration_s = self.request.song.duration_s
        check_inside(self.analysis.duration_s, duration_s, "the beats and sections")
        if self.music:
            check_inside(max(part.end_s for part in self.music), duration_s, "the parts of the song")
        return self

    @model_validator(mode="after")
    def _is_in_order(self) -> PlanFile:
        if self.starts is not None and seconds_of(self.starts) > self.dance[0].at_s:
            raise ValueError("starts: the dance starts after row 1 begins: write an earlier time, or none")
        times = [*(row.at_s for row in self.dance), seconds_of(self.ends)]
        for number, (before, after) in enumerate(pairwise(times), 1):
            if after <= before:
                what = f"row {number + 1}: it" if number < len(self.dance) else "the dance"
                end = "begins" if number < len(self.dance) else "ends"
                raise ValueError(f"{what} {end} at or before the start of row {number}: put the rows in order")
        return self


def seconds_of(clock: str) -> float:
    """Return the seconds of a time such as 0:07.70."""
    minutes, _, seconds = clock.partition(":")
    return 60 * int(minutes) + float(seconds)


def clock_text(time_s: float, decimals: int = 2) -> str:
    """Return a time as minutes and seconds, such as 0:07.70."""
    minutes, seconds = divmod(round(time_s, decimals), 60)
    width = 3 + decimals if decimals else 2
    return f"{int(minutes)}:{seconds:0{width}.{decimals}f}"
