"""Types and models that events share. Models ignore unknown fields, so that old consumers accept newer events."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from schemas.limits import MediaKind

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
Seconds = Annotated[float, Field(ge=0)]
UnitInterval = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=8)]

_MIN_BEAT_S, _MAX_BEAT_S = 0.15, 3.0  # above 400 BPM a tap is an accident; below 20 BPM a beat is missing
_MIN_BEATS_BETWEEN_ONES = 4

Difficulty = Literal["beginner", "intermediate", "advanced"]
Level = Literal["low", "medium", "high"]
Quality = Literal["fast", "balanced", "high_quality"]
Duration = Literal["30s", "1min", "full"]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Model(BaseModel):
    """Base of all events and their parts: immutable, finite numbers only, unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class MediaRef(Model):
    """A file identified by its content; the media store maps it to a path."""

    sha256: Sha256
    size_bytes: int = Field(ge=0)
    kind: MediaKind


class ProbedMedia(Model):
    """Facts of a media file, measured by decoding it rather than read from a header; of a song those of its sound."""

    format: str
    codec: str
    duration_s: Seconds
    sample_rate: int | None = None
    channels: int | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    has_audio: bool = True


class MediaFacts(MediaRef, ProbedMedia):
    """A media file after probing."""


class Source(Model):
    """Location of a submitted file: the media store (`sha256`), or a `path` below an allowed root."""

    sha256: Sha256 | None = None
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Source:
        if (self.sha256 is None) == (self.path is None):
            raise ValueError("name the source by exactly one of sha256 or path")
        return self


class Options(Model):
    """The options of a choreography. Without `energy` the dance follows the energy of the song."""

    duration: Duration = "1min"
    difficulty: Difficulty = "intermediate"
    energy: Level | None = None
    quality: Quality = "balanced"
    seed: Seed = 0


class Corrections(Model):
    """A person's corrections of a song's beats; the defaults change nothing.

    Applied in this order: `tempo`; `beats` tapped by the person (seconds from the song's start), which replace those
    found from the first to the last of them; `count_offset`, added to every count; `beat_offset_ms`, added to every
    beat. `counts` has the count of each of `beats`; without it the first is a 1 and the others follow in eights.
    """

    tempo: Literal["half", "double"] | None = None
    beats: tuple[Seconds, ...] = Field(default=(), max_length=10_000)
    counts: tuple[Count, ...] = ()
    count_offset: int = Field(default=0, ge=-7, le=7)
    beat_offset_ms: float = Field(default=0.0, ge=-1000, le=1000)

    @model_validator(mode="after")
    def _tapped(self) -> Corrections:
        if len(self.beats) == 1:
            raise ValueError("give two beats or more")
        if not all(_MIN_BEAT_S <= after - before <= _MAX_BEAT_S for before, after in pairwise(self.beats)):
            raise ValueError(f"give every beat, each {_MIN_BEAT_S} to {_MAX_BEAT_S} s after the one before")
        if self.counts and len(self.counts) != len(self.beats):
            raise ValueError("give as many counts as beats, or none")
        ones = [n for n, count in enumerate(self.counts) if count == 1]
        if any(after - before < _MIN_BEATS_BETWEEN_ONES for before, after in pairwise(ones)):
            raise ValueError(
                f"give every beat, not only the 1s: a 1 follows a 1 after at least {_MIN_BEATS_BETWEEN_ONES} beats"
            )
        return self


class SongEvent(Model):
    """The fields that every event of a song has, from `song-accepted` to `rendered`."""

    request_id: RequestId
    song: MediaFacts
    title: Name
    options: Options
    corrections: Corrections = Corrections()
    warnings: tuple[str, ...] = ()

    def carried(self) -> dict[str, Any]:
        """Return the fields that the next event copies."""
        return {name: getattr(self, name) for name in SongEvent.model_fields}
