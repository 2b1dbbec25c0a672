"""A plan as it is shown to people: its rows with the music above and the cuts between them."""

from __future__ import annotations

from schemas.audio_analyzed import Section
from schemas.base import Model
from schemas.plan_file import clock_text
from schemas.sequence_planned import Seam


class DisplayRow(Model):
    """An eight of a dance, or a part of one.

    `phrase`: its number, from 1; `row`: that of its row in a plan file. `counts`: of the song. `energy`: of the music,
    0-1. `place`: where it begins in the clip, in words. `clip_s`: the same in seconds. `stretch`: song time over clip
    time. `seam`: the cut before it; None of the first one and where the clip goes on (`goes_on`). `terms`: points that
    it loses, by rule, the most first.
    """

    phrase: int
    row: int
    start_s: float
    end_s: float
    counts: str
    section: str
    energy: float
    move: str
    clip: str
    clip_sha256: str
    place: str
    clip_s: float
    mirrored: bool
    stretch: float
    goes_on: bool
    seam: Seam | None
    terms: dict[str, float]

    @property
    def at(self) -> str:
        """Return when it begins, such as 0:07.70."""
        return clock_text(self.start_s)


class PlanDisplay(Model):
    """A plan as it is shown. `beats`, `energy`, `sections`: of the song. `marks`: 0-10 each. `score`: 0-100."""

    title: str
    tempo_bpm: float
    rows: tuple[DisplayRow, ...]
    beats: tuple[float, ...]
    energy: tuple[float, ...]
    sections: tuple[Section, ...]
    broken_gates: int
    points: float
    marks: dict[str, float]
    score: float

    @property
    def start_s(self) -> float:
        """Return when the dance begins in the song, seconds."""
        return self.rows[0].start_s

    @property
    def end_s(self) -> float:
        """Return when it ends, seconds."""
        return self.rows[-1].end_s

    @property
    def grades(self) -> dict[str, int]:
        """Return the number of cuts by grade, without grades that none has."""
        found = [row.seam.grade for row in self.rows if row.seam]
        return {grade: found.count(grade) for grade in ("A", "B", "C", "D", "F") if grade in found}

    def facts(self) -> tuple[str, ...]:
        """Return what is to be known of the whole dance, in a few words each."""
        clips = len({row.clip_sha256 for row in self.rows})
        cuts = ", ".join(f"{grade} {count}" for grade, count in self.grades.items()) or "none"
        broken = f"{self.broken_gates} broken gates" if self.broken_gates else "no broken gate"
        return (
            f"{clock_text(self.end_s - self.start_s, 0)} at {self.tempo_bpm:.0f} BPM",
            f"{clips} clips",
            f"cuts: {cuts}",
            broken,
            f"score {self.score:.0f} of 100",
        )
